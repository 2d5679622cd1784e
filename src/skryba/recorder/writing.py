"""One open spool: what is said and taken goes into it as blocks, whole and in order, whenever the disk lets it.

May not know rings, files or clocks. Words that the disk does not take are kept and written before anything else, so
that no spool lacks its beginning, its marks or its end because the disk was full for a while; packets are the caller's
to offer again or to drop, and what was dropped is said.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.recording import Recording
from skryba.recorder.spool import BlockWriter, Kind

RING, DISK = "ring", "disk"  # why packets did not come into the spool

Words = dict[str, Any]


class File(Protocol):
    """Appends all parts or nothing."""

    @property
    def error(self) -> OSError | None: ...

    def append(self, *parts: Any) -> bool: ...

    def close(self) -> None: ...


class Writing:
    """A recording and its spool. `lost` packets of it found the ring full so far, as the rings' counters stand."""

    def __init__(self, recording: Recording, file: File, blocks: BlockWriter, digest: "hashlib._Hash") -> None:
        """`digest` is the SHA-256 of what the file holds already."""
        self.recording = recording
        self.lost = 0
        self._failing_since: float | None = None
        self._file = file
        self._blocks = blocks
        self._digest = digest
        self._unsaid: deque[tuple[Kind, Words]] = deque()

    @property
    def error(self) -> OSError | None:
        """Why the last write failed; None if it did not."""
        return self._file.error

    def say(self, kind: Kind, words: Mapping[str, Any]) -> bool:
        """Words for the spool; False if they have to wait."""
        self._unsaid.append((kind, dict(words)))
        return self.flush()

    def flush(self) -> bool:
        """Write the words that wait; False if some still do."""
        while self._unsaid:
            kind, words = self._unsaid[0]
            if kind is Kind.STOP:
                words["sha256"] = self._digest.hexdigest()
            if not self._append(self._blocks.words(kind, words)):
                return False
            self._unsaid.popleft()
        return True

    def take(self, records: NDArray[np.uint8], packets: int) -> bool:
        """Packets for the spool; False if the disk does not take them."""
        if not self.flush() or not self._append(*self._blocks.packets(records.data)):
            return False
        self.recording.packets += packets
        self._failing_since = None
        return True

    def fails_for(self, now: float) -> float:
        """Seconds since the disk first refused what it refuses now; it was told that packets did not get through."""
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since

    def drop(self, packets: int, from_ns: int, to_ns: int) -> None:
        """These packets will not be offered again."""
        self.recording.dropped += packets
        self._miss(DISK, packets, from_ns, to_ns)

    def overflow(self, packets: int, from_ns: int, to_ns: int) -> None:
        """These packets found the ring full."""
        self.lost += packets
        self._miss(RING, packets, from_ns, to_ns)
        self.flush()

    def close(self) -> None:
        """The file stays."""
        self._file.close()

    def _miss(self, cause: str, packets: int, from_ns: int, to_ns: int) -> None:
        if self._unsaid and self._unsaid[-1][0] is Kind.OVERFLOW and self._unsaid[-1][1]["cause"] == cause:
            last = self._unsaid[-1][1]
            last["to_ns"] = max(last["to_ns"], to_ns)
            last["packets"] += packets
            return
        begin = min(max(from_ns, self.recording.from_ns), to_ns)
        self._unsaid.append((Kind.OVERFLOW, {"from_ns": begin, "to_ns": to_ns, "packets": packets, "cause": cause}))

    def _append(self, *parts: Any) -> bool:
        if not self._file.append(*parts):
            self._blocks.sequence -= 1
            return False
        for part in parts:
            self._digest.update(part)
        return True
