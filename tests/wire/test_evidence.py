"""The commands of docs/explanation/evidence.md check a seal by hand, as the page says."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from skryba.vault.chain import NOTHING, Entry, Kind, signed
from tests.support.seals import signer

pytestmark = pytest.mark.wire

PAGE = Path(__file__).parents[2] / "docs/explanation/evidence.md"
MANIFEST = b'{"schema":2,"id":"0123-4567","name":"za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87"}\n'


def check_by_hand(folder: Path, line: bytes, manifest: bytes) -> tuple[bool, bool]:
    """(the signature holds, the manifest is the one that was sealed)"""
    commands = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(commands) == 1
    for name, octets in {"line": line, "manifest": manifest, "key": signer().public_pem()}.items():
        (folder / name).write_bytes(octets)
    run = subprocess.run(
        ["sh", "-c", "line=line manifest=manifest key=key\n" + commands[0]],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return b"Signature Verified Successfully" in run.stdout, b"Manifest Verified Successfully" in run.stdout


def test_a_seal_is_checked_by_hand(tmp_path: Path) -> None:
    digest = hashlib.sha256(MANIFEST).hexdigest()
    entry = Entry(1, "2026-11-24T10:00:00Z", Kind.SEAL, "0123-4567", digest, {"state": "ok", "note": 'a "\\'}, NOTHING)
    line = signed(entry, signer()).to_line() + b"\n"
    assert check_by_hand(tmp_path, line, MANIFEST) == (True, True)
    assert check_by_hand(tmp_path, line, MANIFEST + b" ") == (True, False)
    assert check_by_hand(tmp_path, line.replace(b"ok", b"OK"), MANIFEST) == (False, True)
    assert check_by_hand(tmp_path, signed(entry, signer(2)).to_line() + b"\n", MANIFEST) == (False, True)
