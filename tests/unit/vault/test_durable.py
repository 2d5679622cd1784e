"""What is written is there whole, or not at all."""

import errno
import os
from pathlib import Path

import pytest

from skryba.errors import ResourceError
from skryba.vault import durable


def test_appends_where_the_whole_lines_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    end = durable.append(path, 0, b"first\n", 0o600)
    with path.open("ab") as file:
        file.write(b"torn")
    assert durable.append(path, end, b"second\n", 0o600) == 13
    assert path.read_bytes() == b"first\nsecond\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fault", ["pwrite", "fsync", "half"])
def test_a_failed_append_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    path = tmp_path / "file"
    durable.append(path, 0, b"first\n", 0o600)
    real = os.pwrite

    def refuse(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        if fault == "half":
            patch.setattr(os, "pwrite", lambda to, data, at: real(to, data[:3], at))
        else:
            patch.setattr(os, fault, refuse)
        with pytest.raises(ResourceError, match=r"file: (the disk is full|Input/output error)"):
            durable.append(path, 6, b"second\n", 0o600)
    assert path.read_bytes() == b"first\n"


def test_replaces_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    (tmp_path / "file.new").write_bytes(b"left by a crash")
    durable.replace(path, b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_shreds_the_octets_themselves(tmp_path: Path) -> None:
    path, witness = tmp_path / "file", tmp_path / "witness"
    path.write_bytes(b"secret" * 300_000)
    witness.hardlink_to(path)
    durable.shred(path)
    assert not path.exists()
    assert witness.read_bytes() == bytes(1_800_000)


def test_what_is_shredded_is_on_the_disk_before_the_name_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"secret")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.read_bytes() if path.exists() else None))
    durable.shred(path)
    assert seen == [bytes(6), None]
