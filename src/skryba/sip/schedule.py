"""All timers of the stack in one heap; cancelled ones stay until they surface or outnumber the living.

Knows seconds; knows no transaction, no message, no clock.
"""

import heapq
from collections.abc import Callable

Ring = Callable[[float], None]  # called with `now`

SWEEP_ABOVE = 1024  # fewer cancelled alarms than this are not worth a sweep


class Alarm:
    """One armed timer. `ring` is None once it was cancelled or has rung."""

    __slots__ = ("ring",)

    def __init__(self, ring: Ring) -> None:
        self.ring: Ring | None = ring


class Schedule:
    """Alarms in order of time; those of the same time in order of arming."""

    __slots__ = ("_dead", "_heap", "_number")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Alarm]] = []
        self._number = 0
        self._dead = 0

    def __len__(self) -> int:
        """Alarms that can still ring."""
        return len(self._heap) - self._dead

    @property
    def depth(self) -> int:
        """Places in the heap, those of the cancelled included."""
        return len(self._heap)

    def arm(self, at: float, ring: Ring) -> Alarm:
        """Rings at `at` (seconds) unless cancelled."""
        self._number += 1
        alarm = Alarm(ring)
        heapq.heappush(self._heap, (at, self._number, alarm))
        return alarm

    def cancel(self, alarm: Alarm | None) -> None:
        """Keeps an alarm from ringing; None, or one that has rung or was cancelled, is left as it is."""
        if alarm is None or alarm.ring is None:
            return
        alarm.ring = None
        self._dead += 1
        if self._dead > SWEEP_ABOVE and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].ring is not None]
            heapq.heapify(self._heap)
            self._dead = 0

    def next_timeout(self) -> float | None:
        """When the earliest living alarm rings."""
        heap = self._heap
        while heap and heap[0][2].ring is None:
            heapq.heappop(heap)
            self._dead -= 1
        return heap[0][0] if heap else None

    def handle_timeout(self, now: float) -> None:
        """Rings all that is due at `now`, the alarms included that are armed for it meanwhile."""
        while (at := self.next_timeout()) is not None and at <= now:
            alarm = heapq.heappop(self._heap)[2]
            ring, alarm.ring = alarm.ring, None
            if ring is not None:
                ring(now)
