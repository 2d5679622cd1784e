"""Values of policy: what they say when little is said, and that nobody changes them."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from skryba.policy.model import CallFacts, Decision, Mode, Notice, NoticeMoment, Step
from skryba.terms import Direction

FACTS = CallFacts(Direction.INBOUND, "101", "+48600100200", "101", "carrier", datetime(2026, 11, 24, tzinfo=UTC))


def test_facts_that_are_not_known() -> None:
    assert (FACTS.groups, FACTS.did, FACTS.priority) == (frozenset(), None, False)


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
    assert [str(mode) for mode in Mode] == ["never", "automatic"]
    assert [str(moment) for moment in NoticeMoment] == ["answer", "early_media"]
