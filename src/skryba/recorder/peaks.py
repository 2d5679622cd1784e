"""The outline of a recording for its player: lowest and highest sample per channel, 100 times a second, made once.

May not know the player. A file is 12 octets of header (magic `SKPK`, version 1, channels, points per second, points;
little endian) and per point and channel two signed octets, lowest and highest, in 256ths of the int16 range.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.errors import IntegrityError

PER_SECOND = 100
_HEADER = struct.Struct("<4sBBHI")
_MAGIC, _VERSION = b"SKPK", 1

Points = NDArray[np.int8]


class Peaks:
    """Grows with the blocks of the file. One point is rate / 100 frames; the last one may have fewer."""

    def __init__(self, sample_rate: int, channels: int = 2) -> None:
        self._frames = sample_rate // PER_SECOND
        self._channels = channels
        self._rest = np.zeros((0, channels), dtype=np.int16)  # frames that do not fill a point yet
        self._points: list[Points] = []

    def add(self, block: NDArray[np.int16]) -> None:
        """Append frames [n, channels]."""
        if len(self._rest):
            block = np.concatenate([self._rest, block])
        whole = len(block) // self._frames * self._frames
        if whole:
            self._points.append(_outline(np.ascontiguousarray(block[:whole]), self._frames))
        self._rest = block[whole:].copy()

    def octets(self) -> bytes:
        """The file so far."""
        points = [*self._points, *([_outline(self._rest, self._frames)] if len(self._rest) else [])]
        count = sum(map(len, points))
        return b"".join(
            [_HEADER.pack(_MAGIC, _VERSION, self._channels, PER_SECOND, count), *(part.tobytes() for part in points)]
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file holds: `points` is [n, channels, 2], lowest and highest."""

    per_second: int
    points: Points


def read(data: bytes) -> Outline:
    """IntegrityError if it is not such a file, or not whole."""
    if len(data) < _HEADER.size:
        raise IntegrityError("these are no peaks: too short")
    magic, version, channels, per_second, count = _HEADER.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION) or not channels:
        raise IntegrityError("these are no peaks that can be read")
    if len(data) != _HEADER.size + 2 * channels * count:
        raise IntegrityError(f"the peaks are not whole: {len(data)} octets for {count} points")
    points = np.frombuffer(data, dtype=np.int8, offset=_HEADER.size).reshape(-1, channels, 2)
    return Outline(per_second, points)


def _outline_points(frames: NDArray[np.int16], size: int) -> Points:
    """[n, channels] → [n / size, channels, 2]; rounded outwards, so that nothing that sounds looks silent."""
    count, channels = -(-frames.shape[0] // size), frames.shape[1]
    points = np.empty((count, channels, 2), dtype=np.int8)
    for point in range(count):
        for channel in range(channels):
            lowest = highest = np.int32(frames[point * size, channel])
            for place in range(point * size + 1, min((point + 1) * size, frames.shape[0])):
                sample = np.int32(frames[place, channel])
                lowest, highest = min(lowest, sample), max(highest, sample)
            points[point, channel, 0] = lowest >> 8
            points[point, channel, 1] = min((highest + 255) >> 8, 127)
    return points


_outline = cast("Callable[[NDArray[np.int16], int], Points]", njit(cache=True, nogil=True)(_outline_points))
