import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.announcements.loudness import loudness, true_peak
from skryba.announcements.sound import LONGEST, PEAK, RATE, TARGET, Prepared, prepare
from skryba.errors import ConfigError


def speech(seconds: float, rate: int = RATE, level: float = 0.05, seed: int = 1) -> NDArray[np.float64]:
    """Noise that swells like syllables."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * rate)) * level
    return np.asarray(noise * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(len(noise)) / rate)), dtype=np.float64)


def measured(made: Prepared) -> tuple[float, float]:
    sound = made.samples.astype(np.float64) / 32767
    return loudness(sound, RATE), true_peak(sound)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("level", [0.003, 0.03, 0.2])
def test_b8_any_sound_comes_out_at_16_khz_and_at_the_house_level(rate: int, level: float) -> None:
    made = prepare(speech(3.0, rate, level), rate)
    assert made.samples.dtype == np.int16
    assert made.duration_ms == pytest.approx(3100, abs=10)  # 50 ms of quiet at either end
    assert len(made.samples) == pytest.approx(made.duration_ms * 16, abs=16)
    assert measured(made)[0] == pytest.approx(TARGET, abs=0.5)
    assert made.loudness == pytest.approx(TARGET, abs=0.5)
    assert made.warnings == ()


def test_b8_peaks_stay_below_the_limit_and_the_loss_is_told() -> None:
    spiky = speech(3.0, level=0.01)
    spiky[20000] = 0.9
    made = prepare(spiky, RATE)
    assert measured(made)[1] <= PEAK + 0.05
    assert made.true_peak == pytest.approx(PEAK, abs=0.1)
    assert any("quieter than other prompts" in warning for warning in made.warnings)


def test_quiet_around_the_words_is_cut_off_and_an_offset_taken_away() -> None:
    made = prepare(np.concatenate([np.zeros(RATE), speech(2.0), np.zeros(3 * RATE)]) + 0.02, RATE)
    assert made.duration_ms == pytest.approx(2100, abs=30)
    assert abs(float(np.mean(made.samples))) < 20
    assert abs(int(made.samples[0])) < 10


def test_channels_are_mixed() -> None:
    left = speech(2.0)
    stereo = np.stack([left, np.zeros_like(left)], axis=1)
    assert np.max(np.abs(prepare(stereo, RATE).samples - prepare(left, RATE).samples)) <= 1


def test_b8_a_long_one_is_warned_of_and_a_longer_one_refused() -> None:
    assert "lasts 10.6 s" in prepare(speech(10.5), RATE).warnings[0]
    assert prepare(speech(10.5), RATE, long=LONGEST).warnings == ()
    assert prepare(speech(9.8), RATE).warnings == ()
    assert prepare(speech(59.5, 8000), 8000, long=LONGEST).duration_ms > 59000
    with pytest.raises(ConfigError, match=r"lasts 61\.1 s"):
        prepare(speech(61.0, 8000), 8000)
    with pytest.raises(ConfigError, match="nothing is heard"):
        prepare(speech(0.05), RATE)
    with pytest.raises(ConfigError, match="no numbers"):
        prepare(np.full(RATE, np.nan), RATE)


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.zeros(0), np.full(RATE, 0.00001), speech(1.0, level=1e-5)])
def test_b8_silence_is_refused(sound: NDArray[np.float64]) -> None:
    with pytest.raises(ConfigError, match="nothing is heard"):
        prepare(sound, RATE)


def test_b8_clipping_is_warned_of_and_much_of_it_refused() -> None:
    hot = np.clip(speech(2.0, level=0.36), -1, 1)
    tops = 0.9 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)
    tops[1000:1010] = 1.0
    assert any("clipped" in warning for warning in prepare(tops, RATE).warnings)
    assert not any("clipped" in warning for warning in prepare(hot * 0.99, RATE).warnings)
    with pytest.raises(ConfigError, match="clipped"):
        prepare(np.clip(1.5 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE), -1, 1), RATE)
    one_ear = np.stack([np.zeros_like(tops), tops], axis=1)
    assert any("clipped" in warning for warning in prepare(one_ear, RATE).warnings)


def test_b8_a_long_pause_is_told() -> None:
    made = prepare(np.concatenate([speech(1.0), np.zeros(round(2.5 * RATE)), speech(1.0)]), RATE)
    assert any("pause of 2.5 s" in warning for warning in made.warnings)
    assert prepare(np.concatenate([speech(1.0), np.zeros(RATE), speech(1.0)]), RATE).warnings == ()
