"""Consent: what is owed, what was heard, and when recording may follow."""

from dataclasses import replace

import pytest

from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.consent import Consent, Outcome, When
from skryba.policy.model import Decision, NoticeMoment
from skryba.terms import Direction, Side
from tests.support.stage import EMERGENCY, NEVER, RECORD, announced

KNOWN = {("standard", "pl")}
HEARD = PromptEvidence("standard", "1", "pl", "ab", 1, 2, completed=True)
BOTH = (Side.CALLER, Side.CALLEE)


@pytest.mark.parametrize(
    ("decision", "direction", "when"),
    [
        (announced(), Direction.OUTBOUND, When.AT_ANSWER),
        (announced(), Direction.INTERNAL, When.AT_ANSWER),
        (announced(), Direction.INBOUND, When.FIRST_ANSWERED),
        (announced(NoticeMoment.EARLY_MEDIA), Direction.INBOUND, When.FIRST_EARLY),
        (announced(NoticeMoment.EARLY_MEDIA), Direction.OUTBOUND, When.AT_ANSWER),
        (RECORD, Direction.INBOUND, When.NEVER),
        (NEVER, Direction.INBOUND, When.NEVER),
        (replace(announced(), emergency=True), Direction.INBOUND, When.NEVER),
    ],
)
def test_when_it_stands(decision: Decision, direction: Direction, when: When) -> None:
    assert Consent(decision, direction).when is when


def test_recording_waits_for_the_last_side() -> None:
    consent = Consent(announced(), Direction.OUTBOUND)
    assert not consent.may_record
    assert consent.begin(BOTH, KNOWN) == announced().notice
    assert not consent.finish(Side.CALLER, HEARD)
    assert not consent.may_record
    assert consent.finish(Side.CALLEE, HEARD)
    assert consent.may_record
    facts = consent.facts()
    assert facts is not None
    assert facts["outcome"] == "completed"


def test_half_heard_is_not_heard() -> None:
    consent = Consent(announced(), Direction.OUTBOUND)
    consent.begin(BOTH, KNOWN)
    assert consent.finish(Side.CALLER, replace(HEARD, completed=False))
    assert consent.outcome is Outcome.FAILED
    assert not consent.may_record
    assert not consent.finish(Side.CALLEE, HEARD)  # too late to matter, kept as evidence all the same
    assert consent.outcome is Outcome.FAILED
    assert set(consent.evidence) == set(BOTH)


def test_a_prompt_nobody_has_fails_at_once() -> None:
    consent = Consent(announced(prompt="other"), Direction.OUTBOUND)
    assert consent.begin(BOTH, KNOWN) is None
    assert "other" in consent.failure
    assert not consent.may_record


def test_a_hang_up_interrupts_only_what_plays() -> None:
    consent = Consent(announced(), Direction.OUTBOUND)
    outcomes = []
    for _ in range(2):
        consent.interrupt()
        outcomes.append(consent.outcome)
        consent.begin(BOTH, KNOWN)
    consent.interrupt()
    assert [*outcomes, consent.outcome] == [Outcome.OWED, Outcome.INTERRUPTED, Outcome.INTERRUPTED]


def test_nothing_owed_nothing_said() -> None:
    consent = Consent(RECORD, Direction.OUTBOUND)
    assert consent.begin(BOTH, KNOWN) is None
    assert consent.facts() is None
    assert consent.may_record
    assert not Consent(NEVER, Direction.OUTBOUND).may_record
    assert not Consent(EMERGENCY, Direction.OUTBOUND).may_record
