import random
import tomllib
from pathlib import Path

import pytest

from skryba.config.checks import weakness
from skryba.config.generate import generate, strong_password
from skryba.config.load import load
from skryba.errors import ConfigError


def test_generated_configuration_loads_and_keeps_its_passwords_to_its_owner(tmp_path: Path) -> None:
    made = generate(tmp_path / "var", random.Random(1))
    config = load(made.path, {})
    assert made.path == tmp_path / "var/skryba.toml"
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert {station.id: station.password for station in config.station} == made.passwords
    assert list(made.passwords) == ["101", "102"]
    assert len(set(made.passwords.values())) == 2
    assert config.policy.rules_file == made.rules_path
    assert config.trunk == ()


def test_commented_trunk_becomes_a_trunk_when_the_marks_go(tmp_path: Path) -> None:
    made = generate(tmp_path, random.Random(1))
    text = made.path.read_text()
    head, tail = text.split("# [[trunk]]")
    made.path.write_text(head + "[[trunk]]" + tail.replace("\n# ", "\n"))
    (trunk,) = load(made.path, {}).trunk
    assert (trunk.id, trunk.register_, trunk.accept) == ("carrier", True, ("192.0.2.10",))


def test_rules_hold_one_visible_rule_that_records_all_and_says_so(tmp_path: Path) -> None:
    text = generate(tmp_path, random.Random(1)).rules_path.read_text()
    rules = tomllib.loads(text)
    (rule,) = rules["rule"]
    assert (rule["id"], rule["mode"], rule["station"], rule["number"]) == ("record-all", "automatic", ["*"], ["*"])
    assert {"purpose", "legal_basis", "retention", "notice"} <= set(rule)
    before = text[: text.index("[[rule]]")].strip().splitlines()
    assert any("THIS RULE RECORDS EVERY CALL" in line for line in before[-3:])


@pytest.mark.parametrize("name", ["skryba.toml", "rules.toml"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match="exists and is not overwritten"):
        generate(tmp_path, random.Random(1))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_passwords_differ_and_are_strong() -> None:
    made = [strong_password(random.Random(seed)) for seed in range(200)]
    assert len(set(made)) == 200
    assert [weakness(password, "101") for password in made] == [None] * 200
