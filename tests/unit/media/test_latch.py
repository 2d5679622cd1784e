"""Whose packets count: strangers are neither relayed nor recorded, whatever they try."""

import pytest

from skryba import clock
from skryba.media.engine import Port
from skryba.terms import Channel, SocketAddress
from tests.support.media import HOST, STRANGE_HOST, Exchange, Party, eventually, rtp

LONG, OVER = 60.0, 0.0  # windows that stay open, and that are closed at once


@pytest.fixture
def port(exchange: Exchange) -> Port:
    """Faces nobody yet; what it hears goes to `listener`."""
    return exchange.engine.open()


@pytest.fixture
def listener(exchange: Exchange, port: Port) -> Party:
    party = exchange.party()
    other = exchange.facing(party, beside=port)
    exchange.engine.bridge(port.row, other.row)
    exchange.engine.fork(port.row, slot=1, channel=Channel.LEFT)
    return party


def aim(exchange: Exchange, port: Port, remote: SocketAddress | None, *accept: str, window: float = LONG) -> None:
    exchange.engine.aim(port.row, remote=remote, remote_rtcp=None, accept=accept, dtmf_pt=None, window=window)


def spoken(listener: Party) -> list[int]:
    return [packet[3] for packet in listener.heard()]


def test_before_signalling_said_anything_everybody_is_a_stranger(
    exchange: Exchange, port: Port, listener: Party
) -> None:
    exchange.party().say(port, rtp(1))
    exchange.served(port, 1)
    assert listener.heard() == []
    assert exchange.forked() == []
    assert exchange.engine.stats(port.row).foreign == 1


def test_the_first_from_a_named_host_latches(exchange: Exchange, port: Port, listener: Party) -> None:
    phone, late = exchange.party(), exchange.party()
    aim(exchange, port, SocketAddress("192.0.2.9", 4000), HOST)
    phone.say(port, rtp(1))
    exchange.served(port, 1)
    late.say(port, rtp(2, ssrc=9))
    exchange.served(port, 2)
    phone.say(port, rtp(3))
    exchange.served(port, 3)
    assert spoken(listener) == [1, 3]
    assert len(exchange.forked()) == 2
    stats = exchange.engine.stats(port.row)
    assert (stats.foreign, stats.source, stats.ssrc) == (1, phone.address, 0x1234)
    assert [(event.row, event.address, event.ssrc) for event in exchange.latches()] == [
        (port.row, phone.address, 0x1234)
    ]


def test_a_stranger_from_another_host_never_latches(exchange: Exchange, port: Port, listener: Party) -> None:
    aim(exchange, port, SocketAddress(HOST, 9), HOST)
    stranger = exchange.party(STRANGE_HOST)
    stranger.say(port, rtp(1), rtp(2))
    exchange.served(port, 2)
    assert listener.heard() == []
    assert exchange.forked() == []
    assert exchange.latches() == []
    stats = exchange.engine.stats(port.row)
    assert (stats.foreign, stats.packets, stats.source) == (2, 0, None)


def test_nothing_goes_to_a_stranger(exchange: Exchange, port: Port, listener: Party) -> None:
    """RTP Bleed: whoever asks first must not be answered with the call."""
    phone, stranger = exchange.party(), exchange.party(STRANGE_HOST)
    aim(exchange, port, phone.address)
    stranger.say(port, rtp(1))
    exchange.served(port, 1)
    other = exchange.engine.open(beside=port.row)
    aim(exchange, other, listener.address)
    exchange.engine.bridge(port.row, other.row)
    listener.say(other, rtp(7))
    assert phone.hear().sequence == 7
    assert stranger.heard() == []


def test_the_stated_address_has_priority_inside_the_window(exchange: Exchange, port: Port, listener: Party) -> None:
    phone, intruder = exchange.party(), exchange.party()
    aim(exchange, port, phone.address)
    intruder.say(port, rtp(1))
    exchange.served(port, 1)
    phone.say(port, rtp(2))
    exchange.served(port, 2)
    intruder.say(port, rtp(3))
    exchange.served(port, 3)
    assert spoken(listener) == [1, 2]
    assert [event.address for event in exchange.latches()] == [intruder.address, phone.address]
    assert exchange.engine.stats(port.row).foreign == 1


def test_after_the_window_even_the_stated_address_is_a_stranger(
    exchange: Exchange, port: Port, listener: Party
) -> None:
    phone, other = exchange.party(), exchange.party()
    aim(exchange, port, phone.address, window=LONG)
    other.say(port, rtp(1))
    exchange.served(port, 1)
    aim(exchange, port, phone.address, window=OVER)
    phone.say(port, rtp(2))
    exchange.served(port, 2)
    assert spoken(listener) == [1]
    assert exchange.engine.stats(port.row).foreign == 1


