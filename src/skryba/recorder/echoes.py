"""How far away a party is: the shortest way to it and back, out of the report blocks that it sends (RFC 3550 §6.4.1).

May not know clocks of senders, packets of sound or files. Our relay passes one side's sender reports on to the other at
once; a party names in its own reports the last one that it got (LSR) and how long ago that was (DLSR). Both the report
and its echo passed us, and the difference of the two arrivals, less the wait, is the network between us and the party.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.recorder.packets import LEFT, RECORD, RIGHT, RTP, big16, big32, little32
from skryba.recorder.reports import SENDER_REPORT, Reports
from skryba.recorder.spool import Block

Octets = NDArray[np.uint8]
Numbers = NDArray[np.int64]

RECEIVER_REPORT = 201
_BLOCK = 24  # octets of a report block
_LONGEST = 5_000_000_000  # ns; more is no way to anybody


@dataclass(frozen=True, slots=True)
class _Echoes:
    """Report blocks that name a sender report, parallel int64 arrays."""

    arrival: Numbers
    channel: Numbers
    ssrc: Numbers  # who reports
    last: Numbers  # LSR
    wait: Numbers  # DLSR, ns


def round_trips(spool: Octets, blocks: Sequence[Block], reports: Reports) -> tuple[dict[int, int], dict[int, int]]:
    """Per channel: SSRC of who reported → shortest way there and back, ns. `reports` are those of both channels."""
    echoes = _index(spool, blocks)
    found: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for side, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
        sent = reports.take(reports.channel == other)
        order = np.argsort(sent.middle, kind="stable")
        mine = np.flatnonzero(echoes.channel == side)
        at = np.searchsorted(sent.middle[order], echoes.last[mine])
        named = np.flatnonzero(at < len(order))
        mine, report = mine[named], order[at[named]]
        trip = echoes.arrival[mine] - echoes.wait[mine] - sent.arrival[report]
        good = (sent.middle[report] == echoes.last[mine]) & (trip >= 0) & (trip <= _LONGEST)
        for ssrc in np.unique(echoes.ssrc[mine[good]]).tolist():
            found[side][ssrc] = int(trip[good & (echoes.ssrc[mine] == ssrc)].min())
    return found


def _index(spool: Octets, blocks: Sequence[Block]) -> _Echoes:
    starts = np.array([block.start for block in blocks], dtype=np.int64)
    ends = np.array([block.start + block.length for block in blocks], dtype=np.int64)
    count = _walk(spool, starts, ends, np.empty((0, 0), dtype=np.int64))
    table = np.empty((len(fields(_Echoes)), count), dtype=np.int64)
    _walk(spool, starts, ends, table)
    return _Echoes(*table)


def _walk_blocks(spool: Octets, starts: Numbers, ends: Numbers, table: Numbers) -> int:
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
            while packet + 8 <= end and spool[packet] >> 6 == 2:
                after = packet + 4 + 4 * big16(spool, packet + 2)
                if after > end:
                    break
                kind = spool[packet + 1]
                heard = packet + (28 if kind == SENDER_REPORT else 8)
                for _ in range(spool[packet] & 0x1F):
                    if heard + _BLOCK > after or (kind != SENDER_REPORT and kind != RECEIVER_REPORT):
                        break
                    last = big32(spool, heard + 16)
                    if last != 0:
                        if found < table.shape[1]:
                            table[0, found] = little32(spool, record + 16) | little32(spool, record + 20) << 32
                            table[1, found] = spool[record + 8]
                            table[2, found] = big32(spool, packet + 4)
                            table[3, found] = last
                            table[4, found] = big32(spool, heard + 20) * 1_000_000_000 >> 16
                        found += 1
                    heard += _BLOCK
                packet = after
    return found


_walk = cast("Callable[[Octets, Numbers, Numbers, Numbers], int]", njit(cache=True, nogil=True)(_walk_blocks))
