"""Stereo PCM16 WAV (RIFF) whose header is true after every block: the file plays at any moment of its writing.

May not know where the file lies: it writes to a `Sink`. Its SHA-256 is known without reading it again.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skryba.errors import StateError

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
CHANNELS = 2
FRAME = 2 * CHANNELS  # octets
LONGEST = (0xFFFFFFFF - HEADER.size) // FRAME  # frames that a RIFF length field can count


class Sink(Protocol):
    """A file being written: grows at its end; its beginning may be patched."""

    def write(self, data: Any) -> None: ...

    def patch(self, offset: int, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class WavInfo:
    """What a header says."""

    sample_rate: int
    channels: int
    bits: int
    frames: int


class WavWriter:
    """Writes `frames` frames in blocks. The number is known before: the length of a recording is not a guess."""

    def __init__(self, sink: Sink, *, sample_rate: int, frames: int) -> None:
        if frames > LONGEST:
            raise StateError(f"{frames} frames do not fit into one WAV file")
        self._sink = sink
        self._rate = sample_rate
        self._expected = frames
        self.frames = 0
        self._digest = hashlib.sha256(header(sample_rate, frames))  # of the file as it will be when it is whole
        sink.write(header(sample_rate, 0))

    def write(self, block: NDArray[np.int16]) -> None:
        """Append frames [n, 2]; then the header counts them."""
        data = np.ascontiguousarray(block, dtype=np.dtype("<i2"))
        octets = data.reshape(-1).view(np.uint8).data
        self._sink.write(octets)
        self._digest.update(octets)
        self.frames += len(data)
        self._sink.patch(0, header(self._rate, self.frames))

    def close(self) -> str:
        """SHA-256 of the whole file, hexadecimal. StateError if it is not the length that was announced."""
        if self.frames != self._expected:
            raise StateError(f"{self.frames} frames written, {self._expected} announced")
        return self._digest.hexdigest()


def header(sample_rate: int, frames: int) -> bytes:
    """44 octets for stereo PCM16."""
    data = frames * FRAME
    return HEADER.pack(
        b"RIFF", HEADER.size - 8 + data, b"WAVE", b"fmt ", 16, 1, CHANNELS, sample_rate, sample_rate * FRAME, FRAME, 16,
        b"data", data,
    )  # fmt: skip


def read_header(data: bytes) -> WavInfo | None:
    """What the first 44 octets say, or None if they are not a header of ours."""
    if len(data) < HEADER.size:
        return None
    riff, size, wave, fmt, length, kind, channels, rate, _per_second, frame, bits, tag, octets = HEADER.unpack_from(
        data
    )
    if (riff, wave, fmt, length, kind, tag) != (b"RIFF", b"WAVE", b"fmt ", 16, 1, b"data"):
        return None
    if size != octets + HEADER.size - 8 or not frame:
        return None
    return WavInfo(sample_rate=rate, channels=channels, bits=bits, frames=octets // frame)
