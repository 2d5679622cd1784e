"""What the self-test found: both phones' side of the call and the file, judged into one report.

Pure; may not know how the call was placed or where the proxy runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skryba.selftest.line import FRAME, Heard, Passage, find, first_of
from skryba.selftest.verifier import Sent, StereoVerdict, verify_stereo

BRIDGE_LIMIT = 0.3  # seconds from the end of the notice to two-way audio


@dataclass(frozen=True, slots=True)
class Observation:
    """What one simulated phone said and heard."""

    sent: Sent
    frames: Mapping[bytes, int]  # payloads it sent
    heard: Sequence[Heard]


@dataclass(frozen=True, slots=True)
class Listening:
    """The call as both phones heard it."""

    begin: float | None  # clock at which the conversation began: the notice had ended on both sides
    notice_completed: bool
    bridged_after_notice: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """The sealed file."""

    path: str
    samples: NDArray[np.int16]  # (frames, channels)
    sample_rate: int
    format: str = "WAV PCM16"

    @property
    def channels(self) -> int:
        return int(self.samples.shape[1])


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one self-test call; `judge` needs nothing else."""

    station: Observation
    trunk: Observation
    notice: Sequence[bytes]  # its payloads, 20 ms each
    setup: float  # seconds from INVITE to answer
    hung_up: float  # clock of the BYE
    recording: Recording
    late_ms: float = 0.0  # our own pacing's worst delay: no fault of the proxy


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """`as_json()` is what `skryba selftest --json` prints; `problems` says what is wrong in words, `verdict` where."""

    setup_ms: float | None = None
    notice_completed: bool = False
    bridged_after_notice: bool = False
    verdict: StereoVerdict | None = None
    evidence: Evidence | None = None
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems

    def with_problems(self, problems: Sequence[str]) -> "SelftestReport":
        """The same report, with what others found wrong besides."""
        return replace(self, problems=(*self.problems, *problems))

    def as_json(self) -> dict[str, object]:
        verdict, recording = self.verdict, self.evidence and self.evidence.recording
        return {
            "ok": self.ok,
            "setup_ms": _rounded(self.setup_ms),
            "notice_completed": self.notice_completed,
            "bridged_after_notice": self.bridged_after_notice,
            "left_ok": verdict is not None and verdict.left.ok,
            "right_ok": verdict is not None and verdict.right.ok,
            "skew_ms": _rounded(verdict.skew_ms) if verdict else None,
            "duration_error_ms": _rounded(verdict.duration_error_ms) if verdict else None,
            "file": recording.path if recording else None,
            "format": recording.format if recording else None,
            "channels": recording.channels if recording else None,
            "sample_rate": recording.sample_rate if recording else None,
        }

    def lines(self) -> list[str]:
        """For people."""
        told = [f"{name}: {'—' if value is None else value}" for name, value in self.as_json().items()]
        return [*told, *(f"problem: {problem}" for problem in self.problems)]


def listen(station: Observation, trunk: Observation, notice: Sequence[bytes], *, late_ms: float = 0.0) -> Listening:
    """Did both hear the notice to its end, and each other only then, and soon? `late_ms`: our own pacing's worst."""
    problems: list[str] = []
    passages: list[Passage] = []
    bridged = True
    for name, ear, other in (("station", station, trunk), ("trunk", trunk, station)):
        passage = find(ear.heard, notice)
        voice = first_of(ear.heard, other.frames)
        if passage is None or not passage.complete:
            share = passage.share if passage else 0.0
            problems.append(f"{name}: heard {share:.0%} of the notice")
        if passage is not None:
            passages.append(passage)
        if voice is None:
            bridged = False
            problems.append(f"{name}: never heard the other side")
        elif passage is not None:
            gap = voice - passage.ended
            if gap < -FRAME or gap > BRIDGE_LIMIT + late_ms / 1000:
                bridged = False
                when = "before the end" if gap < 0 else "after the end"
                problems.append(f"{name}: heard the other side {abs(gap) * 1000:.0f} ms {when} of the notice")
    completed = len(passages) == 2 and all(passage.complete for passage in passages)
    begin = max(passage.ended for passage in passages) if passages else None
    return Listening(begin, completed, bridged and completed, tuple(problems))


def judge(evidence: Evidence) -> SelftestReport:
    """The whole call, as heard and as recorded. The left channel is the station."""
    station, trunk, recording = evidence.station, evidence.trunk, evidence.recording
    listening = listen(station, trunk, evidence.notice, late_ms=evidence.late_ms)
    problems = list(listening.problems)
    verdict = None
    begin = listening.begin if listening.begin is not None else max(station.sent.began, trunk.sent.began)
    if recording.channels != 2:
        problems.append(f"the file has {recording.channels} channels")
    else:
        verdict = verify_stereo(
            recording.samples,
            recording.sample_rate,
            left=station.sent,
            right=trunk.sent,
            begin=begin,
            end=evidence.hung_up,
        )
        problems += verdict.problems
    return SelftestReport(
        setup_ms=evidence.setup * 1000,
        notice_completed=listening.notice_completed,
        bridged_after_notice=listening.bridged_after_notice,
        verdict=verdict,
        evidence=evidence,
        problems=tuple(problems),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
