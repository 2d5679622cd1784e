"""Test sounds: sine, sweep, beep. Pure functions of rate, length and level.

May not know where they are played. Level is dB relative to full scale (peak).
"""

import numpy as np

from skryba.codecs.base import Samples

_FADE = 0.005  # seconds; a beep that starts abruptly is a click


def _amplitude(level: float) -> float:
    return 32767.0 * float(10.0 ** (level / 20.0))


def silence(seconds: float, *, sample_rate: int) -> Samples:
    """Zeros."""
    return np.zeros(round(seconds * sample_rate), dtype=np.int16)


def sine(frequency: float, seconds: float, *, sample_rate: int, level: float = -12.0) -> Samples:
    """A steady tone starting at phase 0."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.rint(_amplitude(level) * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def sweep(first: float, last: float, seconds: float, *, sample_rate: int, level: float = -12.0) -> Samples:
    """A linear chirp: frequency moves evenly from `first` to `last` Hz."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * (first * time + (last - first) * time**2 / (2 * seconds))
    return np.rint(_amplitude(level) * np.sin(phase)).astype(np.int16)


def beep(frequency: float, seconds: float, *, sample_rate: int, level: float = -12.0) -> Samples:
    """A tone with 5 ms raised-cosine edges."""
    sound = sine(frequency, seconds, sample_rate=sample_rate, level=level).astype(np.float64)
    edge = min(round(_FADE * sample_rate), len(sound) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / max(edge, 1))
    sound[:edge] *= ramp
    sound[len(sound) - edge :] *= ramp[::-1]
    return np.rint(sound).astype(np.int16)
