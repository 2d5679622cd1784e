"""Values between samples: right to −60 dB in the band of speech, copied where there is nothing between."""

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.warp import MARGIN, warp

Sound = NDArray[np.int16]


def tone(at: NDArray[np.float64], frequency: float) -> NDArray[np.float64]:
    """At positions in samples of 8 kHz."""
    return 20_000 * np.sin(2 * np.pi * frequency / 8000 * at)


def sampled(count: int, frequency: float) -> Sound:
    return np.rint(tone(np.arange(count, dtype=np.float64), frequency)).astype(np.int16)


@pytest.mark.parametrize("frequency", [100.0, 440.0, 1000.0, 3000.0, 3400.0])
@pytest.mark.parametrize("step", [0.98, 0.9995, 0.9999, 1.0, 1.0001, 1.0005, 1.02])
def test_tones_of_the_speech_band_come_out_as_they_went_in(frequency: float, step: float) -> None:
    found = warp(sampled(4000, frequency), 20.37, step, 3000)
    error = found - tone(20.37 + np.arange(3000, dtype=np.float64) * step, frequency)
    assert 20 * np.log10(error.std() / (20_000 / np.sqrt(2))) < -58


def test_whole_positions_at_full_speed_are_copied() -> None:
    sound = np.random.default_rng(1).integers(-32768, 32767, 500).astype(np.int16)
    found = warp(sound, 100.0, 1.0, 300)
    assert np.array_equal(found, sound[100:400])
    found[:] = 0
    assert sound[100:400].any()


def test_a_level_stays_that_level_and_full_scale_does_not_wrap() -> None:
    level = np.full(200, 12_345, np.int16)
    assert set(warp(level, 50.4, 1.001, 100).tolist()) <= {12_344, 12_345, 12_346}
    square = np.where(np.arange(400) // 20 % 2, 32767, -32768).astype(np.int16)
    found = warp(square, 50.5, 1.0, 300)
    assert found.min() == -32768
    assert found.max() == 32767
    assert np.array_equal(found > 0, np.interp(50.5 + np.arange(300), np.arange(400), square) > 0)


@pytest.mark.parametrize(("position", "count"), [(MARGIN - 1.5, 10), (50.0, 200 - 50 - MARGIN + 2)])
def test_positions_without_margin_are_refused(position: float, count: int) -> None:
    with pytest.raises(ValueError, match="margin"):
        warp(np.zeros(200, np.int16), position, 1.0, count)


def test_the_margin_is_enough() -> None:
    sound = np.ones(2 * MARGIN, np.int16)
    assert warp(sound, MARGIN - 0.5, 1.0, 1).tolist() == [1]
