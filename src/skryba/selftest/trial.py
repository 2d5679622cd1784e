"""One scenario from the mouth to the judge: spoken, sent, impaired, spooled, sealed, and the file held against it all.

May not know how the recorder works inside: it gives it a spool and reads the file and the manifest.
"""

import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.recorder.seal import seal
from skryba.recorder.storage import Storage
from skryba.selftest.evidence import AFTER, spool
from skryba.selftest.impairments import SECOND, Arrivals
from skryba.selftest.scenarios import BEGIN, Scenario, Side
from skryba.selftest.sender import Span
from skryba.selftest.spans import covered, outside
from skryba.selftest.verifier import ChannelVerdict, Sent, StereoVerdict, Tolerances, verify_stereo

WALL = 1_790_000_000.0  # Unix time minus the true clock
RECORDING = "901d" * 8
_FOREVER = float("inf")
_COUNTED = 0.015  # seconds of lost sound that must be told of
_SLACK = 0.040  # seconds by which a span that is told of may lie beside the sound it speaks of

Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scenario. `untold` and `invented`: what the manifest hides, and what never was."""

    scenario: Scenario
    verdict: StereoVerdict
    manifest: Words
    untold: tuple[Span, ...]  # lost or concealed, seconds from the beginning
    invented: tuple[Span, ...]

    @property
    def skew_ms(self) -> float:
        """Worst along the call; endless if a voice that spoke is not found."""
        if self.verdict.skew_ms is not None:
            return abs(self.verdict.skew_ms)
        found = (self.verdict.left, self.verdict.right)
        return 0.0 if any(side.expected == "nobody" and not side.problems for side in found) else _FOREVER

    @property
    def duration_error_ms(self) -> float:
        return round(abs(self.verdict.duration_error_ms), 6)

    @property
    def problems(self) -> list[str]:
        told = [*self.verdict.problems]
        told += [
            f"{(end - begin) * 1000:.0f} ms lost or concealed at {begin:.2f} s, not told"
            for begin, end in self.untold[:5]
        ]
        told += [
            f"{(end - begin) * 1000:.0f} ms at {begin:.2f} s told lost, but sent" for begin, end in self.invented[:5]
        ]
        return told


def run(scenario: Scenario, folder: Path, *, seed: int = 1) -> Outcome:
    """Seal the scenario's spool below `folder` and judge what came of it."""
    dice = np.random.default_rng([seed, *scenario.name.encode()])
    arrived = [[side.route.carry(flight, dice) for flight in side.sender.send(dice, WALL)] for side in scenario.sides]
    storage = Storage(folder / "recordings", folder / "spool")
    storage.spool_path(RECORDING).write_bytes(
        spool(arrived, meta=_meta(scenario), stop=_stop(scenario), marks=_marks(scenario))
    )
    sealed = seal(storage, RECORDING)
    if sealed.audio is None or sealed.manifest is None:
        raise ValueError(f"{scenario.name}: {sealed.state}, {', '.join(sealed.reasons)}")
    manifest: Words = json.loads(sealed.manifest.read_bytes())
    rate, samples = _read(sealed.audio)
    left, right = (_sent(scenario, side, arrivals) for side, arrivals in zip(scenario.sides, arrived, strict=True))
    verdict = verify_stereo(
        samples,
        rate,
        left=left,
        right=right,
        begin=BEGIN,
        end=scenario.end,
        tolerances=Tolerances(
            skew_ms=20.0 if scenario.with_reports else 60.0,
            duration_ms=40.0,
            edge_ms=scenario.edge_ms,
            step_ms=scenario.step_ms,
        ),
    )
    untold: list[Span] = []
    invented: list[Span] = []
    for name, sent, found in (("left", left, verdict.left), ("right", right, verdict.right)):
        words, lost = manifest["channels"][name], _lost(sent, found)
        untold += _beside(_inside(lost, scenario), _gaps(words) + _concealed(words), 0.5)
        untold += _beside(_inside(_replaced(found), scenario), _concealed(words), 0.5)
        invented += _beside(_inside(_gaps(words, "loss") + _concealed(words), scenario), lost, 0.0)
    return Outcome(scenario, verdict, manifest, tuple(untold), tuple(invented))


