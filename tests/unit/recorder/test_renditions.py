"""Each rendition, decoded again, is the same sound, as long, and in its place (R-F1)."""

import io
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from skryba.codecs.tones import sweep
from skryba.errors import IntegrityError, StateError
from skryba.recorder.renditions import Decoded, Kind, Rendition, Tags, decode

TAGS = Tags("2026-11-24_100000_in <1>", "2026-11-24T10:00:00.125Z", "left: our station, right: the other party")


def sound(rate: int, seconds: float = 3.0) -> NDArray[np.int16]:
    """Left sweeps in the first half, right in the second."""
    half = round(seconds * rate / 2)
    stereo = np.zeros((2 * half, 2), np.int16)
    stereo[:half, 0] = sweep(300, 2500, seconds / 2, sample_rate=rate)
    stereo[half:, 1] = sweep(2500, 300, seconds / 2, sample_rate=rate)
    return stereo


def rendered(kind: Kind, stereo: NDArray[np.int16], rate: int, block: int = 7000) -> tuple[bytes, list[int]]:
    parts: list[bytes] = []
    rendition = Rendition(kind, parts.append, rate, len(stereo), TAGS)
    for begin in range(0, len(stereo), block):
        rendition.add(stereo[begin : begin + block])
    rendition.close()
    return b"".join(parts), [len(part) for part in parts]


def lag(heard: NDArray[Any], said: NDArray[Any]) -> int:
    size = 2 * len(said)
    match = np.fft.irfft(np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(said.astype(float), size)))
    best = int(match.argmax())
    return best - size if best > len(said) else best


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("kind", list(Kind))
def test_decoded_again_it_is_as_long_and_nothing_moved(kind: Kind, rate: int) -> None:
    stereo = sound(rate)
    octets, _ = rendered(kind, stereo, rate)
    assert decode(io.BytesIO(octets)) == Decoded(rate, 2, len(stereo))
    heard, told = soundfile.read(io.BytesIO(octets), dtype="int16")
    assert told == rate
    for column in (0, 1):
        assert abs(lag(heard[:, column], stereo[:, column])) <= rate // 4000
    assert (heard.astype(float) - stereo).std() < stereo.std() / 8
    assert np.abs(heard[rate // 4 : rate, 1]).max() < 200  # nothing of the other channel


@pytest.mark.parametrize("rate", [8000, 16000])
def test_flac_loses_nothing(rate: int) -> None:
    stereo = np.random.default_rng(3).integers(-32768, 32768, (rate, 2)).astype(np.int16)
    octets, _ = rendered(Kind.FLAC, stereo, rate)
    assert np.array_equal(soundfile.read(io.BytesIO(octets), dtype="int16")[0], stereo)


@pytest.mark.parametrize("kind", [Kind.FLAC, Kind.OPUS])
def test_passed_on_while_it_grows(kind: Kind) -> None:
    octets, parts = rendered(kind, np.random.default_rng(3).integers(-9000, 9000, (80000, 2)).astype(np.int16), 8000)
    assert max(parts) < len(octets) / 4


@pytest.mark.parametrize("kind", list(Kind))
def test_tags_say_what_it_is(kind: Kind) -> None:
    octets, _ = rendered(kind, sound(8000), 8000)
    with soundfile.SoundFile(io.BytesIO(octets)) as file:
        assert (file.title, file.date, file.comment) == (TAGS.title, TAGS.date, TAGS.comment)


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_to_say_is_no_fault(kind: Kind) -> None:
    rendition = Rendition(kind, len, 8000, 80, Tags("", "", ""))
    rendition.add(np.zeros((80, 2), np.int16))
    rendition.close()


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("frames", [1, 100])
def test_very_short(kind: Kind, frames: int) -> None:
    octets, _ = rendered(kind, np.zeros((frames, 2), np.int16), 8000)
    assert decode(io.BytesIO(octets)).frames == frames


def test_another_length_than_announced_is_our_bug() -> None:
    rendition = Rendition(Kind.FLAC, lambda _: None, 8000, 10, TAGS)
    rendition.add(np.zeros((9, 2), np.int16))
    with pytest.raises(StateError, match="9 frames written, 10 announced"):
        rendition.close()


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_not_whole_is_told(kind: Kind) -> None:
    octets, _ = rendered(kind, sound(8000), 8000)
    for broken in (b"", b"x" * 9000, octets[:20]):
        with pytest.raises(IntegrityError, match="it does not decode"):
            decode(io.BytesIO(broken))
    try:
        left = decode(io.BytesIO(octets[: len(octets) // 2])).frames
    except IntegrityError:
        left = 0
    assert left < 24000


def test_names() -> None:
    assert [(kind.value, kind.suffix, kind.label) for kind in Kind] == [
        ("flac", ".flac", "FLAC"),
        ("opus", ".ogg", "Ogg/Opus"),
        ("mp3", ".mp3", "MP3"),
    ]
