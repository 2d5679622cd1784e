"""All that is known of a recording, as JSON beside it, and the verdict on it: ok, degraded, failed or incomplete.

May not know files or packets: it is given timelines, counts and facts. Schema version 2; times of the axis are whole
milliseconds from the recording's zero, wall-clock times ISO 8601 in UTC. Digits that a party keyed are never in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from skryba.recorder.levels import Level
from skryba.recorder.quality import Quality
from skryba.recorder.selfcheck import Verdict
from skryba.recorder.timeline import MILLISECOND, ChannelTimeline
from skryba.terms import Channel

SCHEMA = 2
CHANNELS = (Channel.LEFT, Channel.RIGHT)
DISAGREEMENT_MS = 60
MAP = {Channel.LEFT: "our station", Channel.RIGHT: "the other party"}

Words = dict[str, Any]


class State(StrEnum):
    """How a recording ended up."""

    OK = "ok"
    DEGRADED = "degraded"  # whole in time, but something in it is missing: see the reasons
    FAILED = "failed"  # nothing of use
    INCOMPLETE = "incomplete"  # playable, but its end was not told by signalling


@dataclass(frozen=True, slots=True)
class Evidence:
    """What sealing found out, as far as the verdict needs it."""

    channels: tuple[ChannelTimeline, ...]
    check: Verdict = field(default_factory=Verdict)  # of the files as they lie
    overflow: int = 0  # packets of this recording that found the ring full
    dropped: int = 0  # packets that the disk did not take
    torn: bool = False  # the spool's last block was not whole
    altered: bool = False  # a block of the spool is not what was written
    lost: str | None = None  # why no stop was received, None if it was


def judge(evidence: Evidence) -> tuple[State, list[str]]:
    """State and reasons. Incomplete goes before degraded; failed before both."""
    reasons = [evidence.lost] if evidence.lost else []
    if evidence.torn:
        reasons.append("spool torn at its end")
    if evidence.altered:
        reasons.append("spool altered: what follows the altered block is missing")
    unknown = sorted({name for channel in evidence.channels for name in channel.unknown})
    reasons += [f"not recordable: codec {name}" for name in unknown]
    reasons += evidence.check.reasons
    if evidence.overflow:
        reasons.append(f"ring overflow: {evidence.overflow} packets")
    if evidence.dropped:
        reasons.append(f"spool not writable: {evidence.dropped} packets")
    if not any(channel.counts.sound for channel in evidence.channels):
        return State.FAILED, reasons
    if evidence.lost:
        return State.INCOMPLETE, reasons
    return (State.DEGRADED if reasons else State.OK), reasons


def describe_channel(
    channel: ChannelTimeline, level: Level, quality: Quality, length: int, concealed: Sequence[tuple[int, int]] = ()
) -> Words:
    """One channel's part: counts, levels, quality, passages (source, format), gaps and concealed spans (ns).

    Gaps are [start_ms, length_ms, cause], concealed spans [start_ms, length_ms].
    """
    return {
        "packets": asdict(channel.counts),
        **level.words,
        "quality": quality.words,
        "passages": [
            {
                "start_ms": _ms(passage.start),
                "end_ms": _ms(passage.end),
                "format": passage.format,
                "ssrc": f"{passage.ssrc:08x}",
                "packets": passage.packets,
                "drift_ppm": passage.drift,
            }
            for passage in channel.passages()
        ],
        "gaps": [[_ms(gap.start), max(_ms(gap.length), 1), gap.cause] for gap in channel.gaps(length)],
        "concealed": [[_ms(start), max(_ms(span), 1)] for start, span in concealed],
        "not_recordable": list(channel.unknown),
    }


def describe_clock(channel: ChannelTimeline) -> Words:
    """Where the channel's times come from; `flagged` when reports and arrivals tell different stories (R-T8)."""
    words = channel.clock()
    return {**words, "flagged": (words["disagreement_ms"] or 0) > DISAGREEMENT_MS}


def describe_marks(marks: Sequence[Mapping[str, Any]], zero: int) -> list[Words]:
    """Marks in order, told twice only once, digits taken away."""
    unique: dict[tuple[Any, ...], Words] = {}
    for mark in marks:
        at, kind, channel = int(mark.get("at_ns", zero)), str(mark.get("kind", "")), mark.get("channel")
        note = {} if kind == "dtmf" else dict(mark.get("note") or {})
        unique.setdefault(
            (at, kind, channel), {"at_ms": _ms(at - zero), "kind": kind, "channel": channel, "note": note}
        )
    return [unique[key] for key in sorted(unique, key=lambda key: key[0])]


def describe_parties(call: Mapping[str, Any], duration_ms: int) -> list[Words]:
    """Who speaks on which side, and from when to when. Left is our station; between two stations the caller."""
    inbound = call.get("direction") == "inbound"
    caller, callee = call.get("caller"), call.get("callee")
    station, other = (callee, caller) if inbound else (caller, callee)
    outside = "station" if call.get("direction") == "internal" else "other party"
    return [
        {"channel": side.value, "role": role, "station": name, "number": number, "from_ms": 0, "to_ms": duration_ms}
        for side, role, name, number in (
            (Channel.LEFT, "station", call.get("station"), station),
            (Channel.RIGHT, outside, None, other),
        )
    ]


def describe_time(begin: datetime, end: datetime, call: Mapping[str, Any], signalled_end: str | None) -> Words:
    """The recording's place in the day and in its call. `after_answer_ms`: the conversation's zero is the answer."""
    answered = _moment(call.get("answered_at"))
    return {
        "begin": iso(begin),
        "end": iso(end),
        "duration_ms": round((end - begin).total_seconds() * 1000),
        "answered": iso(answered) if answered else None,
        "after_answer_ms": round((begin - answered).total_seconds() * 1000) if answered else None,
        "signalled_end": signalled_end,
    }


def wall_clock(at_ns: int, epoch_ns: int) -> datetime:
    """A moment of the monotonic clock as UTC; `epoch_ns` is wall clock minus monotonic."""
    return datetime.fromtimestamp((at_ns + epoch_ns) / 1e9, tz=UTC)


def iso(at: datetime) -> str:
    """`2026-11-24T10:00:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_text(manifest: Mapping[str, Any]) -> bytes:
    """As it is written to the file: a line for each part."""
    parts = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in manifest.items())
    return ("{\n " + ",\n ".join(parts) + "\n}\n").encode("utf-8", "backslashreplace")


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _ms(nanoseconds: int) -> int:
    return round(nanoseconds / MILLISECOND)
