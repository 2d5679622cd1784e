"""The only place that reads the machine's clocks. Shells import it; the core receives `now` and `at` as arguments.

May not know anything else of the house.
"""

import ctypes
import time
from datetime import UTC, datetime

_TIME_ERROR = 5
_STATUS_UNSYNCHRONISED, _STATUS_NANO = 0x0040, 0x2000


def now() -> float:
    """Monotonic seconds, the `now` of the house (CLOCK_MONOTONIC, the clock of the media engine too)."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def now_ns() -> int:
    """Monotonic nanoseconds, same clock as `now`."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def at() -> datetime:
    """UTC wall clock, for people and manifests."""
    return datetime.now(tz=UTC)  # noqa: TID251 - here, and nowhere else


def discipline() -> tuple[float, bool]:
    """The kernel's time discipline (adjtimex(2)): offset in seconds, and whether the clock is synchronised."""
    words = (ctypes.c_long * 26)()  # struct timex: modes first (0: ask only), then the offset
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(words))
    status = ctypes.c_int.from_address(ctypes.addressof(words) + 5 * ctypes.sizeof(ctypes.c_long)).value
    unit = 1e-9 if status & _STATUS_NANO else 1e-6
    return words[1] * unit, state not in (-1, _TIME_ERROR) and not status & _STATUS_UNSYNCHRONISED
