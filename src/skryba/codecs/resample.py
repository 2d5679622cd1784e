"""Sample rate conversion by a polyphase FIR filter: up by L, low-pass, down by M.

May not know codecs or files. Linear phase and centred: output sample n stands where input sample n·M/L stood, so
conversion moves nothing in time. What is promised (R-T5 asks for 0.5 and −60 dB) stands in RIPPLE_DB and STOPBAND_DB.

`Resampler` works on blocks with context: each call gets `margin` samples of what came before and of what comes after.
"""

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from skryba.codecs.base import Samples

RIPPLE_DB = 0.1  # from 0 to 90 % of the lower half rate
STOPBAND_DB = -70.0  # aliases and images of what lies beyond 110 % of the lower half rate

_ATTENUATION = 76.0  # dB, Kaiser design; leaves room for rounding to 16 bit
_EDGE = 0.10  # half width of the transition band, relative to the lower half rate

Taps = NDArray[np.float32]


@lru_cache(maxsize=16)
def _phases(up: int, down: int) -> tuple[Taps, int]:
    """Filter taps per output phase, [up, width] in order of input time, and the margin on either side."""
    lower = 1.0 / max(up, down)  # lower half rate, relative to the half rate of the upsampled signal
    width = 2 * np.pi * _EDGE * lower  # of the transition, rad per upsampled sample (both halves)
    half = int(np.ceil((_ATTENUATION - 7.95) / (2.285 * width) / 2))
    margin = half // up + 1
    reach = np.arange(-margin * up, (margin + 1) * up)  # one window of input per phase, zero beyond `half`
    beta = 0.1102 * (_ATTENUATION - 8.7)
    inside = np.clip(1 - (reach / (half + 1)) ** 2, 0, None)
    taps = up * lower * np.sinc(reach * lower) * np.where(inside > 0, np.i0(beta * np.sqrt(inside)) / np.i0(beta), 0)
    # Output phase p stands p/up after input sample k: input k+j contributes the tap at distance p − j·up.
    phases = np.empty((up, 2 * margin + 1), dtype=np.float64)
    offsets = np.arange(-margin, margin + 1)
    for phase in range(up):
        phases[phase] = taps[phase - offsets * up + margin * up]
    phases /= phases.sum(
        axis=1, keepdims=True
    )  # exactly 0 dB at 0 Hz in every phase: no tone from the phases themselves
    return phases.astype(np.float32), margin


class Resampler:
    """From one rate to another. Stateless; the caller keeps the context."""

    def __init__(self, source: int, target: int) -> None:
        common = gcd(source, target)
        self._up, self._down = target // common, source // common
        self._taps, self.margin = _phases(self._up, self._down)
        self.source, self.target = source, target

    def __str__(self) -> str:
        return f"resample {self.source} → {self.target}"

    def convert(self, samples: Samples) -> Samples:
        """The block out of `samples` = margin + block + margin; its length must be a multiple of `source / gcd`."""
        block = len(samples) - 2 * self.margin
        if block < 0 or block % self._down:
            raise ValueError(f"a block of {block} samples does not fit {self}")
        count = block // self._down * self._up
        sound = np.empty(count, dtype=np.float32)
        windows = sliding_window_view(samples.astype(np.float32), self._taps.shape[1])
        for residue in range(min(self._up, count)):  # every up-th output has the same filter phase
            first, phase = divmod(residue * self._down, self._up)
            wanted = len(range(residue, count, self._up))
            sound[residue :: self._up] = np.einsum("ij,j->i", windows[first :: self._down][:wanted], self._taps[phase])
        return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def resample(samples: Samples, source: int, target: int) -> Samples:
    """A whole signal at once, silence before and after it. Length is `len · target / source`, rounded up."""
    if source == target:
        return samples
    resampler = Resampler(source, target)
    step = source // gcd(source, target)
    blocks = -(-len(samples) // step)
    padded = np.zeros(blocks * step + 2 * resampler.margin, dtype=np.int16)
    padded[resampler.margin : resampler.margin + len(samples)] = samples
    return resampler.convert(padded)[: -(-len(samples) * target // source)]
