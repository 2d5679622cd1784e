"""The judge: is this stereo recording what two sides said, each in its channel, whole, in step and of true length?

Pure; may not know how the recording was made or where it lies. What it must find is planted in its tests: swapped
channels, a shift or a skew between them, missing, doubled and silent stretches, clicks, sound where nobody spoke, a
wrong sample rate, a wrong length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skryba.selftest import faults
from skryba.selftest.faults import Span
from skryba.selftest.spans import joined, outside, widened
from skryba.selftest.tracking import FRAME, Fix, Sound, measure, slots, track
from skryba.selftest.voice import Voice, level_dbfs

_SILENT = -60.0  # dBFS: below, a channel carries nobody
_DRIFT = 0.001  # seconds a second: no clock is worse
_NAMED = 5  # faults of one kind that are told one by one
_SHARE = 0.2  # of the slots that must be found to say who is speaking
_SAME = 0.020  # seconds within which two clicks are one
_FADE = 0.010  # seconds after a loss over which what was invented for it may fade
_FOREVER = float("inf")


class Step(NamedTuple):
    """From here on the channel lies this much later (negative: earlier) in the file than before."""

    at: float  # clock
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Sent:
    """What one voice put on the wire: all of it from `began` (clock of its first sample), except in the pauses.

    What the network is known to have `lost` need not be in the recording, but must not shift what is.
    """

    voice: Voice
    began: float
    pauses: tuple[tuple[float, float], ...] = ()
    lost: tuple[tuple[float, float], ...] = ()


Side = Sent | Sequence[Sent]  # several voices one after the other, or nobody at all


@dataclass(frozen=True, slots=True)
class Tolerances:
    skew_ms: float = 20.0
    duration_ms: float = 100.0
    edge_ms: float = (
        80.0  # of sent sound at either end, whose place inside or outside the file the observer cannot know
    )
    missing_ms: float = 20.0
    step_ms: float = 5.0


@dataclass(frozen=True, slots=True)
class ChannelVerdict:
    """One channel: who speaks there, from where to where, with what faults."""

    expected: str
    identity: str | None  # names of the voices found, or None
    level_dbfs: float
    offset_ms: float | None  # median of how much later than estimated the sound lies in the file
    fixes: tuple[Fix, ...] = ()
    missing: tuple[Span, ...] = ()
    concealed: tuple[Span, ...] = ()  # lost by the network, and something else sounds in its place
    strays: tuple[Span, ...] = ()  # sound where nobody spoke
    steps: tuple[Step, ...] = ()
    clicks: tuple[float, ...] = ()  # clock of each
    problems: tuple[str, ...] = ()

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
    left: Side,
    right: Side,
    begin: float,
    end: float,
    tolerances: Tolerances | None = None,
) -> StereoVerdict:
    """Judge `samples` (frames, 2) int16, which should hold what was sent between `begin` and `end` (senders' clock)."""
    allowed = tolerances or Tolerances()
    frames = samples.reshape(-1, 2)
    sides = [tuple([side] if isinstance(side, Sent) else side) for side in (left, right)]
    verdicts = [
        _Channel(frames[:, column], sample_rate, begin, end, allowed).judge(sides[column], sides[1 - column])
        for column in (0, 1)
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


class _Channel:
    """One column of the file, and the time it should hold."""

    def __init__(self, samples: NDArray[np.int16], rate: int, begin: float, end: float, allowed: Tolerances) -> None:
        self.sound: Sound = samples.astype(np.float32) / np.float32(32768.0)
        self.level = level_dbfs(samples)
        self.rate, self.begin, self.end, self.allowed = rate, begin, end, allowed

    def judge(self, own: Sequence[Sent], other: Sequence[Sent]) -> ChannelVerdict:
        expected = _names(own)
        found = [self._seek(sent, self.rate) for sent in own]
        if any(not self._enough(fixes, sent) for fixes, sent in zip(found, own, strict=True)):
            identity, problem = self._stranger(own, other)
            return ChannelVerdict(expected, identity, self.level, None, problems=(problem,))
        fixes = [fix for some in found for fix in some]
        offset = float(np.median([fix.offset for fix in fixes])) if fixes else 0.0
        missing: list[Span] = []
        clicks: list[float] = []
        concealed: list[Span] = []
        for sent, mine in zip(own, found, strict=True):
            if mine:
                gaps, noises = self._compare(sent, mine)
                missing += gaps
                clicks += noises
                concealed += faults.find_replaced(self.sound, self.rate, self._during(sent.lost), mine, self.begin)
        for burst in faults.find_bursts(self.sound, self.rate, self.begin - offset):
            if all(abs(burst - click) > _SAME for click in clicks):
                clicks.append(burst)
        strays = faults.find_strays(self.sound, self.rate, self._quiet(own, offset), self.begin)
        steps = [step for some in found for step in self._steps(some)]
        return ChannelVerdict(
            expected,
            expected if own else None,
            self.level,
            offset * 1000 if fixes else None,
            tuple(fixes),
            tuple(missing),
            tuple(concealed),
            strays,
            tuple(steps),
            tuple(clicks),
            tuple(self._tell(missing, strays, steps, clicks)),
        )

    def _seek(self, sent: Sent, at_rate: int) -> list[Fix]:
        wanted = slots(began=sent.began, begin=self.begin, end=self.end, pauses=sent.pauses)
        return track(self.sound, at_rate, sent.voice, wanted, began=sent.began, origin=self.begin)

    def _enough(self, fixes: Sequence[Fix], sent: Sent) -> bool:
        wanted = slots(began=sent.began, begin=self.begin, end=self.end, pauses=sent.pauses)
        return len(fixes) >= _SHARE * max(1, len(wanted) - 1)

    def _stranger(self, own: Sequence[Sent], other: Sequence[Sent]) -> tuple[str | None, str]:
        """Who speaks here instead, or how else it can be that the right voice is not found."""
        if self.level <= _SILENT:
            return None, f"silent ({self.level:.0f} dBFS)"
        for sent in other:
            if self._enough(self._seek(sent, self.rate), sent):
                return sent.voice.name, f"carries {sent.voice.name} instead of {_names(own)}"
        for ratio in (0.5, 2.0):
            for sent in own:
                if self._enough(self._seek(sent, round(self.rate * ratio)), sent):
                    return sent.voice.name, f"plays at {1 / ratio:g} times the right speed: wrong sample rate"
        return None, "voice not recognised"

    def _compare(self, sent: Sent, fixes: Sequence[Fix]) -> tuple[tuple[Span, ...], tuple[float, ...]]:
        edge = self.allowed.edge_ms / 1000
        heard = measure(
            self.sound,
            self.rate,
            sent.voice,
            fixes,
            began=sent.began,
            origin=self.begin,
            begin=max(self.begin, sent.began) + edge,
            end=self.end - edge,
            ignored=[*sent.pauses, *widened(sent.lost, FRAME, _FADE)],
        )
        missing = faults.find_missing(heard, self.allowed.missing_ms)
        return missing, faults.find_clicks(heard, missing)

    def _during(self, spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """What of them lies in the file's time, edges left out."""
        edge = self.allowed.edge_ms / 1000
        within = ((max(begin, self.begin + edge), min(end, self.end - edge)) for begin, end in spans)
        return [(begin, end) for begin, end in within if begin < end]

    def _quiet(self, own: Sequence[Sent], offset: float) -> list[tuple[float, float]]:
        """Where in the file nothing should sound."""
        spoken = [span for sent in own for span in outside(sent.pauses, sent.began, _FOREVER)]
        return outside(((begin + offset, end + offset) for begin, end in joined(spoken)), self.begin - 1, self.end + 1)

    def _steps(self, fixes: Sequence[Fix]) -> list[Step]:
        least = self.allowed.step_ms / 1000
        return [
            Step(later.sent_at, (later.offset - earlier.offset) * 1000)
            for earlier, later in pairwise(fixes)
            if abs(later.offset - earlier.offset) > least + _DRIFT * (later.sent_at - earlier.sent_at)
        ]

    def _tell(
        self, missing: Sequence[Span], strays: Sequence[Span], steps: Sequence[Step], clicks: Sequence[float]
    ) -> list[str]:
        def since(at: float) -> str:
            return f"{at - self.begin:.2f} s"

        told = [f"{gap.milliseconds:.0f} ms missing at {since(gap.begin)}" for gap in missing[:_NAMED]]
        if len(missing) > _NAMED:
            total = sum(gap.milliseconds for gap in missing)
            told.append(f"{len(missing)} stretches missing, {total:.0f} ms in all")
        told += [
            f"{one.milliseconds:.0f} ms of sound where nobody spoke at {since(one.begin)}" for one in strays[:_NAMED]
        ]
        told += [
            f"{abs(step.milliseconds):.0f} ms {'put in' if step.milliseconds > 0 else 'cut out'} at {since(step.at)}"
            for step in steps
        ]
        return told + [f"click at {since(click)}" for click in clicks]


def _names(side: Sequence[Sent]) -> str:
    return ", then ".join(sent.voice.name for sent in side) or "nobody"


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
