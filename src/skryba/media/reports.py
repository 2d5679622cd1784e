"""One RTCP datagram: relayed to the peer's party, with the numbers that this party knows (RFC 3550 §6; R-M5).

May not know calls. Compiled into the loop. Where the receiver hears one source of our making, the sender's SSRC and RTP
time become that source's, and reports about what we sent become reports about what the receiver sent. Forked is what
came.
"""

from typing import Any

from skryba.media.desk import TAIL_SEEN
from skryba.media.latch import admit_rtcp
from skryba.media.numbering import is_anchored, signed16
from skryba.media.relay import big32, put_big32
from skryba.media.ring import RTCP, put
from skryba.media.syscalls import address_of, compiled, inlined, sendto
from skryba.media.table import ROW_OCTETS, TRANSPARENT, offset_of

SENDER_REPORT, RECEIVER_REPORT = 200, 201
FEEDBACK, PAYLOAD_FEEDBACK = 205, 206
_BLOCK = 24
_RTCP_TO = offset_of("rtcp_to0")


@inlined
def is_rtcp(packet: Any, length: int) -> bool:
    """RTCP among RTP, by its type (RFC 5761 §4)?"""
    return length >= 8 and packet[0] >> 6 == 2 and 192 <= packet[1] <= 223


@compiled
def fits(packet: Any, length: int) -> bool:
    """Is the datagram whole packets (§A.2)?"""
    at = 0
    while at + 4 <= length:
        if packet[at] >> 6 != 2:
            return False
        at += 4 + 4 * (int(packet[at + 2]) << 8 | int(packet[at + 3]))
    return at == length and length >= 8


@compiled
def rewrite_block(packet: Any, at: int, row: Any, peer: Any) -> None:
    """A report block about our source to this row's party becomes one about the peer's own source."""
    if row.rewrite == TRANSPARENT or big32(packet, at) != row.out_ssrc:
        return
    put_big32(packet, at, int(peer.ssrc))
    low = (big32(packet, at + 8) - row.sequence_delta) & 0xFFFF
    highest = peer.highest + signed16(low - peer.highest) - 0x10000
    put_big32(packet, at + 8, highest & 0xFFFFFFFF)


@compiled
def rename_feedback(packet: Any, at: int, row: Any, peer: Any) -> None:
    """Feedback about our source to this row's party becomes feedback to the peer's own source (RFC 4585 §6.1)."""
    if row.rewrite != TRANSPARENT and big32(packet, at) == row.out_ssrc:
        put_big32(packet, at, int(peer.ssrc))


@compiled
def rewrite_reports(desk: Any, index: int, length: int) -> bool:
    """In place, for the peer's party; False if the receiver cannot make sense of these numbers yet."""
    packet = desk.packet
    row = desk.table[index]
    receiver = desk.table[row.peer]
    renamed = receiver.rewrite != TRANSPARENT
    if renamed and not is_anchored(receiver, index, row):
        return False
    at = 0
    while at < length:
        kind = packet[at + 1]
        end = at + 4 + 4 * (int(packet[at + 2]) << 8 | int(packet[at + 3]))
        mine = end - at >= 8 and big32(packet, at + 4) == row.ssrc
        if mine and renamed:
            put_big32(packet, at + 4, int(receiver.out_ssrc))  # the first SSRC of every type that we know
        block = end
        if kind == SENDER_REPORT:
            if mine and renamed and end - at >= 28:
                put_big32(packet, at + 16, (big32(packet, at + 16) + receiver.timestamp_delta) & 0xFFFFFFFF)
            block = at + 28
        elif kind == RECEIVER_REPORT:
            block = at + 8
        elif end - at >= 12 and FEEDBACK <= kind <= PAYLOAD_FEEDBACK:
            rename_feedback(packet, at + 8, row, receiver)
        for _ in range(int(packet[at]) & 0x1F):
            if block + _BLOCK > end:
                break
            rewrite_block(packet, block, row, receiver)
            block += _BLOCK
        at = end
    return True


@compiled
def relay_rtcp(desk: Any, index: int, length: int, now: int, admitted: bool) -> None:
    """All that happens to an RTCP datagram. `admitted`: it came on the RTP port from the latched source (RFC 5761)."""
    row = desk.table[index]
    packet = desk.packet
    if not fits(packet, length):
        row.malformed += 1
        return
    if not admitted and not admit_rtcp(desk, index):
        row.rtcp_foreign += 1
        return
    row.rtcp_packets += 1
    # Rewriting happens in place, so this time the fork goes first; it never waits.
    if row.fork != 0 and not put(
        desk.ring, desk.words[TAIL_SEEN:], row.slot, row.channel, RTCP, now, address_of(packet), length
    ):
        row.overflow += 1
    if row.relay == 0:
        return
    receiver = desk.table[row.peer]
    if receiver.rtcp_to_octets == 0 or not rewrite_reports(desk, index, length):
        return
    target = address_of(desk.table) + row.peer * ROW_OCTETS + _RTCP_TO
    if sendto(receiver.fd_rtcp, address_of(packet), length, 0, target, receiver.rtcp_to_octets) == length:
        receiver.rtcp_sent += 1
