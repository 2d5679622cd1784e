"""What the rows have counted: of one stream, and of the whole engine.

May not know sockets or threads. Numbers are plain integers that only grow while a row is in use; the loop writes them
while they are read here, so two of one snapshot may be a packet apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skryba.media.table import LATCHED, Rows, from_words
from skryba.terms import SocketAddress

COUNTED = (
    "packets",
    "octets",
    "late",
    "ssrc_changes",
    "foreign",
    "malformed",
    "keys",
    "sent",
    "sent_octets",
    "send_errors",
    "withheld",
    "overflow",
    "rtcp_packets",
    "rtcp_sent",
    "rtcp_foreign",
)


@dataclass(frozen=True, slots=True)
class StreamStats:
    """One row: what came from its party, what went to it."""

    packets: int  # RTP heard from the party
    octets: int  # of these, headers included
    lost: int  # expected but not heard (RFC 3550 §A.3)
    late: int  # out of order, or twice
    jitter_ms: float  # RFC 3550 §A.8
    ssrc_changes: int
    foreign: int  # from strangers: neither relayed nor recorded
    malformed: int  # no RTP, no RTCP
    keys: int  # telephone events begun
    sent: int  # RTP to the party, prompts included
    sent_octets: int
    send_errors: int
    withheld: int  # older than the bridge's first packet after a prompt
    overflow: int  # packets that found no room in the ring
    rtcp_packets: int
    rtcp_sent: int
    rtcp_foreign: int
    ssrc: int | None
    source: SocketAddress | None  # the latched one
    last_rx_ns: int  # CLOCK_MONOTONIC; of the opening if nothing came


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """All rows since the engine was made. Gauges: rows_open, playing, ports_*, ring_used, ring_octets, jitter_ms."""

    packets: int = 0
    octets: int = 0
    lost: int = 0
    late: int = 0
    ssrc_changes: int = 0
    foreign: int = 0
    malformed: int = 0
    keys: int = 0
    sent: int = 0
    sent_octets: int = 0
    send_errors: int = 0
    withheld: int = 0
    overflow: int = 0
    rtcp_packets: int = 0
    rtcp_sent: int = 0
    rtcp_foreign: int = 0
    events_lost: int = 0
    rows_open: int = 0
    playing: int = 0
    jitter_ms: float = 0.0  # mean of the rows that hear something
    ports_lent: int = 0
    ports_resting: int = 0
    ports_total: int = 0
    ring_used: int = 0  # octets not yet read by the recorder, all rings
    ring_octets: int = 0


def counters(rows: Rows) -> dict[str, int]:
    """Sums over some rows, by the names of `EngineTotals`."""
    sums = {name: int(rows[name].sum()) for name in COUNTED}
    missing = np.maximum(rows["highest"] - rows["first"] + 1 - rows["received"], 0)
    sums["lost"] = int(rows["lost_before"].sum() + missing[rows["epoch"] > 0].sum())
    return sums


def jitter_ms(rows: Rows) -> float:
    """Mean over the rows that have heard something; 0 for none."""
    heard = rows[rows["epoch"] > 0]
    return float((heard["jitter"] / 16 / heard["tick"]).mean() / 1e6) if len(heard) else 0.0


def stream_stats(row: Rows) -> StreamStats:
    """Of an array that holds one row."""
    one: Any = row[0]
    return StreamStats(
        **counters(row),
        jitter_ms=jitter_ms(row),
        ssrc=int(one["ssrc"]) if one["epoch"] else None,
        source=from_words(int(one["src0"]), int(one["src1"]), int(one["src2"])) if one["latch"] == LATCHED else None,
        last_rx_ns=int(one["last_heard"]),
    )
