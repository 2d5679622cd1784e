"""Sender reports out of a spool: at which wall-clock time a source's RTP clock showed what (RFC 3550 §6.4.1).

May not know which reports are to be believed (model) nor packets of sound. Lengths inside a datagram are the sender's
claims: nothing is read beyond the record, and a compound packet that does not add up ends where it does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.recorder.packets import RECORD, RTP, big16, big32, little32
from skryba.recorder.spool import Block

Octets = NDArray[np.uint8]
Numbers = NDArray[np.int64]

SENDER_REPORT = 200
Columns = tuple[Numbers, Numbers, Numbers]  # arrival, SSRC, RTP timestamp

UNIX = 2_208_988_800  # seconds from 1900 to 1970
_SHORTEST = 28  # octets of a sender report without blocks
_NEIGHBOURS = 2000  # packets before a report among which one of its source is sought


@dataclass(frozen=True, slots=True)
class Reports:
    """Sender reports, parallel int64 arrays in the order of the spool. `ntp` is ns since 1970 on the sender's clock.

    `middle` are the 32 bits of the NTP time by which receivers name a report (LSR, RFC 3550 §6.4.1).
    """

    arrival: Numbers
    channel: Numbers
    ssrc: Numbers
    ntp: Numbers
    timestamp: Numbers
    middle: Numbers

    def __len__(self) -> int:
        return len(self.arrival)

    def take(self, which: NDArray[Any] | slice) -> "Reports":
        """Those reports, by mask, by index or by slice."""
        return Reports(*(getattr(self, field.name)[which] for field in fields(self)))

    def of_channel(self, channel: int, until: int) -> "Reports":
        """One channel's, by arrival, each once, none later than `until`."""
        mine = self.take((self.channel == channel) & (self.arrival <= until))
        _, once = np.unique(np.stack([mine.arrival, mine.ssrc, mine.ntp]), axis=1, return_index=True)
        return mine.take(once)


NONE = Reports(*[np.zeros(0, dtype=np.int64)] * len(fields(Reports)))


def index_reports(spool: Octets, blocks: Sequence[Block]) -> Reports:
    """All sender reports in these PACKETS blocks."""
    starts = np.array([block.start for block in blocks], dtype=np.int64)
    ends = np.array([block.start + block.length for block in blocks], dtype=np.int64)
    count = _walk(spool, starts, ends, np.empty((0, 0), dtype=np.int64))
    table = np.empty((len(fields(Reports)), count), dtype=np.int64)
    _walk(spool, starts, ends, table)
    return Reports(*table)


def _walk_reports(spool: Octets, starts: Numbers, ends: Numbers, table: Numbers) -> int:
    """Fill the table as far as it goes, and count."""
    found = 0
    for block in range(starts.size):
        at = starts[block]
        while at + RECORD <= ends[block]:
            record = at
            size = little32(spool, record)
            if size < RECORD or record + size > ends[block]:
                break
            at += size
            if spool[record + 9] == RTP:
                continue
            packet = record + RECORD
            end = packet + min(little32(spool, record + 8) >> 16, size - RECORD)
            while packet + 4 <= end and spool[packet] >> 6 == 2:
                length = 4 + 4 * big16(spool, packet + 2)
                if packet + length > end:
                    break
                if spool[packet + 1] == SENDER_REPORT and length >= _SHORTEST and big32(spool, packet + 8) != 0:
                    if found < table.shape[1]:
                        seconds, fraction = big32(spool, packet + 8), big32(spool, packet + 12)
                        era = 0 if seconds & 0x80000000 else 1 << 32  # the era that begins in 2036 (RFC 5905 §6)
                        table[0, found] = little32(spool, record + 16) | little32(spool, record + 20) << 32
                        table[1, found] = spool[record + 8]
                        table[2, found] = big32(spool, packet + 4)
                        table[3, found] = (seconds + era - UNIX) * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)
                        table[4, found] = big32(spool, packet + 16)
                        table[5, found] = (seconds & 0xFFFF) << 16 | fraction >> 16
                    found += 1
                packet += length
    return found


def _locate_reports(reports: Columns, packets: Columns, epoch: Numbers, ticks: Numbers) -> tuple[Numbers, Numbers]:
    """Per report: the epoch of the last packet of its source before it, and its RTP time in that epoch's ticks."""
    arrival, ssrc, timestamp = packets
    when, who, shown = reports
    number, place = np.full(when.size, -1), np.zeros(when.size, np.int64)
    for report in range(when.size):
        after = np.searchsorted(arrival, when[report])
        for packet in range(after - 1, max(-1, after - 1 - _NEIGHBOURS), -1):
            if ssrc[packet] == who[report] and epoch[packet] >= 0:
                step = (shown[report] - timestamp[packet] + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
                number[report], place[report] = epoch[packet], ticks[packet] + step
                break
    return number, place


compiled = njit(cache=True, nogil=True)
_walk = cast("Callable[[Octets, Numbers, Numbers, Numbers], int]", compiled(_walk_reports))
locate = cast("Callable[[Columns, Columns, Numbers, Numbers], tuple[Numbers, Numbers]]", compiled(_locate_reports))
