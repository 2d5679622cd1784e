"""Packet loss concealment in the manner of ITU-T G.711 Appendix I: the last pitch periods are said again, then fade.

May not know packets, files or why something is missing. It works on samples that have their places already, so it may
look at what follows a gap; what was received before a gap stays as it was received. Nothing is invented for longer
than 60 ms: beyond that a gap is silence.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numba import njit

from skryba.codecs.base import Samples

# Appendix I at 8 kHz, in 1/8000 s; at other rates the same times.
_FRAME = 80  # 10 ms: per frame one more pitch period is used (up to 3) and the sound is 20 % weaker
_LONGEST = 6 * _FRAME  # 60 ms: nothing is left by then
_SHORTEST_PITCH, _LONGEST_PITCH = 40, 120  # 200 to 66.7 Hz
_WINDOW = 160  # of the correlation that finds the pitch
_HISTORY = 390  # three longest periods and their overlap: 48.75 ms
_PER_FRAME = 32  # the overlap with what follows grows by 4 ms per frame of the gap, up to one frame


def history(rate: int) -> int:
    """Samples that must stand before a gap for it to be concealed at all."""
    return _HISTORY * rate // 8000


def reach(rate: int) -> int:
    """Samples after a gap that may be changed: what follows is faded in over what was invented."""
    return _FRAME * rate // 8000


def _find_pitch(samples: Samples, start: int, rate: int) -> int:
    """Lag of the best normalised correlation of the last 20 ms, found coarsely at 4 kHz, then to the sample."""
    window = _WINDOW * rate // 8000
    shortest, longest = _SHORTEST_PITCH * rate // 8000, _LONGEST_PITCH * rate // 8000
    step = max(1, rate // 4000)
    best = longest
    first, last, stride = shortest, longest, step
    for _ in range(2):
        highest = -1.0
        found = best
        for lag in range(first, last + 1, stride):
            product = energy = 0.0
            for place in range(start - window, start, stride):
                then = float(samples[place - lag])
                product += then * samples[place]
                energy += then * then
            match = product / np.sqrt(max(energy, 1.0))
            if match > highest:
                highest, found = match, lag
        best = found
        first, last, stride = max(shortest, best - step), min(longest, best + step), 1
    return best


def _repeat(samples: Samples, start: int, size: int, overlap: int, place: int) -> float:
    """The last `size` samples as a cycle, its end faded into what came before its beginning: no seam."""
    sound = float(samples[start - size + place])
    into = place - (size - overlap)
    if into >= 0:
        weight = (into + 1) / (overlap + 1)
        sound += weight * (samples[start - 2 * size + place] - sound)
    return sound


def _conceal(samples: Samples, start: int, length: int, rate: int) -> int:
    end = min(start + length, samples.size)
    if start < _HISTORY * rate // 8000 or start >= end:
        return 0
    loudest = 0
    for place in range(start - _HISTORY * rate // 8000, start):
        loudest = max(loudest, abs(int(samples[place])))
    if loudest == 0:
        return 0
    frame = _FRAME * rate // 8000
    pitch = _pitch(samples, start, rate)
    overlap = pitch // 4
    known = min(overlap + (end - start - 1) // frame * (_PER_FRAME * rate // 8000), frame)  # faded in after the gap
    step = float(samples[start - 1]) - samples[start - pitch - 1]  # between what was heard and the cycle's beginning
    periods, turn, old_periods, old_turn, fading = 1, 0, 1, 0, 0
    for place in range(start, min(end + known, samples.size)):
        gone = place - start
        if gone >= _LONGEST * rate // 8000:
            sound = 0.0
        else:
            if gone in (frame, 2 * frame):
                old_periods, old_turn, fading = periods, turn, overlap
                periods, turn = periods + 1, turn % pitch
            sound = _cycle(samples, start, periods * pitch, overlap, turn)
            turn = (turn + 1) % (periods * pitch)
            if fading:
                old = _cycle(samples, start, old_periods * pitch, overlap, old_turn)
                old_turn = (old_turn + 1) % (old_periods * pitch)
                sound += fading / (overlap + 1) * (old - sound)
                fading -= 1
            if gone < overlap:
                sound += step * (1 - (gone + 1) / (overlap + 1))
            if gone > frame:
                sound *= 1 - 0.2 * (gone - frame) / frame
        sound = min(max(sound, -float(loudest)), float(loudest))  # never louder than what was heard
        if place >= end:
            weight = (place - end + 1) / (known + 1)
            sound += weight * (samples[place] - sound)
        samples[place] = round(min(max(sound, -32768.0), 32767.0))
    return min(end - start, _LONGEST * rate // 8000)


_pitch = njit(cache=True, nogil=True)(_find_pitch)
_cycle = njit(cache=True, nogil=True, inline="always")(_repeat)
_compiled = njit(cache=True, nogil=True)(_conceal)


def conceal(samples: Samples, start: int, length: int, rate: int) -> int:
    """Fill the gap of `length` samples at `start`, in place; how many samples of it are now sound that nobody sent.

    Up to `reach(rate)` samples after the gap are faded in. 0, and nothing changed, if fewer than `history(rate)`
    samples stand before the gap, or only silence.
    """
    return cast("Callable[[Samples, int, int, int], int]", _compiled)(samples, start, length, rate)
