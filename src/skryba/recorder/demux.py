"""Sorts ring records by recording: one pass to count, one to copy, both compiled, no Python object per packet.

May not know recordings or files: a slot has an owner number, and that is all. Records as `skryba.media.ring` lays
them: 24 octets of header (total length u32, slot u32, channel u8, kind u8, payload length u16, missed u32, arrival
u64 ns) and the packet, padded to 8. They stay whole: the spool keeps what the engine wrote.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

RTP, RTCP, FILLER = 0, 1, 2  # record kinds
RECORD_HEADER = 24

Octets = NDArray[np.uint8]
Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Owners = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Records grouped by owner: owner n's lie in `records[ends[n]:ends[n + 1]]`, `packets[n]` of them."""

    records: Octets
    ends: Numbers
    packets: Numbers
    unclaimed: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Packets that found no room between two records of a chunk: how many, and the arrivals they lie between, ns.

    `last_ns` is the arrival of the chunk's last record.
    """

    packets: int
    from_ns: int
    to_ns: int
    last_ns: int


def find_missed(chunk: Octets, last_ns: int) -> Missed:
    """What the ring lost before or within this chunk; `last_ns` is the arrival of the record before it."""
    return Missed(*(int(number) for number in _missed(chunk.view(np.uint64), last_ns)))


def demux(chunk: Octets, owners: Owners, count: int) -> Sorted:
    """Sort a chunk of whole records. `owners[slot]` is 0 … count−1, or −1 for a slot nobody records."""
    words = chunk.view(np.uint64)
    ends, packets, unclaimed = _count(words, owners, count)
    records = np.empty(int(ends[-1]), dtype=np.uint64)
    _copy(words, owners, ends[:-1].copy(), records)
    return Sorted(records.view(np.uint8), ends * 8, packets, int(unclaimed))


_integer = cast("Callable[[Any], int]", np.int64)  # signed: a mixture with unsigned would turn to floating point


def warm() -> None:
    """Compile, or load from the cache, what sorting needs."""
    nothing = np.zeros(0, dtype=np.uint8)
    demux(nothing, np.zeros(0, dtype=np.int32), 0)
    find_missed(nothing, 0)


def _count_records(words: Words, owners: Owners, count: int) -> tuple[Numbers, Numbers, int]:
    ends = np.zeros(count + 1, dtype=np.int64)
    packets = np.zeros(count, dtype=np.int64)
    unclaimed = 0
    at = 0
    while at < words.size:
        size = _integer(words[at] & np.uint64(0xFFFFFFFF)) >> 3
        if size < 3 or at + size > words.size:
            break
        slot = _integer(words[at] >> np.uint64(32))
        kind = _integer(words[at + 1] >> np.uint64(8)) & 0xFF
        if kind != 2:
            owner = owners[slot] if slot < owners.size else -1
            if owner < 0:
                unclaimed += 1
            else:
                ends[owner + 1] += size
                packets[owner] += 1
        at += size
    for owner in range(count):
        ends[owner + 1] += ends[owner]
    return ends, packets, unclaimed


def _copy_records(words: Words, owners: Owners, places: Numbers, out: Words) -> None:
    at = 0
    while at < words.size:
        size = _integer(words[at] & np.uint64(0xFFFFFFFF)) >> 3
        if size < 3 or at + size > words.size:
            break
        slot = _integer(words[at] >> np.uint64(32))
        kind = _integer(words[at + 1] >> np.uint64(8)) & 0xFF
        owner = owners[slot] if slot < owners.size and kind != 2 else -1
        if owner >= 0:
            place = places[owner]
            for word in range(size):
                out[place + word] = words[at + word]
            places[owner] = place + size
        at += size


def _find_missed(words: Words, last: int) -> tuple[int, int, int, int]:
    packets, begin, end = 0, 0, 0
    at = 0
    while at < words.size:
        size = _integer(words[at] & np.uint64(0xFFFFFFFF)) >> 3
        if size < 3 or at + size > words.size:
            break
        if _integer(words[at + 1] >> np.uint64(8)) & 0xFF != 2:
            missed = _integer(words[at + 1] >> np.uint64(32))
            arrival = _integer(words[at + 2])
            if missed > 0:
                begin = last if packets == 0 else begin
                end = arrival
                packets += missed
            last = arrival
        at += size
    return packets, begin, end, last


_missed = cast("Callable[[Words, int], tuple[int, int, int, int]]", njit(cache=True, nogil=True)(_find_missed))
_count = cast(
    "Callable[[Words, Owners, int], tuple[Numbers, Numbers, int]]", njit(cache=True, nogil=True)(_count_records)
)
_copy = cast("Callable[[Words, Owners, Numbers, Words], None]", njit(cache=True, nogil=True)(_copy_records))