def _sent(scenario: Scenario, side: Side, arrivals: Sequence[Arrivals]) -> tuple[Sent, ...]:
    """What the file should hold of this side.

    With right wall clocks on both sides, speech stands where it was spoken. Without, nobody can know how long the
    packets travelled: it stands where the fastest of them were heard.
    """
    if not side.sender.spells:
        return ()
    packet = min(spell.ptime for spell in side.sender.spells) / 1000
    late = 0.0 if scenario.right_clocks else side.route.delay + packet
    lost = [(begin + late, end + late) for one in arrivals for begin, end in one.lost()]
    voices = dict.fromkeys(spell.voice for spell in side.sender.spells if spell.voice is not None)
    made = []
    for voice in voices:
        spoken = [(begin + late, end + late) for begin, end in side.sender.says(voice)]
        pauses = outside(spoken, -_FOREVER, _FOREVER)
        made.append(Sent(voice, began=late, pauses=tuple(pauses), lost=tuple(lost)))
    return tuple(made)


def _lost(sent: Sequence[Sent], found: ChannelVerdict) -> list[Span]:
    """Sound that never arrived, where it should be in the file."""
    shift = (found.offset_ms or 0.0) / 1000 - BEGIN
    return [(begin + shift, end + shift) for begin, end in (sent[0].lost if sent else ())]


def _inside(spans: Sequence[Span], scenario: Scenario) -> list[Span]:
    """Those that lie in the file's time, edges left out, and are long enough to be told."""
    edge = scenario.edge_ms / 1000
    return [
        (begin, end)
        for begin, end in spans
        if begin > edge and end < scenario.seconds - edge and end - begin >= _COUNTED
    ]


def _replaced(found: ChannelVerdict) -> list[Span]:
    """Where something sounds in the place of lost sound."""
    shift = (found.offset_ms or 0.0) / 1000 - BEGIN
    return [(span.begin + shift, span.begin + shift + span.milliseconds / 1000) for span in found.concealed]


def _gaps(channel: Words, cause: str | None = None) -> list[Span]:
    """Those of one cause, or all: what was lost before a pause, or with a source, is told as part of these."""
    told = channel["gaps"]
    return [(start / 1000, (start + length) / 1000) for start, length, why in told if cause in (None, why)]


def _concealed(channel: Words) -> list[Span]:
    return [(start / 1000, (start + length) / 1000) for start, length in channel.get("concealed", [])]


def _beside(spans: Sequence[Span], others: Sequence[Span], share: float) -> list[Span]:
    """Those of the spans of which no more than that share lies in or near the others."""
    begin = np.array([low for low, _ in spans])
    length = np.array([high - low for low, high in spans])
    near = [(low - _SLACK, high + _SLACK) for low, high in others]
    return [spans[int(place)] for place in np.flatnonzero(covered(begin, length, near) <= share * length)]


def _meta(scenario: Scenario) -> Words:
    start = round(BEGIN * SECOND)
    formats = {name: side.sender.formats for name, side in zip(("left", "right"), scenario.sides, strict=True)}
    return {
        "id": RECORDING,
        "slot": 1,
        "from_ns": start,
        "epoch_ns": round(WALL) * SECOND,
        "opened_ns": start + 1,
        "overflow": [0],
        "formats": formats,
        "manifest": {},
    }


def _stop(scenario: Scenario) -> Words:
    end = round(scenario.end * SECOND)
    return {"at_ns": end, "until_ns": end + AFTER, "termination": {}, "ended_at": "", "overflow": [0]}


def _marks(scenario: Scenario) -> list[Words]:
    return [
        {"at_ns": round(at * SECOND), "kind": kind, "channel": "left", "note": {}}
        for span in scenario.held
        for at, kind in zip(span, ("hold", "resume"), strict=True)
    ]


def _read(path: Path) -> tuple[int, NDArray[np.int16]]:
    """Sample rate and frames of a stereo file."""
    with wave.open(str(path), "rb") as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getframerate(), frames.reshape(-1, file.getnchannels())
