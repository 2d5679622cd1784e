"""Room, and what makes a disk unusable. Real disks fail in tests/wire/test_disk_faults.py."""

import os
from pathlib import Path

import pytest

from skryba.recorder.disk import Disks


def seen(monkeypatch: pytest.MonkeyPatch, *, flags: int = 0) -> None:
    found = os.statvfs_result((4096, 4096, 1000, 300, 250, 0, 0, 0, flags, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: found)


def test_room_is_counted_as_df_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch)
    [first, second] = Disks([tmp_path, tmp_path.parent]).rooms()
    assert (first.free, first.total) == (250 * 4096, 950 * 4096)
    assert first == second


def test_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, flags=os.ST_RDONLY)
    with pytest.raises(OSError, match="Read-only"):
        Disks([tmp_path]).rooms()


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    disks = Disks([folder])
    disks.probe()
    assert list(folder.iterdir()) == []
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        disks.rooms()
    with pytest.raises(FileNotFoundError):
        disks.probe()


def test_another_disk_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    disks = Disks([folder])
    folder.rmdir()
    folder.symlink_to("/proc")
    for _ in range(2):
        with pytest.raises(OSError, match="another disk lies at spool"):
            disks.rooms()
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "ismount", lambda _: True)
        assert len(disks.rooms()) == 1
    assert len(disks.rooms()) == 1  # it was mounted there: it is ours now


def test_a_probe_that_is_not_taken_whole_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda descriptor, data: 10)
    with pytest.raises(OSError, match="No space"):
        Disks([tmp_path]).probe()
    assert list(tmp_path.iterdir()) == []
