"""The rings that are read, each with what the reading has to remember of it.

May not know recordings or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CHUNK, LARGEST_CHUNK = 1 << 22, 1 << 25  # octets read at a time; more when a slow disk left a backlog


class Ring(Protocol):
    """The reading end of a ring of forked packets (`skryba.media.ring`). Positions only grow."""

    @property
    def head(self) -> int: ...

    @property
    def tail(self) -> int: ...

    @property
    def overflow(self) -> int: ...

    @property
    def epoch_ns(self) -> int: ...

    @property
    def size(self) -> int: ...

    def lost_of(self, slot: int) -> int: ...

    def read(self, max_octets: int) -> NDArray[np.uint8]: ...

    def advance(self, octets: int) -> None: ...


@dataclass(slots=True)
class Attached:
    """A ring that is read."""

    ring: Ring
    settled: int  # its head one beat ago
    last_ns: int = 0  # arrival of the last record that was read
    held: int = 0  # octets that are offered to the spools again, because one of them did not take its part
    taken: set[str] = field(default_factory=set)  # recordings that took theirs of these

    @property
    def filled(self) -> float:
        """0…1."""
        return (self.ring.head - self.ring.tail) / self.ring.size

    def read(self, limit: int) -> NDArray[np.uint8]:
        """Whole records up to about `limit`; the same ones again while they are held. ResourceError: broken."""
        waiting = limit - self.ring.tail
        return self.ring.read(self.held or min(waiting, LARGEST_CHUNK if waiting > 4 * CHUNK else CHUNK))

    def hold(self, chunk: NDArray[np.uint8]) -> None:
        """These were not taken by all: they are read again."""
        self.held = len(chunk)

    def leave(self, octets: int, last_ns: int) -> None:
        """These are behind us."""
        self.held = 0
        self.taken.clear()
        self.last_ns = last_ns
        self.ring.advance(octets)


def lost_of(rings: Sequence[Attached], slot: int) -> int:
    """Packets of a slot that found the rings full."""
    return sum(attached.ring.lost_of(slot) for attached in rings)


def heads_of(rings: Sequence[Attached]) -> list[int]:
    """How far each was written."""
    return [attached.ring.head for attached in rings]


def epochs_of(rings: Sequence[Attached]) -> list[int]:
    """When each was made: another engine's are others."""
    return [attached.ring.epoch_ns for attached in rings]
