"""How full the disks are, and what that means: go on, warn, begin nothing new.

May not know files: it is given octets, times and the error that a write met last. Recordings that run go on in every
state; what the disk does not take is counted in their spools.
"""

import errno
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LEVELS = (0.80, 0.90, 0.95)  # of a disk used; each is a louder warning
STALL = 5.0  # seconds without an answer after which nothing new begins
DAY = 86_400.0
_EVERY = 600.0  # seconds between two points of the trend
_POINTS = 145  # a day of them


class DiskState(StrEnum):
    """Of the fuller one of the disks."""

    OK = "ok"
    LOW = "low"  # beyond the first of LEVELS
    FULL = "full"  # less than the reserve is left, or a write was refused for lack of room
    FAILED = "failed"  # read-only, gone, or it answers with errors


@dataclass(frozen=True, slots=True)
class Room:
    """One disk as it was seen: octets, for the user that we are."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The verdict. `level` is the one of LEVELS that is passed, or 0; `days_left` None: it is not filling up."""

    state: DiskState
    free: int
    used_ratio: float
    level: float = 0.0
    days_left: float | None = None
    why: str = ""

    @property
    def ready(self) -> bool:
        """True if a new recording may begin."""
        return self.state in (DiskState.OK, DiskState.LOW)


UNSEEN = Disk(DiskState.FAILED, 0, 0.0, why="the disk was not looked at yet")


class Watermarks:
    """Judges what is seen of the disks; remembers a day, to say when they will be full."""

    def __init__(self, min_free: int) -> None:
        """`min_free`: octets that are kept for the recordings that run."""
        self._min_free = min_free
        self._trend: deque[tuple[float, int]] = deque(maxlen=_POINTS)

    def judge(self, rooms: Sequence[Room], error: OSError | None, now: float) -> Disk:
        """`rooms` of all disks concerned, none if they could not be looked at; `error`: a write does not succeed."""
        if not rooms:
            return Disk(DiskState.FAILED, 0, 0.0, why=_text(error))
        free = min(room.free for room in rooms)
        used = max(1.0 - room.free / room.total if room.total else 1.0 for room in rooms)
        state, why = self._state(free, used, error)
        return Disk(
            state=state,
            free=free,
            used_ratio=round(used, 4),
            level=max((level for level in LEVELS if used >= level), default=0.0),
            days_left=self._days_left(free, now),
            why=why,
        )

    def _state(self, free: int, used: float, error: OSError | None) -> tuple[DiskState, str]:
        if error is not None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return DiskState.FAILED, _text(error)
        if error is not None or free < self._min_free:
            return DiskState.FULL, f"disk full: {free >> 20} MiB free, {self._min_free >> 20} MiB are the reserve"
        if used >= LEVELS[0]:
            return DiskState.LOW, f"disk {used:.0%} full"
        return DiskState.OK, ""

    def _days_left(self, free: int, now: float) -> float | None:
        if not self._trend or now - self._trend[-1][0] >= _EVERY:
            self._trend.append((now, free))
        since, before = self._trend[0]
        if now - since < _EVERY or before <= free:
            return None
        return round(free / (before - free) * (now - since) / DAY, 2)


def _text(error: OSError | None) -> str:
    return f"disk failed: {error.strerror or error}" if error is not None else "disk failed"
