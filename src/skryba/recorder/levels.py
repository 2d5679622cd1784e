"""Active speech level and activity of each channel (ITU-T P.56, method B), peak, clipping and DC; in one pass.

May not know files or packets. Levels are dB below the overload point: for `speech_dbfs` and `dc_dbfs` the power of a
full-scale square wave is 0, for `peak_dbfs` the sample 32,768 is. P.56 is followed but for one thing: whether speech is
active is asked once per millisecond instead of once per sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

FULL_SCALE = 32768
CLIPPED = 32124  # the largest μ-law value; A-law and linear codecs go a little beyond
_TIME_CONSTANT = 0.03  # s, of both stages of the envelope
_HANGOVER = 200  # ms that speech stays active after it fell below a threshold
_MARGIN = 15.9  # dB between the active level and its threshold
_THRESHOLDS = 15  # 1, 2, 4 … 16,384
_QUIETEST = -100.0  # dB: below this there is no level to speak of

# State of a channel: its totals, both stages of the envelope, then per threshold the active ms and the hangover left.
_ENERGY, _SUM, _PEAK, _CLIPPED, _FIRST, _SECOND, _ACTIVE = range(7)
_LEFT = _ACTIVE + _THRESHOLDS
_STATE = _LEFT + _THRESHOLDS

State = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Level:
    """Of one channel. None: there was nothing to measure."""

    speech_dbfs: float | None  # level while speech is active
    activity: float  # part of the time in which it is, 0 to 1
    clipped: int  # samples at the end of the scale
    peak_dbfs: float | None
    dc_dbfs: float | None

    @property
    def words(self) -> dict[str, float | int | None]:
        """As the manifest tells it."""
        return {
            "peak_dbfs": self.peak_dbfs,
            "speech_dbfs": self.speech_dbfs,
            "activity": self.activity,
            "clipped": self.clipped,
            "dc_dbfs": self.dc_dbfs,
        }


class Levels:
    """Grows with the blocks of the file."""

    def __init__(self, sample_rate: int, channels: int = 2) -> None:
        self._rate = sample_rate
        self._state = np.zeros((channels, _STATE), dtype=np.float64)
        self._rest = np.zeros((0, channels), dtype=np.int16)  # frames that do not fill a millisecond yet
        self._frames = 0

    def add(self, block: NDArray[np.int16]) -> None:
        """Append frames [n, channels]."""
        if len(self._rest):
            block = np.concatenate([self._rest, block])
        whole = len(block) // (self._rate // 1000) * (self._rate // 1000)
        _measure(np.ascontiguousarray(block[:whole]), self._state, self._rate)
        self._rest = block[whole:].copy()
        self._frames += whole

    def result(self) -> tuple[Level, ...]:
        """Per channel. What does not fill a last millisecond is left out."""
        return tuple(self._level(channel) for channel in self._state)

    def _level(self, channel: State) -> Level:
        if not self._frames:
            return Level(None, 0.0, 0, None, None)
        power = channel[_ENERGY] / self._frames
        speech = _active_level(channel[_ENERGY], channel[_ACTIVE:_LEFT] * (self._rate // 1000))
        activity = 0.0 if speech is None else min(1.0, float(power) / FULL_SCALE**2 / 10 ** (speech / 10))
        return Level(
            speech_dbfs=None if speech is None else round(speech, 1),
            activity=round(activity, 3),
            clipped=int(channel[_CLIPPED]),
            peak_dbfs=_decibels(channel[_PEAK] / FULL_SCALE),
            dc_dbfs=_decibels(abs(channel[_SUM]) / self._frames / FULL_SCALE),
        )


def _active_level(energy: float, active: State) -> float | None:
    """Where the level over the active time stands 15.9 dB above the threshold that says what is active; dB."""
    before: tuple[float, float] | None = None  # level and its distance from the threshold, for the threshold below
    for number, samples in enumerate(active):
        if not samples or not energy:
            break
        level = 10 * np.log10(energy / samples / FULL_SCALE**2)
        distance = level - 20 * np.log10(2.0**number / FULL_SCALE)
        if distance <= _MARGIN:
            if before is None or before[1] == distance:
                return float(level)
            return float(before[0] + (level - before[0]) * (before[1] - _MARGIN) / (before[1] - distance))
        before = float(level), float(distance)
    return None


def _decibels(amplitude: float) -> float | None:
    level = 20 * float(np.log10(amplitude)) if amplitude else _QUIETEST
    return round(level, 1) if level > _QUIETEST else None


def _measure_block(frames: NDArray[np.int16], state: State, rate: int) -> None:
    keep = np.exp(-1 / (_TIME_CONSTANT * rate))
    step = rate // 1000
    for channel in range(frames.shape[1]):
        mine = state[channel]
        first, second = mine[_FIRST], mine[_SECOND]
        energy = total = peak = clipped = np.int64(0)
        for begin in range(0, frames.shape[0], step):
            for place in range(begin, begin + step):
                sample = np.int64(frames[place, channel])
                size = abs(sample)
                energy += sample * sample
                total += sample
                peak = max(peak, size)
                clipped += np.int64(size >= CLIPPED)
                first = keep * first + (1 - keep) * size
                second = keep * second + (1 - keep) * first
            for number in range(_THRESHOLDS):
                if second >= 1 << number:
                    mine[_LEFT + number] = _HANGOVER
                elif mine[_LEFT + number] > 0:
                    mine[_LEFT + number] -= 1
                else:
                    break  # those above are quiet as well
                mine[_ACTIVE + number] += 1
        mine[_FIRST], mine[_SECOND] = first, second
        mine[_ENERGY] += energy
        mine[_SUM] += total
        mine[_CLIPPED] += clipped
        mine[_PEAK] = max(mine[_PEAK], peak)


_measure = cast("Callable[[NDArray[np.int16], State, int], None]", njit(cache=True, nogil=True)(_measure_block))
