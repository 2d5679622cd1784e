"""Renders timelines to stereo sound, block by block: track → follow the clock → resample → left, right.

May not know files, manifests or how places were found. Memory is one block, whatever the length of the call; no Python
step is taken per packet. Every stage prints itself.
"""

from collections.abc import Callable, Iterator
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.base import Octets, Samples
from skryba.codecs.resample import Resampler
from skryba.codecs.warp import MARGIN, warp
from skryba.recorder.clock import SECOND
from skryba.recorder.timeline import ChannelTimeline
from skryba.recorder.track import BLOCK, Track

NARROW, WIDE = 8000, 16000  # the rates a file can have


def file_rate(channels: list[ChannelTimeline]) -> int:
    """8 kHz if nothing wider was said, else 16 kHz (both channels alike: one rate per file)."""
    return WIDE if any(rate > NARROW for channel in channels for rate in channel.rates()) else NARROW


class _Feed:
    """Windows of a stream that comes in blocks; a window never begins before the one asked for last."""

    def __init__(self, more: Callable[[], Samples], begin: int) -> None:
        self._more = more
        self._begin = begin
        self._kept = np.zeros(0, dtype=np.int16)

    def window(self, begin: int, end: int) -> Samples:
        while self._begin + len(self._kept) < end:
            self._kept = np.concatenate([self._kept, self._more()])
        self._kept = self._kept[begin - self._begin :]
        self._begin = begin
        return self._kept[: end - begin]


class Lane:
    """What one channel said at one native rate, on the axis at the target rate."""

    def __init__(self, spool: Octets, channel: ChannelTimeline, source: int, target: int) -> None:
        self._resampler = Resampler(source, target) if source != target else None
        self._margin = self._resampler.margin if self._resampler else 0
        begin = -self._margin - 2 * MARGIN
        self.track = Track(spool, channel, source, begin)
        self._pieces = self.track.pieces
        self._feed = _Feed(self.track.block, begin)
        self._piece = 0
        self._size = BLOCK * source
        self._place = 0  # axis sample, at the native rate, that comes next

    def __str__(self) -> str:
        stages = [str(self.track)]
        if self._pieces:
            stages.append("follow the clock")
        if self._resampler:
            stages.append(str(self._resampler))
        return " → ".join(stages)

    def block(self) -> Samples:
        """The next BLOCK seconds at the target rate."""
        begin, end = self._place - self._margin, self._place + self._size + self._margin
        sound = self._on_axis(begin, end) if self._pieces else self._feed.window(begin, end).copy()
        self._place += self._size
        return self._resampler.convert(sound) if self._resampler else sound

    def _on_axis(self, begin: int, end: int) -> Samples:
        """Axis samples `begin` to `end`, each piece of the course by its own clock."""
        while self._piece + 1 < len(self._pieces) and self._pieces[self._piece + 1].begin <= begin:
            self._piece += 1
        last = self._piece
        while last + 1 < len(self._pieces) and self._pieces[last + 1].begin < end:
            last += 1
        origin = floor(self._pieces[self._piece].sent(begin)) - MARGIN
        window = self._feed.window(origin, ceil(self._pieces[last].sent(end)) + MARGIN + 1)
        sound = np.empty(end - begin, dtype=np.int16)
        for number in range(self._piece, last + 1):
            piece = self._pieces[number]
            first = max(begin, piece.begin)
            until = min(end, self._pieces[number + 1].begin) if number < last else end
            sound[first - begin : until - begin] = warp(
                window, piece.sent(first) - origin, 1 + piece.slope, until - first
            )
        return sound


class Stereo:
    """Two channels, each of one lane per native rate, as blocks of the file."""

    def __init__(self, spool: Octets, channels: list[ChannelTimeline], rate: int) -> None:
        self.rate = rate
        self._end = 0  # ns from zero up to which blocks were asked for
        self._lanes = [
            [Lane(spool, channel, source, rate) for source in sorted(channel.rates())] for channel in channels
        ]

    def __str__(self) -> str:
        sides = zip(("left", "right"), self._lanes, strict=True)
        return "; ".join(f"{' + '.join(map(str, lanes)) or 'silence'} → {side}" for side, lanes in sides)

    def blocks(self, frames: int) -> Iterator[NDArray[np.int16]]:
        """`frames` frames in all, as arrays [n, 2]."""
        size = BLOCK * self.rate
        self._end = frames * SECOND // self.rate
        for begin in range(0, frames, size):
            block = np.zeros((size, len(self._lanes)), dtype=np.int16)
            for column, lanes in enumerate(self._lanes):
                if len(lanes) == 1:
                    block[:, column] = lanes[0].block()
                elif lanes:  # formats of several rates: where one sounds the others are silent
                    total = np.sum([lane.block() for lane in lanes], axis=0, dtype=np.int32)
                    block[:, column] = np.clip(total, -32768, 32767)
            yield block[: frames - begin]

    def peaks(self) -> list[int]:
        """Largest absolute sample decoded so far, per channel."""
        return [max((lane.track.peak for lane in lanes), default=0) for lanes in self._lanes]

    def concealed(self) -> list[list[tuple[int, int]]]:
        """What was invented where packets were lost, per channel in order: start and length in ns, inside the file."""
        found = []
        for lanes in self._lanes:
            ends = [(start, start + length) for lane in lanes for start, length in lane.track.concealed]
            cut = [(max(start, 0), min(end, self._end)) for start, end in sorted(ends)]
            found.append([(start, end - start) for start, end in cut if start < end])
        return found
