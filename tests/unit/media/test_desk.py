"""The desk: words that both sides see, events that are lost late and counted."""

import numpy as np

from skryba.media.desk import EVENTS_RESERVED, ORDERS_GIVEN, await_word, furnish, look, publish
from skryba.media.dtmf import TelephoneEvent
from skryba.media.engine import DtmfSeen
from skryba.media.table import ROW, aligned
from tests.support.media import Exchange, eventually, prompt, rtp


def test_words_on_both_sides_lie_on_lines_of_their_own() -> None:
    desk = furnish(aligned(2, ROW))
    assert desk.words.ctypes.data % 64 == 0
    publish(desk.words, ORDERS_GIVEN, 1 << 40)
    assert look(desk.words, ORDERS_GIVEN) == 1 << 40
    assert np.count_nonzero(desk.words) == 1 + 3  # and three descriptors that are none


def test_the_first_words_of_a_packet_are_seen_both_ways() -> None:
    desk = furnish(aligned(1, ROW))
    desk.packet[:8] = np.frombuffer(b"\1\0\0\0\0\0\0\0", np.uint8)
    assert desk.head[0] == 1


def test_waiting_for_a_word_has_an_end() -> None:
    desk = furnish(aligned(1, ROW))
    assert await_word(desk.words, ORDERS_GIVEN, 0, 0)
    assert not await_word(desk.words, ORDERS_GIVEN, 1, 200)


def test_keys_that_nobody_fetches_are_lost_and_counted_but_not_the_end_of_a_prompt(exchange: Exchange) -> None:
    caller, first, _, _ = exchange.pair()
    flood = EVENTS_RESERVED + 50
    for number in range(flood):
        payload = bytes(TelephoneEvent(1, True, 10, 160))
        caller.say(first, rtp(number, timestamp=160 * number, payload_type=101, payload=payload))
        if number % 100 == 99:
            exchange.served(first, number + 1)
    exchange.served(first, flood)
    exchange.engine.play(first.row, prompt(1), payload_type=0, play_id=1)
    eventually(lambda: exchange.engine.stats(first.row).sent == 1 and exchange.engine.totals().playing == 0)
    lost = exchange.engine.totals().events_lost
    assert lost == 51  # one place was taken by the latch
    assert len(exchange.finished()) == 1
    assert sum(isinstance(event, DtmfSeen) for event in exchange.events()) == flood - lost
