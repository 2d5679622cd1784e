"""What is told about recordings, and who owns which slot."""

from typing import Any

import numpy as np
import pytest

from skryba.recorder.recording import SLOTS, Phase, Recording, Roster, read_start


def start(slot: int = 1, name: str = "aaaa", **more: Any) -> Recording:
    return read_start({"op": "start", "slot": slot, "id": name, "from_ns": 100, **more})


def test_a_start_becomes_the_first_words_of_the_spool() -> None:
    found = start(formats={"left": {"0": "PCMU/8000"}}, manifest={"caller": "1"})
    assert (found.slot, found.id, found.from_ns, found.phase) == (1, "aaaa", 100, Phase.OPEN)
    assert found.meta["formats"] == {"left": {"0": "PCMU/8000"}, "right": {}}
    assert found.meta["manifest"] == {"caller": "1"}


@pytest.mark.parametrize("message", [{}, {"slot": 1}, {"slot": "x", "id": "a", "from_ns": 1}, {"slot": SLOTS, "id": "a", "from_ns": 1}, {"slot": -1, "id": "a", "from_ns": 1}, {"slot": 1, "id": "a", "from_ns": 1, "manifest": 5}])  # fmt: skip  # noqa: E501
def test_unusable_starts_are_refused(message: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_start(message)


def test_which_key_was_pressed_is_forgotten_at_once() -> None:
    assert start().mark({"kind": "dtmf", "channel": "right", "at_ns": 7, "note": {"digit": "4"}}) == {
        "kind": "dtmf",
        "channel": "right",
        "at_ns": 7,
        "note": {},
    }
    assert start().mark({"kind": "hold", "note": {"by": "left"}})["note"] == {"by": "left"}
    assert start().mark({"kind": "hold", "note": "odd"}) == {"kind": "hold", "channel": None, "at_ns": 100, "note": {}}


def test_formats_are_words() -> None:
    assert start().formats({"channel": "left", "at_ns": 9, "formats": {"8": "PCMA/8000"}})["formats"] == {
        "8": "PCMA/8000"
    }
    assert start().formats({"channel": "left"}) == {"channel": "left", "at_ns": 100, "formats": {}}


@pytest.mark.parametrize(
    ("told", "heads", "drain"),
    [([50, 60], (80, 90), (50, 60)), ([50, 99], (80, 90), (50, 90)), ([50], (80, 90), (80, 90)), (None, (80,), (80,))],
)
def test_it_drains_as_far_as_told_and_no_further_than_filled(
    told: list[int] | None, heads: tuple[int, ...], drain: tuple[int, ...]
) -> None:
    found = start()
    found.end({"at_ns": 500, "drain": told}, heads)
    assert (found.drain, found.phase) == (drain, Phase.DRAINING)
    assert not found.is_drained([0 for _ in heads])
    assert found.is_drained(drain)


def test_last_words() -> None:
    found = start()
    found.dropped = 3
    found.end({"at_ns": 500, "until_ns": 400, "termination": {"result": "completed"}, "ended_at": "now"}, [])
    assert found.last_words([7]) == {
        "at_ns": 500,
        "until_ns": 500,
        "termination": {"result": "completed"},
        "ended_at": "now",
        "lost": None,
        "overflow": [7],
        "dropped": 3,
    }
    found.end({"at_ns": None, "until_ns": 9, "lost": "gone"}, [])
    words = found.last_words([])
    assert (words["at_ns"], words["until_ns"], words["lost"]) == (None, None, "gone")


def test_slots_and_owner_numbers() -> None:
    roster = Roster()
    first, second, third = start(1), start(4000, "bbbb"), start(2, "cccc")
    roster.add(first)
    roster.add(second)
    assert (roster.owners[1], roster.owners[4000], len(roster)) == (0, 1, 2)
    roster.remove(first)
    assert (roster.owners[1], roster.order[0]) == (-1, None)
    roster.add(third)
    assert roster.owners[2] == 0
    assert [found.id for found in roster] == ["bbbb", "cccc"]
    assert roster.find("cccc") is third
    assert roster.find("aaaa") is None
    with pytest.raises(ValueError, match="slot 2 is taken"):
        roster.add(start(2, "dddd"))
    assert roster.owners.dtype == np.int32


def test_who_is_draining() -> None:
    roster = Roster()
    roster.add(start(1))
    roster.add(start(2, "bbbb"))
    roster.by_slot[2].end({"at_ns": 1}, [5])
    assert [found.id for found in roster.draining()] == ["bbbb"]
