import random
from pathlib import Path

import pytest

from skryba.config.generate import generate
from skryba.inspection import inspect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return generate(tmp_path, random.Random(1)).path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_generated_configuration_is_fit_for_use(path: Path) -> None:
    found = inspect(path, {})
    assert (found.ok, found.faults, found.warnings) == (True, (), ())
    assert found.as_json() == {"ok": True, "file": str(path), "faults": [], "warnings": []}


def test_faulty_options_are_named(path: Path) -> None:
    edit(path, 'domain = "skryba.local"', 'domian = "x"')
    found = inspect(path, {"SKRYBA_TYPO": "1"})
    assert not found.ok
    assert len(found.faults) == 2
    assert "domian: there is no such option" in found.as_json()["faults"][0]


def test_faulty_rules_are_named_each_by_itself(path: Path) -> None:
    rules = path.with_name("rules.toml")
    edit(rules, 'mode = "automatic"', 'mode = "sometimes"')
    edit(rules, 'retention = "30d"', 'retention = "soon"')
    found = inspect(path, {})
    assert len(found.faults) == 2
    assert all(fault.startswith(f"{rules}:") for fault in found.faults)


def test_missing_rules_are_a_fault(path: Path) -> None:
    path.with_name("rules.toml").unlink()
    assert "the rules cannot be read" in inspect(path, {}).faults[0]


def test_a_notice_that_cannot_be_played_is_a_fault(path: Path) -> None:
    rules = path.with_name("rules.toml")
    edit(rules, 'notice = "standard"', 'notice = "loud"')
    (fault,) = inspect(path, {}).faults
    assert fault.startswith(f"{rules}: rule record-all: no prompt loud in pl, its calls would go unrecorded")


def test_a_missing_folder_of_prompts_is_a_fault(path: Path) -> None:
    edit(path, 'language = "pl"  ', 'prompts = "gone"  ')
    (fault,) = inspect(path, {}).faults
    assert "gone: no such folder" in fault


def test_an_empty_rule_book_and_an_open_file_are_warnings(path: Path) -> None:
    path.with_name("rules.toml").write_text("")
    path.chmod(0o644)
    found = inspect(path, {})
    assert found.ok
    assert [warning.split(": ")[1] for warning in found.warnings] == ["chmod 600 " + str(path), "no rule"]


def test_without_a_file_the_defaults_are_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found = inspect(None, {})
    assert "the rules cannot be read" in found.faults[0]
    assert "no station is configured: nobody can register" in found.warnings
