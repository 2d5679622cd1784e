"""The same sound as FLAC, Ogg/Opus or MP3 (libsndfile), written forward only, so that it can go into a container.

May not know files: octets go to whoever takes them, no temporary file is made. FLAC and Opus are passed on while they
grow; an MP3 is held in memory to its end (32 or 80 kbit/s: 30 to 70 MB for two hours) because its first frame tells
its length.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from skryba.errors import IntegrityError, StateError
from skryba.recorder.wav import CHANNELS

_DECODED = 1 << 16  # frames decoded at a time
_STREAMINFO_FRAMES = 21  # RFC 9639 §8.2: the lower 4 bits of this octet and the next four count the frames


class Kind(StrEnum):
    """What a rule can ask for beside the WAV."""

    FLAC = "flac"
    OPUS = "opus"
    MP3 = "mp3"

    @property
    def suffix(self) -> str:
        """Of the file's name."""
        return ".ogg" if self is Kind.OPUS else f".{self.value}"

    @property
    def label(self) -> str:
        """As the manifest names it."""
        return {Kind.FLAC: "FLAC", Kind.OPUS: "Ogg/Opus", Kind.MP3: "MP3"}[self]


# Constant bit rate, since the lowest variable one of LAME is twice what speech needs.
_ENCODERS: dict[Kind, dict[str, Any]] = {
    Kind.FLAC: {"format": "FLAC", "subtype": "PCM_16"},
    Kind.OPUS: {"format": "OGG", "subtype": "OPUS"},
    Kind.MP3: {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.5},
}


@dataclass(frozen=True, slots=True)
class Tags:
    """What a player shows, ASCII. `date` is ISO 8601; `comment` says who is left and who is right."""

    title: str
    date: str
    comment: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out when a file was decoded to its end."""

    sample_rate: int
    channels: int
    frames: int


class Rendition:
    """One rendition in the making, fed with the same blocks as the WAV."""

    def __init__(self, kind: Kind, write: Callable[[bytes], object], sample_rate: int, frames: int, tags: Tags) -> None:
        """`write` takes octets in order; `sample_rate` is 8, 16 or 48 kHz, which all three know."""
        self._kind, self._write, self._expected = kind, write, frames
        self._sink = _Sink()
        self._file = soundfile.SoundFile(self._sink, "w", sample_rate, CHANNELS, **_ENCODERS[kind])
        for name, text in asdict(tags).items():
            if text:  # libsndfile refuses an empty one
                setattr(self._file, name, text)
        self._begun = False
        self.frames = 0

    def add(self, block: NDArray[np.int16]) -> None:
        """Append frames [n, 2]."""
        if (
            self._kind is Kind.MP3
        ):  # libsndfile 1.2.2 reads stereo int16 for MP3 from the wrong place, floats it does not
            self._file.write(block.astype(np.float32) / 32768)
        else:
            self._file.write(np.ascontiguousarray(block))
        self.frames += len(block)
        if self._kind is not Kind.MP3:
            self._pass_on()

    def close(self) -> None:
        """Encode what is left. StateError if it is not the length that was announced."""
        self._file.close()
        if self.frames != self._expected:
            raise StateError(f"{self.frames} frames written, {self._expected} announced")
        self._pass_on()

    def _pass_on(self) -> None:
        octets = self._sink.take()
        if self._kind is Kind.FLAC and not self._begun:
            high, low = divmod(self._expected, 1 << 32)
            octets[_STREAMINFO_FRAMES] |= high & 0x0F
            octets[_STREAMINFO_FRAMES + 1 : _STREAMINFO_FRAMES + 5] = low.to_bytes(4, "big")
        self._begun = True
        self._write(bytes(octets))


def decode(file: BinaryIO) -> Decoded:
    """Decode a rendition or WAV to its end, block by block. IntegrityError where it does not decode."""
    try:
        with soundfile.SoundFile(file) as sound:
            frames = 0
            while count := len(sound.read(_DECODED, dtype="int16", always_2d=True)):
                frames += count
            if frames != sound.frames:
                raise IntegrityError(f"it decodes to {frames} of {sound.frames} frames")
            return Decoded(sound.samplerate, sound.channels, frames)
    except soundfile.LibsndfileError as error:
        raise IntegrityError(f"it does not decode: {error.error_string}") from error


class _Sink:
    """What libsndfile takes for a file: grows, and forgets what was taken from it.

    FLAC comes back at the end to write its MD5 and frame sizes (RFC 9639 §8.2: 0 means not told) over octets that are
    gone by then; that is ignored, the container's own hashes say more.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._gone = self._at = 0

    def take(self) -> bytearray:
        octets, self._held = self._held, bytearray()
        self._gone += len(octets)
        return octets

    def write(self, data: bytes) -> int:
        begin = self._at - self._gone
        if begin >= 0:
            self._held[begin : begin + len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._gone + len(self._held))[whence]
        return self._at

    def tell(self) -> int:
        return self._at
