"""What stands in examples/ is loaded, so that nobody copies something broken."""

import tomllib
from pathlib import Path

from skryba.config.keeping import Hook
from skryba.config.load import load
from skryba.config.model import Config, Station, Trunk
from skryba.config.words import Section
from skryba.rulebook import read_rules

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_example_configuration_loads() -> None:
    config = load(EXAMPLES / "skryba.toml", {})
    assert [station.id for station in config.station] == ["101", "102"]
    assert [trunk.id for trunk in config.trunk] == ["carrier", "pbx"]


def test_example_configuration_shows_every_option() -> None:
    document = tomllib.loads((EXAMPLES / "skryba.toml").read_text(encoding="utf-8"))
    assert set(document) == set(Config.model_fields)
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            assert set(document[name]) == set(field.annotation.model_fields)
    assert set(document["station"][0]) == set(Station.model_fields)
    assert set(document["hook"][0]) == set(Hook.model_fields)
    assert set(document["trunk"][0]) == {field.alias or name for name, field in Trunk.model_fields.items()}


def test_example_rules_load_with_the_example_configuration() -> None:
    book = read_rules(load(EXAMPLES / "skryba.toml", {}))
    assert len(book.rules) > 1
    assert book.never
