import io
import wave

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from skryba.announcements import sound_files
from skryba.announcements.sound_files import as_ogg, as_wav, decode, read_ogg, read_wav
from skryba.errors import ConfigError


def tone(seconds: float = 1.0, rate: int = 16000) -> NDArray[np.float64]:
    return np.asarray(0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate), dtype=np.float64)


def file(kind: str, subtype: str, rate: int, sound: NDArray[np.float64]) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, sound, rate, format=kind, subtype=subtype)
    return made.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "rate"),
    [
        ("WAV", "PCM_16", 44100),
        ("WAV", "PCM_24", 48000),
        ("WAV", "ULAW", 8000),
        ("WAVEX", "FLOAT", 48000),
        ("FLAC", "PCM_16", 44100),
        ("OGG", "VORBIS", 44100),
        ("OGG", "OPUS", 48000),
        ("MP3", "MPEG_LAYER_III", 44100),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_b8_what_people_have_can_be_uploaded(kind: str, subtype: str, rate: int, channels: int) -> None:
    sound, read_rate = decode(file(kind, subtype, rate, np.stack([tone(rate=rate)] * channels, axis=1)))
    assert (read_rate, sound.ndim, sound.shape[1]) == (rate, 2, channels)
    assert len(sound) == pytest.approx(rate, abs=rate // 10)
    middle = sound[rate // 4 : rate // 2, 0]
    assert np.sqrt(np.mean(np.square(middle))) == pytest.approx(0.3 / 2**0.5, rel=0.1)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a sound" * 100, file("FLAC", "PCM_16", 16000, tone())[:30]])
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError):
        decode(data)


def test_other_kinds_long_and_large_and_empty_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="AIFF is not read"):
        decode(file("AIFF", "PCM_16", 16000, tone()))
    with pytest.raises(ConfigError, match="more than 90 s"):
        decode(file("WAV", "PCM_16", 8000, tone(91, 8000)))
    with pytest.raises(ConfigError, match="no sound in the file"):
        decode(file("WAV", "PCM_16", 8000, np.zeros(0)))
    monkeypatch.setattr(sound_files, "BIGGEST", 1 << 10)
    with pytest.raises(ConfigError, match="at most"):
        decode(file("WAV", "PCM_16", 8000, tone()))


def test_what_is_written_is_read() -> None:
    samples = np.rint(tone() * 32767).astype(np.int16)
    read, rate = read_wav(as_wav(samples))
    assert (rate, read.tolist()) == (16000, samples.tolist())
    packed = as_ogg(samples)
    heard, rate = read_ogg(packed)
    assert (rate, len(heard)) == (16000, len(samples))
    assert len(packed) < len(samples) / 2
    assert np.corrcoef(heard, samples)[0, 1] > 0.99


def test_the_files_of_calls_have_one_form() -> None:
    torn = as_wav(np.zeros(16000, np.int16))[:-100]
    with pytest.raises(ValueError, match="ends early"):
        read_wav(torn)
    with pytest.raises(ValueError, match="2 channels"):
        read_wav(file("WAV", "PCM_16", 16000, np.zeros((100, 2))))
    with pytest.raises(wave.Error):
        read_wav(b"not a sound at all, but long enough")
    with pytest.raises(ValueError, match="does not decode"):
        read_ogg(b"OggS")
    with pytest.raises(ValueError, match="44100 Hz"):
        read_ogg(file("OGG", "VORBIS", 44100, tone(rate=44100)))
