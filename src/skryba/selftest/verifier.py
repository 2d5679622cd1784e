"""The judge: is this stereo recording what two voices said, each on its side, whole, in step and of true length?

Pure; may not know how the recording was made or where it lies. What it must find is planted in its tests: swapped
channels, a shift or a skew between them, missing, doubled and silent stretches, clicks, a wrong sample rate, a wrong
length.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skryba.selftest.tracking import FRAME, Fix, Frames, measure, track
from skryba.selftest.voice import SLOT, Floats, Voice, level_dbfs

_SILENT = -60.0  # dBFS: below, a channel carries nobody
_STEP = 0.005  # seconds between two neighbouring slots: no clock drifts by 1 %
_CLICK = 1.2  # largest tolerated difference from what was sent, over the voice's mean level; codecs stay below 0.4
_BREATH = 3  # frames
_NAMED = 5  # missing stretches that are told one by one
_SHARE = 0.2  # of the slots that must be found to say who is speaking


class Span(NamedTuple):
    """A stretch of sent sound."""

    begin: float  # clock
    milliseconds: float


class Step(NamedTuple):
    """From here on the channel lies this much later (negative: earlier) in the file than before."""

    at: float  # clock
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Sent:
    """What one side put on the wire: `voice` from `began` (clock of its first sample), except in the pauses."""

    voice: Voice
    began: float
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Tolerances:
    skew_ms: float = 20.0
    duration_ms: float = 100.0
    edge_ms: float = (
        80.0  # of sent sound at either end, whose place inside or outside the file the observer cannot know
    )
    missing_ms: float = 20.0


@dataclass(frozen=True, slots=True)
class ChannelVerdict:
    """One channel: who speaks there, from where to where, with what faults."""

    expected: str
    identity: str | None  # name of the voice found, or None
    level_dbfs: float
    offset_ms: float | None  # median of how much later than estimated the sound lies in the file
    fixes: tuple[Fix, ...]
    missing: tuple[Span, ...]
    steps: tuple[Step, ...]
    clicks: tuple[float, ...]  # clock of each
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class StereoVerdict:
    left: ChannelVerdict
    right: ChannelVerdict
    skew_ms: float | None  # worst along the call, positive: left is late; None when a voice is not where it belongs
    drift_ppm: float | None  # slope of the skew along the call
    duration_error_ms: float  # file longer than the conversation: positive
    problems: tuple[str, ...]  # of the channels too, each with its channel named

    @property
    def ok(self) -> bool:
        return not self.problems


def verify_stereo(
    samples: NDArray[np.int16],
    sample_rate: int,
    *,
    left: Sent,
    right: Sent,
    begin: float,
    end: float,
    tolerances: Tolerances | None = None,
) -> StereoVerdict:
    """Judge `samples` (frames, 2) int16, which should hold what was sent between `begin` and `end` (senders' clock)."""
    allowed = tolerances or Tolerances()
    frames = samples.reshape(-1, 2)
    verdicts = [
        _verify_channel(frames[:, column], sample_rate, own, other, begin, end, allowed)
        for column, own, other in ((0, left, right), (1, right, left))
    ]
    skew, drift = _skew(verdicts[0], verdicts[1])
    duration_error = (len(frames) / sample_rate - (end - begin)) * 1000
    problems = [
        f"{name}: {problem}" for name, v in zip(("left", "right"), verdicts, strict=True) for problem in v.problems
    ]
    if skew is not None and abs(skew) > allowed.skew_ms:
        problems.append(f"channels are {skew:.1f} ms apart (left {'late' if skew > 0 else 'early'})")
    if abs(duration_error) > allowed.duration_ms:
        problems.append(f"file is {duration_error:+.0f} ms off the conversation's length")
    return StereoVerdict(verdicts[0], verdicts[1], skew, drift, duration_error, tuple(problems))


def _verify_channel(
    samples: NDArray[np.int16], rate: int, own: Sent, other: Sent, begin: float, end: float, allowed: Tolerances
) -> ChannelVerdict:
    sound = samples.astype(np.float64) / 32768.0
    level = level_dbfs(samples)
    slots = max(1, int((end - max(begin, own.began)) / SLOT) - 1)

    def seek(who: Sent, at_rate: int) -> list[Fix]:
        return track(sound, at_rate, who.voice, began=who.began, origin=begin, begin=begin, end=end)

    fixes = seek(own, rate)
    if len(fixes) < _SHARE * slots:
        identity: str | None = None
        problem = f"silent ({level:.0f} dBFS)"
        if level > _SILENT:
            problem = "voice not recognised"
            if len(seek(other, rate)) >= _SHARE * slots:
                identity, problem = other.voice.name, f"carries {other.voice.name} instead of {own.voice.name}"
            else:
                for ratio in (0.5, 2.0):
                    if len(seek(own, round(rate * ratio))) >= _SHARE * slots:
                        identity, problem = (
                            own.voice.name,
                            f"plays at {1 / ratio:g} times the right speed: wrong sample rate",
                        )
        return ChannelVerdict(own.voice.name, identity, level, None, (), (), (), (), (problem,))

    edge = allowed.edge_ms / 1000
    heard = measure(
        sound, rate, own.voice, fixes, began=own.began, origin=begin, begin=max(begin, own.began) + edge, end=end - edge
    )
    missing = _missing(heard, own.pauses, allowed.missing_ms)
    steps = tuple(
        Step(later.sent_at, (later.offset - earlier.offset) * 1000)
        for earlier, later in pairwise(fixes)
        if abs(later.offset - earlier.offset) > _STEP * (later.slot - earlier.slot)
    )
    clicks = _clicks(heard, missing, own.pauses)
    problems = [f"{gap.milliseconds:.0f} ms missing at {gap.begin - begin:.2f} s" for gap in missing[:_NAMED]]
    if len(missing) > _NAMED:
        total = sum(gap.milliseconds for gap in missing)
        problems.append(f"{len(missing)} stretches missing, {total:.0f} ms in all")
    problems += [
        f"{abs(step.milliseconds):.0f} ms {'put in' if step.milliseconds > 0 else 'cut out'} at {step.at - begin:.1f} s"
        for step in steps
    ]
    problems += [f"click at {click - begin:.2f} s" for click in clicks]
    offset = float(np.median([fix.offset for fix in fixes])) * 1000
    return ChannelVerdict(
        own.voice.name, own.voice.name, level, offset, tuple(fixes), missing, steps, clicks, tuple(problems)
    )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[from, to) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2)]


