"""Values of policy: what they say when little is said, and that nobody changes them."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from skryba.policy.model import CallFacts, Decision, Limit, Mode, Notice, NoticeMoment, Step
from skryba.terms import Direction

FACTS = CallFacts(Direction.INBOUND, "101", "+48600100200", "101", "carrier", datetime(2026, 11, 24, tzinfo=UTC))


def test_facts_that_are_not_known() -> None:
    assert (FACTS.groups, FACTS.did, FACTS.priority) == (frozenset(), None, False)
    assert (FACTS.via, FACTS.private, FACTS.draw) == (None, False, None)


@pytest.mark.parametrize(
    ("direction", "via", "expected"),
    [
        (Direction.OUTBOUND, None, "outgoing"),
        (Direction.INTERNAL, None, "internal"),
        (Direction.INBOUND, None, "incoming"),
        (Direction.INBOUND, "queue", "queue"),
        (Direction.INBOUND, "queue:sales", "queue"),
        (Direction.INBOUND, "ivr", "ivr"),
        (Direction.INBOUND, "ivr:main", "ivr"),
        (Direction.OUTBOUND, "queue", "outgoing"),
    ],
)
def test_a3_every_call_is_of_one_type(direction: Direction, via: str | None, expected: str) -> None:
    assert replace(FACTS, direction=direction, via=via).call_type == expected


def test_a7_facts_as_they_are_stored() -> None:
    facts = replace(FACTS, groups=frozenset({"b", "a"}), did="22", via="queue", private=True, draw=0.25)
    assert json.loads(json.dumps(facts.as_json())) == {
        "direction": "inbound",
        "station": "101",
        "caller": "+48600100200",
        "callee": "101",
        "trunk": "carrier",
        "at": "2026-11-24T00:00:00+00:00",
        "groups": ["a", "b"],
        "did": "22",
        "priority": False,
        "via": "queue",
        "private": True,
        "draw": 0.25,
    }


def test_a7_a_decision_as_json_has_its_path() -> None:
    step = Step("a", True, "b", "c")
    told = json.loads(json.dumps(Decision(Mode.NEVER, "a", "b", "c", path=[step]).as_json()))
    assert told["path"] == [{"rule": "a", "matched": True, "reason": "b", "reason_pl": "c"}]
    assert (told["mode"], told["consent"], told["limit"]) == ("never", "notice", None)


def test_a_plain_decision_records_nothing_and_tells_nobody() -> None:
    decision = Decision(Mode.NEVER, "default", "no rule", "brak reguły")
    assert (decision.notice, decision.emergency, decision.path) == (None, False, ())
    assert (decision.purpose, decision.legal_basis, decision.retention, decision.version) == (None, None, None, "")


def test_a_notice_is_heard_after_the_answer_unless_said_otherwise() -> None:
    assert Notice("standard", "pl").moment is NoticeMoment.ANSWER


@pytest.mark.parametrize(
    "value", [FACTS, Notice("a", "pl"), Step("a", True, "b", "c"), Decision(Mode.NEVER, "a", "b", "c")]
)
def test_nobody_changes_them(value: object) -> None:
    name = type(value).__dataclass_fields__  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        setattr(value, next(iter(name)), "else")


def test_words_in_rules_files() -> None:
    assert [str(mode) for mode in Mode] == ["never", "automatic", "on_demand"]
    assert [str(limit) for limit in Limit] == ["private", "sample", "country"]
    assert [str(moment) for moment in NoticeMoment] == ["answer", "early_media"]
