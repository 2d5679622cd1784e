"""Loss concealment: what was invented resembles, fades, ends after 60 ms, and clicks nowhere (R-T10)."""

import numpy as np
import pytest

from skryba.codecs.base import Samples
from skryba.codecs.conceal import conceal, history, reach
from skryba.codecs.tones import sine

RATES = [8000, 16000, 48000]


def voice(seconds: float, rate: int, pitch: float = 130.0) -> Samples:
    """A vowel-like sound: harmonics of one pitch, the higher the weaker."""
    time = np.arange(round(seconds * rate)) / rate
    harmonics = np.arange(1, 6)[:, None]
    sound = np.sin(2 * np.pi * pitch * harmonics * time + harmonics**2) / harmonics
    samples: Samples = np.rint(6000 * sound.sum(axis=0)).astype(np.int16)
    return samples


def with_gap(sound: Samples, start: int, length: int) -> Samples:
    broken = sound.copy()
    broken[start : start + length] = 0
    return broken


def rms(samples: Samples) -> float:
    return float(np.sqrt((samples.astype(float) ** 2).mean()))


def roughness(samples: Samples) -> float:
    """The largest bend between neighbouring samples: a click is a bend that no voice has."""
    return float(np.abs(np.diff(samples.astype(float), 2)).max())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("pitch", [75, 130, 190])
def test_a_lost_packet_of_a_voice_is_said_again(rate: int, pitch: int) -> None:
    sound = voice(0.4, rate, pitch)
    start, gap = rate // 5, rate // 50
    heard = with_gap(sound, start, gap)
    assert conceal(heard, start, gap, rate) == gap
    lost = slice(start, start + gap // 2)  # before it fades
    assert rms(heard[lost] - sound[lost]) < rms(sound[lost]) / 4


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("milliseconds", [10, 20, 35, 60, 100])
def test_no_click_at_either_edge(rate: int, milliseconds: int) -> None:
    sound = voice(0.5, rate)
    start, gap = rate // 5, milliseconds * rate // 1000
    heard = with_gap(sound, start, gap)
    assert roughness(heard) > 1.5 * roughness(sound)  # the hole itself does click
    conceal(heard, start, gap, rate)
    assert roughness(heard) < 1.25 * roughness(sound)


@pytest.mark.parametrize("rate", RATES)
def test_what_was_received_stays_but_for_the_fade_after_the_gap(rate: int) -> None:
    sound = voice(0.4, rate)
    start, gap = rate // 5, rate // 50
    heard = with_gap(sound, start, gap)
    conceal(heard, start, gap, rate)
    assert np.array_equal(heard[:start], sound[:start])
    assert np.array_equal(heard[start + gap + reach(rate) :], sound[start + gap + reach(rate) :])


@pytest.mark.parametrize("rate", RATES)
def test_full_for_10_ms_then_a_fifth_weaker_every_10_ms_then_silence(rate: int) -> None:
    sound = sine(500, 0.5, sample_rate=rate)
    start, gap = rate // 5, rate // 8
    heard = with_gap(sound, start, gap)
    assert conceal(heard, start, gap, rate) == 60 * rate // 1000
    ten = rate // 100
    levels = [rms(heard[start + part * ten :][:ten]) / rms(sound) for part in range(8)]
    assert levels == pytest.approx([1.0, 0.9, 0.7, 0.5, 0.3, 0.115, 0, 0], abs=0.03)
    assert not heard[start + 6 * ten : start + gap].any()


def test_noise_goes_on_as_noise_of_its_level() -> None:
    noise = np.random.default_rng(7).normal(0, 2000, 4000).astype(np.int16)
    heard = with_gap(noise, 1600, 80)
    conceal(heard, 1600, 80, 8000)
    assert 0.6 < rms(heard[1600:1680]) / rms(noise) < 1.5


def test_a_second_gap_goes_on_from_what_the_first_left() -> None:
    sound = voice(0.4, 8000)
    heard = with_gap(with_gap(sound, 1600, 160), 1920, 160)
    assert conceal(heard, 1600, 160, 8000) == conceal(heard, 1920, 160, 8000) == 160
    assert rms(heard[1920:2000] - sound[1920:2000]) < rms(sound) / 3


def test_nothing_is_invented_out_of_nothing() -> None:
    sound = voice(0.4, 8000)
    early = with_gap(sound, history(8000) - 1, 160)
    before = early.copy()
    assert conceal(early, history(8000) - 1, 160, 8000) == 0
    assert conceal(early, len(early), 160, 8000) == 0
    assert conceal(early, 2000, 0, 8000) == 0
    assert np.array_equal(early, before)
    silent = np.zeros(2000, np.int16)
    silent[1160:] = 900
    assert conceal(silent, 1000, 160, 8000) == 0
    assert silent[1160:].tolist() == [900] * 840
    assert conceal(with_gap(sound, history(8000), 160), history(8000), 160, 8000) == 160


def test_a_gap_that_the_block_ends_in_is_filled_to_its_end() -> None:
    sound = voice(0.4, 8000)
    heard = with_gap(sound, len(sound) - 100, 100)
    assert conceal(heard, len(sound) - 100, 480, 8000) == 100
    assert rms(heard[-100:-20] - sound[-100:-20]) < rms(sound) / 3


def test_full_scale_is_limited_not_wrapped() -> None:
    square = np.repeat(np.array([32767, -32768] * 40, np.int16), 25)
    heard = with_gap(square, 1600, 160)
    conceal(heard, 1600, 160, 8000)
    assert np.abs(heard[1600:1760].astype(float) - square[1600:1760]).mean() < 6000


@pytest.mark.parametrize("seed", range(8))
def test_what_was_invented_is_never_louder_than_what_was_heard(seed: int) -> None:
    dice = np.random.default_rng(seed)
    time = np.arange(8000) / 8000
    chirps = np.sin(2 * np.pi * np.cumsum(dice.uniform(300, 3300, 80).repeat(100)) / 8000 + time)
    sound = np.rint(9000 * chirps).astype(np.int16)
    heard = with_gap(sound, 4000, 480)
    assert conceal(heard, 4000, 480, 8000) == 480
    before = heard[4000 - history(8000) : 4000]
    assert np.abs(heard[4000:4480].astype(int)).max() <= np.abs(before.astype(int)).max()
