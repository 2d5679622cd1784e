"""G.711 against the recommendation's tables."""

import numpy as np
import pytest

from skryba.codecs.base import Decoder, Encoder
from skryba.codecs.g711 import (
    LINEAR_TO_PCMA,
    PCMA_TO_LINEAR,
    PCMU_TO_LINEAR,
    SILENCE_PCMA,
    SILENCE_PCMU,
    PcmaDecoder,
    PcmaEncoder,
    PcmuDecoder,
    PcmuEncoder,
)
from skryba.codecs.tones import sine

PAIRS = [(PcmuEncoder, PcmuDecoder), (PcmaEncoder, PcmaDecoder)]
CODES = np.arange(256, dtype=np.uint8)
LINEAR = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(
    ("code", "value"), [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8), (0xEF, 132)]
)
def test_mu_law_values_of_the_table(code: int, value: int) -> None:
    assert PCMU_TO_LINEAR[code] == value


@pytest.mark.parametrize(
    ("code", "value"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xD4, 24), (0xC5, 264)]
)
def test_a_law_values_of_the_table(code: int, value: int) -> None:
    assert PCMA_TO_LINEAR[code] == value


def test_silence_codes() -> None:
    assert PcmuEncoder().encode(np.zeros(3, np.int16)) == bytes([SILENCE_PCMU] * 3)
    assert PcmaEncoder().encode(np.zeros(3, np.int16)) == bytes([SILENCE_PCMA] * 3)
    assert LINEAR_TO_PCMA.dtype == np.uint8


@pytest.mark.parametrize(("encoder", "decoder"), PAIRS)
def test_every_code_survives_the_round_trip(encoder: type[Encoder], decoder: type[Decoder]) -> None:
    values = decoder().decode(CODES)
    again = decoder().decode(encoder().encode(values))
    assert np.array_equal(values, again)
    assert values.dtype == np.int16


@pytest.mark.parametrize(("encoder", "decoder"), PAIRS)
def test_error_stays_within_half_a_step(encoder: type[Encoder], decoder: type[Decoder]) -> None:
    error = np.abs(decoder().decode(encoder().encode(LINEAR)).astype(int) - LINEAR)
    inside = np.abs(LINEAR.astype(int)) <= 32000
    assert (error[inside] <= np.abs(LINEAR[inside].astype(int)) / 30 + 9).all()


@pytest.mark.parametrize(("encoder", "decoder"), PAIRS)
def test_full_scale_is_clipped_and_keeps_its_sign(encoder: type[Encoder], decoder: type[Decoder]) -> None:
    low, high = decoder().decode(encoder().encode(np.array([-32768, 32767], np.int16)))
    assert low < -32000
    assert high > 32000


@pytest.mark.parametrize(("encoder", "decoder"), PAIRS)
def test_a_tone_keeps_its_shape(encoder: type[Encoder], decoder: type[Decoder]) -> None:
    tone = sine(1013, 0.5, sample_rate=8000)
    noise = decoder().decode(encoder().encode(tone)).astype(float) - tone
    assert 10 * np.log10(np.mean(tone.astype(float) ** 2) / np.mean(noise**2)) > 35


def test_octets_arrays_and_views_decode_alike() -> None:
    payload = bytes(range(256))
    expected = PcmuDecoder().decode(payload)
    assert np.array_equal(PcmuDecoder().decode(np.frombuffer(payload, np.uint8)), expected)
    assert np.array_equal(PcmuDecoder().decode(memoryview(payload)), expected)
    assert len(PcmuDecoder().decode(b"")) == 0
