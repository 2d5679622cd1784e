"""Loudness of a mono sound by ITU-R BS.1770-4 (gated, K-weighted), and its true peak.

May not know files, texts or codecs. Sounds are float64, full scale ±1. The filters are applied by their frequency
response, the sound padded with silence in which they ring out: no sample-by-sample loop.
"""

import numpy as np
from numpy.typing import NDArray

QUIETEST = -120.0  # LUFS and dBTP: of silence

_BLOCK = 0.4  # s, gating block (Annex 1)
_OVERLAP = 4  # blocks overlap by 75 %
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE = -10.0  # LU below the mean of what passed the absolute gate
_OFFSET = -0.691
_RING_OUT = 0.5  # s; the 38 Hz high-pass is 60 dB down after 0.06 s
_OVERSAMPLING = 4  # Annex 2
_ROOM = 512  # samples of silence, so that the end does not ring into the beginning

Sound = NDArray[np.float64]


def loudness(sound: Sound, rate: int) -> float:
    """Integrated loudness in LUFS. A sound shorter than a block is measured as a whole."""
    weighted = _weighted(sound, rate)
    size = round(_BLOCK * rate)
    if len(weighted) <= size:
        power = float(np.mean(np.square(weighted))) if len(weighted) else 0.0
        return _lufs(power)
    sums = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
    starts = np.arange(0, len(weighted) - size + 1, size // _OVERLAP)
    powers = (sums[starts + size] - sums[starts]) / size
    powers = powers[powers > _power(_ABSOLUTE_GATE)]
    if not len(powers):
        return QUIETEST
    gated = powers[powers > np.mean(powers) * 10 ** (_RELATIVE_GATE / 10)]
    return _lufs(float(np.mean(gated)))


def true_peak(sound: Sound) -> float:
    """Highest point of the curve through the samples, in dBTP."""
    if not len(sound):
        return QUIETEST
    length = _convenient(len(sound) + _ROOM)
    curve = np.fft.irfft(np.fft.rfft(sound, length), _OVERSAMPLING * length) * _OVERSAMPLING
    peak = max(float(np.max(np.abs(curve))), float(np.max(np.abs(sound))))
    return max(QUIETEST, 20 * float(np.log10(peak))) if peak else QUIETEST


def _weighted(sound: Sound, rate: int) -> Sound:
    length = _convenient(len(sound) + round(_RING_OUT * rate))
    spectrum = np.fft.rfft(sound, length)
    z = np.exp(-2j * np.pi * np.arange(len(spectrum)) / length)  # one sample's delay at each frequency
    for b, a in (_shelf(rate), _high_pass(rate)):
        spectrum *= (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)
    return np.asarray(np.fft.irfft(spectrum, length)[: len(sound)], dtype=np.float64)


def _shelf(rate: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Stage 1, the head's effect: the analogue filter behind the table for 48 kHz, for any rate."""
    frequency, gain, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = float(np.tan(np.pi * frequency / rate))
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    bottom = 1 + k / quality + k * k
    b = (high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k)
    return tuple(x / bottom for x in b), (1.0, 2 * (k * k - 1) / bottom, (1 - k / quality + k * k) / bottom)


def _high_pass(rate: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Stage 2, the revised low-frequency B curve."""
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = float(np.tan(np.pi * frequency / rate))
    bottom = 1 + k / quality + k * k
    return (1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / bottom, (1 - k / quality + k * k) / bottom)


def _convenient(length: int) -> int:
    """A power of two, for the Fourier transform."""
    return 1 << (length - 1).bit_length()


def _lufs(power: float) -> float:
    return max(QUIETEST, _OFFSET + 10 * float(np.log10(power))) if power > 0 else QUIETEST


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))
