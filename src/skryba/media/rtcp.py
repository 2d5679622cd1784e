"""RTCP packets (RFC 3550 §6): compound packets read and written; for tests, recorder and self-test.

May not know the engine: there the same reports are rewritten by compiled code.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from skryba.errors import ParseError

VERSION = 2
SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, BYE = 200, 201, 202, 203
_HEAD = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What the reporter heard of `ssrc` (§6.4.1). `fraction_lost` in 1/256, `delay` since the last SR in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` is the 64-bit NTP time at which the sender's RTP clock showed `timestamp`."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """(SSRC, items) per chunk; an item is its type and its text (§6.5)."""

    chunks: tuple[tuple[int, tuple[tuple[int, bytes], ...]], ...]


@dataclass(frozen=True, slots=True)
class Bye:
    ssrcs: tuple[int, ...]
    reason: bytes = b""


@dataclass(frozen=True, slots=True)
class Other:
    """A packet of another type, its body unread: `count` is the header's five bits."""

    packet_type: int
    count: int
    body: bytes


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Bye | Other


def parse(data: bytes) -> list[RtcpPacket]:
    """All packets of a compound packet, in order; ParseError if one does not fit."""
    packets: list[RtcpPacket] = []
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise ParseError("RTCP header cut off", offset=at)
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + 4 * words
        if first >> 6 != VERSION or end > len(data):
            raise ParseError("no RTCP version 2, or longer than the datagram", offset=at)
        body = data[at + _HEAD.size : end]
        if first & 0x20:  # padding, only ever of the last packet
            if not body or not 0 < body[-1] <= len(body):
                raise ParseError("RTCP padding longer than the packet", offset=end - 1)
            body = body[: -body[-1]]
        try:
            packets.append(_parse_one(kind, first & 0x1F, body))
        except (struct.error, IndexError) as error:
            raise ParseError(f"RTCP type {kind} cut off: {error}", offset=at) from error
        at = end
    if not packets:
        raise ParseError("an empty datagram is no RTCP")
    return packets


def _parse_one(kind: int, count: int, body: bytes) -> RtcpPacket:
    match kind:
        case 200:
            ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
            return SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(body, _SENDER.size, count))
        case 201:
            (ssrc,) = struct.unpack_from("!I", body)
            return ReceiverReport(ssrc, _blocks(body, 4, count))
        case 202:
            return _parse_description(body, count)
        case 203:
            ssrcs = struct.unpack_from(f"!{count}I", body)
            rest = body[4 * count :]
            reason = rest[1 : 1 + rest[0]] if rest else b""
            if rest and len(reason) != rest[0]:
                raise IndexError("reason")
            return Bye(ssrcs, reason)
        case _:
            return Other(kind, count, body)


def _blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, lost, *rest = _BLOCK.unpack_from(body, start + index * _BLOCK.size)
        signed = (lost & 0xFFFFFF) - (1 << 24 if lost & 0x800000 else 0)
        blocks.append(ReportBlock(ssrc, lost >> 24, signed, *rest))
    return tuple(blocks)


def _parse_description(body: bytes, count: int) -> SourceDescription:
    chunks = []
    at = 0
    for _ in range(count):
        (ssrc,) = struct.unpack_from("!I", body, at)
        at += 4
        items = []
        while body[at]:
            kind, length = body[at], body[at + 1]
            text = body[at + 2 : at + 2 + length]
            if len(text) != length:
                raise IndexError("item")
            items.append((kind, text))
            at += 2 + length
        at += 4 - at % 4  # at least one null octet ends the items, then up to the next word
        chunks.append((ssrc, tuple(items)))
    return SourceDescription(tuple(chunks))


def serialise(packets: Sequence[RtcpPacket]) -> bytes:
    """The compound packet."""
    return b"".join(_serialise_one(packet) for packet in packets)


def _serialise_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            head = _SENDER.pack(packet.ssrc, packet.ntp, packet.timestamp, packet.packets, packet.octets)
            return _framed(SENDER_REPORT, len(packet.blocks), head + _write_blocks(packet.blocks))
        case ReceiverReport():
            return _framed(
                RECEIVER_REPORT, len(packet.blocks), struct.pack("!I", packet.ssrc) + _write_blocks(packet.blocks)
            )
        case SourceDescription():
            body = b""
            for ssrc, items in packet.chunks:
                text = b"".join(bytes([kind, len(item)]) + item for kind, item in items)
                body += struct.pack("!I", ssrc) + text + bytes(4 - len(text) % 4)
            return _framed(SOURCE_DESCRIPTION, len(packet.chunks), body)
        case Bye():
            reason = bytes([len(packet.reason)]) + packet.reason if packet.reason else b""
            body = struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs) + reason + bytes(-len(reason) % 4)
            return _framed(BYE, len(packet.ssrcs), body)
        case Other():
            return _framed(packet.packet_type, packet.count, packet.body)


def _write_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | block.lost & 0xFFFFFF,
            block.highest,
            block.jitter,
            block.last_report,
            block.delay,
        )
        for block in blocks
    )


def _framed(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(VERSION << 6 | count, kind, len(body) // 4) + body
