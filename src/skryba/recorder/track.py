"""One channel's packets of one rate as samples on their senders' clock: gather → decode → place → conceal.

May not know the axis, other rates or files. Memory is one block, whatever the length of the call; no Python step is
taken per packet, one per gap that is concealed.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from skryba.codecs.base import Decoder, Octets, Samples
from skryba.codecs.conceal import conceal, history, reach
from skryba.codecs.registry import decoder
from skryba.media.syscalls import memcpy
from skryba.recorder.clock import SECOND
from skryba.recorder.course import Piece, chart
from skryba.recorder.timeline import LOSS, ChannelTimeline

BLOCK = 8  # seconds rendered at a time
_LONGEST = 10  # a tenth of a second: of a gap that is given to concealment, which has ended by then

Numbers = NDArray[np.int64]


class Track:
    """Blocks of BLOCK seconds from sample `begin` of the senders' count on."""

    def __init__(self, spool: Octets, channel: ChannelTimeline, rate: int, begin: int) -> None:
        self._spool = spool
        self._formats = channel.formats
        self._rate = rate
        mine = np.flatnonzero(channel.formats.sample_rate[channel.format] == rate)
        self._samples, self._number = channel.samples[mine], channel.format[mine]
        self._offset, self._length = channel.offset[mine], channel.length[mine]
        self._start, self.pieces = _chart(channel, mine, rate)
        self._holes = _Holes(channel, mine, self._start, rate)
        self._decoders: dict[int, Decoder] = {}
        for number in np.unique(self._number):
            found = channel.formats.formats[number]
            made = decoder(found.encoding, found.clock_rate, found.channels)
            if made is not None:
                self._decoders[int(number)] = made
        self._size = BLOCK * rate
        self._before = history(rate)
        self._after = rate // _LONGEST + reach(rate) if len(self._holes.start) else 0
        spill = int(self._samples.max(initial=0))  # of a packet that begins inside and ends outside
        self._buffer = np.zeros(self._before + self._size + self._after + spill, dtype=np.int16)
        self._origin = begin - self._before  # the place that the buffer's first sample has
        self._next = 0
        self.peak = 0  # largest absolute sample so far
        self.concealed: list[tuple[int, int]] = []  # so far: start and length, ns from zero

    def __str__(self) -> str:
        names = " | ".join(str(self._formats.formats[number]) for number in sorted(self._decoders))
        return f"{names} → place{' → conceal' if len(self._holes.start) else ''}"

    def block(self) -> Samples:
        """The next BLOCK seconds."""
        edge = self._origin + self._before + self._size + self._after
        last = int(np.searchsorted(self._start, edge, side="left"))
        for number, codec in self._decoders.items():
            self._render(number, codec, self._next, last)
        self._next = max(self._next, last)
        self._conceal()
        sound = self._buffer[self._before : self._before + self._size].copy()
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

    def _conceal(self) -> None:
        begin = self._origin + self._before
        first, last = np.searchsorted(self._holes.start, [begin, begin + self._size])
        for hole in range(int(first), int(last)):
            done = conceal(
                self._buffer, int(self._holes.start[hole]) - self._origin, int(self._holes.length[hole]), self._rate
            )
            if done:
                self.concealed.append((int(self._holes.start_ns[hole]), done * SECOND // self._rate))


class _Holes:
    """What was lost on the network between two packets of a track, in order, in samples of the senders' count."""

    def __init__(self, channel: ChannelTimeline, mine: Numbers, start: Numbers, rate: int) -> None:
        ends = np.maximum.accumulate(start + channel.samples[mine])[:-1]
        length = start[1:] - ends
        lost = np.flatnonzero((length > 0) & (channel.cause[mine][1:] == LOSS) & (np.diff(mine) == 1))
        self.start = ends[lost]
        self.length = np.minimum(length[lost], rate // _LONGEST)
        self.start_ns = np.maximum.accumulate(channel.end_ns[mine])[lost]


def _chart(channel: ChannelTimeline, mine: Numbers, rate: int) -> tuple[Numbers, list[Piece]]:
    source = channel.source if len(channel.source) else channel.start
    return chart(
        channel.epochs,
        rate,
        channel.epoch[mine],
        source[mine],
        channel.samples[mine],
        channel.start[mine],
        channel.start_ns[mine],
    )


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
