"""Names made of ids only, appending whole or not at all, publishing by rename."""

import errno
import os
import resource
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from skryba.errors import ResourceError, StateError
from skryba.recorder.storage import PartFile, SpoolFile, Storage
from tests.support.evidence import ID

AT = datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1)))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "abc", "ABCD", "a b c d", "x" * 8, "a" * 65, "aaaa\n"])
def test_only_ids_become_paths(storage: Storage, name: str) -> None:
    assert not Storage.is_id(name)
    with pytest.raises(ValueError, match="not a recording's id"):
        storage.spool_path(name)
    with pytest.raises(ValueError, match="not a recording's id"):
        storage.place(name, AT)


def test_place_is_the_utc_date_and_the_id(storage: Storage) -> None:
    place = storage.place(ID, AT)
    assert place.manifest.relative_to(storage.recordings) == Path("2027/01/01") / f"{ID}.json"
    assert place.folder.is_dir()
    assert storage.find(ID, AT) is None
    place.manifest.write_text("{}")
    assert storage.find(ID, AT) == place


def test_further_recordings_of_one_id_lie_beside_the_first(storage: Storage) -> None:
    place = storage.place(ID, AT)
    found = [name.manifest.name for name, _ in zip(storage.names(place), range(3), strict=False)]
    assert found == [f"{ID}.json", f"{ID}-2.json", f"{ID}-3.json"]


def test_what_was_never_finished_is_swept_away_and_nothing_else(storage: Storage) -> None:
    old, yesterday, today = (storage.place(ID, AT - timedelta(days=days)) for days in (2, 1, 0))
    for place in (old, yesterday, today):
        place.manifest.write_text("{}")
        place.manifest.with_suffix(".wav.part").write_bytes(b"half")
    storage.sweep(AT)
    assert [path.parent for path in storage.recordings.rglob("*.part")] == [old.folder]
    assert len(list(storage.recordings.rglob("*.json"))) == 3


def test_appending_after_a_torn_end(storage: Storage) -> None:
    path = storage.spool_path(ID)
    path.write_bytes(b"whole" + b"torn")
    file = SpoolFile(path, 5)
    assert file.append(b"more", memoryview(b"and more"))
    file.close()
    assert path.read_bytes() == b"wholemoreand more"


def test_on_a_full_disk_nothing_half_written_remains(storage: Storage) -> None:
    path = storage.spool_path(ID)
    file = SpoolFile(path, 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        assert file.append(bytes(4000))
        assert not file.append(bytes(50), bytes(100))
        assert not file.append(bytes(200))
        assert path.stat().st_size == file.end == 4000
        assert file.append(bytes(90))
        part = PartFile(storage.place(ID, AT).folder / "x.wav")
        with pytest.raises(ResourceError, match="File too large"):
            part.write(bytes(5000))
        part.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)
    file.close()
    assert path.stat().st_size == 4090
    assert list(storage.recordings.rglob("*.part")) == []


def test_a_part_becomes_public_only_when_it_is_complete(storage: Storage) -> None:
    place = storage.place(ID, AT)
    path = place.folder / f"{ID}.wav"
    part = PartFile(path)
    part.write(b"headtail")
    assert part.read_at(4, 100) == b"tail"
    assert not path.exists()
    assert path.with_name(f"{ID}.wav.part").read_bytes() == b"headtail"
    part.publish()
    storage.sync_folder(place)
    assert os.listdir(place.folder) == [f"{ID}.wav"]
    assert path.read_bytes() == b"headtail"
    assert path.stat().st_mode & 0o007 == 0


def test_a_published_part_takes_no_more_and_cannot_be_discarded(storage: Storage) -> None:
    part = PartFile(storage.place(ID, AT).folder / "x.wav")
    part.publish()
    with pytest.raises(StateError, match="is closed"):
        part.write(b"x")
    part.discard()
    assert part.path.exists()


def test_spools_are_listed_oldest_first_and_only_ours(storage: Storage) -> None:
    for age, name in ((1, "bbbb"), (3, "aaaa"), (2, "cccc")):
        storage.spool_path(name).write_bytes(b"x")
        os.utime(storage.spool_path(name), (1000 - age, 1000 - age))
    (storage.spool / "README.spool").write_bytes(b"")
    assert storage.spools() == ["aaaa", "cccc", "bbbb"]
    assert storage.spool_age(1000.0 + 0.5) == 3.5
    storage.set_aside("aaaa")
    assert storage.spools() == ["cccc", "bbbb"]
    assert (storage.spool / "aaaa.broken").exists()
    storage.set_aside("aaaa")


