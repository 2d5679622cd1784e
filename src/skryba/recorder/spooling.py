"""⚡ The drain thread: everything that touches rings and spools happens in it, in the order in which it was told.

May not know the control socket or sealing. Whoever tells it something does not wait; a disk that stands still stops
this thread and nothing else, and how long it has stood still is seen from outside. What it has to say goes out through
`on_word` and `on_ended`, called in the thread.
"""

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from skryba import clock
from skryba.errors import ResourceError, SkrybaError
from skryba.recorder.disk import Disks
from skryba.recorder.intake import Intake
from skryba.recorder.manifest import wall_clock
from skryba.recorder.orphans import Ended, Orphans
from skryba.recorder.storage import Storage
from skryba.recorder.watermarks import UNSEEN, Disk, DiskState, Watermarks

LOST = "signalling lost"
BUSY = 0.25  # of a ring: from here on it is read on every beat
_CLAIMS = 5.0  # seconds in which a signalling begins again what it claimed
_LOOK = 1.0  # seconds between two looks at the disks
_PROBE = 5.0  # seconds between two attempts to write to a disk that failed

Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how long to wait; seconds."""

    beat: float
    flush: float
    lost_grace: float
    orphan_grace: float
    orphan_limit: float


class Spooling:
    """Start it with `start`, end it with `close` and `join`."""

    def __init__(
        self,
        storage: Storage,
        intake: Intake,
        pace: Pace,
        watermarks: Watermarks,
        *,
        on_word: Callable[[Words], None],
        on_ended: Callable[[Ended], None],
        on_death: Callable[[BaseException], None],
    ) -> None:
        self.intake = intake
        self.disk: Disk = UNSEEN
        self.spool_age = 0.0
        self.lag = 0.0  # the largest since somebody set it to zero
        self._storage = storage
        self._orphans = Orphans(storage, intake, _is_alive)
        self._pace = pace
        self._watermarks = watermarks
        self._on_word, self._on_ended, self._on_death = on_word, on_ended, on_death
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)
        self._busy_since: float | None = None
        self._connected = False
        self._left_at: int | None = None  # ns when signalling went, until somebody is back
        self._looked_at = self._probed_at = 0.0
        self._sync_error: OSError | None = None
        self._awaited: set[str] = set()  # claimed at the hello and not yet begun: until then no ring is read
        self._awaited_until = 0.0

    @property
    def stalled(self) -> float:
        """Seconds since it has been at the same piece of work; 0 while it waits for some."""
        since = self._busy_since
        return 0.0 if since is None else max(0.0, clock.now() - since)

    @property
    def failing(self) -> bool:
        """Is what was begun not written, either?"""
        return self.disk.state is DiskState.FAILED or bool(self.intake.error or self._sync_error)

    @property
    def orphans(self) -> int:
        """Spools found at the start that nobody claimed yet."""
        return len(self._orphans)

    def start(self) -> None:
        """Once."""
        self._disks = Disks(_near(self._storage))
        self._thread.start()

    def hello(self, message: Words) -> None:
        """A signalling takes over."""
        self._jobs.put(partial(self._hello, message))

    def obey(self, message: Words) -> None:
        """Whatever the signalling says after its hello."""
        self._jobs.put(partial(self._obey, message))

    def left(self, at_ns: int) -> None:
        """The signalling went."""
        self._jobs.put(partial(self._leave, at_ns))

    def synced(self, error: OSError | None) -> None:
        """A sync of the spools came to its end."""
        self._sync_error = error

    def close(self) -> None:
        """Finish what was told to end, leave open spools for the next recorder."""
        self._jobs.put(None)

    def join(self) -> None:
        """Wait for the end; as long as the disk needs."""
        self._thread.join()

    # --- the thread

    def _run(self) -> None:
        try:
            self._begin()
            due = clock.now() + self._pace.beat
            beats = 0
            while self._wait(due):
                now = self._busy_since = clock.now()
                self.lag = max(self.lag, now - due)
                due = now + self._pace.beat  # after a late one too: start messages have so long to arrive
                beats += 1
                self._beat(beats)
                self._busy_since = None
            self._busy_since = clock.now()
            self.intake.beat(clock.now())
            self._finish()
            self.intake.close()
            self._busy_since = None
        except Exception as error:
            self._on_death(error)

    def _begin(self) -> None:
        self._busy_since = clock.now()
        self._look()
        self._end(self._orphans.find(clock.now()))
        self._busy_since = None

    def _wait(self, due: float) -> bool:
        """Do what is told until the next beat is due; False when it is the end.

        All that was told is done before the rings are read: a packet must find its recording begun.
        """
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, due - clock.now()))
            except Empty:
                return True
            if job is None:
                return False
            self._busy_since = clock.now()
            try:
                job()
            except (KeyError, TypeError, ValueError, OSError, SkrybaError) as error:
                self._refuse(error)
            self._busy_since = None

    def _beat(self, beats: int) -> None:
        every = max(1, round(self._pace.flush / self._pace.beat))
        if self._awaited and clock.now() < self._awaited_until:
            self.intake.settle()
        elif beats % every == 0 or self.intake.roster.draining() or self.intake.backlog > BUSY:
            self.intake.beat(clock.now())
        else:
            self.intake.settle()
        self._finish()
        self._check_absence()
        if clock.now() - self._looked_at >= _LOOK:
            self._look()

    def _look(self) -> None:
        now = self._looked_at = clock.now()
        try:
            rooms = self._disks.rooms()
            self.spool_age = self._storage.spool_age(clock.at().timestamp())
        except OSError as error:
            self.disk = self._watermarks.judge((), error, now)
            return
        if (self.intake.error or self._sync_error) and now - self._probed_at >= _PROBE:
            self._probed_at = now
            try:
                self._disks.probe()
            except OSError as error:
                self.intake.error = error
            else:
                self.intake.error = self._sync_error = None
        self.disk = self._watermarks.judge(rooms, self.intake.error or self._sync_error, now)

    def _check_absence(self) -> None:
        """Whom nobody claims in time is sealed without its end."""
        if self._left_at is not None and clock.now_ns() - self._left_at > self._pace.lost_grace * 1e9:
            self._lose(frozenset(), self._left_at)
            self._left_at = None
        if not self._connected:
            pace = self._pace
            self._end(
                self._orphans.give_up(clock.now(), clock.now_ns(), grace=pace.orphan_grace, limit=pace.orphan_limit)
            )

    def _finish(self) -> None:
        self._end(Ended.of(recording) for recording in self.intake.finish())

    def _lose(self, keep: frozenset[str], at_ns: int) -> None:
        self._end(Ended.of(recording, LOST) for recording in self.intake.lose(keep, at_ns, LOST))

    def _end(self, ended: Iterable[Ended]) -> None:
        for each in ended:
            self._orphans.claim(each.recording)
            self._on_ended(each)

    # --- what it is told

    def _hello(self, message: Words) -> None:
        """Somebody takes over: what he does not claim ends here, then his rings are read."""
        claimed = frozenset(str(recording) for recording in message.get("active") or ())
        self._lose(claimed, self._left_at or clock.now_ns())
        self._left_at = None
        self._connected = True
        self.intake.detach()
        self._end(self._orphans.leave(claimed, clock.now_ns()))
        missing = self.intake.attach(
            [str(path) for path in message["ring"]], int(message["epoch_ns"]), int(message.get("pid") or 0)
        )
        for reason in missing:
            self._on_word({"op": "refused", "reason": reason})
        self._awaited, self._awaited_until = set(claimed), clock.now() + _CLAIMS

    def _leave(self, at_ns: int) -> None:
        self._awaited.clear()
        self._connected = False
        self._left_at = at_ns

    def _obey(self, message: Words) -> None:
        match message["op"]:
            case "start":
                self._start(message)
            case "formats":
                self.intake.formats(message)
            case "mark":
                self.intake.mark(message)
            case "stop":
                self.intake.stop(message)
            case unknown:
                self._on_word({"op": "refused", "reason": f"unknown op {unknown!r}"})

    def _start(self, message: Words) -> None:
        recording, slot = str(message["id"]), int(message["slot"])
        self._awaited.discard(recording)
        if message.get("stopped") and recording not in self._orphans and self.intake.roster.find(recording) is None:
            if self._storage.spool_path(recording).exists():
                return  # sealing has it and will say so; it may vanish at any moment, and must not be begun anew
            at = wall_clock(int(message["from_ns"]), self.intake.epoch_ns)
            if (place := self._storage.find(recording, at)) is not None:
                self._end([Ended(recording, slot, published=place)])
                return
        holder = self.intake.roster.by_slot.get(slot)
        if holder is not None and holder.id != recording:  # its end was told, or its end is now: the slot is given anew
            self.intake.stop({"slot": slot, "at_ns": clock.now_ns(), "lost": LOST})
            self.intake.drain(holder.drain, None)
            self._finish()
        try:
            self._check_disk(recording)
            begun = self.intake.start(message, clock.now_ns())
        except (ValueError, OSError, SkrybaError) as error:
            self._refuse(error, id=recording, slot=slot)
        else:
            self._orphans.claim(recording)
            if begun is not None:
                self._on_word({"op": "started", "slot": slot, "id": recording})

    def _check_disk(self, recording: str) -> None:
        """Nothing begins in what is kept for those that run, nor on the disk that comes to light where ours was."""
        if self.intake.roster.find(recording) is None:
            self._disks.rooms()
            if not self.disk.ready and not self._storage.spool_path(recording).exists():
                raise ResourceError(self.disk.why)

    def _refuse(self, error: Exception, **words: Any) -> None:
        self._on_word({"op": "refused", "reason": f"{type(error).__name__}: {error}", **words})


def _near(storage: Storage) -> list[Path]:
    """The spool, and the recordings if they lie on its disk. Another one, over a network perhaps, may be full or hang:
    then sealing waits, and packets are taken all the same."""
    near = storage.recordings.stat().st_dev == storage.spool.stat().st_dev
    return [storage.spool, storage.recordings] if near else [storage.spool]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0