def _during(sent_at: Floats, spans: tuple[tuple[float, float], ...]) -> NDArray[np.bool_]:
    """Which frames touch a span."""
    flags = np.zeros(len(sent_at), dtype=np.bool_)
    for low, high in spans:
        flags |= (sent_at + FRAME > low) & (sent_at < high)
    return flags


def _missing(heard: Frames, pauses: tuple[tuple[float, float], ...], least_ms: float) -> tuple[Span, ...]:
    """Runs of lost frames. A hole begins and ends inside a frame, so one frame less than `least_ms` is already suspect.

    A short moment that fits by chance (the voice pauses for breath between two chirps) does not end a hole.
    """
    lost = heard.lost & ~_during(heard.sent_at, pauses)
    runs: list[tuple[int, int]] = []
    for low, high in _runs(lost):
        if runs and low - runs[-1][1] <= _BREATH and runs[-1][1] - runs[-1][0] > 1 and high - low > 1:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    least = round(least_ms / 1000 / FRAME) - 1
    return tuple(
        Span(float(heard.sent_at[low]), (high - low) * FRAME * 1000) for low, high in runs if high - low >= least
    )


def _clicks(heard: Frames, missing: tuple[Span, ...], pauses: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """Short disturbances outside of what is reported as missing."""
    known = tuple((gap.begin - 4 * FRAME, gap.begin + gap.milliseconds / 1000 + 4 * FRAME) for gap in missing) + pauses
    loud = (heard.deviation > _CLICK) & ~_during(heard.sent_at, known)
    return tuple(float(heard.sent_at[low]) for low, _ in _runs(loud))


def _skew(left: ChannelVerdict, right: ChannelVerdict) -> tuple[float | None, float | None]:
    """Worst difference of the two channels' offsets at the same instant of sending, in ms, and its slope in ppm."""
    if not left.fixes or not right.fixes:
        return None, None
    at = np.array([fix.sent_at for fix in left.fixes])
    others = np.interp(at, [fix.sent_at for fix in right.fixes], [fix.offset for fix in right.fixes])
    apart = np.array([fix.offset for fix in left.fixes]) - others
    worst = float(apart[np.argmax(np.abs(apart))]) * 1000
    slope = float(np.polyfit(at - at[0], apart, 1)[0]) * 1e6 if len(at) > 2 else None
    return worst, slope
