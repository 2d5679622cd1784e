import numpy as np
import pytest

from skryba.announcements.forms import forms
from skryba.codecs import registry


def sine(rate: int, seconds: float = 1.003) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    wave_form = 8000 * np.sin(2 * np.pi * 500 * np.arange(round(seconds * rate)) / rate)
    samples: np.ndarray[tuple[int], np.dtype[np.int16]] = np.rint(wave_form).astype(np.int16)
    return samples


@pytest.mark.parametrize("rate", [8000, 16000])
def test_b8_a_sound_is_heard_in_every_leg_codec(rate: int) -> None:
    made = forms(sine(rate), rate)
    assert set(made) == {"PCMU/8000", "PCMA/8000", "G722/8000", "L16/8000", "L16/16000"}
    for name, payload in made.items():
        codec, clock = name.split("/")
        decoder = registry.decoder(codec, int(clock), 1)
        assert decoder is not None
        heard = decoder.decode(np.frombuffer(payload, np.uint8))
        power = np.abs(np.fft.rfft(heard.astype(float))) ** 2
        near = np.abs(np.fft.rfftfreq(len(heard), 1 / decoder.sample_rate) - 500) < 30
        assert power[near].sum() / power.sum() > 0.97, name
        assert len(heard) / decoder.sample_rate == pytest.approx(1.02, abs=1e-9), name  # whole frames of 20 ms
        assert np.sqrt(np.mean(np.square(heard[800:7200].astype(float)))) == pytest.approx(8000 / 2**0.5, rel=0.06)
