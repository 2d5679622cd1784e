"""What can be decoded, with which arithmetic."""

import numpy as np
import pytest

from skryba.codecs.base import Format
from skryba.codecs.registry import STATIC, codec, decoder, encoder, is_silent

KNOWN = [
    ("PCMU", 8000, 1, 8000, 1, 1),
    ("pcma", 8000, 1, 8000, 1, 1),
    ("G722", 8000, 1, 16000, 1, 2),
    ("L16", 16000, 1, 16000, 2, 1),
    ("L16", 44100, 2, 44100, 4, 1),
]
UNKNOWN = [
    ("OPUS", 48000, 2),
    ("PCMU", 16000, 1),
    ("PCMU", 8000, 2),
    ("L16", 11025, 1),
    ("L16", 8000, 3),
    ("G729", 8000, 1),
]


@pytest.mark.parametrize(("encoding", "clock", "channels", "rate", "octets", "samples"), KNOWN)
def test_known_formats(encoding: str, clock: int, channels: int, rate: int, octets: int, samples: int) -> None:
    found = codec(encoding, clock, channels)
    assert found is not None
    assert (found.sample_rate, found.octets, found.samples) == (rate, octets, samples)
    made, maker = decoder(encoding, clock, channels), encoder(encoding, clock, channels)
    assert made is not None
    assert maker is not None
    assert made.sample_rate == maker.sample_rate == rate
    assert len(made.decode(bytes(80 * octets))) == 80 * samples
    assert len(maker.encode(np.zeros(80 * samples, np.int16))) == 80 * octets


@pytest.mark.parametrize(("encoding", "clock", "channels"), UNKNOWN)
def test_unknown_formats(encoding: str, clock: int, channels: int) -> None:
    assert codec(encoding, clock, channels) is None
    assert decoder(encoding, clock, channels) is None
    assert encoder(encoding, clock, channels) is None


def test_each_stream_has_its_own_decoder() -> None:
    assert decoder("G722", 8000) is not decoder("G722", 8000)


def test_static_types_and_silent_formats() -> None:
    assert STATIC[8] == Format("PCMA", 8000)
    assert STATIC[10] == Format("L16", 44100, 2)
    assert is_silent("telephone-event")
    assert is_silent("CN")
    assert not is_silent("PCMU")
