"""From rings into spools: nothing twice, nothing to the wrong recording, nothing lost by a restart."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.recorder import attached
from skryba.recorder.intake import PATIENCE, Intake
from skryba.recorder.spool import Kind, Spool, read_spool
from skryba.recorder.storage import SpoolFile, Storage
from tests.support.evidence import ID, START, Arrival, record
from tests.support.rings import Shelf

NOW = 1_000_000
OTHER = ID[:-1] + "2"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def intake(storage: Storage, shelf: Shelf) -> Intake:
    made = Intake(storage, shelf.open)
    assert made.attach(shelf.paths, 77, 4711) == []
    return made


def start(slot: int = 1, name: str = ID) -> dict[str, Any]:
    return {"op": "start", "slot": slot, "id": name, "from_ns": 5, "formats": {}, "manifest": {}}


def packets(slot: int, *numbers: int) -> list[bytes]:
    return [record(Arrival(number, bytes([0x80]) + bytes(15) + bytes([number])), slot=slot) for number in numbers]


def spool(storage: Storage, name: str = ID) -> Spool:
    return read_spool(storage.spool_path(name).read_bytes())


def kept(storage: Storage, name: str = ID) -> bytes:
    data = storage.spool_path(name).read_bytes()
    return b"".join(data[block.start : block.start + block.length] for block in spool(storage, name).of(Kind.PACKETS))


def test_packets_reach_the_spool_of_their_slot_one_beat_later(intake: Intake, shelf: Shelf, storage: Storage) -> None:
    intake.start(start(), NOW)
    shelf.first.put(*packets(1, 1, 2))
    intake.beat(0.0)
    assert kept(storage) == b""
    shelf.first.put(*packets(1, 3))
    intake.beat(0.0)
    assert kept(storage) == b"".join(packets(1, 1, 2))
    assert shelf.first.tail == len(kept(storage))
    intake.settle()
    intake.beat(0.0)
    assert kept(storage) == b"".join(packets(1, 1, 2, 3))
    assert (intake.packets, intake.unclaimed) == (3, 0)


def test_first_words_tell_where_the_packets_come_from(intake: Intake, shelf: Shelf, storage: Storage) -> None:
    shelf.first.overflow = 9
    intake.start(start(), NOW)
    meta = spool(storage).meta
    assert meta is not None
    assert (meta["rings"], meta["ring_epochs"], meta["overflow"]) == (shelf.paths, [42], [9])
    assert (meta["epoch_ns"], meta["pid"], meta["opened_ns"], meta["from_ns"]) == (77, 4711, NOW, 5)


def test_a_stop_waits_for_the_rings_and_only_as_far_as_it_says(intake: Intake, shelf: Shelf, storage: Storage) -> None:
    intake.start(start(), NOW)
    head = shelf.first.put(*packets(1, 1, 2))
    shelf.first.put(*packets(2, 3))
    intake.stop({"slot": 1, "id": ID, "at_ns": 99, "drain": [head], "termination": {"result": "completed"}})
    assert intake.finish() == []
    intake.beat(0.0)
    assert [found.id for found in intake.finish()] == [ID]
    assert (shelf.first.tail, intake.unclaimed) == (head, 0)
    stop = spool(storage).stop
    assert stop is not None
    assert (stop["at_ns"], stop["termination"], stop["dropped"]) == (99, {"result": "completed"}, 0)
    assert intake.finish() == []
    assert len(intake.roster) == 0


def test_marks_and_formats_lie_between_the_packets(intake: Intake, storage: Storage) -> None:
    intake.start(start(), NOW)
    intake.mark({"slot": 1, "kind": "hold", "at_ns": 7})
    intake.formats({"slot": 1, "channel": "left", "at_ns": 8, "formats": {"8": "PCMA/8000"}})
    intake.mark({"slot": 9, "kind": "hold", "at_ns": 7})
    intake.formats({"slot": 9, "channel": "left", "at_ns": 8, "formats": {}})
    assert [mark["kind"] for mark in spool(storage).marks] == ["hold"]
    assert spool(storage).formats[0]["formats"] == {"8": "PCMA/8000"}


def test_told_twice_it_starts_once(intake: Intake, storage: Storage) -> None:
    assert intake.start(start(), NOW) is intake.start(start(), NOW + 1)
    assert len(spool(storage).blocks) == 1


def test_a_stop_for_another_recording_of_the_slot_is_not_obeyed(intake: Intake) -> None:
    intake.start(start(), NOW)
    assert intake.stop({"slot": 1, "id": OTHER, "at_ns": 1}) is None
    assert intake.stop({"slot": 5, "at_ns": 1}) is None
    assert not intake.roster.draining()


def test_after_a_restart_the_spool_goes_on_behind_its_last_whole_block(
    intake: Intake, shelf: Shelf, storage: Storage
) -> None:
    intake.start(start(), NOW)
    shelf.first.put(*packets(1, 1, 2))
    intake.settle()
    intake.beat(0.0)
    tail = shelf.first.tail
    shelf.first.put(*packets(1, 3))
    intake.settle()
    intake.beat(0.0)
    shelf.first.tail = tail  # died between the write and the advance …
    path = storage.spool_path(ID)
    path.write_bytes(path.read_bytes() + b"torn")  # … and in the middle of the next one
    again = Intake(storage, shelf.open)
    again.attach(shelf.paths, 77)
    again.start(start(), NOW + 5)
    again.settle()
    again.beat(0.0)
    found = spool(storage)
    assert not found.torn
    assert [mark["kind"] for mark in found.marks] == ["recorder restarted"]
    assert kept(storage) == b"".join(packets(1, 1, 2, 3, 3))
    assert found.meta is not None
    assert found.meta["opened_ns"] == NOW


def test_a_spool_that_ended_is_not_opened_again(intake: Intake, storage: Storage) -> None:
    intake.start(start(), NOW)
    intake.stop({"slot": 1, "at_ns": 1})
    intake.finish()
    size = storage.spool_path(ID).stat().st_size
    assert intake.start(start(), NOW) is None
    assert storage.spool_path(ID).stat().st_size == size


def test_a_spool_without_a_beginning_begins_anew(intake: Intake, storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(b"garbage")
    intake.start(start(), NOW)
    assert spool(storage).meta is not None


@pytest.mark.parametrize("message", [start(name="../x"), start(slot=-1), {"id": ID, "slot": 1}])
def test_unusable_starts_leave_nothing(intake: Intake, message: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        intake.start(message, NOW)
    assert len(intake.roster) == 0


def test_a_start_on_a_broken_disk_leaves_nothing(intake: Intake, storage: Storage) -> None:
    storage.spool.rmdir()
    with pytest.raises(OSError):
        intake.start(start(), NOW)
    assert len(intake.roster) == 0


def test_signalling_lost_ends_all_but_the_claimed(intake: Intake, shelf: Shelf, storage: Storage) -> None:
    intake.start(start(1, ID), NOW)
    intake.start(start(2, OTHER), NOW)
    shelf.first.put(*packets(1, 1), *packets(2, 2))
    assert [found.id for found in intake.lose(frozenset({OTHER}), 500, "signalling lost")] == [ID]
    stop = spool(storage).stop
    assert stop is not None
    assert (stop["lost"], stop["at_ns"]) == ("signalling lost", 500)
    assert kept(storage) == packets(1, 1)[0]
    assert [found.id for found in intake.roster] == [OTHER]


class Refusal:
    """The disk takes nothing, of all spools or of one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._append: Callable[..., bool] = SpoolFile.append
        self.spools: set[str] | None = set()
        patch.setattr(SpoolFile, "append", self)

    def __get__(self, file: SpoolFile, _: type) -> Callable[..., bool]:
        def append(*parts: Any) -> bool:
            if self.spools is not None and file.path.stem not in self.spools:
                return self._append(file, *parts)
            file.error = OSError(errno.ENOSPC, "full")
            return False

        return append


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Refusal:
    return Refusal(monkeypatch)


