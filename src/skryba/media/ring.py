"""The ring: forked packets on their way from an engine thread to the recorder; shared memory, one writer, one reader.

May not know recordings. The writer never waits: what does not fit is counted. Either side may die; the other goes on.

The file is a page of header, a counter of lost packets per slot and `size` octets of data. Numbers are little-endian;
head and tail count octets since the beginning and have a cache line of their own. A record is
`total u32 | slot u32 | channel u8 | kind u8 | length u16 | missed u32 | arrival u64 ns` and the packet. Its total, a
multiple of 8, leads to the next record; no record crosses the end of the data: a filler goes before, and where not even
a filler fits, the last record's total swallows the rest. `missed` packets, of any slot, found no room since the record
before.

A large ring takes memory for its backlog only: the writer asks for it piece by piece ahead of the head, and where there
is none the ring counts as full, for a page that cannot be had would kill the process; the reader gives back what lies
behind the tail. So the writer goes by `free`, the octets given back, which follows the tail in steps.
"""

import contextlib
import errno
import mmap
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError
from skryba.media.syscalls import address_of, compiled, entrance, inlined, load_acquire, madvise, memcpy, store_release

MAGIC = 0x474E_4952_5952_4B53  # "SKRYRING"
VERSION = 2
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
        ("missed", "<u4"),
        ("arrival", "<u8"),
    ]
)
RECORD_OCTETS = RECORD.itemsize
SMALLEST = 1 << 17  # octets of data: any datagram fits
SPARSE = 1 << 22  # octets from which on a ring takes memory only as it fills
SLOTS = 1 << 16  # slots whose lost packets are counted apart
CALL_OCTETS = 21_000  # a second of a G.711 call in packets of 20 ms, both directions, reports included

# Words of the header page.
_MAGIC, _VERSION, _SIZE, _PID, _EPOCH, _STEP = 0, 1, 2, 3, 4, 5
_HEAD, _READY, _TAIL, _FREE, _LOST, _LOST_OCTETS, _MISSED, _WAIT = 64, 65, 128, 129, 192, 193, 194, 195
_BY_SLOT = PAGE // 8
_DATA = _BY_SLOT + SLOTS
DATA = 8 * _DATA  # octets before the data
_PIECE = 1 << 16  # octets that the writer asks for at a time: 40 µs
_GIVE = 1 << 20  # octets that the reader gives back at a time
_EVERYTHING = 1 << 62
_POPULATE_WRITE = 23  # madvise(2), since Linux 5.14; fails where touching the page would kill
_PATIENCE = 64  # a writer without memory asks again after so many lost packets

Words = NDArray[np.int64]
Octets = NDArray[np.uint8]
NO_RING: Words = np.zeros(0, np.int64)


@compiled
def _prepare(ring: Any, base: int, end: int) -> bool:
    """Have memory behind all positions before `end`; False if there is none."""
    size = ring[_SIZE]
    while ring[_READY] < end:
        if ring[_WAIT] > 0:
            ring[_WAIT] -= 1
            return False
        place = DATA + ring[_READY] % size
        if madvise(base + place, _PIECE, _POPULATE_WRITE) != 0:
            ring[_WAIT] = _PATIENCE
            return False
        ring[_READY] += _PIECE
    return True


@compiled
def _lose(ring: Any, slot: int, length: int) -> bool:
    ring[_LOST] += 1
    ring[_LOST_OCTETS] += length
    if ring[_MISSED] < 0x7FFFFFFF:
        ring[_MISSED] += 1
    if 0 <= slot < SLOTS:
        ring[_BY_SLOT + slot] += 1
    return False


