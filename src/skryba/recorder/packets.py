"""The packet index: the RTP headers of a whole spool as arrays, read by compiled code (RFC 3550 §5.1).

May not know time bases, codecs or recordings. Arrays are parallel, one entry per packet, in the order of the spool.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.recorder.spool import Block

LEFT, RIGHT = 0, 1  # as the engine writes the channel
RECORD = 24  # octets before the packet in a record of the ring
RTP = 0  # kind of a record

Octets = NDArray[np.uint8]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packets:
    """RTP packets. All arrays int64 of equal length; `offset` and `length` say where the payload lies in the spool."""

    arrival: Numbers  # ns, CLOCK_MONOTONIC of the engine
    sequence: Numbers
    timestamp: Numbers
    ssrc: Numbers
    payload_type: Numbers
    channel: Numbers
    offset: Numbers
    length: Numbers

    def __len__(self) -> int:
        return len(self.arrival)

    def take(self, which: NDArray[Any] | slice) -> "Packets":
        """Those packets, by mask, by index or by slice."""
        return Packets(*(getattr(self, field.name)[which] for field in fields(self)))

    def of_channel(self, channel: int) -> tuple["Packets", int]:
        """One channel's packets by arrival, and how many records were there twice.

        A recorder that was killed between writing the spool and moving the ring's tail reads the same records again:
        equal arrival, source and sequence is one packet, not a duplicate on the wire.
        """
        mine = self.take(self.channel == channel)
        if len(mine) < 2:
            return mine, 0
        step = np.diff(mine.arrival)
        if not (step > 0).all():
            mine = mine.take(np.lexsort((mine.sequence, mine.ssrc, mine.arrival)))
            same = (np.diff(mine.arrival) == 0) & (np.diff(mine.sequence) == 0) & (np.diff(mine.ssrc) == 0)
            if same.any():
                return mine.take(np.concatenate(([True], ~same))), int(same.sum())
        return mine, 0


@dataclass(frozen=True, slots=True)
class Index:
    """The packets of a spool, and how many records were something else."""

    packets: Packets
    rtcp: int
    malformed: int


def index_packets(spool: Octets, blocks: Sequence[Block]) -> Index:
    """Read all records of these PACKETS blocks."""
    starts = np.array([block.start for block in blocks], dtype=np.int64)
    ends = np.array([block.start + block.length for block in blocks], dtype=np.int64)
    table = np.empty((len(fields(Packets)), int(_count(spool, starts, ends))), dtype=np.int64)
    found, rtcp, malformed = _fill(spool, starts, ends, table)
    return Index(Packets(*(row[:found] for row in table)), int(rtcp), int(malformed))


compiled = njit(cache=True, nogil=True)
_integer = cast("Callable[[Any], int]", np.int64)  # signed: a mixture with unsigned would turn to floating point


def _read_little32(spool: Octets, at: int) -> int:
    return (
        _integer(spool[at])
        | _integer(spool[at + 1]) << 8
        | _integer(spool[at + 2]) << 16
        | _integer(spool[at + 3]) << 24
    )


def _read_big32(spool: Octets, at: int) -> int:
    return (
        _integer(spool[at + 3])
        | _integer(spool[at + 2]) << 8
        | _integer(spool[at + 1]) << 16
        | _integer(spool[at]) << 24
    )


def _read_big16(spool: Octets, at: int) -> int:
    return _integer(spool[at]) << 8 | _integer(spool[at + 1])


little32 = cast("Callable[[Octets, int], int]", compiled(_read_little32))
big32 = cast("Callable[[Octets, int], int]", compiled(_read_big32))
big16 = cast("Callable[[Octets, int], int]", compiled(_read_big16))


def _count_records(spool: Octets, starts: Numbers, ends: Numbers) -> int:
    count = 0
    for block in range(starts.size):
        at = starts[block]
        while at + RECORD <= ends[block]:
            size = little32(spool, at)
            if size < RECORD:
                break
            count += 1
            at += size
    return count


def _find_payload(spool: Octets, rtp: int, octets: int) -> tuple[int, int]:
    """Start and length of the payload of one RTP packet; length −1 if it is none (RFC 3550 §5.1, §5.3.1)."""
    if octets < 12 or spool[rtp] >> 6 != 2:
        return rtp, -1
    head = 12 + 4 * _integer(spool[rtp] & 15)
    if spool[rtp] & 0x10 and head + 4 <= octets:
        head += 4 + 4 * big16(spool, rtp + head + 2)
    length = octets - head
    if spool[rtp] & 0x20:  # padding, its length in the last octet
        length -= _integer(spool[rtp + octets - 1])
    return rtp + head, max(length, -1)


_payload = cast("Callable[[Octets, int, int], tuple[int, int]]", compiled(_find_payload))


def _fill_index(spool: Octets, starts: Numbers, ends: Numbers, table: Numbers) -> tuple[int, int, int]:
    found, rtcp, malformed = 0, 0, 0
    for block in range(starts.size):
        after = starts[block]
        while after + 24 <= ends[block]:
            at = after
            size = little32(spool, at)
            if size < RECORD or at + size > ends[block]:
                malformed += 1
                break
            after += size
            if spool[at + 9] != RTP:
                rtcp += 1
                continue
            octets = _integer(spool[at + 10]) | _integer(spool[at + 11]) << 8
            rtp = at + RECORD
            offset, length = _payload(spool, rtp, min(octets, size - RECORD))
            if length < 0:
                malformed += 1
                continue
            table[0, found] = little32(spool, at + 16) | little32(spool, at + 20) << 32
            table[1, found] = big16(spool, rtp + 2)
            table[2, found] = big32(spool, rtp + 4)
            table[3, found] = big32(spool, rtp + 8)
            table[4, found] = spool[rtp + 1] & 0x7F
            table[5, found] = spool[at + 8]
            table[6, found] = offset
            table[7, found] = length
            found += 1
    return found, rtcp, malformed


_count = cast("Callable[[Octets, Numbers, Numbers], int]", compiled(_count_records))
_fill = cast("Callable[[Octets, Numbers, Numbers, Numbers], tuple[int, int, int]]", compiled(_fill_index))
