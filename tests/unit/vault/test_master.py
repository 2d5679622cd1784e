"""Each kind of master wraps, and only the right one unwraps."""

import sys
from pathlib import Path

import pytest

from skryba.errors import ConfigError, KeyUnavailable
from skryba.vault.keyfile import generate_exchange_key, public_path, write_secret
from skryba.vault.master import CommandMaster, FileMaster, Master, PassphraseMaster, PrivateMaster, PublicMaster

SECRET = bytes(range(32))
KEY_STORE = """
import base64, json, sys
question = json.load(sys.stdin)
mask = lambda text: base64.b64encode(bytes(octet ^ 0x5A for octet in base64.b64decode(text))).decode()
answers = {
    "id": lambda: {"id": "hsm-1"},
    "wrap": lambda: {"wrapped": mask(question["key"])},
    "unwrap": lambda: {"key": mask(question["wrapped"])},
}
print(json.dumps(answers[question["do"]]()))
"""


def program(folder: Path, text: str) -> list[str]:
    path = folder / "store.py"
    path.write_text(text, encoding="utf-8")
    return [sys.executable, "-S", "-E", str(path)]


def opens_only_its_own(one: Master, other: Master) -> None:
    wrapped = one.wrap(SECRET, b"context")
    assert SECRET not in wrapped
    assert one.unwrap(wrapped, b"context") == SECRET
    with pytest.raises(KeyUnavailable):
        one.unwrap(wrapped, b"another")
    with pytest.raises(KeyUnavailable):
        other.unwrap(wrapped, b"context")
    assert one.id != other.id


def test_a_key_in_a_file(tmp_path: Path) -> None:
    one = FileMaster.create(tmp_path / "one")
    opens_only_its_own(one, FileMaster.create(tmp_path / "other"))
    assert FileMaster(tmp_path / "one").id == one.id
    assert (tmp_path / "one").read_text().strip() not in one.id
    with pytest.raises(ConfigError):
        FileMaster.create(tmp_path / "one")


def test_a_master_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    FileMaster.create(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        FileMaster(tmp_path / "key")


@pytest.mark.parametrize("text", [b"", b"00" * 31, b"zz" * 32, b"\xff" * 64])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, text: bytes) -> None:
    write_secret(tmp_path / "key", text)
    with pytest.raises(ConfigError, match="64 hex digits"):
        FileMaster(tmp_path / "key")


def test_a_passphrase(tmp_path: Path) -> None:
    one = PassphraseMaster("correct horse battery", tmp_path / "salt")
    opens_only_its_own(one, PassphraseMaster("correct horse batterx", tmp_path / "salt"))
    again = PassphraseMaster("correct horse battery", tmp_path / "salt")
    assert again.unwrap(one.wrap(SECRET, b""), b"") == SECRET
    with pytest.raises(ConfigError, match="12 characters"):
        PassphraseMaster("short", tmp_path / "salt")


def test_write_only(tmp_path: Path) -> None:
    for name in ("one", "other"):
        generate_exchange_key(tmp_path / name)
    private = PrivateMaster(tmp_path / "one")
    opens_only_its_own(private, PrivateMaster(tmp_path / "other"))
    public = PublicMaster(public_path(tmp_path / "one"))
    assert public.id == private.id
    wrapped = public.wrap(SECRET, b"context")
    assert private.unwrap(wrapped, b"context") == SECRET
    with pytest.raises(KeyUnavailable, match="may only write"):
        public.unwrap(wrapped, b"context")


def test_somebody_elses_key_store(tmp_path: Path) -> None:
    master = CommandMaster(program(tmp_path, KEY_STORE))
    assert master.id == "hsm-1"
    wrapped = master.wrap(SECRET, b"context")
    assert wrapped != SECRET
    assert master.unwrap(wrapped, b"context") == SECRET


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("print('hello')", "gave no id"),
        ("print('[]')", "gave no id"),
        ('print(\'{"id": ""}\')', "gave no id"),
        ("import time; time.sleep(30)", "cannot be asked: TimeoutExpired"),
    ],
)
def test_a_key_store_that_fails_is_told_without_its_words(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(KeyUnavailable, match=message):
        CommandMaster(program(tmp_path, text), timeout=0.3 if "sleep" in text else 10)


def test_a_key_store_that_is_not_there_or_talks_nonsense(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="FileNotFoundError"):
        CommandMaster([str(tmp_path / "none")])
    nonsense = CommandMaster(program(tmp_path, """print('{"id": "x", "wrapped": "?!", "key": "?!"}')"""))
    with pytest.raises(KeyUnavailable, match="not base64"):
        nonsense.wrap(SECRET, b"")
