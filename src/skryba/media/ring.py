"""The ring: forked packets on their way from an engine thread to the recorder; shared memory, one writer, one reader.

May not know recordings. The writer never waits: what does not fit is counted. Either side may die; the other goes on.

The file is a page of header and `size` octets of data. Numbers are little-endian; head and tail count octets since the
beginning and have a cache line of their own. A record is
`total u32 | slot u32 | channel u8 | kind u8 | length u16 | reserved u32 | arrival u64 ns` and the packet. Its total, a
multiple of 8, leads to the next record; no record crosses the end of the data: a filler goes before, and where not even
a filler fits, the last record's total swallows the rest.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError
from skryba.media.syscalls import address_of, entrance, inlined, load_acquire, memcpy, store_release

MAGIC = 0x474E_4952_5952_4B53  # "SKRYRING"
VERSION = 1
PAGE = 4096
RTP, RTCP, FILLER = 0, 1, 2
LEFT, RIGHT = 0, 1
RECORD = np.dtype(
    [
        ("total", "<u4"),
        ("slot", "<u4"),
        ("channel", "u1"),
        ("kind", "u1"),
        ("length", "<u2"),
        ("reserved", "<u4"),
        ("arrival", "<u8"),
    ]
)
RECORD_OCTETS = RECORD.itemsize
SMALLEST = 1 << 17  # octets of data: any datagram fits

# Words of the header page.
_MAGIC, _VERSION, _SIZE, _PID, _EPOCH, _HEAD, _TAIL, _LOST, _LOST_OCTETS = 0, 1, 2, 3, 4, 64, 128, 192, 193
_DATA = PAGE // 8

Words = NDArray[np.int64]
Octets = NDArray[np.uint8]
NO_RING: Words = np.zeros(0, np.int64)


@inlined
def put(ring: Any, seen: Any, slot: int, channel: int, kind: int, arrival: int, packet: int, length: int) -> bool:
    """Copy `length` octets from address `packet` into a new record; False, and counted, if there is no room.

    `seen[0]` is the writer's last look at the tail: the reader's cache line is fetched only when the ring seems full.
    """
    base = address_of(ring)
    size = ring[_SIZE]
    head = ring[_HEAD]
    place = head % size
    need = (RECORD_OCTETS + length + 7) & ~7
    filler = 0
    rest = size - place - need
    if rest < 0:
        filler = size - place
        rest = size - need
    if rest < RECORD_OCTETS:
        need += rest
    if size - (head - seen[0]) < filler + need:
        seen[0] = load_acquire(base + 8 * _TAIL)
        if size - (head - seen[0]) < filler + need:
            ring[_LOST] += 1
            ring[_LOST_OCTETS] += length
            return False
    word = _DATA + (place >> 3)
    if filler > 0:
        ring[word] = filler
        ring[word + 1] = FILLER << 8
        ring[word + 2] = arrival
        word = _DATA
    ring[word] = need | slot << 32
    ring[word + 1] = channel | kind << 8 | length << 16
    ring[word + 2] = arrival
    memcpy(base + 8 * word + RECORD_OCTETS, packet, length)
    store_release(base + 8 * _HEAD, head + filler + need)
    return True


@entrance
def look(ring: Words, word: int) -> int:
    """A word that the other side writes."""
    return load_acquire(address_of(ring) + 8 * word)


@entrance
def _set(ring: Words, word: int, value: int) -> None:
    store_release(address_of(ring) + 8 * word, value)


@entrance
def _run_length(ring: Words, start: int, available: int, limit: int) -> int:
    """Octets of the records from `start` on that lie in one piece and within `limit`; at least one record."""
    size = ring[_SIZE]
    place = start % size
    end = place + min(available, size - place)
    at = place
    while at < end:
        total = ring[_DATA + (at >> 3)] & 0xFFFFFFFF
        if total < RECORD_OCTETS or total & 7 or at + total > end:
            return -1
        if at > place and at + total - place > limit:
            break
        at += total
    return at - place  # type: ignore[no-any-return]


def _map(descriptor: int, octets: int) -> Words:
    # Populated at once: a first touch of a page belongs to the start, not to a packet.
    memory = mmap.mmap(descriptor, octets, mmap.MAP_SHARED | mmap.MAP_POPULATE)
    return np.frombuffer(memory, np.int64)


def create(path: Path, octets: int, *, epoch_ns: int) -> Words:
    """A fresh ring for the engine in place of whatever lies at `path`; `octets` of data, rounded up to whole pages.

    A reader of the ring that lay there keeps it and can finish it. Only the owner may read: it is speech.
    `epoch_ns` is wall clock less CLOCK_MONOTONIC. ResourceError if the memory is not there.
    """
    size = max(SMALLEST, (octets + PAGE - 1) // PAGE * PAGE)
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, PAGE + size)  # a sparse page that cannot be had would kill the process
            ring = _map(descriptor, PAGE + size)
        finally:
            os.close(descriptor)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ResourceError(f"no memory for the ring {path}: {error}") from error
    ring[[_VERSION, _SIZE, _PID, _EPOCH]] = VERSION, size, os.getpid(), epoch_ns
    ring[_MAGIC] = MAGIC
    draft.rename(path)
    return ring


def discard(path: Path, ring: Words) -> None:
    """Remove the engine's ring from `path` unless something in it waits for the recorder, or another took its place."""
    used, _ = usage(ring)
    try:
        with path.open("rb") as file:
            pid, epoch = struct.unpack_from("<qq", file.read(PAGE), 8 * _PID)
    except OSError:
        return
    if used == 0 and (pid, epoch) == (ring[_PID], ring[_EPOCH]):
        path.unlink(missing_ok=True)


