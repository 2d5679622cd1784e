"""RTP packets, octet by octet."""

import pytest

from skryba.errors import ParseError
from skryba.media.rtp import RtpPacket

PLAIN = bytes.fromhex("80 80 ffff 00000010 deadbeef") + b"sound"


def test_reads_a_header() -> None:
    packet = RtpPacket.parse(PLAIN)
    assert packet == RtpPacket(
        payload_type=0, marker=True, sequence=65535, timestamp=16, ssrc=0xDEADBEEF, payload=b"sound"
    )
    assert bytes(packet) == PLAIN


def test_reads_sources_extension_and_padding() -> None:
    head = bytes.fromhex("b2 08 0001 00000002 00000003")
    data = head + bytes.fromhex("00000004 00000005") + bytes.fromhex("bede 0001 aabbccdd") + b"xy" + b"\0\0\3"
    packet = RtpPacket.parse(data)
    assert packet.csrcs == (4, 5)
    assert packet.extension == (0xBEDE, bytes.fromhex("aabbccdd"))
    assert (packet.payload, packet.padding, packet.marker) == (b"xy", 3, False)
    assert bytes(packet) == data


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "0 octets"),
        (PLAIN[:11], "11 octets"),
        (b"\x40" + PLAIN[1:], "version 1"),
        (b"\x8f" + PLAIN[1:], "CSRC"),
        (b"\x90" + PLAIN[1:14], "extension cut off"),
        (b"\x90" + PLAIN[1:12] + b"\0\0\0\2" + b"four", "extension longer"),
        (b"\xa0" + PLAIN[1:12] + b"\0", "padding"),
        (b"\xa0" + PLAIN[1:12] + b"ab\4", "padding"),
        (b"\xa0" + PLAIN[1:12], "padding"),
    ],
)
def test_refuses_what_does_not_fit(data: bytes, complaint: str) -> None:
    with pytest.raises(ParseError, match=complaint):
        RtpPacket.parse(data)
