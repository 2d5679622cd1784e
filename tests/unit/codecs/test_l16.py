"""L16: network byte order, stereo mixed down."""

import numpy as np

from skryba.codecs.l16 import L16Decoder, L16Encoder

SAMPLES = np.array([0, 1, -1, 32767, -32768, 258], np.int16)


def test_octets_are_big_endian() -> None:
    assert L16Encoder(16000).encode(np.array([258], np.int16)) == b"\x01\x02"
    assert L16Decoder(16000).decode(b"\x01\x02").tolist() == [258]


def test_mono_round_trip_is_exact() -> None:
    assert np.array_equal(L16Decoder(8000).decode(L16Encoder(8000).encode(SAMPLES)), SAMPLES)


def test_stereo_is_averaged_without_overflow() -> None:
    wire = np.array([30000, 32000, -30000, -32000, 100, -100], ">i2").tobytes()
    assert L16Decoder(44100, 2).decode(wire).tolist() == [31000, -31000, 0]
    assert np.array_equal(L16Decoder(44100, 2).decode(L16Encoder(44100, 2).encode(SAMPLES)), SAMPLES)


def test_half_a_sample_is_left_out() -> None:
    assert L16Decoder(8000).decode(b"\x00\x01\x02").tolist() == [1]
    assert L16Decoder(44100, 2).decode(bytes(7)).tolist() == [0]
