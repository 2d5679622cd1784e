"""One RTP packet: heard, forwarded, counted, forked — in this order (R-M1). Compiled into the loop.

May not know calls. The packet lies in `desk.packet`, its sender in `desk.source`. Payload octets are never touched;
header octets only where the receiver was played a prompt or knows the codec by another number, and only on the way out:
counted and forked is what came.
"""

from typing import Any

from skryba.media.desk import TAIL_SEEN, report
from skryba.media.latch import admit
from skryba.media.numbering import anchor, is_anchored, remember, unwrap
from skryba.media.ring import RTP, put
from skryba.media.syscalls import address_of, compiled, inlined, sendto
from skryba.media.table import ROW_OCTETS, TRANSPARENT, Report, offset_of

RTP_HEADER = 12
_KEY_REPORT = int(Report.KEY)
_TO = offset_of("to0")


@inlined
def big16(octets: Any, at: int) -> int:
    """Two octets in network order."""
    return int(octets[at]) << 8 | int(octets[at + 1])


@inlined
def big32(octets: Any, at: int) -> int:
    """Four octets in network order."""
    return big16(octets, at) << 16 | big16(octets, at + 2)


@inlined
def put_big16(octets: Any, at: int, value: int) -> None:
    octets[at] = value >> 8 & 0xFF
    octets[at + 1] = value & 0xFF


@inlined
def put_big32(octets: Any, at: int, value: int) -> None:
    put_big16(octets, at, value >> 16)
    put_big16(octets, at + 2, value)


@inlined
def payload_start(packet: Any, length: int) -> int:
    """Where the payload begins; -1 if this is no RTP packet (RFC 3550 §A.1)."""
    if length < RTP_HEADER or packet[0] >> 6 != 2:
        return -1
    start = RTP_HEADER + 4 * (int(packet[0]) & 0x0F)
    if packet[0] & 0x10:
        if start + 4 > length:
            return -1
        start += 4 + 4 * big16(packet, start + 2)
    if packet[0] & 0x20 and (packet[length - 1] == 0 or start + int(packet[length - 1]) > length):
        return -1
    return start if start <= length else -1


@inlined
def send_to_party(desk: Any, index: int, packet: int, length: int) -> bool:
    """`length` octets from address `packet` to the row's party, from the port that the party knows; counted."""
    row = desk.table[index]
    target = address_of(desk.table) + index * ROW_OCTETS + _TO
    if sendto(row.fd, packet, length, 0, target, row.to_octets) != length:
        row.send_errors += 1
        return False
    row.sent += 1
    row.sent_octets += length
    return True


@inlined
def forward(desk: Any, index: int, length: int, ext: int, now: int) -> None:
    """To the peer's party, unless it is being played to."""
    row = desk.table[index]
    receiver = desk.table[row.peer]
    if receiver.playing != 0 or receiver.to_octets == 0:
        return
    packet, head = desk.packet, desk.head
    sequence, timestamp, ssrc = ext & 0xFFFF, big32(packet, 4), big32(packet, 8)
    if receiver.rewrite == TRANSPARENT and row.mapped == 0:
        remember(receiver, ssrc, sequence, timestamp, now)
        send_to_party(desk, row.peer, address_of(packet), length)
        return
    first, second = head[0], head[1]
    if row.mapped != 0:
        packet[1] = (packet[1] & 0x80) | row.type_map[packet[1] & 0x7F]
    if receiver.rewrite != TRANSPARENT:
        if not is_anchored(receiver, index, row):
            anchor(receiver, index, row, ext, sequence, timestamp, now)
            packet[1] |= 0x80  # the beginning of a talkspurt, for the receiver's jitter buffer (RFC 3551 §4.1)
        elif ext < receiver.anchor:
            receiver.withheld += 1
            head[0] = first
            return
        ssrc = int(receiver.out_ssrc)
        sequence = (sequence + receiver.sequence_delta) & 0xFFFF
        timestamp = (timestamp + receiver.timestamp_delta) & 0xFFFFFFFF
        put_big16(packet, 2, sequence)
        put_big32(packet, 4, timestamp)
        put_big32(packet, 8, ssrc)
    remember(receiver, ssrc, sequence, timestamp, now)
    send_to_party(desk, row.peer, address_of(packet), length)
    head[0], head[1] = first, second


@inlined
def count(row: Any, packet: Any, length: int, ext: int, now: int) -> None:
    """Received, lost, late, jitter (RFC 3550 §A.1, §A.8)."""
    row.packets += 1
    row.octets += length
    row.received += 1
    row.last_heard = now
    if ext <= row.highest:
        row.late += 1  # out of order, or twice
        row.first = min(row.first, ext)
    else:
        row.highest = ext
    if packet[1] & 0x7F == row.event_type:
        return  # a key's packets all bear the time of its beginning
    transit = (int(now * row.tick) - big32(packet, 4)) & 0xFFFFFFFF
    if row.transit_known != 0:
        step = ((transit - row.transit + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        row.jitter += abs(step) - ((row.jitter + 8) >> 4)
    row.transit = transit
    row.transit_known = 1


@compiled
def watch_keys(desk: Any, index: int, start: int, length: int) -> None:
    """A key is reported once, at its end; if no end came, when the next key begins (RFC 4733 §2.5.1)."""
    row = desk.table[index]
    packet = desk.packet
    if length < start + 4:
        return
    timestamp, key, duration = big32(packet, 4), int(packet[start]), big16(packet, start + 2)
    if row.keys == 0 or timestamp != row.key_timestamp:
        if row.key_down != 0:
            report(desk, _KEY_REPORT, index, 0, row.key, row.key_duration, row.key_timestamp)
        if row.keys != 0 and ((timestamp - row.key_timestamp) & 0xFFFFFFFF) >= 0x80000000:
            row.key_down = 0
            return  # a late packet of a key that is reported already
        row.keys += 1
        row.key_timestamp, row.key, row.key_duration, row.key_down = timestamp, key, duration, 1
    elif row.key_down != 0:
        row.key_duration = max(row.key_duration, duration)
    if row.key_down != 0 and packet[start + 1] & 0x80:
        row.key_down = 0
        report(desk, _KEY_REPORT, index, 0, row.key, row.key_duration, row.key_timestamp)


@inlined
def relay_rtp(desk: Any, index: int, length: int, now: int) -> None:
    """All that happens to a datagram on a row's RTP port, unless it is RTCP."""
    row = desk.table[index]
    packet = desk.packet
    start = payload_start(packet, length)
    if start < 0:
        row.malformed += 1
        return
    ssrc = big32(packet, 8)
    if not admit(desk, index, ssrc, now):
        row.foreign += 1
        return
    ext = unwrap(row, ssrc, big16(packet, 2))
    if row.relay != 0:
        forward(desk, index, length, ext, now)
    count(row, packet, length, ext, now)
    if row.fork != 0 and not put(
        desk.ring, desk.words[TAIL_SEEN:], row.slot, row.channel, RTP, now, address_of(packet), length
    ):
        row.overflow += 1
    if packet[1] & 0x7F == row.event_type:
        watch_keys(desk, index, start, length)
