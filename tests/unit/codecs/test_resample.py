"""Rate conversion: level, aliases, and nothing moves in time (R-T5)."""

import numpy as np
import pytest

from skryba.codecs.base import Samples
from skryba.codecs.resample import RIPPLE_DB, STOPBAND_DB, Resampler, resample
from skryba.codecs.tones import sine, sweep

RATES = [(8000, 16000), (16000, 8000), (48000, 16000), (44100, 16000), (32000, 8000), (16000, 48000)]


def level(samples: Samples) -> float:
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4].astype(float)
    return float(20 * np.log10(max(middle.std(), 1e-9)))


def half(source: int, target: int) -> float:
    """Hz that both rates can hold."""
    return min(source, target) / 2


@pytest.mark.parametrize(("source", "target"), RATES)
def test_passband_ripple_is_as_promised(source: int, target: int) -> None:
    levels = []
    for frequency in np.linspace(50, 0.9 * half(source, target), 40):
        tone = sine(frequency, 0.25, sample_rate=source, level=-3)
        levels.append(level(resample(tone, source, target)) - level(tone))
    assert max(levels) - min(levels) <= RIPPLE_DB <= 0.5
    assert abs(levels[0]) < 0.02


@pytest.mark.parametrize(("source", "target"), [pair for pair in RATES if pair[0] > pair[1]])
def test_what_the_lower_rate_cannot_hold_is_as_far_down_as_promised(source: int, target: int) -> None:
    for frequency in np.linspace(1.1 * half(source, target), source / 2 - 50, 40):
        tone = sine(frequency, 0.25, sample_rate=source, level=-3)
        assert level(resample(tone, source, target)) - level(tone) <= STOPBAND_DB <= -60


@pytest.mark.parametrize(("source", "target"), [pair for pair in RATES if pair[0] < pair[1]])
def test_no_image_appears_above_the_old_half_rate(source: int, target: int) -> None:
    for frequency in np.linspace(100, 0.9 * half(source, target), 20):
        sound = resample(sine(frequency, 0.5, sample_rate=source, level=-3), source, target).astype(float)
        sound = sound[len(sound) // 4 : 3 * len(sound) // 4]
        spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
        image = spectrum[np.fft.rfftfreq(len(sound), 1 / target) > 1.1 * half(source, target)]
        assert 20 * np.log10(image.max() / spectrum.max()) <= STOPBAND_DB


@pytest.mark.parametrize(("source", "target"), RATES)
def test_nothing_moves_in_time(source: int, target: int) -> None:
    original = sweep(300, 3000, 0.5, sample_rate=target)
    heard = resample(sweep(300, 3000, 0.5, sample_rate=source), source, target)
    assert len(heard) == len(original)
    middle = slice(len(original) // 5, 4 * len(original) // 5)
    difference = heard[middle].astype(float) - original[middle]
    assert 20 * np.log10(difference.std() / original[middle].std()) < -50


@pytest.mark.parametrize(("source", "target"), RATES)
def test_blocks_with_margins_equal_the_whole(source: int, target: int) -> None:
    sound = sweep(200, 3000, 0.4, sample_rate=source)
    whole = resample(sound, source, target)
    resampler = Resampler(source, target)
    block = source // 10
    padded = np.concatenate([np.zeros(resampler.margin, np.int16), sound, np.zeros(resampler.margin, np.int16)])
    parts = [resampler.convert(padded[at : at + block + 2 * resampler.margin]) for at in range(0, len(sound), block)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_full_scale_is_limited_not_wrapped() -> None:
    square = np.repeat(np.array([32767, -32768] * 50, np.int16), 20)
    heard = resample(square, 8000, 16000)
    assert (heard[np.arange(20, 4000, 40)] > 20000).tolist() == [True, False] * 50
    assert heard.max() == 32767


def test_same_rate_is_the_same_array_and_odd_blocks_are_refused() -> None:
    sound = np.ones(3, np.int16)
    assert resample(sound, 8000, 8000) is sound
    resampler = Resampler(16000, 8000)
    assert str(resampler) == "resample 16000 → 8000"
    with pytest.raises(ValueError, match="does not fit"):
        resampler.convert(np.zeros(2 * resampler.margin + 3, np.int16))