def test_the_ring_keeps_what_the_disk_does_not_take_for_a_while(
    intake: Intake, shelf: Shelf, storage: Storage, refusal: Refusal
) -> None:
    intake.start(start(1, ID), NOW)
    intake.start(start(2, OTHER), NOW)
    refusal.spools = {ID}
    shelf.first.put(*packets(1, 1, 2), *packets(2, 3))
    intake.settle()
    for now in (0.0, 1.0, PATIENCE - 1):
        intake.beat(now)
    intake.mark({"slot": 1, "kind": "hold"})
    assert (shelf.first.tail, intake.dropped, intake.packets) == (0, 0, 1)
    assert isinstance(intake.error, OSError)
    assert kept(storage, OTHER) == packets(2, 3)[0]  # once, and at once
    refusal.spools = set()
    intake.beat(PATIENCE)
    assert intake.error is None
    assert shelf.first.tail == shelf.first.head
    assert kept(storage) == b"".join(packets(1, 1, 2))
    assert kept(storage, OTHER) == packets(2, 3)[0]
    assert [mark["kind"] for mark in spool(storage).marks] == ["hold"]


@pytest.mark.parametrize("why", ["too long", "too much"])
def test_what_the_disk_does_not_take_is_counted_and_said(
    intake: Intake, shelf: Shelf, storage: Storage, refusal: Refusal, why: str
) -> None:
    intake.start(start(1, ID), NOW)
    intake.start(start(2, OTHER), NOW)
    refusal.spools = {ID}
    shelf.first.put(*packets(1, 1, 2, 3))
    if why == "too much":
        shelf.first.put(*packets(2, *range(10)))
    intake.settle()
    intake.beat(0.0)
    intake.beat(PATIENCE)
    assert (shelf.first.tail, intake.dropped) == (shelf.first.head, 3)
    shelf.first.put(*packets(1, 4, 5))
    intake.settle()
    intake.beat(PATIENCE + 1)  # nobody is waited for twice
    assert (shelf.first.tail, intake.dropped) == (shelf.first.head, 5)
    refusal.spools = set()
    shelf.first.put(*packets(1, 6))
    intake.stop({"slot": 1, "at_ns": 9})
    intake.beat(PATIENCE + 2)
    assert [found.id for found in intake.finish()] == [ID]
    found = spool(storage)
    assert found.stop is not None
    assert (found.stop["dropped"], found.torn, found.altered, kept(storage)) == (5, False, False, packets(1, 6)[0])
    [missing] = found.overflows
    assert (missing["packets"], missing["cause"]) == (5, "disk")
    last = START + 5 if why == "too long" else START + 9
    assert (missing["from_ns"], missing["to_ns"]) == (START + 1, last)
    assert not spool(storage, OTHER).overflows


