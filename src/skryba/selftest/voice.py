"""The known sound: coded chirps, speech-like in level and band, different in every half second and for every speaker.

May not know how it is sent, coded or found again.

A `Voice` is a function of time: it can be asked for its samples at any rate and any fraction of a sample, so that a
judge can lay the very same sound under a recording that is shifted, resampled or drifting. Each slot of 500 ms is
eight chirps whose sweeps and levels are drawn from (seed, speaker, slot number): the slot is its own time code. The
band (350–3250 Hz) passes G.711 and G.722; the level moves with the syllables but never falls silent, so that any 20
ms that are missing are seen to be missing.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SLOT = 0.5  # seconds of one time code
CHIRPS = 8  # per slot
CHIRP = SLOT / CHIRPS
LOW, HIGH = 350.0, 3250.0  # Hz, edges of the sweeps
LEVEL = 0.22  # of full scale, peak of a mean chirp: about −17 dBFS RMS, a loud talker
_EDGE = 0.08  # share of a chirp over which its level rises and falls: 5 ms, a dip too short to hide a lost packet
_BLOCK = 1 << 16  # samples measured at once
_LEVELS = (0.55, 1.25)  # quietest and loudest chirp, of LEVEL

Samples = NDArray[np.int16]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker. Two voices that differ in name or seed have nothing in common that a correlation could find."""

    name: str
    seed: int = 1

    def at(self, times: Floats) -> Floats:
        """The sound at these instants (seconds since the speaker began, each ≥ 0), ±1.0 full scale."""
        chirp = np.floor(times / CHIRP).astype(np.int64)
        slots = chirp // CHIRPS
        first, last = (int(slots.min()), int(slots.max())) if len(slots) else (0, 0)
        codes = np.zeros((last - first + 1, CHIRPS, 4))
        for slot in np.flatnonzero(np.bincount(slots - first)).tolist():
            codes[slot] = _code(self.name, self.seed, first + slot)
        start, end, phase, level = np.moveaxis(codes[slots - first, chirp % CHIRPS], -1, 0)
        within = times - chirp * CHIRP
        angle = 2 * np.pi * (start * within + (end - start) * within**2 / (2 * CHIRP)) + phase
        part = within / CHIRP
        rise = np.sin(np.clip(np.minimum(part, 1 - part) / _EDGE, 0.0, 1.0) * (np.pi / 2)) ** 2
        return np.asarray(LEVEL * level * rise * np.sin(angle), dtype=np.float64)

    def render(self, begin: float, end: float, sample_rate: int) -> Samples:
        """PCM16 of the sound between two instants, the first sample exactly at `begin`."""
        count = round((end - begin) * sample_rate)
        return to_pcm(self.at(begin + np.arange(count) / sample_rate))


def to_pcm(sound: Floats) -> Samples:
    """±1.0 to int16, rounded and limited."""
    return np.clip(np.rint(sound * 32767.0), -32768, 32767).astype(np.int16)


def level_dbfs(samples: NDArray[np.int16]) -> float:
    """RMS of int16 samples against full scale, in dB; −120 for nothing at all."""
    if not len(samples):
        return -120.0
    blocks = (samples[low : low + _BLOCK].astype(np.float64) for low in range(0, len(samples), _BLOCK))
    mean = sum(float(np.dot(block, block)) for block in blocks) / len(samples) / 32768.0**2
    return 10 * float(np.log10(max(mean, 1e-12)))


@lru_cache(maxsize=4096)
def _code(name: str, seed: int, slot: int) -> Floats:
    """The chirps of one slot: rows of (start Hz, end Hz, phase, level)."""
    dice = np.random.default_rng([seed, slot, *name.encode()])
    edges = dice.uniform(LOW, HIGH, (CHIRPS, 2))
    flat = np.abs(edges[:, 1] - edges[:, 0]) < 800.0  # a sweep that hardly moves would fit at many places
    edges[flat, 1] = np.where(edges[flat, 0] < (LOW + HIGH) / 2, edges[flat, 0] + 1000.0, edges[flat, 0] - 1000.0)
    return np.column_stack([edges, dice.uniform(0, 2 * np.pi, CHIRPS), dice.uniform(*_LEVELS, CHIRPS)])
