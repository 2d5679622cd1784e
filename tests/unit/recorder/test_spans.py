"""Holds out of marks, overflows out of their blocks."""

from typing import Any

import pytest

from skryba.recorder.spans import known_spans
from skryba.recorder.timeline import Span

OVERFLOWS = [
    {"from_ns": 7, "to_ns": 8, "packets": 3, "cause": "ring"},
    {"from_ns": 8, "to_ns": 9, "packets": 3, "cause": "disk"},
]


def mark(at_ns: int, kind: str) -> dict[str, Any]:
    return {"at_ns": at_ns, "kind": kind, "channel": "left"}


@pytest.mark.parametrize(
    ("marks", "spans"),
    [
        ([], []),
        ([mark(5, "hold"), mark(9, "resume")], [(5, 9)]),
        ([mark(9, "resume"), mark(5, "hold")], [(5, 9)]),
        ([mark(5, "hold"), mark(6, "hold"), mark(7, "reinvite"), mark(9, "resume")], [(5, 9)]),
        ([mark(5, "hold"), mark(9, "resume"), mark(11, "resume"), mark(20, "hold")], [(5, 9), (20, 1 << 62)]),
        ([mark(3, "resume"), {"kind": "hold"}], []),
    ],
)
def test_holds(marks: list[dict[str, Any]], spans: list[tuple[int, int]]) -> None:
    assert known_spans(marks, []) == [Span(begin, end, "hold") for begin, end in spans]


def test_overflows_stand_first_since_they_explain_more() -> None:
    found = known_spans([mark(5, "hold")], [*OVERFLOWS, {"packets": 1}])
    assert found == [Span(7, 8, "overflow"), Span(8, 9, "disk"), Span(5, 1 << 62, "hold")]
