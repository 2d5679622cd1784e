"""Stretches of a call whose silence has a known cause, a hold or a full ring: labels for gaps, never their length.

May not know packets or places: it reads the words of marks and overflow blocks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from skryba.recorder.timeline import Span

HOLD, RESUME = "hold", "resume"  # kinds of marks
_FOREVER = 1 << 62


def known_spans(marks: Sequence[Mapping[str, Any]], overflows: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Overflows and holds (one that never ended lasts to the end), in ns of the arrival clock.

    Whoever holds, both channels may fall silent for it: the spans are those of both.
    """
    found = [
        Span(int(words["from_ns"]), int(words["to_ns"]), "disk" if words.get("cause") == "disk" else "overflow")
        for words in overflows
        if "from_ns" in words and "to_ns" in words
    ]
    since: int | None = None
    for mark in sorted((mark for mark in marks if "at_ns" in mark), key=lambda mark: int(mark["at_ns"])):
        if mark.get("kind") == HOLD and since is None:
            since = int(mark["at_ns"])
        elif mark.get("kind") == RESUME and since is not None:
            found.append(Span(since, int(mark["at_ns"]), HOLD))
            since = None
    if since is not None:
        found.append(Span(since, _FOREVER, HOLD))
    return found
