"""⚡ Sound files: what people upload, what is kept, what ships.

May not know texts. Untrusted octets are decoded by libsndfile, here and when a file is uploaded, never in the process
that carries calls: that one reads 16-bit WAV, and the Ogg files of its own package.
"""

import io
import wave

import numpy as np
import soundfile
from numpy.typing import NDArray

from skryba.announcements.sound import LONGEST, RATE
from skryba.errors import ConfigError

BIGGEST = 64 << 20  # octets; a minute of the best studio WAV is 35 MB
_KINDS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3")  # OGG: Opus and Vorbis
_QUIET_AROUND = 30.0  # seconds of quiet before and after the words that an upload may have

Sound = NDArray[np.float64]
Samples = NDArray[np.int16]


def decode(data: bytes) -> tuple[Sound, int]:
    """[n, channels] within ±1, and the rate. ConfigError (for people) when it is no sound that we read."""
    if len(data) > BIGGEST:
        raise ConfigError(f"{len(data) >> 20} MB; at most {BIGGEST >> 20} MB are read")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in _KINDS:
                raise ConfigError(f"{file.format} is not read; give WAV, MP3, Ogg (Opus, Vorbis) or FLAC")
            longest = round((LONGEST + _QUIET_AROUND) * file.samplerate)
            sound = file.read(longest + 1, dtype="float64", always_2d=True)
            rate = int(file.samplerate)
    except soundfile.LibsndfileError as error:
        raise ConfigError(f"no sound file that we read (WAV, MP3, Ogg, FLAC): {error.error_string}") from error
    if len(sound) > longest:
        raise ConfigError(f"lasts more than {LONGEST + _QUIET_AROUND:.0f} s; {LONGEST:.0f} s can be played")
    if not len(sound):
        raise ConfigError("there is no sound in the file")
    return sound, rate


def as_wav(samples: Samples) -> bytes:
    """16 kHz mono PCM16."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return target.getvalue()


def as_ogg(samples: Samples) -> bytes:
    """16 kHz mono Vorbis, a tenth of the WAV: what ships."""
    target = io.BytesIO()
    with soundfile.SoundFile(target, "w", RATE, 1, format="OGG", subtype="VORBIS", compression_level=0.9) as file:
        file.write(samples)
    return target.getvalue()


def read_wav(data: bytes) -> tuple[Samples, int]:
    """Samples and rate of a mono PCM16 WAV of 8 or 16 kHz. ValueError, wave.Error or EOFError when it is none."""
    with wave.open(io.BytesIO(data)) as file:
        rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
        if (channels, width) != (1, 2) or rate not in (8000, RATE):
            raise ValueError(f"{rate} Hz, {channels} channels, {8 * width} bit; must be 8000 or 16000 Hz, mono, 16 bit")
        frames = file.readframes(file.getnframes())
        if len(frames) < 2 * file.getnframes():
            raise ValueError("ends early: the file is shorter than its header says")
    return np.frombuffer(frames, dtype="<i2").astype(np.int16), rate


def read_ogg(data: bytes) -> tuple[Samples, int]:
    """Of a file that `as_ogg` made. ValueError when it does not decode."""
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    except soundfile.LibsndfileError as error:
        raise ValueError(f"does not decode: {error.error_string}") from error
    if samples.ndim != 1 or rate != RATE:
        raise ValueError(f"{rate} Hz, {samples.ndim} dimensions; must be {RATE} Hz, mono")
    return samples, int(rate)
