from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from skryba.recorder.segments import Mark, conversation_of, join
from tests.support.shelf import manifest

BEGIN = datetime(2026, 11, 24, 10, tzinfo=UTC)


def segment(recording: str, at_s: float, length_ms: int, number: int, **changes: Any) -> dict[str, Any]:
    begin = (BEGIN + timedelta(seconds=at_s)).isoformat()
    words = {"time": {"begin": begin, "duration_ms": length_ms}, "conversation": {"id": "c1", "segment": number}}
    return manifest(recording, **words | changes)


def mark(at_ms: int, kind: str, channel: str | None = "left", **note: Any) -> dict[str, Any]:
    return {"at_ms": at_ms, "kind": kind, "channel": channel, "note": note}


def test_segments_of_a_conversation_are_one_timeline_in_any_order() -> None:
    first, second = segment("r1", 0, 60_000, 1), segment("r2", 62.5, 30_000, 2, state="degraded")
    joined = join([second, first])
    assert joined == join([first, second])
    assert (joined.conversation, joined.begin, joined.length_ms) == ("c1", BEGIN, 92_500)
    assert [(each.recording, each.number, each.from_ms, each.to_ms, each.state) for each in joined.segments] == [
        ("r1", 1, 0, 60_000, "ok"),
        ("r2", 2, 62_500, 92_500, "degraded"),
    ]
    assert joined.marks == (Mark(60_000, "break", 62_500), Mark(62_500, "segment", recording="r2"))


def test_every_moment_is_found_in_its_recording() -> None:
    joined = join([segment("r1", 0, 60_000, 1), segment("r2", 59, 30_000, 2), segment("r3", 100, 1000, 3)])
    assert joined.locate(0) == ("r1", 0)
    assert joined.locate(58_999) == ("r1", 58_999)
    assert joined.locate(59_000) == ("r2", 0)
    assert joined.locate(88_999) == ("r2", 29_999)
    assert joined.locate(89_000) is None
    assert joined.locate(100_500) == ("r3", 500)
    assert joined.locate(101_000) is None
    assert joined.locate(-1) is None
    assert [each for each in joined.marks if each.kind == "break"] == [Mark(89_000, "break", 100_000)]


def test_a_short_segment_within_a_long_one_makes_no_break() -> None:
    joined = join([segment("r1", 0, 60_000, 1), segment("r2", 10, 5_000, 2), segment("r3", 30, 5_000, 3)])
    assert joined.length_ms == 60_000
    assert not [each for each in joined.marks if each.kind == "break"]


def test_marks_keep_their_recording_channel_and_note_on_the_common_axis() -> None:
    transferred = segment("r2", 60, 30_000, 2, marks=[mark(1500, "transfer", None, to="102"), mark(100, "dtmf")])
    joined = join([segment("r1", 0, 60_000, 1, marks=[mark(5, "dtmf", "right")]), transferred])
    assert [(each.at_ms, each.kind, each.recording, each.channel, each.note) for each in joined.marks] == [
        (5, "dtmf", "r1", "right", None),
        (60_000, "segment", "r2", None, None),
        (60_100, "dtmf", "r2", "left", None),
        (61_500, "transfer", "r2", None, {"to": "102"}),
    ]


def test_hold_lasts_until_its_own_side_resumes() -> None:
    marks = [mark(1000, "hold"), mark(2000, "hold", "right"), mark(3000, "resume", "right"), mark(4000, "resume")]
    joined = join([segment("r1", 0, 60_000, 1, marks=marks)])
    assert [(each.at_ms, each.to_ms, each.kind, each.channel) for each in joined.marks] == [
        (1000, 4000, "hold", "left"),
        (2000, 3000, "hold", "right"),
    ]


def test_what_is_not_closed_ends_with_its_segment_and_is_not_carried_over() -> None:
    marks = [mark(1000, "pause", None), mark(50_000, "hold")]
    joined = join([segment("r1", 0, 60_000, 1, marks=marks), segment("r2", 60, 9_000, 2, marks=[mark(0, "resume")])])
    assert [(each.at_ms, each.to_ms, each.kind) for each in joined.marks] == [
        (1000, 60_000, "pause"),
        (50_000, 60_000, "hold"),
        (60_000, None, "resume"),
        (60_000, None, "segment"),
    ]


def test_held_twice_is_two_spans_and_resumed_twice_leaves_a_mark() -> None:
    marks = [mark(1000, "hold"), mark(2000, "hold"), mark(3000, "resume"), mark(4000, "resume")]
    joined = join([segment("r1", 0, 60_000, 1, marks=marks)])
    assert [(each.at_ms, each.to_ms, each.kind) for each in joined.marks] == [
        (1000, 2000, "hold"),
        (2000, 3000, "hold"),
        (4000, None, "resume"),
    ]


def test_parties_come_and_go_on_the_common_axis() -> None:
    people = [
        {"channel": "right", "role": "other", "name": "A", "number": "1", "from_ms": 0, "to_ms": 4000},
        {"channel": "right", "role": "other", "name": "B", "number": "2", "from_ms": 4000, "to_ms": None},
    ]
    joined = join([segment("r1", 0, 10_000, 1), segment("r2", 10, 9_000, 2, parties=people)])
    assert [(each["name"], each["from_ms"], each["to_ms"]) for each in joined.segments[1].parties] == [
        ("A", 10_000, 14_000),
        ("B", 14_000, 19_000),
    ]


def test_a_recording_without_a_conversation_is_one_of_its_own() -> None:
    alone = segment("r1", 0, 10_000, 1, conversation=None)
    assert conversation_of(alone) == "r1"
    joined = join([alone])
    assert (joined.conversation, joined.segments[0].number, joined.marks) == ("r1", 1, ())


def test_two_conversations_or_none_make_no_timeline() -> None:
    with pytest.raises(ValueError, match="more than one conversation: c1, c2"):
        join([segment("r1", 0, 10, 1), segment("r2", 0, 10, 1, conversation={"id": "c2", "segment": 1})])
    with pytest.raises(ValueError, match="no recording"):
        join([])
