"""Stereo PCM16 WAV with its time of day in it (`bext`, EBU Tech 3285 v1); RF64 (ITU-R BS.2088) beyond 4 GiB.

May not know where the file lies. The number of frames is known before, so the header is right from its first octet and
nothing is ever written backwards: a file can be streamed into a container. All our headers have the same length.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from skryba.errors import StateError

CHANNELS = 2
FRAME = 2 * CHANNELS  # octets

_TAG = struct.Struct("<4sI")
_RIFF = struct.Struct("<4sI4s")
_DS64 = struct.Struct("<QQQI")  # octets of the file, of the data, frames, no table
_FMT = struct.Struct("<HHIIHH")
_BEXT = struct.Struct("<256s32s32s10s8sIIH64s190s")
_HISTORY = 30  # octets: what sound this is, in EBU words
_PLAIN = 0xFFFFFFFF  # what a 32-bit length can count; in RF64: "see ds64"
HEADER_OCTETS = _RIFF.size + 4 * _TAG.size + _DS64.size + _BEXT.size + _HISTORY + _FMT.size
LONGEST_RIFF = (_PLAIN - (HEADER_OCTETS - _TAG.size)) // FRAME  # frames; more is RF64


@dataclass(frozen=True, slots=True)
class WavInfo:
    """What a header says. `begin`, `description` and `reference` are those of `bext`."""

    sample_rate: int
    channels: int
    bits: int
    frames: int
    data_offset: int  # where the first frame begins
    begin: datetime | None
    description: str
    reference: str


class WavWriter:
    """Writes `frames` frames in blocks. The number is known before: the length of a recording is not a guess."""

    def __init__(
        self,
        write: Callable[[bytes | memoryview], object],
        sample_rate: int,
        frames: int,
        *,
        begin: datetime,
        description: str,
        reference: str,
    ) -> None:
        """`begin` is the moment of the first frame, aware; `description` and `reference` are cut to 256 and 32 octets
        of ASCII."""
        self._write = write
        self._expected = frames
        self.frames = 0
        write(header(sample_rate, frames, begin=begin, description=description, reference=reference))

    def write(self, block: NDArray[np.int16]) -> None:
        """Append frames [n, 2]. StateError beyond what was announced."""
        self.frames += len(block)
        if self.frames > self._expected:
            raise StateError(f"{self.frames} frames written, {self._expected} announced")
        self._write(pcm(block))

    def close(self) -> None:
        """StateError if it is not the length that was announced."""
        if self.frames != self._expected:
            raise StateError(f"{self.frames} frames written, {self._expected} announced")


def pcm(block: NDArray[np.int16]) -> memoryview:
    """The octets of frames [n, 2] as they stand in the file: int16, little endian, left and right in turn."""
    data = np.ascontiguousarray(block, dtype=np.dtype("<i2"))
    return data.reshape(-1).view(np.uint8).data


def header(sample_rate: int, frames: int, *, begin: datetime, description: str = "", reference: str = "") -> bytes:
    """HEADER_OCTETS octets: RIFF or RF64, room for ds64, bext, fmt, and the length of what follows."""
    data = frames * FRAME
    whole = data + HEADER_OCTETS - _TAG.size
    long = frames > LONGEST_RIFF
    sizes = (b"ds64", _DS64.pack(whole, data, frames, 0)) if long else (b"JUNK", bytes(_DS64.size))
    parts = [
        sizes,
        (b"bext", _bext(sample_rate, begin, description, reference)),
        (b"fmt ", _FMT.pack(1, CHANNELS, sample_rate, sample_rate * FRAME, FRAME, 16)),
    ]
    return b"".join(
        [
            _RIFF.pack(b"RF64" if long else b"RIFF", _PLAIN if long else whole, b"WAVE"),
            *(_TAG.pack(tag, len(words)) + words for tag, words in parts),
            _TAG.pack(b"data", _PLAIN if long else data),
        ]
    )


def read_header(data: bytes) -> WavInfo | None:
    """What the first octets of a PCM WAV say (HEADER_OCTETS are enough for ours); None if they are not one, or lie."""
    if len(data) < _RIFF.size:
        return None
    riff, whole, wave = _RIFF.unpack_from(data)
    if riff not in (b"RIFF", b"RF64") or wave != b"WAVE":
        return None
    found: dict[bytes, bytes] = {}
    at = _RIFF.size
    while at + _TAG.size <= len(data):
        tag, size = _TAG.unpack_from(data, at)
        at += _TAG.size
        if tag == b"data":
            return _told(found, riff == b"RF64", whole, size, at)
        found[tag] = data[at : at + size]
        at += size + size % 2
    return None


def _told(found: dict[bytes, bytes], long: bool, whole: int, octets: int, at: int) -> WavInfo | None:
    fmt, bext = found.get(b"fmt ", b""), found.get(b"bext", b"")
    if len(fmt) < _FMT.size or (long and len(found.get(b"ds64", b"")) < _DS64.size):
        return None
    if long:
        whole, octets, _frames, _table = _DS64.unpack_from(found[b"ds64"])
    kind, channels, rate, _per_second, frame, bits = _FMT.unpack_from(fmt)
    if kind != 1 or not frame or not rate or whole != octets + at - _TAG.size:
        return None
    begin, description, reference = _read_bext(bext, rate)
    return WavInfo(rate, channels, bits, octets // frame, at, begin, description, reference)


def _bext(sample_rate: int, begin: datetime, description: str, reference: str) -> bytes:
    """Dates are UTC. TimeReference counts samples since midnight: the begin to the sample, not to the second."""
    at = begin.astimezone(UTC)
    since = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
    samples = since // timedelta(microseconds=1) * sample_rate // 1_000_000
    return _BEXT.pack(
        _ascii(description, 256), b"Skryba", _ascii(reference, 32),
        at.strftime("%Y-%m-%d").encode(), at.strftime("%H:%M:%S").encode(),
        samples & _PLAIN, samples >> 32, 1, bytes(64), bytes(190),
    ) + f"A=PCM,F={sample_rate},W=16,M=stereo\r\n".encode().ljust(_HISTORY, b"\0")  # fmt: skip


def _read_bext(data: bytes, sample_rate: int) -> tuple[datetime | None, str, str]:
    if len(data) < _BEXT.size:
        return None, "", ""
    description, _originator, reference, date, _time, low, high, *_ = _BEXT.unpack_from(data)
    try:
        midnight = datetime.strptime(date.decode("ascii"), "%Y-%m-%d").replace(tzinfo=UTC)
        begin = midnight + timedelta(microseconds=-(-(low | high << 32) * 1_000_000 // sample_rate))
    except (ValueError, OverflowError):
        begin = None
    return begin, _text(description), _text(reference)


def _ascii(text: str, octets: int) -> bytes:
    return text.encode("ascii", "replace")[:octets]


def _text(octets: bytes) -> str:
    return octets.split(b"\0", 1)[0].decode("ascii", "replace")
