"""RTCP reaches the other party and speaks of the sources that it knows (R-M5)."""

from dataclasses import replace

import pytest

from skryba.media.engine import Port
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
from skryba.terms import Channel, SocketAddress
from tests.support.media import HOST, STRANGE_HOST, Exchange, Party, prompt, rtp

CALLER, CALLEE = 0xCA11E4, 0xCA11EE
BLOCK = ReportBlock(ssrc=CALLER, fraction_lost=3, lost=4, highest=90, jitter=5, last_report=6, delay=7)
SENDER = SenderReport(ssrc=CALLEE, ntp=1 << 40, timestamp=5000, packets=1, octets=160, blocks=(BLOCK,))
COMPOUND: list[RtcpPacket] = [SENDER, SourceDescription(((CALLEE, ((1, b"callee"),)),))]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_reports_pass_unchanged_and_are_forked(exchange: Exchange, host: str) -> None:
    caller, _, second, callee = exchange.pair(host)
    exchange.engine.fork(second.row, slot=4, channel=Channel.RIGHT)
    callee.say(second, rtp(1, ssrc=CALLEE))
    caller.hear()
    data = serialise(COMPOUND)
    callee.report(second, data)
    assert caller.hear_report() == data
    exchange.served(second, 2)
    assert exchange.forked()[1:] == [(4, 1, 1, data)]
    stats = exchange.engine.stats(second.row)
    assert (stats.rtcp_packets, stats.rtcp_foreign) == (1, 0)
    assert exchange.engine.totals().rtcp_sent == 1


