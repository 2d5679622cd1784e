"""A ring in memory with the reader's interface, for tests that need no shared memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError


class MemoryRing:
    """Whole records are put; positions only grow. `broken`: reading raises, as a ring that was overwritten does."""

    def __init__(self) -> None:
        self._records: list[tuple[int, bytes]] = []
        self.head = 0
        self.tail = 0
        self.overflow = 0
        self.epoch_ns = 42
        self.broken = False
        self.size = 1000
        self.lost: dict[int, int] = {}

    def lost_of(self, slot: int) -> int:
        return self.lost.get(slot, 0)

    def put(self, *records: bytes) -> int:
        """Returns the head after them."""
        for record in records:
            self._records.append((self.head, record))
            self.head += len(record)
        return self.head

    def read(self, max_octets: int) -> NDArray[np.uint8]:
        if self.broken:
            raise ResourceError("the ring holds a broken record")
        found = b""
        for at, record in self._records:
            if at >= self.tail and (not found or len(found) + len(record) <= max_octets):
                found += record
            elif found:
                break
        return np.frombuffer(bytearray(found), np.uint8)

    def advance(self, octets: int) -> None:
        self.tail += octets


class Shelf:
    """Opens rings by path; the file is only there to have a size."""

    def __init__(self, folder: Path, count: int = 1) -> None:
        self.rings = {str(folder / f"ring-{number}"): MemoryRing() for number in range(count)}
        for path in self.rings:
            Path(path).write_bytes(bytes(1000))

    @property
    def paths(self) -> list[str]:
        return list(self.rings)

    @property
    def first(self) -> MemoryRing:
        return next(iter(self.rings.values()))

    def open(self, path: Path) -> MemoryRing:
        if str(path) not in self.rings:
            raise ResourceError("no ring")
        return self.rings[str(path)]
