"""Stretches of time: joined, turned inside out, and asked which moments they touch; thousands at a time.

May not know what happens in them.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Spans = Iterable[tuple[float, float]]


def joined(spans: Spans) -> list[tuple[float, float]]:
    """The same stretches in order, none touching another, none empty."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif begin < end:
            found.append((begin, end))
    return found


def outside(spans: Spans, begin: float, end: float) -> list[tuple[float, float]]:
    """What of `begin` … `end` is in none of them."""
    found, at = [], begin
    for low, high in joined(spans):
        if at < min(low, end):
            found.append((at, min(low, end)))
        at = max(at, high)
    return [*found, (at, end)] if at < end else found


def widened(spans: Spans, before: float, after: float) -> list[tuple[float, float]]:
    """Each begins earlier and ends later; negative: it shrinks, and is gone when nothing is left."""
    return joined((begin - before, end + after) for begin, end in spans if begin - before < end + after)


def touching(begin: Floats, length: float, spans: Spans) -> Flags:
    """Which of the moments `begin` … `begin + length` share anything with a stretch."""
    pairs = np.array(joined(spans), dtype=np.float64).reshape(-1, 2)
    if not len(pairs):
        return np.zeros(len(begin), dtype=np.bool_)
    following = np.searchsorted(pairs[:, 1], begin, side="right")
    lows = np.append(pairs[:, 0], np.inf)
    return np.asarray(lows[following] < begin + length, dtype=np.bool_)


def covered(begin: Floats, length: float | Floats, spans: Spans) -> Floats:
    """How much of each moment `begin` … `begin + length` the stretches cover, in seconds."""
    if not len(begin):
        return np.zeros(0)
    low, high = float(begin.min()) - 1, float((begin + length).max()) + 1
    pairs = np.array([(max(a, low), min(b, high)) for a, b in joined(spans) if a < high and b > low]).reshape(-1, 2)
    if not len(pairs):
        return np.zeros(len(begin))
    edges = np.concatenate([[low], pairs.ravel(), [high]])
    sums = np.concatenate([[0.0], np.cumsum(np.diff(edges) * (np.arange(len(edges) - 1) % 2))])
    return np.asarray(np.interp(begin + length, edges, sums) - np.interp(begin, edges, sums), dtype=np.float64)


def runs(flags: Flags) -> list[tuple[int, int]]:
    """[from, to) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2)]
