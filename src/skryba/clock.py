"""The only place that reads the machine's clocks. Shells import it; the core receives `now` and `at` as arguments.

May not know anything else of the house.
"""

import time
from datetime import UTC, datetime


def now() -> float:
    """Monotonic seconds, the `now` of the house (CLOCK_MONOTONIC, the clock of the media engine too)."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def now_ns() -> int:
    """Monotonic nanoseconds, same clock as `now`."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def at() -> datetime:
    """UTC wall clock, for people and manifests."""
    return datetime.now(tz=UTC)  # noqa: TID251 - here, and nowhere else
