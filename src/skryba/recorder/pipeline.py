"""Renders timelines to stereo sound, block by block: gather → decode → place → resample → left, right.

May not know files, manifests or how places were found. Memory is one block, whatever the length of the call; no Python
step is taken per packet. Every stage prints itself.
"""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.codecs.base import Decoder, Octets, Samples
from skryba.codecs.registry import decoder
from skryba.codecs.resample import Resampler
from skryba.media.syscalls import memcpy
from skryba.recorder.timeline import ChannelTimeline

NARROW, WIDE = 8000, 16000  # the rates a file can have
BLOCK = 8  # seconds rendered at a time

Numbers = NDArray[np.int64]


def file_rate(channels: list[ChannelTimeline]) -> int:
    """8 kHz if nothing wider was said, else 16 kHz (both channels alike: one rate per file)."""
    return WIDE if any(rate > NARROW for channel in channels for rate in channel.rates()) else NARROW


class Lane:
    """The packets of one channel that have one native rate, and where rendering has come to."""

    def __init__(self, spool: Octets, channel: ChannelTimeline, source: int, target: int) -> None:
        self._spool = spool
        self._formats = channel.formats
        mine = channel.formats.sample_rate[channel.format] == source
        self._start, self._samples, self._number = channel.start[mine], channel.samples[mine], channel.format[mine]
        self._offset, self._length = channel.offset[mine], channel.length[mine]
        self._decoders: dict[int, Decoder] = {}
        for number in np.unique(self._number):
            found = channel.formats.formats[number]
            made = decoder(found.encoding, found.clock_rate, found.channels)
            if made is not None:
                self._decoders[int(number)] = made
        self._resampler = Resampler(source, target) if source != target else None
        self._margin = self._resampler.margin if self._resampler else 0
        self._size = BLOCK * source
        spill = int(self._samples.max(initial=0))  # of a packet that begins inside and ends outside
        self._buffer = np.zeros(self._size + 2 * self._margin + spill, dtype=np.int16)
        self._origin = -self._margin  # the place that the buffer's first sample has
        self._next = 0
        self.peak = 0  # largest absolute sample so far

    def __str__(self) -> str:
        names = " | ".join(str(self._formats.formats[number]) for number in sorted(self._decoders))
        return f"{names} → place{f' → {self._resampler}' if self._resampler else ''}"

    def block(self) -> Samples:
        """The next BLOCK seconds at the target rate."""
        edge = self._origin + self._size + 2 * self._margin
        last = int(np.searchsorted(self._start, edge, side="left"))
        for number, codec in self._decoders.items():
            self._render(number, codec, self._next, last)
        self._next = max(self._next, last)
        if self._resampler is None:
            sound = self._buffer[: self._size].copy()
        else:
            sound = self._resampler.convert(self._buffer[: self._size + 2 * self._margin])
        kept = len(self._buffer) - self._size
        self._buffer[:kept] = self._buffer[self._size :].copy()
        self._buffer[kept:] = 0
        self._origin += self._size
        return sound

    def _render(self, number: int, codec: Decoder, first: int, last: int) -> None:
        which: Numbers | slice = slice(first, last)
        if len(self._decoders) > 1:
            which = first + np.flatnonzero(self._number[first:last] == number)
        lengths = self._length[which]
        if not len(lengths):
            return
        sound = codec.decode(_gather(self._spool, self._offset[which], lengths, int(lengths.sum())))
        if len(sound):
            self.peak = max(self.peak, int(sound.max()), -int(sound.min()))
        _place(sound, self._samples[which], self._start[which] - self._origin, self._buffer)


class Stereo:
    """Two channels, each of one lane per native rate, as blocks of the file."""

    def __init__(self, spool: Octets, channels: list[ChannelTimeline], rate: int) -> None:
        self.rate = rate
        self._lanes = [
            [Lane(spool, channel, source, rate) for source in sorted(channel.rates())] for channel in channels
        ]

    def __str__(self) -> str:
        sides = zip(("left", "right"), self._lanes, strict=True)
        return "; ".join(f"{' + '.join(map(str, lanes)) or 'silence'} → {side}" for side, lanes in sides)

    def blocks(self, frames: int) -> Iterator[NDArray[np.int16]]:
        """`frames` frames in all, as arrays [n, 2]."""
        size = BLOCK * self.rate
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
        return [max((lane.peak for lane in lanes), default=0) for lanes in self._lanes]


def _gather_octets(spool: Octets, offset: Numbers, length: Numbers, total: int) -> Octets:
    out = np.empty(total, dtype=np.uint8)
    into, source = out.ctypes.data, spool.ctypes.data
    place = 0
    for packet in range(offset.size):
        memcpy(into + place, source + offset[packet], length[packet])
        place += length[packet]
    return out


def _place_samples(sound: Samples, samples: Numbers, start: Numbers, buffer: Samples) -> None:
    """Each packet's samples to its place in the buffer; what lies outside is left out, later packets win."""
    into, source = buffer.ctypes.data, sound.ctypes.data
    begin = 0
    for packet in range(samples.size):
        size = min(samples[packet], sound.size - begin)
        first = max(0, -start[packet])
        last = min(size, buffer.size - start[packet])
        if first < last:
            memcpy(into + 2 * (start[packet] + first), source + 2 * (begin + first), 2 * (last - first))
        begin += size


_gather = cast("Callable[[Octets, Numbers, Numbers, int], Octets]", njit(cache=True, nogil=True)(_gather_octets))
_place = cast("Callable[[Samples, Numbers, Numbers, Samples], None]", njit(cache=True, nogil=True)(_place_samples))
