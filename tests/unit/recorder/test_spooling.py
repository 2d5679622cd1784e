"""The drain thread: told in order, never waited for, and seen to stand still when the disk does.

What it does for a signalling is told by test_worker.py; here are the disk, the stall and the end.
"""

import errno
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from skryba import clock
from skryba.recorder import spooling as rhythm
from skryba.recorder.disk import Disks
from skryba.recorder.intake import Intake
from skryba.recorder.opening import Opening
from skryba.recorder.orphans import Ended
from skryba.recorder.spool import Kind, read_spool
from skryba.recorder.spooling import Pace, Spooling
from skryba.recorder.storage import SpoolFile, Storage
from skryba.recorder.watermarks import DiskState, Watermarks
from tests.support.evidence import ID, Arrival, record, spool, stop
from tests.support.rings import Shelf

OTHER = ID[:-1] + "2"
PACE = Pace(beat=0.005, flush=0.005, lost_grace=0.02, orphan_grace=0.02, orphan_limit=0.1)


class Room:
    """A drain thread, and everything it says."""

    def __init__(self, folder: Path, recordings: Path | None = None) -> None:
        self.shelf = Shelf(folder)
        self.storage = Storage(recordings or folder / "recordings", folder / "spool")
        self.words: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.ended: SimpleQueue[Ended] = SimpleQueue()
        self.deaths: SimpleQueue[BaseException] = SimpleQueue()
        self.drain = Spooling(
            self.storage,
            Intake(self.storage, self.shelf.open),
            PACE,
            Watermarks(0),
            on_word=self.words.put,
            on_ended=self.ended.put,
            on_death=self.deaths.put,
        )

    def open(self) -> None:
        self.drain.start()
        self.drain.hello({"op": "hello", "ring": self.shelf.paths, "pid": 1, "epoch_ns": 0})

    def begin(self, slot: int = 1, name: str = ID) -> None:
        self.drain.obey({"op": "start", "slot": slot, "id": name, "from_ns": 1})

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = clock.now() + 5.0
        while not condition():
            assert clock.now() < deadline
            with pytest.raises(Empty):
                SimpleQueue[int]().get(timeout=0.002)

    def talk(self, slot: int = 1, count: int = 1) -> None:
        self.shelf.first.put(*[record(Arrival(number, bytes(20)), slot=slot) for number in range(count)])


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(rhythm, "_LOOK", 0.01)
    monkeypatch.setattr(rhythm, "_PROBE", 0.05)
    made = Room(tmp_path)
    yield made
    made.drain.close()
    made.drain.join()
    assert made.deaths.empty()


