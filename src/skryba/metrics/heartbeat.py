"""Watches the signalling loop from within: how late does it wake, and does it wake at all?

Knows neither the loop nor its clock: both are given.
"""

from collections.abc import Callable
from typing import Protocol

BEAT = 0.5  # seconds
STALL = 5.0  # without a beat for so long, the loop is stuck


class Timer(Protocol):
    """What the loop gives back for a call in the future."""

    def cancel(self) -> None: ...


class Heartbeat:
    """`later` runs a callback after so many seconds (`loop.call_later`); `now` is the loop's clock, monotonic seconds.

    `on_lag` is told at each beat how late it came.
    """

    def __init__(
        self,
        *,
        on_lag: Callable[[float], None],
        later: Callable[[float, Callable[[], None]], Timer],
        now: Callable[[], float],
    ) -> None:
        self._on_lag = on_lag
        self._later = later
        self._now = now
        self._last = now()
        self._timer: Timer | None = None

    def start(self) -> None:
        self._last = self._now()
        self._timer = self._later(BEAT, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def problem(self) -> str | None:
        """In words, when the loop is stuck; may be asked from another thread."""
        silent = self._now() - self._last
        return f"the signalling loop has been stuck for {silent:.0f} s" if silent > STALL else None

    def _beat(self) -> None:
        self._on_lag(max(0.0, self._now() - self._last - BEAT))
        self.start()
