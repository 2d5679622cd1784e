from pathlib import Path

import pytest

from skryba.config.load import load
from skryba.errors import ConfigError
from skryba.rulebook import read_rules

RULE = (
    '[[rule]]\nid = "a"\nmode = "automatic"\npurpose = "p"\nlegal_basis = "b"\nretention = "1d"\nnotice = "standard"\n'
)


def test_rules_take_country_and_language_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('never = ["0301234567"]\n' + RULE)
    (tmp_path / "skryba.toml").write_text('[policy]\ncountry = "49"\n[notice]\nlanguage = "en"\n')
    book = read_rules(load(tmp_path / "skryba.toml", {}))
    assert book.country == "49"
    assert book.rules[0].notice is not None
    assert book.rules[0].notice.language == "en"
    assert book.source == str(tmp_path / "rules.toml")


def test_missing_rules_name_the_file_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "skryba.toml").touch()
    with pytest.raises(ConfigError, match=r"rules\.toml: the rules cannot be read .* Set policy\.rules_file"):
        read_rules(load(tmp_path / "skryba.toml", {}))


def test_faulty_rules_name_their_lines(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('[[rule]]\nid = "a"\nmode = "sometimes"\n')
    (tmp_path / "skryba.toml").touch()
    with pytest.raises(ConfigError, match=r"rules\.toml:3: "):
        read_rules(load(tmp_path / "skryba.toml", {}))
