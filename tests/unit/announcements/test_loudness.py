"""Against the signals of EBU Tech 3341 and their answers; in mono, which is 3.01 LU less than the same in stereo."""

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.announcements.loudness import QUIETEST, loudness, true_peak

RATES = [8000, 16000, 44100, 48000]
MONO = -10 * float(np.log10(2))


def sine(rate: int, dbfs: float, seconds: float, hertz: float = 1000.0, phase: float = 0.0) -> NDArray[np.float64]:
    at = np.arange(round(seconds * rate)) / rate
    return np.asarray(10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * at + phase), dtype=np.float64)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_b8_a_tone_measures_what_ebu_3341_cases_1_and_2_say(rate: int, level: float) -> None:
    assert loudness(sine(rate, level, 20.0), rate) == pytest.approx(level + MONO, abs=0.1)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_b8_full_scale_at_997_hz_is_minus_3_01_lkfs(rate: int) -> None:
    assert loudness(sine(rate, 0.0, 5.0, 997.0), rate) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize(
    "parts",
    [
        [(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)],  # case 3: the relative gate
        [(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)],  # case 4: both gates
        [(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)],  # case 5: the mean of powers
    ],
)
def test_b8_gates_as_ebu_3341_cases_3_to_5_say(parts: list[tuple[float, float]]) -> None:
    sound = np.concatenate([sine(16000, level, seconds) for level, seconds in parts])
    assert loudness(sound, 16000) == pytest.approx(-23.0 + MONO, abs=0.1)


def test_the_weighting_lifts_high_tones_and_cuts_rumble() -> None:
    level = {hertz: loudness(sine(48000, -20.0, 2.0, hertz), 48000) for hertz in (20.0, 1000.0, 10000.0)}
    assert level[10000.0] - level[1000.0] == pytest.approx(3.3, abs=0.2)
    assert level[1000.0] - level[20.0] > 10


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.zeros(32000)])
def test_silence_is_as_quiet_as_it_gets(samples: NDArray[np.float64]) -> None:
    assert loudness(samples, 16000) == QUIETEST
    assert true_peak(samples) == QUIETEST


def test_a_sound_shorter_than_a_block_is_measured_whole() -> None:
    assert loudness(sine(16000, -23.0, 0.3), 16000) == pytest.approx(-23.0 + MONO, abs=0.2)


def test_b8_the_true_peak_is_found_between_the_samples() -> None:
    between = sine(16000, -6.0, 1.0, 4000.0, np.pi / 4)  # samples stand 3 dB below the crest
    assert 20 * np.log10(np.max(np.abs(between))) == pytest.approx(-9.0, abs=0.1)
    assert true_peak(between) == pytest.approx(-6.0, abs=0.4)
    assert true_peak(sine(16000, -6.0, 1.0, 997.0)) == pytest.approx(-6.0, abs=0.1)
