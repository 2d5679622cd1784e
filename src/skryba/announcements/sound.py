"""A raw sound made fit to be played: mono, 16 kHz, quiet cut off, levelled, limited; and what is wrong with it.

May not know files, texts or codecs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from skryba.announcements.loudness import loudness, true_peak
from skryba.errors import ConfigError

RATE = 16000
TARGET = -23.0  # LUFS
PEAK = -1.0  # dBTP; what lies above is turned down as a whole, so that nothing is bent
SHORTEST, LONG, LONGEST = 0.1, 10.0, 60.0  # seconds: refused below, warned above, refused above

_SILENT = -60.0  # LUFS: nothing that anybody said into a microphone
_PAUSE = 2.0  # seconds of quiet after which callers take the line for dead
_MARGIN = 0.05  # seconds of quiet kept, and faded, at both ends
_AT_THE_RAIL = 0.999
_RUN = 3  # samples at the rail one after the other: that is no peak, that is clipping
_RUINED = 0.01  # share of clipped samples above which it is refused
_SHORT_OF = 1.0  # dB below the target that are worth a word

Sound = NDArray[np.float64]
Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Prepared:
    """16 kHz mono, and what was measured. `warnings` are for people."""

    samples: Samples
    duration_ms: int
    loudness: float  # LUFS, of the result
    true_peak: float  # dBTP, of the result
    warnings: tuple[str, ...]


def prepare(sound: Sound, rate: int, *, long: float = LONG) -> Prepared:
    """`sound` is [n] or [n, channels], full scale ±1. ConfigError when it cannot be played."""
    if not np.isfinite(sound).all():
        raise ConfigError("there are samples that are no numbers")
    mono = sound if sound.ndim == 1 else np.mean(sound, axis=1)
    clipped = _clipped(sound)
    if clipped > _RUINED:
        raise ConfigError(f"{clipped:.0%} of it is clipped: record it again, quieter")
    if len(mono) < SHORTEST * rate or loudness(mono, rate) < _SILENT:
        raise ConfigError("nothing is heard in it")
    cut = _trimmed(_at_rate(mono - np.mean(mono), rate))
    seconds = len(cut) / RATE
    if not SHORTEST <= seconds <= LONGEST:
        raise ConfigError(f"lasts {seconds:.1f} s; {SHORTEST} to {LONGEST:.0f} s can be played")
    gain = min(TARGET - loudness(cut, RATE), PEAK - true_peak(cut))
    cut = cut * 10 ** (gain / 20)
    level, pause = loudness(cut, RATE), _longest_pause(cut)
    said = (
        (seconds > long, f"lasts {seconds:.1f} s: callers hear it each time; aim at {LONG:.0f} s or less"),
        (clipped > 0, "parts of it are clipped: it may sound harsh"),
        (pause > _PAUSE, f"there is a pause of {pause:.1f} s in it"),
        (level < TARGET - _SHORT_OF, f"its peaks keep it {TARGET - level:.1f} dB quieter than other prompts"),
    )
    samples = np.rint(cut * 32767).astype(np.int16)
    warnings = tuple(text for true, text in said if true)
    return Prepared(samples, round(seconds * 1000), round(level, 1), round(true_peak(cut), 1), warnings)


def _at_rate(sound: Sound, rate: int) -> Sound:
    """The whole clip through one Fourier transform, quiet around it so that its end does not ring at its beginning."""
    sound = np.pad(sound, (rate // 4, rate // 4 + -(len(sound) + 2 * (rate // 4)) % rate))  # whole seconds
    if rate == RATE:
        return sound
    count = len(sound) // rate * RATE
    spectrum = np.zeros(count // 2 + 1, dtype=np.complex128)
    known = np.fft.rfft(sound)[: len(spectrum)]
    spectrum[: len(known)] = known
    return np.asarray(np.fft.irfft(spectrum, count) * (count / len(sound)), dtype=np.float64)


def _trimmed(sound: Sound) -> Sound:
    """Without the quiet at both ends, and faded in and out."""
    heard = np.flatnonzero(np.abs(sound) > 0.01 * np.max(np.abs(sound)))
    margin = round(_MARGIN * RATE)
    cut = np.array(sound[max(0, int(heard[0]) - margin) : int(heard[-1]) + margin])
    fade = np.linspace(0, 1, margin)
    cut[:margin] *= fade[: len(cut)]
    cut[-margin:] *= fade[::-1][-len(cut) :]
    return cut


def _clipped(sound: Sound) -> float:
    """Share of the samples that stand at the rail in runs; the rail is where the file says that full scale is."""
    if len(sound) < _RUN:
        return 0.0
    rail = (np.abs(sound) >= _AT_THE_RAIL).reshape(len(sound), -1)
    runs = np.all(sliding_window_view(rail, _RUN, axis=0), axis=-1)
    return float(np.mean(runs))


def _longest_pause(sound: Sound) -> float:
    """Seconds more than 40 dB below the target, within the sound."""
    size = RATE // 50
    blocks = sound[: len(sound) // size * size].reshape(-1, size)
    quiet = np.mean(np.square(blocks), axis=1) < 10 ** ((TARGET - 40) / 10)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]])))
    return float(np.max(edges[1::2] - edges[::2], initial=0)) * size / RATE
