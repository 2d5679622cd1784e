"""A packet is forwarded untouched, counted, and forked as it came."""

import struct

import pytest

from skryba.media.dtmf import TelephoneEvent
from skryba.media.engine import DtmfSeen, Port
from skryba.media.rtp import RtpPacket
from skryba.terms import Channel
from tests.support.media import Exchange, prompt, rtp

SHAPES = [
    rtp(1),
    rtp(2, marker=True, payload_type=127),
    rtp(3, csrcs=(1, 2, 3)),
    rtp(4, extension=(0xBEDE, bytes(8))),
    rtp(5, padding=4),
    rtp(6, payload=b""),
    rtp(7, payload=bytes(1400)),
]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_packets_of_all_shapes_pass_unchanged_both_ways(exchange: Exchange, host: str) -> None:
    caller, first, second, callee = exchange.pair(host)
    for packet in SHAPES:
        caller.say(first, packet)
        assert callee.rtp.recvfrom(2048)[:1] == (bytes(packet),)
        callee.say(second, packet)
        data, sender = caller.rtp.recvfrom(2048)
        assert data == bytes(packet)
        assert sender[:2] == tuple(first.address)


def test_the_longest_datagram_passes(exchange: Exchange) -> None:
    caller, first, _, callee = exchange.pair()
    packet = rtp(1, payload=bytes(range(256)) * 255)
    caller.say(first, packet)
    assert bytes(callee.hear()) == bytes(packet)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        bytes(rtp(1))[:11],
        b"\x00\x01" + bytes(18),  # STUN
        b"\x16\xfe\xfd" + bytes(20),  # DTLS
        b"\x8f" + bytes(rtp(1))[1:30],
        b"\x90" + bytes(11) + b"\0\0\0\xff" + bytes(8),
        b"\x90" + bytes(11),
        b"\xa0" + bytes(11) + b"abc\0",
        b"\xa0" + bytes(11) + b"abc\5",
    ],
)
def test_what_is_no_rtp_goes_nowhere(exchange: Exchange, data: bytes) -> None:
    caller, first, _, callee = exchange.pair()
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    caller.say(first, data, rtp(1))
    assert callee.hear().sequence == 1
    exchange.served(first, 2)
    assert exchange.engine.stats(first.row).malformed == 1
    assert len(exchange.forked()) == 1


