import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from skryba.door import DID_NOT_HOLD, FAULT, HELD, faults, finish, located, print_json
from skryba.errors import ConfigError, IntegrityError, KeyDestroyed, SkrybaError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKRYBA_CONFIG", raising=False)
    return tmp_path


def test_the_named_configuration_goes_before_the_one_that_is_found(folder: Path) -> None:
    assert located(None) is None
    (folder / "skryba.toml").touch()
    assert located(None) == Path("skryba.toml")
    assert located(Path("mine.toml")) == Path("mine.toml")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("mend it"), FAULT),
        (IntegrityError("mend it"), DID_NOT_HOLD),
        (KeyDestroyed("mend it"), DID_NOT_HOLD),
        (FileExistsError("mend it"), DID_NOT_HOLD),
    ],
)
def test_what_a_person_can_mend_is_told_without_a_traceback(
    error: SkrybaError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as left, faults():
        raise error
    assert left.value.exit_code == code
    assert left.value.__cause__ is None
    assert left.value.__suppress_context__
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "mend it\n")


def test_what_nobody_can_mend_rises() -> None:
    with pytest.raises(ZeroDivisionError), faults():
        raise ZeroDivisionError


@pytest.mark.parametrize(("ok", "code"), [(True, HELD), (False, DID_NOT_HOLD)])
@pytest.mark.parametrize("as_json", [True, False])
def test_the_exit_code_is_that_of_the_verdict(
    ok: bool, code: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as left:
        finish({"ok": ok}, "one", "two", as_json=as_json)
    assert left.value.exit_code == code
    said = capsys.readouterr().out
    assert said == (json.dumps({"ok": ok}) + "\n" if as_json else "one\ntwo\n")


def test_json_is_one_line_that_people_can_read_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Łucja\n", "at": datetime(2026, 11, 24, tzinfo=UTC), "path": Path("a/b")})
    said = capsys.readouterr().out
    assert said == '{"name": "Łucja\\n", "at": "2026-11-24 00:00:00+00:00", "path": "a/b"}\n'
