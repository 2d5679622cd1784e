"""All that is known of a recording, as JSON beside it, and the verdict on it: ok, degraded, failed or incomplete.

May not know files or packets: it is given timelines, counts and facts. Schema version 1; times of the axis are whole
milliseconds from the recording's zero, wall-clock times ISO 8601 in UTC. Digits that a party keyed are never in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np

from skryba.recorder.timeline import MILLISECOND, ChannelTimeline
from skryba.terms import Channel

SCHEMA = 1
CHANNELS = (Channel.LEFT, Channel.RIGHT)
MAP = {Channel.LEFT: "our station", Channel.RIGHT: "the other party"}
CLOCK_SOURCE = "arrival envelope"
QUIET = 64  # of 32,768: a channel that never exceeds it carries no voice (−54 dBFS)
DURATION_TOLERANCE = 40 * MILLISECOND
DRIFT_TOLERANCE = 100 * MILLISECOND

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

    length: int  # ns that were signalled, start to stop
    rendered: int  # ns that the file holds
    peaks: tuple[int, ...]  # largest absolute sample per channel
    channels: tuple[ChannelTimeline, ...]
    overflow: int  # packets that found the ring full while this recording ran (of all calls: the ring is shared)
    dropped: int  # records that the disk did not take
    torn: bool  # the spool's last block was not whole
    lost: str | None  # why no stop was received, None if it was


def judge(evidence: Evidence) -> tuple[State, list[str]]:
    """State and reasons. Incomplete goes before degraded; failed before both."""
    reasons = [evidence.lost] if evidence.lost else []
    if evidence.torn:
        reasons.append("spool torn at its end")
    silent = [
        side.value
        for side, channel, peak in zip(CHANNELS, evidence.channels, evidence.peaks, strict=True)
        if not channel.counts.sound or peak <= QUIET
    ]
    unknown = sorted({name for channel in evidence.channels for name in channel.unknown})
    reasons += [f"not recordable: codec {name}" for name in unknown]
    if len(silent) == len(CHANNELS):
        reasons.append("both channels silent")
    elif silent:
        reasons.append(f"one channel silent: {silent[0]}")
    if evidence.overflow:
        reasons.append(f"ring overflow: {evidence.overflow} packets")
    if evidence.dropped:
        reasons.append(f"spool not writable: {evidence.dropped} packets")
    if abs(evidence.rendered - evidence.length) > DURATION_TOLERANCE:
        reasons.append(f"duration differs: {_ms(evidence.rendered - evidence.length)} ms")
    for side, channel in zip(CHANNELS, evidence.channels, strict=True):
        if (drift := channel.drift_ns()) > DRIFT_TOLERANCE:
            reasons.append(f"clock drift {_ms(drift)} ms: {side}")
    if not any(channel.counts.sound for channel in evidence.channels):
        return State.FAILED, reasons
    if evidence.lost:
        return State.INCOMPLETE, reasons
    return (State.DEGRADED if reasons else State.OK), reasons


def describe_channel(channel: ChannelTimeline, peak: int, length: int) -> Words:
    """One channel's part: counts, passages (source, format, drift), gaps as [start_ms, length_ms, cause]."""
    return {
        "packets": asdict(channel.counts),
        "peak_dbfs": round(20 * float(np.log10(peak / 32768)), 1) if peak else None,
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
        "not_recordable": list(channel.unknown),
    }


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


def wall_clock(at_ns: int, epoch_ns: int) -> datetime:
    """A moment of the monotonic clock as UTC; `epoch_ns` is wall clock minus monotonic."""
    return datetime.fromtimestamp((at_ns + epoch_ns) / 1e9, tz=UTC)


def iso(at: datetime) -> str:
    """`2026-11-24T10:00:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_text(manifest: Mapping[str, Any]) -> bytes:
    """As it is written to the file."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _ms(nanoseconds: int) -> int:
    return round(nanoseconds / MILLISECOND)