def test_after_the_window_nobody_but_the_stated_address_latches(
    exchange: Exchange, port: Port, listener: Party
) -> None:
    phone, guess = exchange.party(), exchange.party()
    aim(exchange, port, phone.address, window=OVER)
    guess.say(port, rtp(1))
    exchange.served(port, 1)
    phone.say(port, rtp(2))
    exchange.served(port, 2)
    assert spoken(listener) == [2]
    assert exchange.engine.stats(port.row).foreign == 1


def test_a_bridge_opens_the_window_of_who_was_not_heard_yet(exchange: Exchange, port: Port, listener: Party) -> None:
    """A call may ring for longer than the window; the answer is signalling."""
    guess, peer = exchange.party(), exchange.engine.open(beside=port.row)
    aim(exchange, port, SocketAddress("192.0.2.9", 4000), HOST, window=0.05)
    eventually(lambda: exchange.engine.idle_for(port.row, clock.now_ns()) > 0.1)
    aim(exchange, peer, listener.address)
    guess.say(port, rtp(1))
    exchange.served(port, 1)
    exchange.engine.bridge(port.row, peer.row)
    guess.say(port, rtp(2))
    exchange.served(port, 2)
    assert spoken(listener) == [2]


def test_a_source_that_fell_silent_may_come_from_another_port_inside_the_window(
    exchange: Exchange, port: Port, listener: Party
) -> None:
    before, after = exchange.party(), exchange.party()
    aim(exchange, port, SocketAddress("192.0.2.9", 4000), HOST)
    before.say(port, rtp(1))
    exchange.served(port, 1)
    after.say(port, rtp(2))
    exchange.served(port, 2)
    eventually(lambda: exchange.engine.idle_for(port.row, clock.now_ns()) > 0.21)
    after.say(port, rtp(3))
    exchange.served(port, 3)
    before.say(port, rtp(4))
    exchange.served(port, 4)
    assert spoken(listener) == [1, 3]


def test_aiming_elsewhere_arms_again(exchange: Exchange, port: Port, listener: Party) -> None:
    old, new = exchange.party(), exchange.party()
    aim(exchange, port, old.address)
    old.say(port, rtp(1))
    exchange.served(port, 1)
    new.say(port, rtp(2))
    exchange.served(port, 2)
    aim(exchange, port, new.address)
    new.say(port, rtp(3))
    exchange.served(port, 3)
    old.say(port, rtp(4))
    exchange.served(port, 4)
    assert spoken(listener) == [1, 3]
    assert [event.address for event in exchange.latches()] == [old.address, new.address]


def test_the_same_aim_again_keeps_the_latch(exchange: Exchange, port: Port, listener: Party) -> None:
    """A re-INVITE that changes nothing must not let an intruder in while the party goes on talking."""
    phone, intruder = exchange.party(), exchange.party()
    stated = SocketAddress("192.0.2.9", 4000)
    aim(exchange, port, stated, HOST)
    phone.say(port, rtp(1))
    exchange.served(port, 1)
    aim(exchange, port, stated, HOST)
    intruder.say(port, rtp(2))
    exchange.served(port, 2)
    phone.say(port, rtp(3))
    exchange.served(port, 3)
    assert spoken(listener) == [1, 3]
    assert len(exchange.latches()) == 1


def test_another_ssrc_from_the_latched_address_is_a_new_epoch(exchange: Exchange, port: Port, listener: Party) -> None:
    phone = exchange.party()
    aim(exchange, port, phone.address)
    phone.say(port, rtp(1, ssrc=1), rtp(900, ssrc=2), rtp(901, ssrc=2))
    exchange.served(port, 3)
    stats = exchange.engine.stats(port.row)
    assert (stats.ssrc_changes, stats.ssrc, stats.foreign, stats.lost) == (1, 2, 0, 0)
    assert len(listener.heard()) == 3


def test_media_go_where_media_come_from(exchange: Exchange, port: Port, listener: Party) -> None:
    """Symmetric RTP through a NAT: the stated address is private, the source is not."""
    phone = exchange.party()
    aim(exchange, port, SocketAddress("192.0.2.9", 4000), HOST)
    other = exchange.engine.open(beside=port.row)
    aim(exchange, other, listener.address)
    exchange.engine.bridge(port.row, other.row)
    phone.say(port, rtp(1))
    assert listener.hear().sequence == 1
    listener.say(other, rtp(5))
    assert phone.hear().sequence == 5


def test_without_a_remote_nothing_is_sent_before_the_latch(exchange: Exchange, port: Port, listener: Party) -> None:
    phone = exchange.party()
    aim(exchange, port, None, HOST)
    other = exchange.engine.open(beside=port.row)
    aim(exchange, other, listener.address)
    exchange.engine.bridge(port.row, other.row)
    listener.say(other, rtp(1))
    exchange.served(other, 1)
    assert exchange.engine.stats(port.row).sent == 0
    phone.say(port, rtp(2))
    exchange.served(port, 1)
    listener.say(other, rtp(3))
    assert phone.hear().sequence == 3
