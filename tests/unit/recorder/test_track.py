"""One channel's packets as sound on their senders' clock: placed across block edges, losses concealed and told."""

import numpy as np
import pytest

from skryba.codecs.g711 import PCMU_TO_LINEAR, PcmuEncoder
from skryba.codecs.tones import sweep
from skryba.recorder.formats import FormatMap
from skryba.recorder.packets import index_packets
from skryba.recorder.spool import Kind, read_spool
from skryba.recorder.timeline import build_channel
from skryba.recorder.track import BLOCK, Track
from tests.support.evidence import LEFT, MS, START, Arrival, Speaker, record, spool

TONE = sweep(300, 3000, 20.0, sample_rate=8000)
HEARD = PCMU_TO_LINEAR[np.frombuffer(PcmuEncoder().encode(TONE), np.uint8)]


def track(arrivals: list[Arrival], begin: int = 0) -> Track:
    data = np.frombuffer(spool([record(arrival) for arrival in arrivals]), np.uint8)
    packets, replayed = index_packets(data, read_spool(data.data).of(Kind.PACKETS)).packets.of_channel(LEFT)
    formats = FormatMap([(0, {"0": "PCMU/8000", "9": "G722/8000"})])
    return Track(data, build_channel(packets, replayed, formats, zero=START, until=1 << 62), 8000, begin)


@pytest.mark.parametrize("begin", [0, -100])
def test_blocks_follow_each_other_from_where_they_begin(begin: int) -> None:
    found = track(Speaker().say(TONE, 0), begin)
    sound = np.concatenate([found.block() for _ in range(3)])
    assert np.array_equal(sound[-begin : len(HEARD) - begin], HEARD)
    assert not sound[:-begin].any()
    assert not sound[len(HEARD) - begin :].any()
    assert found.peak == int(np.abs(HEARD.astype(int)).max())
    assert (found.pieces, found.concealed, str(found)) == ([], [], "PCMU/8000 → place")


@pytest.mark.parametrize("lost", [{20}, {20, 21}, {BLOCK * 50 - 1}, {BLOCK * 50}, {BLOCK * 50 - 1, BLOCK * 50}])
def test_losses_are_concealed_wherever_blocks_end(lost: set[int]) -> None:
    arrivals = [arrival for number, arrival in enumerate(Speaker().say(TONE, 0)) if number not in lost]
    found = track(arrivals)
    sound = np.concatenate([found.block() for _ in range(3)])[: len(HEARD)]
    begin, end = min(lost) * 160, (max(lost) + 1) * 160
    assert found.concealed == [(begin * 125_000, (end - begin) * 125_000)]
    assert np.abs(sound[begin : begin + 160]).max() > 2000
    assert np.array_equal(sound[:begin], HEARD[:begin])
    assert np.array_equal(sound[end + 80 :], HEARD[end + 80 :])
    assert "conceal" in str(found)


def test_a_long_loss_is_silent_after_60_ms_and_told_as_concealed_that_far() -> None:
    sent = Speaker().say(TONE, 0)
    found = track(sent[:100] + sent[150:])
    sound = found.block()
    assert found.concealed == [(2000 * MS, 60 * MS)]
    assert not sound[100 * 160 + 480 : 150 * 160].any()


def test_a_loss_sounds_the_same_wherever_blocks_end() -> None:
    sent = Speaker().say(TONE, 0)
    arrivals = [*sent[: BLOCK * 50 - 2], *sent[BLOCK * 50 :]]
    one, other = track(arrivals), track(arrivals, -1000)
    sounds = [np.concatenate([found.block() for _ in range(3)]) for found in (one, other)]
    assert np.array_equal(sounds[0][: len(HEARD)], sounds[1][1000 : 1000 + len(HEARD)])


def test_a_loss_beside_sound_of_another_rate_is_left_alone() -> None:
    speaker = Speaker()
    first = speaker.say(TONE[:16_000], 0)
    speaker.payload_type = 9
    wide = [speaker.packet(bytes(160), (2000 + 20 * number) * MS) for number in range(10)]
    speaker.payload_type = 0
    last = speaker.say(TONE[16_000:32_000], 2200 * MS)[1:]
    found = track([*first, *wide, *last])
    sound = found.block()
    assert found.concealed == []
    assert not sound[16_000:17_760].any()


def test_pauses_keys_and_another_source_are_not_concealed() -> None:
    speaker = Speaker()
    first = speaker.say(TONE[:16_000], 0)
    speaker.pause(300)
    second = speaker.say(TONE[16_000:32_000], 2300 * MS)
    other = Speaker(ssrc=3, sequence=5, timestamp=9).say(TONE[32_000:40_000], 4500 * MS)
    found = track([*first, *second, *other])
    sound = found.block()
    assert found.concealed == []
    assert not sound[16_000:18_400].any()
    assert not sound[34_400:36_000].any()
