"""What a party receives is one source: before, during and after an announcement (R-M1)."""

import itertools

import pytest

from skryba import clock
from skryba.media.engine import Port
from skryba.media.rtp import RtpPacket
from tests.support.media import Exchange, Party, eventually, prompt, rtp

FRAMES = 3


@pytest.fixture
def told(exchange: Exchange) -> tuple[Party, Port, Port, Party, list[RtpPacket]]:
    """A bridged call whose caller was played a prompt first; and what the caller heard of it."""
    caller, first, second, callee = exchange.pair()
    exchange.engine.play(first.row, prompt(FRAMES), payload_type=0, play_id=1)
    heard = [caller.hear() for _ in range(FRAMES)]
    exchange.finished()
    return caller, first, second, callee, heard


def follows(packet: RtpPacket, before: RtpPacket) -> bool:
    return packet.ssrc == before.ssrc and packet.sequence == (before.sequence + 1) & 0xFFFF


def passed(packet: RtpPacket, before: RtpPacket) -> int:
    return (packet.timestamp - before.timestamp) & 0xFFFFFFFF


def test_a_prompt_is_one_source(told: tuple[Party, Port, Port, Party, list[RtpPacket]]) -> None:
    *_, heard = told
    assert [packet.marker for packet in heard] == [True, False, False]
    assert all(follows(after, before) for before, after in itertools.pairwise(heard))
    assert all(passed(after, before) == 160 for before, after in itertools.pairwise(heard))


def test_the_bridge_goes_on_where_the_prompt_ended(
    told: tuple[Party, Port, Port, Party, list[RtpPacket]],
) -> None:
    caller, _, second, callee, heard = told
    sound = [rtp(41000 + number, ssrc=0xABCD, timestamp=7_000_000 + 160 * number) for number in range(4)]
    callee.say(second, *sound)
    bridged = [caller.hear() for _ in sound]
    assert follows(bridged[0], heard[-1])
    assert bridged[0].marker
    assert passed(bridged[0], heard[-1]) >= 160
    assert all(follows(after, before) for before, after in itertools.pairwise(bridged))
    assert all(passed(after, before) == 160 for before, after in itertools.pairwise(bridged))
    assert not any(packet.marker for packet in bridged[1:])
    assert [packet.payload for packet in bridged] == [packet.payload for packet in sound]


def test_the_time_between_prompt_and_bridge_passes_in_the_timestamp(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.play(first.row, prompt(1), payload_type=0, play_id=1)
    before = caller.hear()
    [ended] = exchange.finished()
    eventually(lambda: clock.now_ns() - ended.ended_ns > 80_000_000)
    callee.say(second, rtp(1))
    after = caller.hear()
    exchange.served(second, 1)
    rest = exchange.engine.stats(second.row).last_rx_ns - ended.started_ns
    assert passed(after, before) == pytest.approx(rest * 8e-6, abs=40)


def test_loss_and_order_of_the_source_stay_visible(
    told: tuple[Party, Port, Port, Party, list[RtpPacket]],
) -> None:
    caller, _, second, callee, heard = told
    callee.say(second, rtp(100), rtp(103), rtp(102))
    numbers = [(caller.hear().sequence - heard[-1].sequence) & 0xFFFF for _ in range(3)]
    assert numbers == [1, 4, 3]


def test_what_is_older_than_the_bridge_is_withheld(
    exchange: Exchange, told: tuple[Party, Port, Port, Party, list[RtpPacket]]
) -> None:
    caller, first, second, callee, heard = told
    callee.say(second, rtp(100), rtp(99), rtp(101))
    numbers = [(caller.hear().sequence - heard[-1].sequence) & 0xFFFF for _ in range(2)]
    assert numbers == [1, 2]
    exchange.served(second, 3)
    assert caller.heard() == []
    assert exchange.engine.stats(first.row).withheld == 1


def test_sequence_numbers_wrap_on_either_side(
    told: tuple[Party, Port, Port, Party, list[RtpPacket]],
) -> None:
    caller, _, second, callee, heard = told
    sound = [rtp(65534 + number, timestamp=0xFFFFFF00 + 160 * number) for number in range(4)]
    callee.say(second, *sound)
    bridged = [caller.hear() for _ in sound]
    for before, after in zip([heard[-1], *bridged], bridged, strict=False):
        assert follows(after, before)
    assert [passed(after, before) for before, after in itertools.pairwise(bridged)] == [160] * 3


def test_a_new_source_behind_the_bridge_is_still_the_same_source_to_the_party(
    told: tuple[Party, Port, Port, Party, list[RtpPacket]],
) -> None:
    caller, _, second, callee, _ = told
    callee.say(second, rtp(100, ssrc=1), rtp(30000, ssrc=2, timestamp=5))
    before, after = caller.hear(), caller.hear()
    assert follows(after, before)
    assert after.marker
    assert 160 <= passed(after, before) < 8000


def test_a_leap_of_the_source_does_not_reach_the_party(
    told: tuple[Party, Port, Port, Party, list[RtpPacket]],
) -> None:
    caller, _, second, callee, _ = told
    callee.say(second, rtp(100), rtp(20000))
    before, after = caller.hear(), caller.hear()
    assert follows(after, before)


def test_a_prompt_in_the_middle_goes_on_under_the_bridged_source(exchange: Exchange) -> None:
    """Early media first, then the notice, then the call: one source throughout."""
    caller, first, second, callee = exchange.pair()
    callee.say(second, rtp(500, ssrc=0xE1), rtp(501, ssrc=0xE1))
    heard = [caller.hear(), caller.hear()]
    assert [packet.sequence for packet in heard] == [500, 501]  # untouched so far
    exchange.engine.play(first.row, prompt(2), payload_type=0, play_id=1)
    heard += [caller.hear(), caller.hear()]
    exchange.finished()
    callee.say(second, rtp(530, ssrc=0xE1))
    heard.append(caller.hear())
    assert {packet.ssrc for packet in heard} == {0xE1}
    assert [packet.sequence for packet in heard] == [500, 501, 502, 503, 504]
    steps = [passed(after, before) for before, after in itertools.pairwise(heard)]
    assert steps[0] == steps[2] == 160
    assert all(160 <= step < 8000 for step in (steps[1], steps[3]))


def test_the_other_direction_stays_untouched(told: tuple[Party, Port, Port, Party, list[RtpPacket]]) -> None:
    caller, first, _, callee, _ = told
    packet = rtp(77, ssrc=0xCA11)
    caller.say(first, packet)
    assert bytes(callee.hear()) == bytes(packet)


def test_another_peer_goes_on_as_the_same_source(exchange: Exchange) -> None:
    caller, first, second, callee = exchange.pair()
    exchange.engine.play(first.row, prompt(1), payload_type=0, play_id=1)
    heard = [caller.hear()]
    exchange.finished()
    callee.say(second, rtp(10, ssrc=1))
    heard.append(caller.hear())
    third = exchange.party()
    port = exchange.facing(third, beside=first)
    exchange.engine.bridge(first.row, port.row)
    third.say(port, rtp(9000, ssrc=2))
    heard.append(caller.hear())
    assert all(follows(after, before) for before, after in itertools.pairwise(heard))
    callee.say(second, rtp(11, ssrc=1))
    exchange.served(second, 2)
    assert caller.heard() == []