def test_a_recording_ends_when_the_disk_takes_its_last_words(
    intake: Intake, storage: Storage, refusal: Refusal
) -> None:
    intake.start(start(), NOW)
    refusal.spools = None
    intake.stop({"slot": 1, "id": ID, "at_ns": 9})
    assert intake.finish() == []
    assert intake.start(start(), NOW) is None  # told again: it waits
    with pytest.raises(OSError, match="full"):
        intake.start(start(1, OTHER), NOW)  # the slot is free, the disk is not
    assert not storage.spool_path(OTHER).exists()
    assert len(intake.roster) == 0
    refusal.spools = set()
    assert intake.start(start(1, OTHER), NOW) is not None
    assert [found.id for found in intake.finish()] == [ID]
    stop = spool(storage).stop
    assert stop is not None
    assert stop["at_ns"] == 9


def missed(record: bytes, packets: int) -> bytes:
    return record[:12] + packets.to_bytes(4, "little") + record[16:]


def test_what_the_ring_could_not_hold_is_said_to_whom_it_was_lost(
    intake: Intake, shelf: Shelf, storage: Storage
) -> None:
    intake.start(start(1, ID), NOW)
    intake.start(start(2, OTHER), NOW)
    shelf.first.put(*packets(1, 10))
    shelf.first.lost[1] = 4
    [late] = packets(2, 90)
    shelf.first.put(missed(late, 4), *packets(1, 100))
    intake.settle()
    intake.beat(0.0)
    assert spool(storage).overflows == ({"from_ns": START + 10, "to_ns": START + 90, "packets": 4, "cause": "ring"},)
    assert spool(storage, OTHER).overflows == ()
    shelf.first.lost[1] = 6  # and then nothing came any more
    intake.stop({"slot": 1, "id": ID, "at_ns": START + 500})
    assert [found.id for found in intake.finish()] == [ID]
    last = spool(storage).overflows[1]
    assert last == {"from_ns": START + 100, "to_ns": START + 500, "packets": 2, "cause": "ring"}