def test_payload_types_are_mapped_where_the_legs_agreed_on_other_numbers(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.bridge(first.row, second.row, pt_map_ab={101: 96}, pt_map_ba={96: 101})
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    sent = rtp(1, payload_type=101, marker=True)
    caller.say(first, sent, rtp(2))
    assert callee.hear() == rtp(1, payload_type=96, marker=True)
    assert callee.hear() == rtp(2)
    callee.say(second, rtp(3, payload_type=96))
    assert caller.hear() == rtp(3, payload_type=101)
    exchange.served(first, 2)
    assert exchange.forked()[0][3] == bytes(sent)


def test_one_way_means_one_way(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.bridge(first.row, second.row, b_to_a=False)
    callee.say(second, rtp(1))
    exchange.served(second, 1)
    caller.say(first, rtp(2))
    assert callee.hear().sequence == 2
    assert caller.heard() == []


def test_after_unbridging_nobody_hears_anybody_but_the_recorder_does(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.fork(first.row, slot=3, channel=Channel.RIGHT)
    exchange.engine.unbridge(second.row, first.row)
    caller.say(first, rtp(1))
    callee.say(second, rtp(1))
    exchange.served(first, 1)
    exchange.served(second, 1)
    assert callee.heard() == caller.heard() == []
    assert exchange.forked() == [(3, 1, 0, bytes(rtp(1)))]


def test_forked_is_what_came_even_if_its_numbers_were_rewritten(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.fork(second.row, slot=2, channel=Channel.LEFT)
    exchange.engine.play(first.row, prompt(1), payload_type=0, play_id=1)
    caller.hear()
    exchange.finished()
    sound = [rtp(60, ssrc=0xC0FFEE, padding=8), rtp(61, ssrc=0xC0FFEE, csrcs=(5,))]
    callee.say(second, *sound)
    for packet in sound:
        assert caller.hear().ssrc != packet.ssrc
    exchange.served(second, 2)
    assert [packet for *_, packet in exchange.forked()] == [bytes(packet) for packet in sound]


def test_a_full_ring_is_counted_and_the_relay_goes_on(exchange: Exchange) -> None:
    caller, first, _, callee = exchange.pair()
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    for sequence in range(800):  # about 200 octets each, the ring has 131072
        caller.say(first, rtp(sequence))
        assert callee.hear().sequence == sequence
    exchange.served(first, 800)
    lost = exchange.engine.stats(first.row).overflow
    assert 0 < lost < 800
    assert len(exchange.forked()) == 800 - lost
    assert exchange.readers[0].overflow == lost
    assert exchange.engine.totals().overflow == lost


def test_counts_loss_lateness_and_octets(exchange: Exchange) -> None:
    caller, first, _, callee = exchange.pair()
    for sequence in (65533, 65535, 0, 65534, 3, 3):
        caller.say(first, rtp(sequence))
    exchange.served(first, 6)
    stats = exchange.engine.stats(first.row)
    assert (stats.packets, stats.octets) == (6, 6 * 172)
    assert stats.late == 2  # 65534 out of order, 3 twice
    assert stats.lost == 1  # 65533…3 are seven, six came, one of them twice: as §A.3 counts
    assert exchange.engine.totals().sent == len(callee.heard()) == 6


def test_loss_before_a_new_source_is_not_forgotten(exchange: Exchange) -> None:
    caller, first, _, _ = exchange.pair()
    caller.say(first, rtp(1, ssrc=1), rtp(4, ssrc=1), rtp(700, ssrc=2), rtp(702, ssrc=2))
    exchange.served(first, 4)
    assert exchange.engine.stats(first.row).lost == 3
    assert exchange.engine.totals().lost == 3


def test_jitter_follows_the_timestamps(exchange: Exchange) -> None:
    caller, first, _, callee = exchange.pair()
    for sequence in range(3):
        caller.say(first, rtp(sequence, timestamp=sequence * 8000))  # claims a second, arrives at once
        callee.hear()
    exchange.served(first, 3)
    # Two steps of nearly 1000 ms: J = 1000/16 + (1000 − 1000/16)/16 (§A.8).
    assert exchange.engine.stats(first.row).jitter_ms == pytest.approx(121, abs=6)


def event(key: int, timestamp: int, duration: int, *, end: bool = False, sequence: int = 1) -> RtpPacket:
    payload = bytes(TelephoneEvent(key, end, 10, duration))
    return rtp(sequence, timestamp=timestamp, payload_type=101, payload=payload)


def keys(exchange: Exchange) -> list[tuple[int, int, int]]:
    return [(e.event, e.duration, e.timestamp) for e in exchange.events() if isinstance(e, DtmfSeen)]


def press(exchange: Exchange, port: Port, *packets: RtpPacket) -> list[tuple[int, int, int]]:
    exchange.parties[0].say(port, *packets)
    exchange.served(port, len(packets))
    return keys(exchange)


def test_a_key_is_reported_once_at_its_end(exchange: Exchange) -> None:
    _, first, _, callee = exchange.pair()
    packets = [event(5, 800, 160 * (1 + number), sequence=number) for number in range(3)]
    packets += [event(5, 800, 640, end=True, sequence=3 + number) for number in range(3)]
    assert press(exchange, first, *packets) == [(5, 640, 800)]
    assert callee.heard() == [bytes(packet) for packet in packets]
    assert exchange.engine.stats(first.row).keys == 1


def test_a_key_without_an_end_is_reported_when_the_next_begins(exchange: Exchange) -> None:
    _, first, _, _ = exchange.pair()
    packets = [event(1, 800, 320), event(2, 4000, 160, sequence=2), event(2, 4000, 800, end=True, sequence=3)]
    assert press(exchange, first, *packets) == [(1, 320, 800), (2, 800, 4000)]


def test_a_late_packet_of_an_earlier_key_is_no_new_key(exchange: Exchange) -> None:
    _, first, _, _ = exchange.pair()
    packets = [
        event(1, 800, 320, end=True),
        event(2, 4000, 160, end=True, sequence=3),
        event(1, 800, 320, end=True, sequence=2),
    ]
    assert press(exchange, first, *packets) == [(1, 320, 800), (2, 160, 4000)]


def test_keys_are_only_looked_for_in_their_payload_type(exchange: Exchange) -> None:
    caller = exchange.party()
    port = exchange.facing(caller, dtmf_pt=None)
    caller.say(port, event(1, 800, 320, end=True), rtp(2, payload_type=101, payload=struct.pack("!BBH", 1, 128, 9)))
    exchange.served(port, 2)
    assert keys(exchange) == []


def test_a_cut_off_key_is_passed_over(exchange: Exchange) -> None:
    _, first, _, callee = exchange.pair()
    packet = rtp(1, payload_type=101, payload=b"\1\x80\0")
    assert press(exchange, first, packet) == []
    assert callee.heard() == [bytes(packet)]