class RingReader:
    """The recorder's side. `read`, make use of what came, then `advance`; what is not advanced over is read again."""

    def __init__(self, ring: Words) -> None:
        self._ring = ring
        self._octets: Octets = ring.view(np.uint8)
        self._size = int(ring[_SIZE])

    @classmethod
    def open(cls, path: Path) -> "RingReader":
        """Goes on where the last reader stopped; ResourceError if there is no ring of this version."""
        try:
            descriptor = os.open(path, os.O_RDWR)
            try:
                octets = os.fstat(descriptor).st_size
                head = os.pread(descriptor, 24, 0)
                if len(head) < 24 or struct.unpack("<qqq", head) != (MAGIC, VERSION, octets - PAGE):
                    raise ResourceError(f"{path} is no ring of version {VERSION}")
                return cls(_map(descriptor, octets))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ResourceError(f"cannot open the ring {path}: {error}") from error

    @property
    def head(self) -> int:
        """Octets that the engine has written since the beginning."""
        return look(self._ring, _HEAD)

    @property
    def tail(self) -> int:
        """Octets that have been advanced over since the beginning."""
        return int(self._ring[_TAIL])

    @property
    def overflow(self) -> int:
        """Packets that found no room."""
        return int(self._ring[_LOST])

    @property
    def pid(self) -> int:
        """Process of the engine."""
        return int(self._ring[_PID])

    @property
    def epoch_ns(self) -> int:
        """Wall clock less CLOCK_MONOTONIC when the ring was made."""
        return int(self._ring[_EPOCH])

    def read(self, max_octets: int) -> Octets:
        """Whole records, fillers among them, no copy: up to `max_octets`, at least one if there is any.

        The view is good until `advance`. ResourceError if the records do not fit together.
        """
        tail = self.tail
        available = self.head - tail
        place = tail % self._size
        run = min(available, self._size - place)
        if not 0 <= available <= self._size:
            raise ResourceError(f"the ring's head is {available} octets from its tail")
        if run > max_octets:
            run = _run_length(self._ring, tail, available, max_octets)
            if run < 0:
                raise ResourceError("the ring holds a broken record")
        return self._octets[PAGE + place : PAGE + place + run]

    def advance(self, octets: int) -> None:
        """Give so many octets, whole records, back to the engine."""
        _set(self._ring, _TAIL, self.tail + octets)


def head_of(ring: Words) -> int:
    """Where the writer stands; 0 for no ring."""
    return look(ring, _HEAD) if len(ring) else 0


def usage(ring: Words) -> tuple[int, int]:
    """Octets that wait for the reader, and octets there are; zeros for no ring."""
    if not len(ring):
        return 0, 0
    tail = look(ring, _TAIL)
    return look(ring, _HEAD) - tail, int(ring[_SIZE])
