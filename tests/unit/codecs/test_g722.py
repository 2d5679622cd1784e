"""G.722: sound comes back, state is kept between calls, batches equal frames."""

import numpy as np

from skryba.codecs.g722 import SAMPLE_RATE, G722Decoder, G722Encoder
from skryba.codecs.tones import sine


def test_two_samples_per_octet() -> None:
    assert len(G722Encoder().encode(np.zeros(320, np.int16))) == 160
    assert len(G722Decoder().decode(bytes(160))) == 320
    assert len(G722Encoder().encode(np.zeros(321, np.int16))) == 160


def test_a_tone_comes_back_with_its_frequency_and_level() -> None:
    tone = sine(3000, 1.0, sample_rate=SAMPLE_RATE)
    heard = G722Decoder().decode(G722Encoder().encode(tone)).astype(float)[8000:]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE)[spectrum.argmax()] - 3000) < 5
    assert abs(heard.std() / tone[8000:].std() - 1) < 0.02


def test_frame_by_frame_equals_all_at_once() -> None:
    payload = G722Encoder().encode(sine(700, 0.2, sample_rate=SAMPLE_RATE))
    at_once = G722Decoder().decode(payload)
    decoder = G722Decoder()
    frames = [decoder.decode(np.frombuffer(payload[at : at + 160], np.uint8)) for at in range(0, len(payload), 160)]
    assert np.array_equal(np.concatenate(frames), at_once)


def test_nothing_in_nothing_out() -> None:
    assert len(G722Decoder().decode(b"")) == 0
    assert G722Encoder().encode(np.zeros(0, np.int16)) == b""
