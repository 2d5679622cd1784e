"""Watches the signalling loop from within: how late does it wake, and does it wake at all?

Knows a loop and an observer; the clock is given.
"""

import asyncio
from collections.abc import Callable

BEAT = 0.5  # seconds
STALL = 5.0  # without a beat for so long, the loop is stuck


class Heartbeat:
    """`now` is the loop's own clock, CLOCK_MONOTONIC seconds; `on_lag` is told each beat how late it came."""

    def __init__(self, on_lag: Callable[[float], None], now: Callable[[], float]) -> None:
        self._on_lag = on_lag
        self._now = now
        self._last = now()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._last = self._now()
        self._timer = loop.call_later(BEAT, self._beat, loop)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def problem(self) -> str | None:
        """In words, when the loop is stuck; asked from another thread."""
        silent = self._now() - self._last
        return f"the signalling loop has been stuck for {silent:.0f} s" if silent > STALL else None

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._now()
        self._on_lag(max(0.0, now - self._last - BEAT))
        self.start(loop)