class Gate:
    """A disk that takes octets only while it is open, and makes who writes wait."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.opened.set()
        append = SpoolFile.append

        def wait(file: SpoolFile, *parts: Any) -> bool:
            assert self.opened.wait(5.0)
            return append(file, *parts)

        patch.setattr(SpoolFile, "append", wait)


def test_while_the_disk_stands_still_it_is_told_and_watched(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    room.open()
    room.begin()
    assert room.words.get(timeout=5)["op"] == "started"
    assert room.drain.stalled < 1.0
    gate.opened.clear()
    room.talk(count=3)
    room.until(lambda: room.drain.stalled > 0.03)
    began = clock.now()
    room.begin(2, OTHER)
    room.drain.obey({"op": "mark", "slot": 1, "kind": "hold", "at_ns": 5})
    room.drain.obey({"op": "stop", "slot": 1, "id": ID, "at_ns": 9})
    assert clock.now() - began < 1.0
    assert room.drain.intake.backlog > 0
    assert room.words.empty()
    gate.opened.set()
    assert room.words.get(timeout=5)["id"] == OTHER
    assert room.ended.get(timeout=5) == Ended(ID, 1)
    found = read_spool(room.storage.spool_path(ID).read_bytes())
    assert [block.kind for block in found.blocks] == [Kind.META, Kind.PACKETS, Kind.MARK, Kind.STOP]
    assert room.drain.lag > 0.0


def test_a_disk_that_fails_is_seen_and_a_disk_that_is_well_again_too(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = errno.EIO

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    room.open()
    room.until(lambda: room.drain.disk.ready)
    with monkeypatch.context() as patch:
        patch.setattr(Disks, "probe", fail)
        room.drain.synced(OSError(errno.EIO, "of the sync"))
        room.until(lambda: room.drain.disk.state is DiskState.FAILED)
        room.until(lambda: room.drain.intake.error is not None)  # so said the probe
        room.until(lambda: "of the sync" not in room.drain.disk.why)
        assert room.drain.disk.why == "disk failed: Input/output error"
        assert room.drain.disk.free > 0
        code = errno.ENOSPC
        room.until(lambda: room.drain.disk.state is DiskState.FULL)
        code = errno.EIO
    room.until(lambda: room.drain.disk.ready)  # a probe was taken
    with monkeypatch.context() as patch:
        patch.setattr(Disks, "rooms", fail)
        room.until(lambda: room.drain.disk.state is DiskState.FAILED)
        room.begin()
        assert room.words.get(timeout=5)["reason"].startswith("OSError: ")
        assert room.storage.spools() == []
    room.until(lambda: room.drain.disk.ready)


def test_what_it_cannot_do_is_refused_and_the_next_thing_done(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.open()
    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "append", lambda *_: False)
        room.begin()
        assert room.words.get(timeout=5)["reason"].startswith("OSError: ")
    room.drain.obey({"op": "dance"})
    assert room.words.get(timeout=5) == {"op": "refused", "reason": "unknown op 'dance'"}
    room.begin()
    assert room.words.get(timeout=5)["op"] == "started"


def test_the_reserve_is_for_what_runs(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.open()
    room.until(lambda: room.drain.disk.ready)
    room.begin()
    assert room.words.get(timeout=5)["op"] == "started"
    monkeypatch.setattr(room.drain._watermarks, "_min_free", 1 << 62)
    room.until(lambda: room.drain.disk.state is DiskState.FULL)
    assert not room.drain.failing
    room.begin(2, OTHER)
    refused = room.words.get(timeout=5)
    assert (refused["op"], refused["id"], refused["slot"]) == ("refused", OTHER, 2)
    assert "the reserve" in refused["reason"]
    room.begin()
    assert room.words.get(timeout=5) == {"op": "started", "slot": 1, "id": ID}, "told again, it goes on"
    assert room.storage.spools() == [ID]


def test_the_disk_of_the_recordings_is_looked_at_only_if_it_is_that_of_the_spools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[list[Path]] = []

    def look(folders: list[Path]) -> Disks:
        looked.append(folders)
        return Disks(folders)

    monkeypatch.setattr(rhythm, "Disks", look)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        for recordings in (tmp_path / "recordings", Path(elsewhere)):
            room = Room(tmp_path, recordings)
            room.drain.start()
            room.drain.close()
            room.drain.join()
        spool = tmp_path / "spool"
        assert looked == [[spool, tmp_path / "recordings"], [spool]]


def test_it_ends_what_was_told_to_end_and_leaves_the_rest(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.open()
    room.begin(1, ID)
    room.begin(2, OTHER)
    room.talk(1, 3)
    room.drain.obey({"op": "stop", "slot": 1, "id": ID, "at_ns": 9})
    room.drain.close()
    room.drain.join()
    assert room.ended.get(timeout=1).recording == ID
    assert room.ended.empty()
    assert read_spool(room.storage.spool_path(OTHER).read_bytes()).stop is None


def test_who_does_not_come_back_ends_his_recordings(room: Room) -> None:
    room.open()
    room.begin()
    room.drain.left(clock.now_ns())
    assert room.ended.get(timeout=5) == Ended(ID, 1, "signalling lost")


def test_orphans_are_counted_and_given_up(room: Room) -> None:
    Intake(room.storage, room.shelf.open).start({"id": ID, "slot": 3, "from_ns": 1}, 0)
    room.drain.start()
    assert room.ended.get(timeout=5) == Ended(ID, 3)
    assert room.drain.orphans == 0


def test_its_death_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)

    def burst(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Intake, "beat", burst)
    room.open()
    assert str(room.deaths.get(timeout=5)) == "a bug"
    room.drain.join()


def test_no_ring_is_read_until_all_that_was_claimed_has_begun(room: Room) -> None:
    room.talk(slot=1)
    room.talk(slot=2)
    room.drain.start()
    active = [ID, OTHER]
    room.drain.hello({"op": "hello", "ring": room.shelf.paths, "pid": 1, "epoch_ns": 0, "active": active})
    room.begin(1, ID)
    room.drain.obey({"op": "stop", "slot": 1, "id": ID, "at_ns": 9})  # an end makes it read at every beat
    room.until(lambda: not room.words.empty())
    with pytest.raises(Empty):
        room.ended.get(timeout=10 * PACE.beat)
    assert room.shelf.first.tail == 0
    room.begin(2, OTHER)
    room.until(lambda: room.drain.intake.packets == 2)
    assert room.drain.intake.unclaimed == 0


def test_what_was_claimed_and_does_not_come_holds_nothing_up_for_ever(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rhythm, "_CLAIMS", 0.05)
    room.talk()
    room.drain.start()
    active = [ID, OTHER]
    room.drain.hello({"op": "hello", "ring": room.shelf.paths, "pid": 1, "epoch_ns": 0, "active": active})
    room.begin(1, ID)
    room.until(lambda: room.drain.intake.packets == 1)


def test_what_was_told_is_done_before_the_rings_are_read(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.open()
    begin = Intake.start

    def slowly(*arguments: Any) -> Any:
        with pytest.raises(Empty):
            SimpleQueue[int]().get(timeout=4 * PACE.beat)
        return begin(*arguments)

    monkeypatch.setattr(Intake, "start", slowly)
    names = [ID[:-1] + str(number) for number in range(6)]
    for slot, name in enumerate(names):
        room.begin(slot, name)
    for slot, _ in enumerate(names):
        room.talk(slot=slot)
    room.until(lambda: room.drain.intake.packets == len(names))
    assert room.drain.intake.unclaimed == 0


def test_what_sealing_has_in_hand_is_not_begun_anew(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(Opening, "open", lambda _, recording, *rest: begun.append(recording.id))
    room.storage.spool_path(ID).write_bytes(spool([], last=stop(1)))
    room.open()
    assert room.ended.get(timeout=5) == Ended(ID, 1)
    room.drain.obey({"op": "start", "slot": 1, "id": ID, "from_ns": 1, "stopped": True})
    room.begin(2, OTHER)
    room.until(lambda: begun)
    assert begun == [OTHER]


def test_a_spool_that_could_not_be_gone_on_with_stays_an_orphan(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "the disk is ill")

    room.storage.spool_path(ID).write_bytes(spool([]))
    room.drain.start()
    room.drain.hello({"op": "hello", "ring": room.shelf.paths, "pid": 1, "epoch_ns": 0, "active": [ID]})
    with monkeypatch.context() as patch:
        patch.setattr(Opening, "open", fail)
        room.begin()
        assert room.words.get(timeout=5)["op"] == "refused"
    assert room.drain.orphans == 1
    room.begin()
    room.until(lambda: room.drain.orphans == 0)


def test_a_late_beat_is_not_followed_at_once_by_another(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[float] = []
    beat = Intake.beat

    def noted(intake: Intake, now: float) -> None:
        beats.append(clock.now())
        if len(beats) == 3:  # the next one is late
            room.drain.obey({"op": "start", "slot": 1, "id": ID, "from_ns": 1})
        beat(intake, now)

    def slowly(*_: Any) -> None:
        with pytest.raises(Empty):
            SimpleQueue[int]().get(timeout=10 * PACE.beat)

    monkeypatch.setattr(Intake, "beat", noted)
    monkeypatch.setattr(Intake, "start", slowly)
    room.open()
    room.until(lambda: len(beats) >= 8)
    gaps = [after - before for before, after in pairwise(beats[:8])]
    assert max(gaps) > 5 * PACE.beat
    assert min(gaps) >= 0.99 * PACE.beat
