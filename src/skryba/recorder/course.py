"""Two counts of one lane's samples: as its senders made them and as they stand on the axis; how one leads to the other.

May not know octets or sound. The senders' count is whole samples, one after the other through all epochs: within an
epoch it is the RTP time, from one epoch to the next it goes on as the axis does. Where all clocks are steady both
counts are the same and nothing is ever computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.clock import SECOND, Epoch
from skryba.recorder.model import ClockModel

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Piece:
    """From axis sample `begin` on, axis sample n is the senders' sample n + offset + slope · (n − begin)."""

    begin: int
    offset: float
    slope: float

    def sent(self, place: int) -> float:
        """The senders' sample at an axis sample of this piece."""
        return place + self.offset + self.slope * (place - self.begin)


def chart(
    epochs: Sequence[Epoch],
    rate: int,
    epoch: Numbers,
    source: Numbers,
    samples: Numbers,
    start: Numbers,
    start_ns: Numbers,
) -> tuple[Numbers, list[Piece]]:
    """The senders' count of each packet's first sample, and the pieces in order; none if both counts are the same.

    Arrays are those of a `ChannelTimeline` for packets of one `rate`, in order of place.
    """
    if all(_steady(epochs[number]) is None for number in np.unique(epoch)):
        return start, []
    bounds = [0, *(np.flatnonzero(np.diff(epoch)) + 1).tolist(), len(epoch)]
    sent = np.empty_like(source)
    pieces = [Piece(-(1 << 62), 0.0, 0.0)]
    lead = 0.0  # axis count minus senders' count
    for begin, end in pairwise(bounds):
        model = _steady(epochs[int(epoch[begin])])
        first = int(source[begin])
        if model is None:
            lead = round(lead)
            base = int(start[begin]) - first - lead
            _append(pieces, Piece(int(start[begin]), -float(lead), 0.0))
        else:
            place = int(start_ns[begin]) * rate / SECOND
            base = round(place - first - lead)
            last = int((source[begin:end] + samples[begin:end]).max())
            lead = _follow(pieces, model, rate, (first, last), place, base)
        sent[begin:end] = source[begin:end] + base
    return sent, pieces


def _steady(epoch: Epoch) -> ClockModel | None:
    """The model to follow, None if places are whole samples apart."""
    return None if epoch.model is None or epoch.model.is_steady else epoch.model


def _follow(pieces: list[Piece], model: ClockModel, rate: int, ends: tuple[int, int], place: float, base: int) -> float:
    """One run of packets of a bent epoch, its first sample at `place`; returns the lead at its end."""
    first, last = (end * SECOND // rate for end in ends)
    inner = model.at[(model.at > first) & (model.at < last)]
    at = np.concatenate(([first], inner, [max(last, first + 1)]))
    sent = at * rate / SECOND + base
    axis = place + (at - first + model.shift_at(at) - model.shift_at(at[:1])[0]) * rate / SECOND
    for knot in range(len(at) - 1):
        speed = (sent[knot + 1] - sent[knot]) / (axis[knot + 1] - axis[knot])
        begin = ceil(axis[knot])
        _append(pieces, Piece(begin, sent[knot] + (begin - axis[knot]) * speed - begin, speed - 1))
    return float(axis[-1] - sent[-1])


def _append(pieces: list[Piece], piece: Piece) -> None:
    """A source that begins before another has ended takes over from there."""
    while len(pieces) > 1 and pieces[-1].begin >= piece.begin:
        pieces.pop()
    pieces.append(piece)
