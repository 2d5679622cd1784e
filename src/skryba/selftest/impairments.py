"""What a network does to packets on their way: delay, jitter, loss in single packets and in bursts, disorder, doubles.

Pure and in virtual time; may not know what is in the packets nor who listens. All that is random comes from the
caller's dice: the same seed is the same network.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from skryba.selftest.sender import Flight, Span
from skryba.selftest.voice import Floats

SECOND = 1_000_000_000


class Jitter(StrEnum):
    """How the delays beyond the least one are spread."""

    FLAT = "flat"  # evenly up to `jitter`
    TAIL = "tail"  # mostly little, rarely much: `jitter` is the mean
    BELL = "bell"  # around twice `jitter`, the least delay is rare


@dataclass(frozen=True, slots=True)
class Route:
    """One direction of the network. Times in seconds, shares from 0 to 1."""

    delay: float = 0.010  # least
    jitter: float = 0.0
    shape: Jitter = Jitter.FLAT
    queued: bool = False  # packets never overtake each other
    loss: float = 0.0
    bursts: float = 0.0  # share of packets at which a burst of losses begins
    burst: float = 5.0  # packets lost in one, in the mean
    reorder: float = 0.0  # share held back behind the next three
    duplicate: float = 0.0
    blackouts: tuple[Span, ...] = ()  # nothing that is sent then arrives
    detours: tuple[tuple[float, float], ...] = ()  # from when on, how much more delay
    last: float = 0.0  # what was sent in the last 100 ms comes that much later

    def carry(self, flight: Flight, dice: np.random.Generator) -> "Arrivals":
        """What arrives of a flight, in order of sending; a double follows its first."""
        sent, count = flight.sent, len(flight.sent)
        delay = self.delay + self._jitter(count, dice)
        for since, more in self.detours:
            delay += np.where(sent >= since, more, 0.0)
        delay += np.where(dice.random(count) < self.reorder, 0.0701, 0.0)
        if self.last and count:
            delay += np.where(sent > sent[-1] - 0.1, self.last, 0.0)
        arrival = sent + delay
        if self.queued:
            arrival = np.maximum.accumulate(arrival)
        which = np.flatnonzero(~self._lost(sent, dice))
        again = which[dice.random(len(which)) < self.duplicate]
        places = np.concatenate([which, again])
        times = np.concatenate([arrival[which], arrival[again] + 0.0021])
        order = np.argsort(places, kind="stable")
        return Arrivals(flight, np.rint(times[order] * SECOND).astype(np.int64), places[order])

    def _jitter(self, count: int, dice: np.random.Generator) -> Floats:
        match self.shape:
            case Jitter.FLAT:
                return dice.uniform(0.0, 1.0, count) * self.jitter
            case Jitter.TAIL:
                return np.minimum(dice.exponential(1.0, count), 6.0) * self.jitter
            case Jitter.BELL:
                return np.clip(dice.normal(2.0, 1.0, count), 0.0, 4.0) * self.jitter
            case _:
                assert_never(self.shape)

    def _lost(self, sent: Floats, dice: np.random.Generator) -> NDArray[np.bool_]:
        count = len(sent)
        lost = dice.random(count) < self.loss
        for start in np.flatnonzero(dice.random(count) < self.bursts):
            lost[start : start + int(dice.geometric(1 / self.burst))] = True
        for begin, end in self.blackouts:
            lost |= (sent >= begin) & (sent < end)
        return lost


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Packets of one flight that arrived: when (ns of the true clock) and which."""

    flight: Flight
    at: NDArray[np.int64]
    which: NDArray[np.int64]

    def lost(self) -> list[Span]:
        """The sound that did not arrive, neighbours joined."""
        arrived = np.zeros(len(self.flight.sent), dtype=np.bool_)
        arrived[self.which] = True
        gone = np.flatnonzero(~arrived & (self.flight.end > self.flight.begin))
        if not len(gone):
            return []
        breaks = np.flatnonzero(np.diff(gone) > 1)
        first, last = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(gone) - 1]])
        begins, ends = self.flight.begin[gone[first]], self.flight.end[gone[last]]
        return list(zip(begins.tolist(), ends.tolist(), strict=True))
