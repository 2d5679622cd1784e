"""RTCP compound packets, octet by octet."""

import pytest

from skryba.errors import ParseError
from skryba.media.rtcp import (
    Bye,
    Other,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    parse,
    serialise,
)

BLOCK = ReportBlock(ssrc=7, fraction_lost=64, lost=-2, highest=0x10005, jitter=9, last_report=0xAABBCCDD, delay=655)
COMPOUND: list[RtcpPacket] = [
    SenderReport(ssrc=1, ntp=0x0123456789ABCDEF, timestamp=160, packets=3, octets=480, blocks=(BLOCK,)),
    ReceiverReport(ssrc=1, blocks=(BLOCK, BLOCK)),
    SourceDescription(((1, ((1, b"me@here"), (2, b"Me"))), (2, ()))),
    Other(207, 0, bytes(8)),
    Bye((1, 2), b"gone"),
]


def test_a_sender_report_octet_by_octet() -> None:
    data = bytes.fromhex("80 c8 0006 00000001 0123456789abcdef 000000a0 00000003 000001e0")
    report = SenderReport(ssrc=1, ntp=0x0123456789ABCDEF, timestamp=160, packets=3, octets=480)
    assert parse(data) == [report]
    assert serialise([report]) == data


def test_a_compound_packet_comes_back() -> None:
    assert parse(serialise(COMPOUND)) == COMPOUND


@pytest.mark.parametrize("name", [b"", b"a", b"ab", b"abc", b"abcd"])
def test_a_description_fills_its_last_word(name: bytes) -> None:
    packets: list[RtcpPacket] = [SourceDescription(((9, ((1, name),)),)), Bye((9,))]
    assert len(serialise(packets)) % 4 == 0
    assert parse(serialise(packets)) == packets


def test_padding_of_the_last_packet_is_left_out() -> None:
    data = bytes.fromhex("a1 cb 0002 00000005 00000004")
    assert parse(data) == [Bye((5,))]


def test_a_bye_without_a_reason() -> None:
    assert parse(bytes.fromhex("81cb0001 00000005")) == [Bye((5,))]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "80c8",
        "40c90001 00000001",
        "80c90002 00000001",
        "80c80001 00000001",  # a sender report without its sender's part
        "81c90001 00000001",  # a block is announced, none follows
        "82cb0001 00000001",  # two sources announced, one follows
        "81ca0002 00000001 01ff6162",  # an item longer than its packet
        "81cb0002 00000001 09616263",  # a reason longer than its packet
        "a0c90001 000000ff",  # padding longer than the packet
        "a0c90000",  # padding without a place
    ],
)
def test_refuses_what_does_not_fit(data: str) -> None:
    with pytest.raises(ParseError):
        parse(bytes.fromhex(data))
