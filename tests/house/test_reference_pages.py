"""The generated pages say what the code says; mend with `make docs`."""

from pathlib import Path

from skryba.config.reference import reference
from skryba.metrics import catalogue

REFERENCE = Path(__file__).parents[2] / "docs/reference"


def test_configuration_page_is_fresh() -> None:
    assert (REFERENCE / "configuration.md").read_text(encoding="utf-8") == reference()


def test_metrics_page_is_fresh() -> None:
    assert (REFERENCE / "metrics.md").read_text(encoding="utf-8") == catalogue.reference()
