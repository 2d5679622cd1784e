"""Sender reports of a whole spool, each field against the packet writer of the media room; nothing read too far."""

import struct

import numpy as np
import pytest

from skryba.media.rtcp import Bye, ReceiverReport, ReportBlock, SenderReport, SourceDescription, serialise
from skryba.recorder.reports import NONE, Reports, index_reports
from skryba.recorder.spool import Kind, read_spool
from tests.support.evidence import START, Arrival, record, spool

NTP = (3_990_000_000 << 32) | (1 << 31)  # half a second past a moment of 2026
REPORT = SenderReport(ssrc=0xDEADBEEF, ntp=NTP, timestamp=0xFFFFFFF0, packets=1, octets=160)
BLOCK = ReportBlock(1, 0, 0, 0, 0, 0, 0)


def index(*datagrams: bytes, kind: int = 1, channel: int = 1) -> Reports:
    records = [
        record(Arrival(number, data), kind=kind, channel=channel) for number, data in enumerate(datagrams, start=1)
    ]
    data = spool(records, per_block=2)
    return index_reports(np.frombuffer(data, np.uint8), read_spool(data).of(Kind.PACKETS))


def test_fields_are_those_of_the_report() -> None:
    found = index(serialise([REPORT]))
    assert found.arrival.tolist() == [START + 1]
    assert found.channel.tolist() == [1]
    assert found.ssrc.tolist() == [0xDEADBEEF]
    assert found.ntp.tolist() == [(3_990_000_000 - 2_208_988_800) * 1_000_000_000 + 500_000_000]
    assert found.timestamp.tolist() == [0xFFFFFFF0]
    assert found.middle.tolist() == [NTP >> 16 & 0xFFFFFFFF]


def test_a_report_is_found_wherever_it_stands_in_a_compound_packet() -> None:
    description = SourceDescription(((5, ((1, b"a@b"),)),))
    second = SenderReport(7, NTP, 99, 0, 0, (BLOCK, BLOCK))
    found = index(
        serialise([ReceiverReport(3, (BLOCK,)), REPORT, description, second, Bye((3,), b"end")]), serialise([REPORT])
    )
    assert found.ssrc.tolist() == [0xDEADBEEF, 7, 0xDEADBEEF]
    assert found.timestamp.tolist() == [0xFFFFFFF0, 99, 0xFFFFFFF0]


def test_sound_is_no_report() -> None:
    assert len(index(serialise([REPORT]), kind=0)) == 0


GOOD = serialise([REPORT])


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        GOOD[:27],
        bytes([0x40]) + GOOD[1:],  # version 1
        GOOD[:2] + struct.pack("!H", 4) + GOOD[4:],  # shorter than a sender report
        GOOD[:2] + struct.pack("!H", 7) + GOOD[4:],  # longer than the datagram
        GOOD[:2] + b"\xff\xff" + GOOD[4:],
        GOOD[:8] + bytes(8) + GOOD[16:],  # no wall clock at all: NTP 0 (§6.4.1)
    ],
)
def test_what_does_not_add_up_is_passed_over(octets: bytes) -> None:
    assert index(GOOD, octets, GOOD).arrival.tolist() == [START + 1, START + 3]


def test_a_second_era_of_ntp_begins_in_2036() -> None:
    found = index(serialise([SenderReport(1, 5 << 32, 0, 0, 0)]))
    assert found.ntp.tolist() == [((1 << 32) + 5 - 2_208_988_800) * 1_000_000_000]


def test_a_length_that_lies_ends_its_block_only() -> None:
    records = [record(Arrival(number, GOOD), kind=1) for number in range(4)]
    records[1] = (8).to_bytes(4, "little") + records[1][4:]
    data = spool(records, per_block=3)
    found = index_reports(np.frombuffer(data, np.uint8), read_spool(data).of(Kind.PACKETS))
    assert found.arrival.tolist() == [START, START + 3]


def test_one_channel_sorted_once_and_not_beyond_the_end() -> None:
    rows = [(30, 0, 1, 3, 0, 0), (10, 0, 1, 1, 0, 0), (20, 1, 1, 2, 0, 0), (10, 0, 1, 1, 0, 0), (40, 0, 1, 4, 0, 0)]
    found = Reports(*(np.array(column, np.int64) for column in zip(*rows, strict=True))).of_channel(0, until=39)
    assert found.arrival.tolist() == [10, 30]
    assert len(NONE.of_channel(0, until=39)) == 0