@inlined
def put(ring: Any, seen: Any, slot: int, channel: int, kind: int, arrival: int, packet: int, length: int) -> bool:
    """Copy `length` octets from address `packet` into a new record; False, and counted, if there is no room.

    `seen[0]` is the writer's last look at what is free: the reader's cache line is fetched only when the ring seems
    full.
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
        seen[0] = load_acquire(base + 8 * _FREE)
        if size - (head - seen[0]) < filler + need:
            return _lose(ring, slot, length)
    if ring[_READY] < head + filler + need and not _prepare(ring, base, head + filler + need):
        return _lose(ring, slot, length)
    word = _DATA + (place >> 3)
    if filler > 0:
        ring[word] = filler
        ring[word + 1] = FILLER << 8
        ring[word + 2] = arrival
        word = _DATA
    ring[word] = need | slot << 32
    ring[word + 1] = channel | kind << 8 | length << 16 | ring[_MISSED] << 32
    ring[word + 2] = arrival
    ring[_MISSED] = 0
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


def ring_bytes_for(calls: int, seconds: float = 60.0) -> int:
    """Octets of a ring that keeps all packets of so many calls while the recorder stands still for so long.

    A ring of this size belongs to each engine thread: nobody promises that they share the calls evenly, and what is
    not used costs nothing.
    """
    return max(SMALLEST, -(-int(calls * seconds * CALL_OCTETS) // _GIVE) * _GIVE)


def _map(descriptor: int, octets: int, flags: int = 0) -> tuple[Words, mmap.mmap]:
    memory = mmap.mmap(descriptor, octets, mmap.MAP_SHARED | flags)
    return np.frombuffer(memory, np.int64), memory


def _make(descriptor: int, size: int) -> Words:
    """The ring's memory: its beginning if it is large, else all of it: a first touch belongs to the start."""
    if size >= SPARSE:
        os.ftruncate(descriptor, DATA + size)
        ring, memory = _map(descriptor, DATA + size)
        try:
            memory.madvise(_POPULATE_WRITE, 0, DATA + _GIVE)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            ring[[_STEP, _READY]] = _GIVE, _GIVE
            return ring
    os.posix_fallocate(descriptor, 0, DATA + size)
    ring, _ = _map(descriptor, DATA + size, mmap.MAP_POPULATE)
    ring[[_STEP, _READY]] = 8, _EVERYTHING
    return ring


def create(path: Path, octets: int, *, epoch_ns: int) -> Words:
    """A fresh ring for the engine in place of whatever lies at `path`; `octets` of data, rounded up to whole pages.

    A large one is rounded up to whole MiB. A reader of the ring that lay there keeps it and can finish it. Only the
    owner may read: it is speech. `epoch_ns` is wall clock less CLOCK_MONOTONIC. ResourceError without memory.
    """
    unit = PAGE if octets < SPARSE else _GIVE
    size = max(SMALLEST, (octets + unit - 1) // unit * unit)
    draft = path.with_name(path.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            ring = _make(descriptor, size)
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

    def __init__(self, ring: Words, memory: mmap.mmap) -> None:
        self._ring = ring
        self._memory = memory
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
                if len(head) < 24 or struct.unpack("<qqq", head) != (MAGIC, VERSION, octets - DATA):
                    raise ResourceError(f"{path} is no ring of version {VERSION}")
                return cls(*_map(descriptor, octets))
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
    def size(self) -> int:
        """Octets of data that it can hold."""
        return self._size

    def lost_of(self, slot: int) -> int:
        """Packets of one slot that found no room; 0 for a slot beyond those that are counted."""
        return int(self._ring[_BY_SLOT + slot]) if 0 <= slot < SLOTS else 0

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
        return self._octets[DATA + place : DATA + place + run]

    def advance(self, octets: int) -> None:
        """Give so many octets, whole records, back to the engine."""
        tail, free = self.tail + octets, int(self._ring[_FREE])
        _set(self._ring, _TAIL, tail)
        step = int(self._ring[_STEP])
        given = tail - tail % step
        while free < given:
            if step == _GIVE:  # its memory must be gone before the writer may fill it again
                with contextlib.suppress(OSError):  # not every file system can; then it costs what it costs
                    self._memory.madvise(mmap.MADV_REMOVE, DATA + free % self._size, _GIVE)
                free += _GIVE
            else:
                free = given
            _set(self._ring, _FREE, free)


def head_of(ring: Words) -> int:
    """Where the writer stands; 0 for no ring."""
    return look(ring, _HEAD) if len(ring) else 0


def usage(ring: Words) -> tuple[int, int]:
    """Octets that wait for the reader, and octets there are; zeros for no ring."""
    if not len(ring):
        return 0, 0
    tail = look(ring, _TAIL)
    return look(ring, _HEAD) - tail, int(ring[_SIZE])