def test_reports_leave_by_the_rtcp_port(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    callee.report(second, serialise(COMPOUND))
    _, sender = caller.rtcp.recvfrom(2048)
    assert sender == tuple(first.rtcp)


def test_reports_of_strangers_go_nowhere(exchange: Exchange) -> None:
    caller, _, second, callee = exchange.pair()
    exchange.engine.fork(second.row, slot=4, channel=Channel.RIGHT)
    exchange.party(STRANGE_HOST).report(second, serialise(COMPOUND))
    exchange.served(second, 1)
    callee.say(second, rtp(1))
    exchange.served(second, 2)
    exchange.party(STRANGE_HOST).report(second, serialise(COMPOUND))
    exchange.served(second, 3)
    assert caller.reports() == []
    assert [kind for _, _, kind, _ in exchange.forked()] == [0]
    assert exchange.engine.stats(second.row).rtcp_foreign == 2


def test_rtcp_is_sent_to_where_it_comes_from(exchange: Exchange) -> None:
    """Behind a NAT the RTCP port is whatever it is, at the host that RTP comes from."""
    phone, peer = exchange.party(), exchange.party()
    port = exchange.engine.open()
    stated = SocketAddress("192.0.2.5", 4000)
    exchange.engine.aim(port.row, remote=stated, remote_rtcp=None, accept=[HOST], dtmf_pt=None)
    other = exchange.facing(peer, beside=port)
    exchange.engine.bridge(port.row, other.row)
    phone.say(port, rtp(1))
    peer.hear()
    elsewhere = exchange.party()
    elsewhere.report(port, serialise(COMPOUND))
    peer.hear_report()
    peer.report(other, serialise([Bye((1,))]))
    assert parse(elsewhere.hear_report()) == [Bye((1,))]


def test_without_a_stated_rtcp_port_it_is_the_one_above(exchange: Exchange) -> None:
    phone, peer = exchange.party(), exchange.party()
    port = exchange.engine.open()
    exchange.engine.aim(port.row, remote=None, remote_rtcp=None, accept=[HOST], dtmf_pt=None)
    other = exchange.facing(peer, beside=port)
    exchange.engine.bridge(port.row, other.row)
    phone.say(port, rtp(1))
    peer.hear()
    peer.report(other, serialise([Bye((1,))]))
    assert parse(phone.hear_report()) == [Bye((1,))]


def test_a_stated_rtcp_address_is_used_and_believed(exchange: Exchange) -> None:
    phone, reporter, peer = exchange.party(), exchange.party(), exchange.party()
    port = exchange.engine.open()
    exchange.engine.aim(port.row, remote=phone.address, remote_rtcp=reporter.rtcp_address, accept=(), dtmf_pt=None)
    other = exchange.facing(peer, beside=port)
    exchange.engine.bridge(port.row, other.row)
    peer.report(other, serialise([Bye((1,))]))
    assert parse(reporter.hear_report()) == [Bye((1,))]
    reporter.report(port, serialise([Bye((2,))]))  # from a party that only listens
    assert parse(peer.hear_report()) == [Bye((2,))]


def test_rtcp_on_the_rtp_port_is_told_apart(exchange: Exchange) -> None:
    caller, _, second, callee = exchange.pair()
    data = serialise(COMPOUND)
    callee.say(second, data)  # not latched yet: a stranger's
    callee.say(second, rtp(1, ssrc=CALLEE), data)
    assert caller.hear_report() == data
    exchange.served(second, 3)
    stats = exchange.engine.stats(second.row)
    assert (stats.packets, stats.rtcp_packets, stats.rtcp_foreign) == (1, 1, 1)
    assert len(caller.heard()) == 1


@pytest.mark.parametrize(
    "data", [b"", b"\x80\xc9\0", b"\x40\xc9\0\1\0\0\0\1", b"\x80\xc9\0\2\0\0\0\1", serialise(COMPOUND)[:-1]]
)
def test_what_is_no_rtcp_goes_nowhere(exchange: Exchange, data: bytes) -> None:
    caller, _, second, callee = exchange.pair()
    callee.report(second, data)
    callee.report(second, serialise([Bye((1,))]))
    assert parse(caller.hear_report()) == [Bye((1,))]
    assert exchange.engine.stats(second.row).malformed == 1


@pytest.fixture
def told(exchange: Exchange) -> tuple[Party, Port, Port, Party, int]:
    """Caller and callee have spoken; the caller was played a prompt and hears one source of our making."""
    caller, first, second, callee = exchange.pair()
    exchange.engine.play(first.row, prompt(1), payload_type=0, play_id=1)
    ours = caller.hear().ssrc
    exchange.finished()
    caller.say(first, rtp(1, ssrc=CALLER))
    callee.hear()
    return caller, first, second, callee, ours


def test_before_the_receiver_heard_the_source_its_reports_are_kept_back(
    told: tuple[Party, Port, Port, Party, int], exchange: Exchange
) -> None:
    caller, _, second, callee, _ = told
    callee.report(second, serialise(COMPOUND))
    exchange.served(second, 1)
    assert caller.reports() == []


def test_a_sender_report_speaks_of_the_source_that_the_receiver_hears(
    told: tuple[Party, Port, Port, Party, int],
) -> None:
    caller, _, second, callee, ours = told
    callee.say(second, rtp(40_000, ssrc=CALLEE, timestamp=5000))
    heard = caller.hear()
    callee.report(second, serialise([*COMPOUND, Bye((CALLEE,))]))
    report, description, bye = parse(caller.hear_report())
    assert report == replace(SENDER, ssrc=ours, timestamp=heard.timestamp)
    assert description == SourceDescription(((ours, ((1, b"callee"),)),))
    assert bye == Bye((ours,))


def test_a_block_about_our_source_becomes_one_about_the_peers_own(
    told: tuple[Party, Port, Port, Party, int],
) -> None:
    caller, first, second, callee, ours = told
    for sequence in (65_535, 65_536):  # over the end of the callee's numbers
        callee.say(second, rtp(sequence, ssrc=CALLEE))
        heard = caller.hear()
    block = replace(BLOCK, ssrc=ours, highest=heard.sequence)
    caller.report(first, serialise([ReceiverReport(CALLER, (block, BLOCK))]))
    [report] = parse(callee.hear_report())
    assert report == ReceiverReport(CALLER, (replace(BLOCK, ssrc=CALLEE, highest=65_536), BLOCK))


def test_feedback_about_our_source_becomes_feedback_to_the_peers_own(
    told: tuple[Party, Port, Port, Party, int],
) -> None:
    caller, first, second, callee, ours = told
    callee.say(second, rtp(1, ssrc=CALLEE))
    caller.hear()
    lost = Other(205, 1, CALLER.to_bytes(4) + ours.to_bytes(4) + bytes(4))
    caller.report(first, serialise([lost]))
    [told_on] = parse(callee.hear_report())
    assert told_on == replace(lost, body=CALLER.to_bytes(4) + CALLEE.to_bytes(4) + bytes(4))
