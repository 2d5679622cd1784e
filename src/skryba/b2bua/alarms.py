"""Alarms: one heap of deadlines for everything above the transactions.

May not know what an alarm means; a cancelled one is forgotten lazily, and the heap never holds more dead than living.
"""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

_SLACK = 64


Sleeper = TypeVar("Sleeper")


class Alarms(Generic[Sleeper]):
    """Named deadlines per sleeper; setting a name again moves it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._living: dict[int, tuple[Sleeper, str]] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._living)

    def set(self, sleeper: Sleeper, name: str, when: float) -> int:
        """Wake `sleeper` with `name` at `when`; the ticket cancels it."""
        self._sequence += 1
        self._living[self._sequence] = (sleeper, name)
        heapq.heappush(self._heap, (when, self._sequence))
        return self._sequence

    def cancel(self, ticket: int) -> None:
        """Unknown or spent tickets are ignored."""
        if self._living.pop(ticket, None) is not None and len(self._heap) > 2 * len(self._living) + _SLACK:
            self._heap = [entry for entry in self._heap if entry[1] in self._living]
            heapq.heapify(self._heap)

    def next_timeout(self) -> float | None:
        """When the earliest living alarm is due."""
        heap = self._heap
        while heap and heap[0][1] not in self._living:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> Iterator[tuple[Sleeper, str]]:
        """Take out the alarms whose time has come, in order. One may cancel the next: each is looked for when asked."""
        while (when := self.next_timeout()) is not None and when <= now:
            yield self._living.pop(heapq.heappop(self._heap)[1])
