"""Finding a known voice in a recorded channel: where each of its half seconds lies, and which 5 ms of it are there.

May not know what was expected of the recording: it measures, `verifier` judges.

Three clocks meet here, all in seconds: the *voice* (since the speaker's first sample), *sent* (the monotonic clock of
who sent it; sent = voice + `began`) and the *file* (since its first sample). `Fix.offset` is how much later than at
(sent − `origin`) a slot lies in the file, where `origin` is the caller's estimate of the clock at the file's first
sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.selftest.spans import Spans, covered, touching
from skryba.selftest.voice import SLOT, Floats, Voice

Sound = NDArray[np.floating[Any]]  # ±1.0 full scale

FRAME = 0.005  # seconds of sound that are judged present or lost as one
_NEAR, _FAR = 0.15, 1.5  # seconds either side of where a slot is expected: first look, second look
_SURE, _FOUND = 0.6, 0.35  # normalised correlation; two unrelated half seconds stay below 0.15
_BLOCK = 2000  # frames measured at once, bounds the memory of a long recording
_SPOKEN = 0.6  # share of a slot that must have been spoken for it to be sought
_MOST = 2000  # slots sought in one recording, evenly chosen
_FITS = 0.4  # deviation below which nobody looks for a better place


@dataclass(frozen=True, slots=True)
class Fix:
    """One slot of the voice, found in the file."""

    slot: int
    sent_at: float  # clock at which the slot's first sample was sent
    offset: float  # seconds later in the file than expected
    score: float  # normalised correlation, 1.0 = nothing but this voice
    gain: float  # level in the file over level as spoken


@dataclass(frozen=True, slots=True)
class Frames:
    """What became of each 5 ms that were sent. Arrays of equal length."""

    sent_at: Floats  # clock of the frame's first sample
    lost: NDArray[np.bool_]  # what lies in its place is something else, or nothing
    deviation: Floats  # largest difference from what was sent, as a share of the voice's own level


def slots(*, began: float, begin: float, end: float, pauses: Spans = ()) -> list[int]:
    """The numbers of the slots that were spoken whole enough between `begin` and `end` (clock) to be found."""
    first = max(0, int(np.ceil((begin - began) / SLOT - 1e-9)))
    last = int(np.floor((end - began) / SLOT + 1e-9))
    numbers = np.arange(first, max(first, last))
    quiet = covered(np.asarray(began + numbers * SLOT, dtype=np.float64), SLOT, pauses)
    spoken: list[int] = numbers[quiet <= (1 - _SPOKEN) * SLOT].tolist()
    stride = -(-len(spoken) // _MOST)
    return spoken[:: max(stride, 1)]


def track(sound: Sound, rate: int, voice: Voice, wanted: Sequence[int], *, began: float, origin: float) -> list[Fix]:
    """Those of the slots `wanted` of `voice` that can be found in `sound`, in order."""
    fixes: list[Fix] = []
    offset = 0.0
    times = np.arange(round(SLOT * rate)) / rate
    for slot in wanted:
        template = voice.at(slot * SLOT + times)
        expected = began + slot * SLOT - origin
        offset_found, score, gain = _search(sound, rate, template, expected, offset, _NEAR)
        if score < _SURE:
            wide = _search(sound, rate, template, expected, 0.0, _FAR)
            if wide[1] > score:
                offset_found, score, gain = wide
        if score >= _FOUND:
            offset = offset_found
            fixes.append(Fix(slot, began + slot * SLOT, offset, score, gain))
    return fixes


def _search(
    sound: Sound, rate: int, template: Floats, expected: float, offset: float, reach: float
) -> tuple[float, float, float]:
    """(offset, score, gain) of the best place within `reach` of `expected + offset`; score 0 where no file is."""
    size = len(template)
    start = round((expected + offset - reach) * rate)
    stretch = _cut(sound, start, size + 2 * round(reach * rate))
    length = 1 << (len(stretch) - 1).bit_length()  # what wraps around lies beyond the places that are asked for
    spectrum = np.fft.rfft(stretch, length) * np.conj(np.fft.rfft(template, length))
    match = np.fft.irfft(spectrum, length)[: len(stretch) - size + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(stretch))])
    own = float(np.dot(template, template))
    local = np.maximum(energy[size:] - energy[:-size], own * 1e-6)
    best = int(np.argmax(match / np.sqrt(local * own)))
    shift, peak = 0.0, float(match[best])
    if 0 < best < len(match) - 1:  # the peak between three samples, by a parabola
        before, after = float(match[best - 1]), float(match[best + 1])
        curve = min(before - 2 * peak + after, -1e-12)
        shift = 0.5 * (before - after) / curve
        peak -= 0.25 * (before - after) * shift
    return (start + best + shift) / rate - expected, peak / float(np.sqrt(local[best] * own)), peak / own


def measure(
    sound: Sound,
    rate: int,
    voice: Voice,
    fixes: Sequence[Fix],
    *,
    began: float,
    origin: float,
    begin: float,
    end: float,
    ignored: Spans = (),
) -> Frames:
    """Lay the voice under the file as the fixes say, and compare every 5 ms sent between `begin` and `end` (clock).

    Around a step each frame may lie where the slot before it, or after it, says: it counts as lost only if it is at
    none of these. What touches `ignored` counts as there. Needs at least one fix.
    """
    sent = np.arange(begin, end - FRAME + 1e-9, FRAME)
    lost = np.zeros(len(sent), dtype=np.bool_)
    deviation = np.zeros(len(sent))
    gain = float(np.median([fix.gain for fix in fixes]))
    wanted = np.flatnonzero(~touching(sent, FRAME, ignored))
    for low in range(0, len(wanted), _BLOCK):
        block = wanted[low : low + _BLOCK]
        deviation[block] = np.inf
        for candidate in _places(sent[block], fixes):
            doubtful = deviation[block] > _FITS
            frames = block[doubtful]
            if not len(frames):
                break
            share, peak = _compare(
                sound, rate, voice, sent[frames], candidate[doubtful], gain, began=began, origin=origin
            )
            better = peak < deviation[frames]
            lost[frames] = np.where(better, share > 0.5, lost[frames])
            deviation[frames] = np.where(better, peak, deviation[frames])
    return Frames(sent, lost, deviation)


def _places(sent: Floats, fixes: Sequence[Fix]) -> list[Floats]:
    """Offsets at which the frames may lie: between two slots, as the slot before, as the slot after."""
    middles = np.array([fix.sent_at + SLOT / 2 for fix in fixes])
    offsets = np.array([fix.offset for fix in fixes])
    after = np.clip(np.searchsorted(middles, sent), 0, len(fixes) - 1)
    return [np.interp(sent, middles, offsets), offsets[np.clip(after - 1, 0, None)], offsets[after]]


def _compare(
    sound: Sound, rate: int, voice: Voice, sent: Floats, offsets: Floats, gain: float, *, began: float, origin: float
) -> tuple[Floats, Floats]:
    """Per frame: the residual's energy over the voice's own, and its peak over the voice's mean level."""
    count = round(FRAME * rate)
    places = np.ceil((sent - origin + offsets) * rate - 1e-6).astype(np.int64)[:, None] + np.arange(count)
    inside = (places >= 0) & (places < len(sound))
    found = (
        np.where(inside, sound[np.clip(places, 0, max(len(sound) - 1, 0))], 0.0)
        if len(sound)
        else np.zeros(places.shape)
    )
    times = places / rate + origin - offsets[:, None] - began
    spoken = gain * voice.at(np.maximum(times, 0.0).ravel()).reshape(places.shape)
    residual = found - spoken
    own = np.maximum(np.sum(np.square(spoken), axis=1), 1e-12)
    level = max(float(np.sqrt(np.mean(np.square(spoken)))), 1e-9)
    return np.sum(np.square(residual), axis=1) / own, np.max(np.abs(residual), axis=1) / level


def _cut(sound: Sound, start: int, count: int) -> Floats:
    """`count` samples from `start`, zeros where the file does not reach."""
    stretch = np.zeros(count)
    low, high = max(start, 0), min(start + count, len(sound))
    if low < high:
        stretch[low - start : high - start] = sound[low:high]
    return stretch
