"""The way to a party and back, out of what it says it heard; nothing read too far."""

import struct

import numpy as np
import pytest

from skryba.media.rtcp import ReceiverReport, ReportBlock, RtcpPacket, SenderReport, SourceDescription, serialise
from skryba.recorder.echoes import round_trips
from skryba.recorder.reports import index_reports
from skryba.recorder.spool import Kind, read_spool
from tests.support.evidence import LEFT, MS, RIGHT, Arrival, record, spool

NTP = 3_990_000_000 << 32
Trips = tuple[dict[int, int], dict[int, int]]


def said(at: int) -> SenderReport:
    """The right side's report of `at` seconds."""
    return SenderReport(9, NTP + (at << 32), 0, 0, 0)


def heard(at: int, wait: float, ssrc: int = 9) -> ReportBlock:
    """That report was the last, and it came `wait` seconds ago."""
    return ReportBlock(ssrc, 0, 0, 0, 0, NTP + (at << 32) >> 16 & 0xFFFFFFFF, round(wait * 65536))


def trips(*rows: tuple[float, int, list[RtcpPacket] | bytes]) -> Trips:
    """Of datagrams: at ms, of a channel."""
    datagrams = [(at, side, one if isinstance(one, bytes) else serialise(one)) for at, side, one in rows]
    records = [record(Arrival(int(at * MS), octets), channel=side, kind=1) for at, side, octets in datagrams]
    data = spool(records, per_block=2)
    octets, blocks = np.frombuffer(data, np.uint8), read_spool(data).of(Kind.PACKETS)
    return round_trips(octets, blocks, index_reports(octets, blocks))


def test_the_wait_is_not_the_way() -> None:
    left, right = trips((1000, RIGHT, [said(1)]), (3540, LEFT, [ReceiverReport(7, (heard(1, 2.5),))]))
    assert left == {7: 40 * MS}
    assert right == {}


def test_the_shortest_way_counts_per_source() -> None:
    left, _ = trips(
        (1000, RIGHT, [said(1)]),
        (2080, LEFT, [ReceiverReport(7, (heard(1, 1.0),))]),
        (2500, LEFT, [ReceiverReport(8, (heard(1, 1.0),))]),
        (6000, RIGHT, [said(6)]),
        (8030, LEFT, [SenderReport(7, NTP, 1, 2, 3, (heard(0, 0.5, ssrc=5), heard(6, 2.0))), SourceDescription(())]),
    )
    assert left == {7: 30 * MS, 8: 500 * MS}


@pytest.mark.parametrize(
    "packets",
    [
        [ReceiverReport(7, (heard(2, 0.5),))],  # a report that nobody sent
        [ReceiverReport(7, (heard(0, 0.5),))],
        [ReceiverReport(7, (heard(1, 2.0),))],  # heard before it was sent
        [ReceiverReport(7, (ReportBlock(9, 0, 0, 0, 0, 0, 0),))],  # nothing was heard yet
    ],
)
def test_what_cannot_be_is_not_believed(packets: list[RtcpPacket]) -> None:
    assert trips((1000, RIGHT, [said(1)]), (2000, LEFT, packets)) == ({}, {})


def test_its_own_report_is_not_echoed_by_the_same_side() -> None:
    assert trips((1000, RIGHT, [said(1)]), (2000, RIGHT, [ReceiverReport(7, (heard(1, 0.5),))])) == ({}, {})


def test_blocks_that_are_announced_and_not_there_are_not_read() -> None:
    good = serialise([ReceiverReport(7, (heard(1, 0.875),))])
    lying = bytes([good[0] | 0x1F]) + good[1:]
    cut = good[:2] + struct.pack("!H", 30) + good[4:]
    behind = bytes([0x80, 204]) + struct.pack("!H", 5) + good[12:24] + good[24:28] + struct.pack("!I", 62_000)
    found = trips(
        (1000, RIGHT, [said(1)]),
        (2000, LEFT, lying + behind),  # what lies behind would make a shorter way
        (1900, LEFT, cut),
        (2000, LEFT, b""),
    )
    assert found == ({7: 125 * MS}, {})
