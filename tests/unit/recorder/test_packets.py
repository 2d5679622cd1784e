"""Headers of a whole spool as arrays; each field against the packet parser of the media room."""

import numpy as np
import pytest

from skryba.media.rtp import RtpPacket
from skryba.recorder.packets import Index, Packets, index_packets
from skryba.recorder.spool import Kind, read_spool
from tests.support.evidence import START, Arrival, record, spool


def index(records: list[bytes], per_block: int = 4) -> tuple[Index, bytes]:
    data = spool(records, per_block=per_block)
    return index_packets(np.frombuffer(data, np.uint8), read_spool(data).of(Kind.PACKETS)), data


PACKETS = [
    RtpPacket(0, False, 65535, 0xFFFFFFFF, 0xDEADBEEF, bytes(range(160))),
    RtpPacket(127, True, 0, 160, 1, b""),
    RtpPacket(8, False, 7, 320, 2, b"abc", csrcs=(5, 6, 7)),
    RtpPacket(9, False, 8, 480, 2, b"sound", extension=(0xBEDE, b"12345678")),
    RtpPacket(9, True, 9, 640, 2, b"more", padding=4),
    RtpPacket(9, True, 10, 800, 2, b"all", csrcs=(1,), extension=(1, b""), padding=1),
]


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: f"{packet.payload_type}-{packet.sequence}")
def test_fields_are_those_of_the_packet(packet: RtpPacket) -> None:
    found, data = index([record(Arrival(123, bytes(packet)), channel=1)])
    [one] = [found.packets.take(slice(None))]
    assert one.arrival.tolist() == [START + 123]
    assert one.sequence.tolist() == [packet.sequence]
    assert one.timestamp.tolist() == [packet.timestamp]
    assert one.ssrc.tolist() == [packet.ssrc]
    assert one.payload_type.tolist() == [packet.payload_type]
    assert one.channel.tolist() == [1]
    assert data[one.offset[0] : one.offset[0] + one.length[0]] == packet.payload


def test_all_blocks_are_read_and_rtcp_is_counted() -> None:
    records = [record(Arrival(number, bytes(PACKETS[number % 6])), kind=number % 7 == 3) for number in range(50)]
    found, _ = index(records)
    assert (len(found.packets), found.rtcp, found.malformed) == (43, 7, 0)
    assert (np.diff(found.packets.arrival) > 0).all()


@pytest.mark.parametrize(
    "octets",
    [
        bytes(40),  # version 0
        bytes([0x80]) * 11,  # shorter than a header
        bytes([0x8F]) + bytes(20),  # 15 sources announced, none there
        bytes([0x90]) + bytes(11) + b"\x00\x00\xff\xff",  # an extension longer than the packet
        bytes([0xA0]) + bytes(11) + b"\xff",  # more padding than packet
    ],
)
def test_what_is_no_rtp_is_counted_and_passed_over(octets: bytes) -> None:
    good = bytes(PACKETS[0])
    found, _ = index([record(Arrival(1, good)), record(Arrival(2, octets)), record(Arrival(3, good))])
    assert (len(found.packets), found.malformed) == (2, 1)


def test_a_length_that_lies_ends_its_block_only() -> None:
    records = [record(Arrival(number, bytes(PACKETS[0]))) for number in range(4)]
    records[1] = (8).to_bytes(4, "little") + records[1][4:]
    found, _ = index(records, per_block=3)
    assert found.packets.arrival.tolist() == [START, START + 3]
    assert found.malformed == 1


def packets(*rows: tuple[int, int, int, int]) -> Packets:
    """Rows of arrival, sequence, ssrc, channel."""
    arrival, sequence, ssrc, channel = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    zero = np.zeros(len(rows), np.int64)
    return Packets(arrival, sequence, zero, ssrc, zero, channel, zero, zero)


def test_a_channel_is_sorted_by_arrival() -> None:
    mine, twice = packets((30, 1, 9, 0), (10, 2, 9, 0), (20, 3, 9, 1)).of_channel(0)
    assert (mine.arrival.tolist(), twice) == ([10, 30], 0)


def test_records_read_twice_after_a_restart_count_once() -> None:
    rows = [(10, 1, 9, 0), (20, 2, 9, 0), (20, 3, 9, 0)]
    mine, twice = packets(*rows, *rows[1:], (30, 4, 9, 0)).of_channel(0)
    assert (mine.sequence.tolist(), twice) == ([1, 2, 3, 4], 2)


def test_a_duplicate_on_the_wire_is_another_packet() -> None:
    mine, twice = packets((10, 1, 9, 0), (11, 1, 9, 0)).of_channel(0)
    assert (len(mine), twice) == (2, 0)
