"""Blocks of stereo sound: every sample where it belongs, across block edges, rates and codecs."""

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.g711 import PCMU_TO_LINEAR, PcmaDecoder, PcmaEncoder, PcmuEncoder
from skryba.codecs.registry import decoder
from skryba.codecs.resample import resample
from skryba.codecs.tones import sweep
from skryba.recorder.formats import FormatMap
from skryba.recorder.packets import index_packets
from skryba.recorder.pipeline import Stereo, file_rate
from skryba.recorder.spool import Kind, read_spool
from skryba.recorder.timeline import ChannelTimeline, build_channel
from skryba.recorder.track import BLOCK
from tests.support.evidence import MS, START, Arrival, Speaker, merge, spool

FORMATS = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "96": "L16/16000", "97": "L16/48000"}
Sound = NDArray[np.int16]


def render(left: list[Arrival], right: list[Arrival], milliseconds: int) -> tuple[Sound, Stereo]:
    data = np.frombuffer(spool(merge({0: left, 1: right})), np.uint8)
    packets = index_packets(data, read_spool(data.data).of(Kind.PACKETS)).packets
    channels: list[ChannelTimeline] = [
        build_channel(*packets.of_channel(side), FormatMap([(0, FORMATS)]), zero=START, until=1 << 62)
        for side in (0, 1)
    ]
    stereo = Stereo(data, channels, file_rate(channels))
    blocks = list(stereo.blocks(milliseconds * stereo.rate // 1000))
    return np.concatenate(blocks), stereo


def mu_law(sound: Sound) -> Sound:
    return PCMU_TO_LINEAR[np.frombuffer(PcmuEncoder().encode(sound), np.uint8)]


def test_both_channels_sample_by_sample_over_several_blocks() -> None:
    left, right = (sweep(*ends, 20.0, sample_rate=8000) for ends in ((300, 3000), (3000, 300)))
    sound, stereo = render(Speaker().say(left, 5 * MS), Speaker(ssrc=2).say(right, 17 * MS), 20_100)
    assert (stereo.rate, sound.shape) == (8000, (160_800, 2))
    assert np.array_equal(sound[40 : 40 + 160_000, 0], mu_law(left))
    assert np.array_equal(sound[136 : 136 + 160_000, 1], mu_law(right))
    assert not sound[:40, 0].any()
    assert not sound[160_040:, 0].any()
    assert str(stereo) == "PCMU/8000 → place → left; PCMU/8000 → place → right"


def test_a_packet_across_the_edge_of_a_block_is_whole() -> None:
    tone = sweep(300, 3000, 1.0, sample_rate=8000)
    at = BLOCK * 1000 - 507
    sound, _ = render(Speaker().say(tone, at * MS), [], at + 1100)
    assert np.array_equal(sound[at * 8 : at * 8 + 8000, 0], mu_law(tone))


def test_lost_packets_are_concealed_and_the_rest_stays_in_place() -> None:
    tone = sweep(300, 3000, 1.0, sample_rate=8000)
    arrivals = Speaker().say(tone, 0)
    del arrivals[20]
    sound, stereo = render(arrivals, [], 1000)
    wanted = mu_law(tone)
    assert np.array_equal(sound[: 20 * 160, 0], wanted[: 20 * 160])
    assert np.array_equal(sound[21 * 160 + 80 :, 0], wanted[21 * 160 + 80 :])  # faded in over 10 ms
    assert np.abs(sound[20 * 160 : 21 * 160, 0]).max() > 2000
    assert stereo.concealed() == [[(400 * MS, 20 * MS)], []]
    assert str(stereo) == "PCMU/8000 → place → conceal → left; silence → right"


def test_what_was_concealed_is_told_inside_the_file_only() -> None:
    arrivals = Speaker().say(sweep(300, 3000, 1.0, sample_rate=8000), 0)
    assert render(arrivals[:45] + arrivals[46:], [], 500)[1].concealed() == [[], []]
    assert render(arrivals[:25] + arrivals[26:], [], 510)[1].concealed() == [[(500 * MS, 10 * MS)], []]


def test_a_packet_that_began_before_zero_is_cut() -> None:
    speaker = Speaker()
    tone = sweep(300, 3000, 0.2, sample_rate=8000)
    sound, _ = render(speaker.say(tone, -13 * MS), [], 150)
    assert np.array_equal(sound[:, 0], mu_law(tone)[104 : 104 + 1200])


def test_two_codecs_of_one_rate_share_a_lane() -> None:
    tone = sweep(300, 3000, 1.0, sample_rate=8000)
    speaker = Speaker()
    first = speaker.say(tone[:4000], 0)
    speaker.payload_type, speaker._encoder = 8, PcmaEncoder()
    sound, stereo = render([*first, *speaker.say(tone[4000:], 500 * MS)], [], 1000)
    wanted = np.concatenate([mu_law(tone[:4000]), PcmaDecoder().decode(PcmaEncoder().encode(tone[4000:]))])
    assert np.array_equal(sound[:, 0], wanted)
    assert str(stereo) == "PCMU/8000 | PCMA/8000 → place → left; silence → right"


def test_g722_makes_a_wide_file_and_keeps_its_state_across_blocks() -> None:
    tone = sweep(300, 6000, 10.0, sample_rate=16000)
    speaker = Speaker("G722", payload_type=9)
    sound, stereo = render(speaker.say(tone, 0), [], 10_000)
    maker = Speaker("G722", payload_type=9)
    payload = b"".join(arrival.packet[12:] for arrival in maker.say(tone, 0))
    reader = decoder("G722", 8000)
    assert reader is not None
    assert stereo.rate == 16000
    assert np.array_equal(sound[:, 0], reader.decode(payload))


def test_a_narrow_channel_beside_a_wide_one_is_resampled_in_place() -> None:
    narrow, wide = sweep(300, 3000, 10.0, sample_rate=8000), sweep(300, 3000, 10.0, sample_rate=16000)
    sound, stereo = render(Speaker().say(narrow, 0), Speaker("L16", 16000, 96, ssrc=2).say(wide, 0), 10_000)
    assert np.array_equal(sound[:, 1], wide)
    assert np.array_equal(sound[:, 0], resample(mu_law(narrow), 8000, 16000))
    difference = sound[2000:-2000, 0].astype(float) - wide[2000:-2000]
    assert 20 * np.log10(difference.std() / wide.std()) < -28  # mu-law noise, nothing shifted
    assert "PCMU/8000 → place → resample 8000 → 16000 → left" in str(stereo)


def test_a_codec_change_between_rates_stays_on_one_axis() -> None:
    wide = sweep(300, 3000, 2.0, sample_rate=48000)
    narrow = sweep(300, 3000, 2.0, sample_rate=8000)
    first = Speaker("L16", 48000, 97).say(wide[:48000], 0)
    then = Speaker(ssrc=7).say(narrow[8000:], 1000 * MS)
    sound, stereo = render([*first, *then], [], 2000)
    wanted = sweep(300, 3000, 2.0, sample_rate=16000)
    assert stereo.rate == 16000
    for part in (slice(1000, 15_000), slice(17_000, 31_000)):
        difference = sound[part, 0].astype(float) - wanted[part]
        assert 20 * np.log10(difference.std() / wanted[part].std()) < -28


@pytest.mark.parametrize("level", [-3.0, -40.0])
def test_peaks_are_those_of_what_was_decoded(level: float) -> None:
    tone = sweep(300, 3000, 1.0, sample_rate=8000, level=level)
    _, stereo = render(Speaker().say(tone, 0), [], 1000)
    assert stereo.peaks() == [int(np.abs(mu_law(tone).astype(int)).max()), 0]


def test_two_silent_channels_are_a_narrow_file_of_the_wanted_length() -> None:
    sound, stereo = render([], [], 9_500)
    assert (stereo.rate, sound.shape, bool(sound.any())) == (8000, (76_000, 2), False)


def drifting(tone: Sound, ppm: float) -> list[Arrival]:
    """A phone whose crystal is that much fast, on a network without delay."""
    return [Arrival(int(packet.at / (1 + ppm / 1e6)), packet.packet) for packet in Speaker().say(tone, 0)]


def shift_of(sound: Sound, wanted: Sound, place: int, size: int = 4000) -> float:
    """By how many samples the sound stands later than wanted around `place`, to a fraction of a sample."""
    part = sound[place : place + size].astype(float)
    best = np.array([np.dot(part, wanted[place - lag : place - lag + size].astype(float)) for lag in range(-40, 41)])
    top = int(best.argmax())
    low, middle, high = best[top - 1 : top + 2]
    return top - 40 + float((low - high) / (2 * (low - 2 * middle + high)))


@pytest.mark.parametrize("ppm", [-400.0, 400.0])
def test_a_crystal_that_is_off_is_followed_within_a_tenth_of_a_sample(ppm: float) -> None:
    noise = np.random.default_rng(7).normal(0, 1, 50 * 8000)
    voice = np.convolve(noise, np.hamming(9) / np.hamming(9).sum(), "same")
    sent = np.rint(voice * 6000).astype(np.int16)
    sound, stereo = render(drifting(sent, ppm), [], 49_000)
    truth = np.interp(np.arange(49 * 8000) * (1 + ppm / 1e6), np.arange(len(sent)), sent.astype(float))
    wanted = np.rint(truth).astype(np.int16)
    shifts = [shift_of(sound[:, 0], wanted, place) for place in range(4000, 48 * 8000, 30_000)]
    assert np.ptp(shifts) < 0.2
    assert np.abs(shifts).max() < 4
    assert "follow the clock" in str(stereo)


def test_a_new_steady_source_after_a_drifting_one_is_bit_exact_again() -> None:
    long, short = sweep(300, 3000, 40.0, sample_rate=8000), sweep(300, 3000, 5.0, sample_rate=8000)
    before = drifting(long, -300)
    after = Speaker(ssrc=9, sequence=77, timestamp=5).say(short, 41_000 * MS)
    sound, _ = render([*before, *after], [], 46_000)
    assert np.array_equal(sound[41 * 8000 :, 0], mu_law(short))
    assert not sound[40 * 8000 + 200 : 41 * 8000 - 40, 0].any()


def test_a_drifting_channel_at_another_rate_is_followed_and_resampled() -> None:
    narrow, wide = sweep(300, 3000, 40.0, sample_rate=8000), sweep(300, 3000, 40.0, sample_rate=16000)
    sound, stereo = render(drifting(narrow, 300), Speaker("L16", 16000, 96, ssrc=2).say(wide, 0), 39_000)
    assert "follow the clock → resample 8000 → 16000 → left" in str(stereo)
    assert np.array_equal(sound[:, 1], wide[: 39 * 16000])
    late = slice(38 * 16000, 39 * 16000)
    truth = np.interp(np.arange(39 * 16000) * (1 + 300e-6), np.arange(len(wide)), wide.astype(float))
    match = [np.dot(sound[late, 0].astype(float), np.roll(truth, lag)[late]) for lag in range(-60, 61)]
    assert abs(int(np.argmax(match)) - 60) <= 40  # 2.5 ms; uncorrected it were 183 samples
