"""The recordings of one conversation as one timeline: what a player shows and where each moment is found.

Knows manifests only: no file, no key, no audio. Times are whole milliseconds of the wall clock, counted from the first
segment's beginning; a moment between two segments belongs to neither and is told as a break.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Segment:
    """One recording: where it lies on the timeline, and whom it holds."""

    recording: str
    number: int
    from_ms: int
    to_ms: int
    state: str
    parties: tuple[Mapping[str, Any], ...]  # as in the manifest, times on the timeline


@dataclass(frozen=True, slots=True)
class Mark:
    """A named moment; `to_ms` is None for what has no length."""

    at_ms: int
    kind: str
    to_ms: int | None = None
    recording: str | None = None
    channel: str | None = None
    note: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Segments and marks in order of time."""

    conversation: str
    begin: datetime
    length_ms: int
    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]

    def locate(self, at_ms: int) -> tuple[str, int] | None:
        """(recording, ms within it) of a moment; where two overlap, the later one. None within a break or outside."""
        for segment in reversed(self.segments):
            if segment.from_ms <= at_ms < segment.to_ms:
                return segment.recording, at_ms - segment.from_ms
        return None


BREAK = "break"  # nothing was recorded from here to there
SEGMENT = "segment"  # a further recording begins
_ENDS = {  # kinds that come in pairs: the mark that closes what the first one opens
    "hold": "resume",
    "pause": "pause_end",
    "notice": "notice_end",
    "hold_music": "hold_music_end",
}


def join(manifests: Sequence[Mapping[str, Any]]) -> Timeline:
    """The manifests of one conversation, in any order.

    ValueError if there are none, or if they tell of more than one conversation.
    """
    names = {conversation_of(manifest) for manifest in manifests}
    if len(names) != 1:
        raise ValueError("no recording" if not names else f"more than one conversation: {', '.join(sorted(names))}")
    ordered = sorted(manifests, key=lambda manifest: (_begin(manifest), _number(manifest), str(manifest["id"])))
    begin = _begin(ordered[0])
    segments = tuple(_segment(manifest, begin, place) for place, manifest in enumerate(ordered, start=1))
    marks = [
        mark
        for segment, manifest in zip(segments, ordered, strict=True)
        for mark in _marks(manifest, segment, first=segment is segments[0])
    ]
    marks += _breaks(segments)
    length = max(segment.to_ms for segment in segments)
    return Timeline(
        names.pop(), begin, length, segments, tuple(sorted(marks, key=lambda mark: (mark.at_ms, mark.kind)))
    )


def conversation_of(manifest: Mapping[str, Any]) -> str:
    """The conversation's id; a recording that names none is a conversation of its own."""
    return str((manifest.get("conversation") or {}).get("id") or manifest["id"])


def _number(manifest: Mapping[str, Any]) -> int:
    return int((manifest.get("conversation") or {}).get("segment") or 0)


def _begin(manifest: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(manifest["time"]["begin"]).astimezone(UTC)


def _segment(manifest: Mapping[str, Any], zero: datetime, place: int) -> Segment:
    start = (_begin(manifest) - zero) // timedelta(milliseconds=1)
    length = int(manifest["time"]["duration_ms"])
    return Segment(
        recording=str(manifest["id"]),
        number=_number(manifest) or place,
        from_ms=start,
        to_ms=start + length,
        state=str(manifest["state"]),
        parties=tuple(
            {
                **party,
                "from_ms": start + int(party.get("from_ms") or 0),
                "to_ms": start + int(length if party.get("to_ms") is None else party["to_ms"]),
            }
            for party in manifest.get("parties") or ()
        ),
    )


def _marks(manifest: Mapping[str, Any], segment: Segment, *, first: bool) -> list[Mark]:
    """The recording's own marks; what one opens and another closes becomes a span, at the latest with the segment."""
    found = [] if first else [Mark(segment.from_ms, SEGMENT, recording=segment.recording)]
    closing = set(_ENDS.values())
    words = sorted(manifest.get("marks") or (), key=lambda mark: int(mark["at_ms"]))
    for place, mark in enumerate(words):
        kind, channel, at = str(mark["kind"]), mark.get("channel"), segment.from_ms + int(mark["at_ms"])
        if kind in closing and _opened(words[:place], kind, channel):
            continue
        until = _closed_at(words[place + 1 :], kind, channel, segment)
        found.append(Mark(at, kind, until, segment.recording, channel, mark.get("note") or None))
    return found


def _opened(earlier: Sequence[Mapping[str, Any]], end: str, channel: object) -> bool:
    """Is the last thing that this channel was told of the pair an opening?"""
    for mark in reversed(earlier):
        if mark.get("channel") == channel and (mark["kind"] == end or _ENDS.get(str(mark["kind"])) == end):
            return bool(mark["kind"] != end)
    return False


def _closed_at(later: Sequence[Mapping[str, Any]], kind: str, channel: object, segment: Segment) -> int | None:
    if (end := _ENDS.get(kind)) is None:
        return None
    for mark in later:
        if mark.get("channel") == channel and mark["kind"] in {end, kind}:
            return segment.from_ms + int(mark["at_ms"])
    return segment.to_ms


def _breaks(segments: Sequence[Segment]) -> list[Mark]:
    found, known = [], segments[0].to_ms
    for segment in segments[1:]:
        if segment.from_ms > known:
            found.append(Mark(known, BREAK, segment.from_ms))
        known = max(known, segment.to_ms)
    return found