def test_what_was_lost_while_no_recorder_lived_is_said_by_the_next(
    intake: Intake, shelf: Shelf, storage: Storage
) -> None:
    shelf.first.lost[1] = 100  # of who held the slot before
    intake.start(start(), NOW)
    intake.close()
    shelf.first.lost[1] = 107
    shelf.first.put(missed(packets(1, 50)[0], 7))
    again = Intake(storage, shelf.open)
    again.attach(shelf.paths, 77)
    again.start(start(), NOW + 1)
    again.settle()
    again.beat(0.0)
    again.close()
    third = Intake(storage, shelf.open)
    third.attach(shelf.paths, 77)
    third.start(start(), NOW + 2)
    third.stop({"slot": 1, "at_ns": 1})
    third.finish()
    assert [words["packets"] for words in spool(storage).overflows] == [7]


def test_a_backlog_is_read_in_larger_pieces(intake: Intake, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    read = shelf.first.read

    def ask(octets: int) -> NDArray[np.uint8]:
        asked.append(octets)
        return read(1 << 30)

    monkeypatch.setattr(shelf.first, "read", ask)
    monkeypatch.setattr(attached, "CHUNK", 50)
    monkeypatch.setattr(attached, "LARGEST_CHUNK", 300)
    head = shelf.first.put(*packets(1, 1))
    intake.drain([head], 0.0)
    head = shelf.first.put(*packets(1, *range(20)))
    intake.drain([head], 0.0)
    assert asked == [len(packets(1, 1)[0]), 300]


def test_a_ring_that_makes_no_sense_is_skipped_to_its_head(intake: Intake, shelf: Shelf, storage: Storage) -> None:
    intake.start(start(), NOW)
    head = shelf.first.put(*packets(1, 1))
    shelf.first.broken = True
    intake.settle()
    intake.beat(0.0)
    assert (intake.broken, shelf.first.tail) == (head, head)
    shelf.first.broken = False
    shelf.first.put(*packets(1, 2))
    intake.settle()
    intake.beat(0.0)
    assert kept(storage) == packets(1, 2)[0]


def test_rings_that_cannot_be_opened_are_named_and_the_backlog_is_seen(intake: Intake, shelf: Shelf) -> None:
    assert intake.backlog == 0.0
    shelf.first.put(*packets(1, *range(5)))
    assert intake.backlog == len(b"".join(packets(1, *range(5)))) / 1000
    [missing] = intake.attach([*shelf.paths, "/nowhere"], 5)
    assert missing.startswith("/nowhere: ")
    assert (intake.epoch_ns, intake.overflow) == (5, [0])
    intake.detach()
    assert intake.overflow == []


def test_orphans_of_a_dead_engine_get_what_waits_in_its_ring(intake: Intake, shelf: Shelf, storage: Storage) -> None:
    intake.start(start(), NOW)
    shelf.first.put(*packets(1, 1, 2))
    intake.close()
    again = Intake(storage, shelf.open)
    assert [found.id for found in again.adopt([ID], NOW)] == [ID]
    assert kept(storage) == b"".join(packets(1, 1, 2))
    stop = spool(storage).stop
    assert stop is not None
    assert (stop["at_ns"], stop["lost"]) == (None, "recorder restarted")


@pytest.mark.parametrize("change", ["gone", "renewed"])
def test_orphans_whose_ring_is_gone_or_another_stay_as_they_are(
    intake: Intake, shelf: Shelf, storage: Storage, change: str
) -> None:
    intake.start(start(), NOW)
    intake.close()
    head = shelf.first.put(*packets(1, 1))
    if change == "gone":
        path, ring = shelf.rings.popitem()
    else:
        path, ring = shelf.paths[0], shelf.first
        ring.epoch_ns += 1
    again = Intake(storage, shelf.open)
    assert again.adopt([ID], NOW) == []
    assert (spool(storage).stop, ring.tail, ring.head, bool(path)) == (None, 0, head, True)
