"""Names made of ids only, appending whole or not at all, publishing by rename."""

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
    assert place.audio.relative_to(storage.recordings) == Path("2027/01/01") / f"{ID}.wav"
    assert place.manifest == place.audio.with_suffix(".json")
    assert place.audio.parent.is_dir()
    assert storage.find(ID, AT) is None
    place.manifest.write_text("{}")
    assert storage.find(ID, AT) == place


def test_a_second_part_never_takes_the_place_of_the_first(storage: Storage) -> None:
    place = storage.place(ID, AT)
    assert storage.next_part(place).audio.name == f"{ID}-2.wav"
    place.audio.with_name(f"{ID}-2.json").write_text("{}")
    assert storage.next_part(place).manifest.name == f"{ID}-3.json"


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
        part = PartFile(storage.place(ID, AT).audio)
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
    part = PartFile(place.audio)
    part.write(b"....tail")
    part.patch(0, b"head")
    assert not place.audio.exists()
    assert place.audio.with_name(f"{ID}.wav.part").read_bytes() == b"headtail"
    part.publish()
    storage.sync_folder(place)
    assert os.listdir(place.audio.parent) == [f"{ID}.wav"]
    assert place.audio.read_bytes() == b"headtail"
    assert place.audio.stat().st_mode & 0o007 == 0


def test_a_published_part_takes_no_more_and_cannot_be_discarded(storage: Storage) -> None:
    part = PartFile(storage.place(ID, AT).audio)
    part.publish()
    with pytest.raises(StateError, match="is closed"):
        part.patch(0, b"x")
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