def test_a_spool_that_vanishes_while_it_is_looked_at_is_not_there(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("aaaa", "bbbb"):
        storage.spool_path(name).write_bytes(b"x")
    entries = list(os.scandir(storage.spool))
    storage.spool_path("aaaa").unlink()
    monkeypatch.setattr(os, "scandir", lambda folder: entries)
    assert storage.spools() == ["bbbb"]
    assert storage.spool_age(0.0) == 0.0


def test_mapped_spools_are_their_octets(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(b"abc")
    with storage.map_spool(ID) as octets:
        assert octets.tobytes() == b"abc"
    storage.spool_path(ID).write_bytes(b"")
    with storage.map_spool(ID) as octets:
        assert len(octets) == 0
    storage.spool_path(ID).unlink()
    with pytest.raises(FileNotFoundError), storage.map_spool(ID):
        pass


def test_syncing_and_room(storage: Storage) -> None:
    assert storage.spool_age(5.0) == 0.0
    storage.sync_spools()
    assert storage.free_octets() > 0
    storage.spool.rmdir()
    with pytest.raises(OSError):
        storage.sync_spools()


def test_a_sealed_spool_is_kept_for_a_time_or_removed(storage: Storage) -> None:
    assert storage.expired(9e9) == []
    for age, name in ((10, "aaaa"), (20, "bbbb"), (30, "cccc")):
        storage.spool_path(name).write_bytes(name.encode())
        os.utime(storage.spool_path(name), (1000 - age, 1000 - age))
    storage.retire("aaaa", keep=True)
    storage.retire("bbbb", keep=True)
    storage.retire("cccc", keep=False)
    assert storage.spools() == []
    assert [path.name for path in storage.expired(1000)] == ["bbbb.spool", "aaaa.spool"]
    assert [path.name for path in storage.expired(985)] == ["bbbb.spool"]
    with storage.map_spool("aaaa") as octets:
        assert octets.tobytes() == b"aaaa"
    storage.retire("aaaa", keep=True)
    storage.retire("cccc", keep=False)
    assert len(storage.expired(1000)) == 2


def test_who_opens_a_spool_in_place_changes_no_file(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(b"sealed")
    with storage.map_spool(ID) as octets:
        octets[:] = 0
        assert octets.tobytes() == bytes(6)
    assert storage.spool_path(ID).read_bytes() == b"sealed"


class Broken:
    """os.ftruncate and os.writev of a disk that fails for a while."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.failing = False
        self.short = False
        self._truncate, self._write = os.ftruncate, os.writev
        patch.setattr(os, "ftruncate", self.truncate)
        patch.setattr(os, "writev", self.write)

    def truncate(self, descriptor: int, length: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")
        self._truncate(descriptor, length)

    def write(self, descriptor: int, parts: tuple[bytes, ...]) -> int:
        if self.short:
            return self._write(descriptor, [parts[0][:3]])
        if self.failing:
            self._write(descriptor, [b"half"])
            raise OSError(errno.EIO, "Input/output error")
        return self._write(descriptor, parts)


def test_what_was_half_written_is_cut_off_when_the_disk_answers_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(monkeypatch)
    file = SpoolFile(storage.spool_path(ID), 0)
    assert file.append(b"first")
    broken.failing = True
    assert not file.append(b"second")
    assert not file.append(b"second")
    assert (file.error is None, storage.spool_path(ID).read_bytes()) == (False, b"firsthalf")
    broken.failing = False
    assert file.append(b"third")
    assert (file.error, storage.spool_path(ID).read_bytes()) == (None, b"firstthird")
    broken.short = True
    assert not file.append(b"fourth")
    broken.short = False
    assert storage.spool_path(ID).read_bytes() == b"firstthird"
    assert file.append(b"fifth")
    file.close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(OSError, match="read-only"):
            SpoolFile(storage.spool_path(ID), 0)
        assert len(os.listdir("/proc/self/fd")) == before
