"""Levels of known sounds (R-T11)."""

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.tones import sine
from skryba.recorder.levels import Level, Levels


def measured(left: NDArray[np.int16], right: NDArray[np.int16], *, rate: int = 8000, block: int = 64000) -> list[Level]:
    levels = Levels(rate)
    stereo = np.stack([left, right], axis=1)
    for begin in range(0, len(stereo), block):
        levels.add(stereo[begin : begin + block])
    return list(levels.result())


def talk(rate: int, seconds: int, share: float, level: float) -> NDArray[np.int16]:
    """Bursts of tone with pauses between them; `share` of each 4 s sounds."""
    sound = sine(700, seconds, sample_rate=rate, level=level)
    place = np.arange(len(sound)) % (4 * rate)
    return np.where(place < share * 4 * rate, sound, 0).astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("level", [-6.0, -20.0, -40.0])
def test_a_steady_tone_is_3_db_below_its_peak_and_always_active(rate: int, level: float) -> None:
    tone = sine(1000, 5, sample_rate=rate, level=level)
    left, right = measured(tone, np.zeros_like(tone), rate=rate)
    assert left.speech_dbfs == pytest.approx(level - 3.01, abs=0.2)
    assert left.peak_dbfs == pytest.approx(level, abs=0.1)
    assert left.activity > 0.97
    assert right == Level(speech_dbfs=None, activity=0.0, clipped=0, peak_dbfs=None, dc_dbfs=None)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_pauses_do_not_lower_the_level_of_speech(share: float) -> None:
    sound = talk(8000, 40, share, -20)
    found = measured(sound, sound)[0]
    assert found.speech_dbfs == pytest.approx(-23, abs=1.3)  # P.56 counts its hangover as speech
    assert found.activity == pytest.approx(share + 0.1, abs=0.08)


def test_noise_between_words_is_not_speech() -> None:
    sound = talk(8000, 40, 0.5, -20)
    noisy = (sound + np.random.default_rng(1).normal(0, 10, len(sound))).astype(np.int16)
    found = measured(noisy, sound)[0]
    assert found.activity == pytest.approx(0.5, abs=0.08)


def test_clipping_and_dc_are_told() -> None:
    loud = np.full(8000, 5000, np.int16)
    loud[100:130] = 32767
    loud[200:210] = -32768
    left, right = measured(loud, np.full(8000, -328, np.int16))
    assert (left.clipped, left.peak_dbfs) == (40, 0.0)
    assert right.clipped == 0
    assert right.dc_dbfs == pytest.approx(-40, abs=0.1)
    assert measured(np.full(800, 32124, np.int16), np.full(800, 32123, np.int16))[1].clipped == 0


@pytest.mark.parametrize("block", [7, 1000, 8001])
def test_blocks_do_not_matter(block: int) -> None:
    sound = talk(8000, 4, 0.5, -20)
    assert measured(sound, sound[::-1], block=block) == measured(sound, sound[::-1])


def test_nothing_measured_is_told_as_nothing() -> None:
    assert Levels(8000).result()[0].words == {
        "peak_dbfs": None,
        "speech_dbfs": None,
        "activity": 0.0,
        "clipped": 0,
        "dc_dbfs": None,
    }
