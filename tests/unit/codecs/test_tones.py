"""Test sounds have the frequency, length and level they claim."""

import numpy as np
import pytest

from skryba.codecs.tones import beep, silence, sine, sweep


@pytest.mark.parametrize("rate", [8000, 16000])
def test_sine(rate: int) -> None:
    tone = sine(1000, 0.5, sample_rate=rate, level=-6)
    assert len(tone) == rate // 2
    assert np.abs(np.fft.rfft(tone.astype(float))).argmax() == 500
    assert abs(int(tone.max()) - 32767 * 10 ** (-6 / 20)) < 2
    assert tone[0] == 0


def test_sweep_moves_evenly_from_first_to_last() -> None:
    sound = sweep(500, 2500, 2.0, sample_rate=8000).astype(float)
    middles = [sound[at : at + 400] for at in (0, 8000 - 200, 16000 - 400)]
    peaks = [np.abs(np.fft.rfft(part * np.hanning(400), 8000)).argmax() for part in middles]
    assert np.allclose(peaks, [525, 1500, 2475], atol=40)


def test_beep_begins_and_ends_softly() -> None:
    sound = beep(1400, 0.1, sample_rate=8000).astype(int)
    assert np.abs(sound[:5]).max() < 600
    assert np.abs(sound[-5:]).max() < 600
    assert np.abs(sound[300:500]).max() > 8000
    assert len(beep(1400, 0.001, sample_rate=8000)) == 8


def test_silence_is_nothing() -> None:
    assert len(silence(0.25, sample_rate=8000)) == 2000
    assert not silence(0.25, sample_rate=8000).any()
