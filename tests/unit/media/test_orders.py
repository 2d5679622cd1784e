"""Orders take effect between packets, in the order in which they were given."""

from skryba.terms import Channel, SocketAddress
from tests.support.media import HOST, Exchange, prompt, rtp


def test_a_packet_sent_after_an_order_meets_it_carried_out(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    for number in range(200):
        if number % 2:
            exchange.engine.unbridge(first.row, second.row)
        else:
            exchange.engine.bridge(first.row, second.row)
        caller.say(first, rtp(number))
        exchange.served(first, number + 1)
    assert [data[3] for data in callee.heard()] == list(range(0, 200, 2))


def test_nothing_is_forked_after_unfork(exchange: Exchange) -> None:
    caller, first, _, _ = exchange.pair()
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    caller.say(first, rtp(1))
    exchange.served(first, 1)
    head = exchange.engine.unfork(first.row)
    caller.say(first, rtp(2))
    exchange.served(first, 2)
    assert exchange.readers[0].head == head == 24 + 176
    assert exchange.engine.unfork(first.row) == head


def test_forking_again_goes_to_the_new_slot(exchange: Exchange) -> None:
    caller, first, _, _ = exchange.pair()
    for slot, channel in ((1, Channel.LEFT), (2, Channel.RIGHT)):
        exchange.engine.fork(first.row, slot=slot, channel=channel)
        caller.say(first, rtp(slot))
        exchange.served(first, slot)
    assert [record[:2] for record in exchange.forked()] == [(1, 0), (2, 1)]


def test_closing_ends_a_prompt_and_parts_the_peer(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.play(first.row, prompt(500), payload_type=0, play_id=5)
    caller.hear()
    exchange.engine.close(first.row)
    [end] = exchange.finished()
    assert (end.play_id, end.completed) == (5, False)
    callee.say(second, rtp(1))
    exchange.served(second, 1)
    assert exchange.engine.totals().send_errors == 0
    assert exchange.engine.totals().playing == 0


def test_a_row_in_its_next_use_remembers_nothing(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    exchange.engine.play(first.row, prompt(1), payload_type=0, play_id=1)
    caller.hear()
    exchange.finished()
    caller.say(first, rtp(1))
    exchange.served(first, 1)
    written = exchange.engine.unfork(first.row)
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    exchange.engine.close(first.row)
    others = [exchange.engine.open() for _ in range(14)]
    again = exchange.engine.open()
    assert again.row == first.row
    assert len({port.row for port in others}) == 14
    fresh = exchange.engine.stats(again.row)
    assert (fresh.packets, fresh.sent, fresh.ssrc, fresh.source) == (0, 0, None, None)
    caller.say(again, rtp(2))
    exchange.served(again, 1)
    assert exchange.engine.stats(again.row).foreign == 1
    assert exchange.readers[0].head == written
    assert len(callee.heard()) == 1
    exchange.engine.aim(again.row, remote=caller.address, remote_rtcp=None, accept=(), dtmf_pt=None)
    exchange.engine.bridge(again.row, second.row)
    callee.say(second, rtp(9))
    assert bytes(caller.hear()) == bytes(rtp(9))  # untouched: this party was played nothing


def test_new_terms_reach_the_loop(exchange: Exchange) -> None:
    phone = exchange.party()
    port = exchange.engine.open()
    hosts = ["192.0.2.1", "192.0.2.2", "192.0.2.3", HOST, "192.0.2.4"]
    exchange.engine.aim(port.row, remote=None, remote_rtcp=None, accept=hosts, dtmf_pt=None)
    phone.say(port, rtp(1))
    exchange.served(port, 1)
    assert exchange.engine.stats(port.row).packets == 1  # the fourth host counts
    exchange.engine.aim(port.row, remote=SocketAddress(HOST, 9), remote_rtcp=None, accept=(), dtmf_pt=None, window=0.0)
    phone.say(port, rtp(2))
    exchange.served(port, 2)
    assert exchange.engine.stats(port.row).foreign == 1
