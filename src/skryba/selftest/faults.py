"""What is wrong with a channel in single places: sound that is missing, replaced, disturbed, or where none should be.

May not know which voice belongs where nor what may be tolerated: it finds, `verifier` judges. Times are those of
sending unless it says file.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skryba.selftest.spans import Spans, joined, runs, touching, widened
from skryba.selftest.tracking import FRAME, Fix, Frames, Sound
from skryba.selftest.voice import LEVEL, SLOT

CLICK = 1.2  # largest tolerated difference from what was sent, over the voice's mean level; codecs stay below 0.4
AUDIBLE = 0.003  # of full scale, −50 dBFS: what a codec makes of silence stays below
_LOUDEST = 2 * LEVEL  # no voice is that loud, whatever a codec does to it
_BREATH = 3  # frames
_BESIDE = 0.002  # seconds of a lost stretch at either end that may be its neighbours'
_AFTERMATH = 0.1  # seconds around speech in which sound may linger: it is late, or a gap was concealed


class Span(NamedTuple):
    """A stretch of sound."""

    begin: float  # clock
    milliseconds: float


def find_missing(heard: Frames, least_ms: float) -> tuple[Span, ...]:
    """Runs of lost frames. A hole begins and ends inside a frame, so one frame less than `least_ms` is already suspect.

    A short moment that fits by chance (the voice pauses for breath between two chirps) does not end a hole.
    """
    found: list[tuple[int, int]] = []
    for low, high in runs(heard.lost):
        if found and low - found[-1][1] <= _BREATH and found[-1][1] - found[-1][0] > 1 and high - low > 1:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    least = round(least_ms / 1000 / FRAME) - 1
    return tuple(
        Span(float(heard.sent_at[low]), (high - low) * FRAME * 1000) for low, high in found if high - low >= least
    )


def find_clicks(heard: Frames, missing: Sequence[Span]) -> tuple[float, ...]:
    """Short disturbances outside of what is reported as missing."""
    known = [(gap.begin - 4 * FRAME, gap.begin + gap.milliseconds / 1000 + 4 * FRAME) for gap in missing]
    loud = (heard.deviation > CLICK) & ~touching(heard.sent_at, FRAME, known)
    return tuple(float(heard.sent_at[low]) for low, _ in runs(loud))


def find_replaced(sound: Sound, rate: int, lost: Spans, fixes: Sequence[Fix], origin: float) -> tuple[Span, ...]:
    """Lost sound in whose place something sounds: from where, and for how long until it is silent."""
    spans = np.array(joined(lost)).reshape(-1, 2)
    offsets = np.interp(spans[:, 0], [fix.sent_at + SLOT / 2 for fix in fixes], [fix.offset for fix in fixes])
    found = []
    for (begin, end), offset in zip(spans.tolist(), offsets.tolist(), strict=True):
        low = round((begin + _BESIDE - origin + offset) * rate)
        place = sound[max(low, 0) : max(round((end - _BESIDE - origin + offset) * rate), 0)]
        loud = np.flatnonzero(np.abs(place) > AUDIBLE)
        if len(loud):
            found.append(Span(begin, (_BESIDE + float(loud[-1] + 1) / rate) * 1000))
    return tuple(found)


def find_strays(sound: Sound, rate: int, quiet: Spans, origin: float) -> tuple[Span, ...]:
    """Sound where nobody spoke. `quiet` are the stretches in which nobody did, where they lie in the file."""
    size = round(FRAME * rate)
    found = []
    for begin, end in widened(quiet, -_AFTERMATH, -_AFTERMATH):
        low = max(round((begin - origin) * rate), 0)
        stretch = np.abs(sound[low : max(low, round((end - origin) * rate))])
        frames = np.maximum.reduceat(stretch, np.arange(0, len(stretch), size)) if len(stretch) else stretch
        found += [
            Span(origin + low / rate + first * FRAME, (last - first) * FRAME * 1000)
            for first, last in runs(frames > AUDIBLE)
        ]
    return tuple(found)


def find_bursts(sound: Sound, rate: int, origin: float) -> tuple[float, ...]:
    """Where the file is louder than any voice, edges and invented sound included: there nothing is compared."""
    loud = np.flatnonzero((sound > _LOUDEST) | (sound < -_LOUDEST))
    frames = np.unique(loud // round(FRAME * rate))
    first = frames[np.flatnonzero(np.diff(frames, prepend=-2) > 1)]
    return tuple((origin + first * FRAME).tolist())
