"""Prompts: every frame, each 20 ms, and a word at the end."""

import time

import pytest

from skryba.media.prompt import FRAME_OCTETS
from skryba.terms import SocketAddress
from tests.support.media import Exchange, prompt, rtp


def test_all_frames_arrive_in_order_under_the_given_type(exchange: Exchange) -> None:
    phone = exchange.party()
    port = exchange.facing(phone)
    exchange.engine.play(port.row, prompt(4, "G722"), payload_type=9, play_id=77)
    heard = [phone.hear() for _ in range(4)]
    assert [packet.payload for packet in heard] == [bytes([number]) * FRAME_OCTETS for number in range(4)]
    assert {packet.payload_type for packet in heard} == {9}
    [end] = exchange.finished()
    assert (end.row, end.play_id, end.completed) == (port.row, 77, True)
    assert 80e6 <= end.ended_ns - end.started_ns < 160e6
    assert exchange.engine.stats(port.row).sent == 4
    assert phone.heard() == []


def test_frames_keep_a_beat_of_20_ms_from_the_start(exchange: Exchange) -> None:
    phone = exchange.party()
    port = exchange.facing(phone)
    exchange.engine.play(port.row, prompt(16), payload_type=0, play_id=1)
    arrivals = []
    for _ in range(16):
        phone.hear()
        arrivals.append(time.monotonic_ns())
    [end] = exchange.finished()
    late = [arrival - end.started_ns - 20_000_000 * number for number, arrival in enumerate(arrivals)]
    assert min(late) >= 0  # never early
    assert sorted(late)[len(late) // 2] < 5_000_000
    assert min(late[12:]) < 4_000_000  # lateness does not add up


def test_two_calls_do_not_start_with_the_same_numbers(exchange: Exchange) -> None:
    """RFC 3550 §5.1: SSRC, sequence and timestamp begin at random."""
    starts = []
    for number in range(2):
        phone = exchange.party()
        exchange.engine.play(exchange.facing(phone).row, prompt(1), payload_type=0, play_id=number)
        packet = phone.hear()
        starts.append((packet.ssrc, packet.timestamp, packet.sequence))
    assert all(a != b for a, b in zip(*starts, strict=True))


def test_stopped_before_its_end_it_is_not_completed(exchange: Exchange) -> None:
    phone = exchange.party()
    port = exchange.facing(phone)
    exchange.engine.play(port.row, prompt(500), payload_type=0, play_id=1)
    phone.hear()
    exchange.engine.stop_play(port.row)
    [end] = exchange.finished()
    assert not end.completed
    assert end.ended_ns - end.started_ns < 5e9
    exchange.engine.stop_play(port.row)  # nothing is played: no second word
    exchange.engine.unfork(port.row)
    assert len(exchange.finished()) == 1
    assert exchange.engine.totals().playing == 0


def test_another_prompt_takes_the_place_of_the_first(exchange: Exchange) -> None:
    phone = exchange.party()
    port = exchange.facing(phone)
    exchange.engine.play(port.row, prompt(500), payload_type=0, play_id=1)
    phone.hear()
    exchange.engine.play(port.row, prompt(2, "PCMA"), payload_type=8, play_id=2)
    ends = exchange.finished(2)
    assert [(end.play_id, end.completed) for end in ends] == [(1, False), (2, True)]


def test_both_parties_are_told_at_once(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    for number, port in enumerate((first, second)):
        exchange.engine.play(port.row, prompt(3), payload_type=0, play_id=number)
    ends = exchange.finished(2)
    assert {end.play_id for end in ends if end.completed} == {0, 1}
    assert len(caller.heard()) == len(callee.heard()) == 3


def test_while_a_party_is_told_something_it_hears_nobody_else(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.play(first.row, prompt(500), payload_type=0, play_id=1)
    caller.hear()
    callee.say(second, rtp(1, payload=b"not now"))
    exchange.served(second, 1)
    exchange.engine.stop_play(first.row)
    exchange.finished()
    callee.say(second, rtp(2, payload=b"now"))
    exchange.served(second, 2)
    assert [data[12:] for data in caller.heard() if len(data) < 100] == [b"now"]


def test_frames_that_nobody_can_hear_do_not_count_as_played(exchange: Exchange) -> None:
    port = exchange.engine.open()
    exchange.engine.play(port.row, prompt(2), payload_type=0, play_id=1)
    [end] = exchange.finished()
    assert not end.completed


def test_what_cannot_be_sent_is_counted(exchange: Exchange) -> None:
    port = exchange.engine.open()
    broadcast = SocketAddress("255.255.255.255", 4000)  # refused by the kernel without SO_BROADCAST
    exchange.engine.aim(port.row, remote=broadcast, remote_rtcp=None, accept=(), dtmf_pt=None)
    exchange.engine.play(port.row, prompt(2), payload_type=0, play_id=1)
    [end] = exchange.finished()
    assert not end.completed
    stats = exchange.engine.stats(port.row)
    assert (stats.sent, stats.send_errors) == (0, 2)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_prompts_reach_both_families(exchange: Exchange, host: str) -> None:
    phone = exchange.party(host)
    port = exchange.facing(phone)
    exchange.engine.play(port.row, prompt(1), payload_type=0, play_id=1)
    assert phone.hear().payload == bytes(FRAME_OCTETS)
