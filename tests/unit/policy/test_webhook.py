import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, Decision, Limit, Mode
from skryba.policy.rules import parse_rules
from skryba.policy.webhook import (
    LONGEST,
    RULE,
    Breaker,
    Failure,
    Fallback,
    Unanswered,
    answered,
    asks,
    question,
    unanswered,
)
from skryba.terms import Direction

RULES = """
never = ["110"]
always = ["120"]
always_like = "sales"
[[rule]]
id = "lawyer"
number = ["+48 22 999 99 99"]
mode = "never"
[[rule]]
id = "sales"
number = ["+48 22*"]
mode = "automatic"
purpose = "proof of orders"
legal_basis = "art. 6(1)(b) GDPR"
retention = "90d"
notice = "standard"
"""
GUIDE = (Path(__file__).parents[3] / "docs/howto/rules.md").read_text(encoding="utf-8")
ENGINE = Engine(parse_rules(RULES, source="rules.toml"), emergency=["112"])


def facts(callee: str) -> CallFacts:
    return CallFacts(
        direction=Direction.OUTBOUND,
        station="101",
        caller="22 123 45 67",
        callee=callee,
        trunk="carrier",
        at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
        groups=frozenset({"sales", "a"}),
    )


SALES = ENGINE.decide(facts("221111111"))
DEFAULT = ENGINE.decide(facts("601111111"))


def terms(rule: str) -> Decision | None:
    return {"sales": SALES, "lawyer": ENGINE.decide(facts("229999999"))}.get(rule)


def answer(words: object, *, decision: Decision = SALES, status: int = 200) -> Decision | Unanswered:
    return answered(decision, terms, status, json.dumps(words).encode())


def decided(words: object, *, decision: Decision = SALES) -> Decision:
    found = answer(words, decision=decision)
    assert isinstance(found, Decision), found
    return found


# --- who is asked about ---------------------------------------------------------------------------------------------


def test_a18_asked_about_rules_that_record_and_about_what_no_rule_knows() -> None:
    assert (SALES.rule, DEFAULT.rule) == ("sales", "default")
    assert asks(SALES)
    assert asks(DEFAULT)


@pytest.mark.parametrize(
    ("callee", "rule"), [("112", "emergency"), ("110", "never-list"), ("120", "always-list"), ("229999999", "lawyer")]
)
def test_a18_what_is_settled_is_not_asked_about(callee: str, rule: str) -> None:
    decision = ENGINE.decide(facts(callee))
    assert decision.rule == rule
    assert not asks(decision)


def test_a18_emergency_and_fallback_are_never_asked_about() -> None:
    assert not asks(replace(SALES, emergency=True))
    assert not asks(Engine(None, emergency=[]).decide(facts("221111111")))


def test_a18_the_question_has_the_call_and_what_the_rules_decided() -> None:
    body = question("call-1", replace(facts("0048 22 111 11 11"), did=None), SALES, country="48")
    assert body.isascii()
    assert json.loads(body) == {
        "schema": 1,
        "call": "call-1",
        "at": "2026-11-24T12:00:00.000Z",
        "direction": "outbound",
        "station": "101",
        "groups": ["a", "sales"],
        "caller": "+48221234567",
        "callee": "+48221111111",
        "did": None,
        "trunk": "carrier",
        "via": None,
        "rules": {
            "version": SALES.version,
            "rule": "sales",
            "decision": "record",
            "purpose": "proof of orders",
            "legal_basis": "art. 6(1)(b) GDPR",
            "retention": "90d",
        },
    }
    assert json.loads(question("c", facts("601111111"), DEFAULT, country="48"))["rules"]["decision"] == "do not record"


def test_a18_the_guide_shows_the_question_and_every_decision() -> None:
    shown = re.search(r"^(\{\"schema\".*?\}\})$", GUIDE, re.DOTALL | re.MULTILINE)
    assert shown is not None
    example, made = json.loads(shown[1]), json.loads(question("c", facts("600100200"), SALES, country="48"))
    assert (list(example), list(example["rules"])) == (list(made), list(made["rules"]))
    for words in ({"decision": "rules"}, {"decision": "do not record"}, {"decision": "record", "like": "sales"}):
        assert f'`"{words["decision"]}"`' in GUIDE
        decided(words)


# --- what it may say ------------------------------------------------------------------------------------------------


def test_a18_it_can_leave_it_to_the_rules() -> None:
    found = decided({"decision": "rules", "reason": "no campaign"})
    assert replace(found, path=SALES.path) == SALES
    assert found.path[:-1] == SALES.path
    assert (found.path[-1].rule, found.path[-1].reason) == (RULE, "webhook: as the rules say: no campaign")


def test_a18_it_can_keep_a_call_out_of_recording() -> None:
    found = decided({"decision": "do not record", "reason": "objected, tel. +48 600 100 200"})
    assert (found.mode, found.rule, found.notice, found.retention) == (Mode.NEVER, RULE, None, None)
    assert found.reason == "not recorded: the policy webhook says so: objected, tel. …"
    assert found.reason_pl == "nienagrywane: tak zdecydował webhook: objected, tel. …"
    assert found.version == SALES.version
    assert found.path[-1].matched


def test_a18_it_can_change_purpose_basis_and_retention_never_the_notice() -> None:
    found = decided({"decision": "record", "purpose": "complaint", "retention": "1y"})
    assert (found.purpose, found.legal_basis, found.retention) == ("complaint", SALES.legal_basis, "1y")
    assert (found.mode, found.rule, found.notice) == (Mode.AUTOMATIC, RULE, SALES.notice)
    assert found.reason == "recorded because the policy webhook says so, on the terms of rule sales"


def test_a18_it_can_have_a_call_recorded_on_the_terms_of_a_rule() -> None:
    found = decided({"decision": "record", "like": "sales"}, decision=DEFAULT)
    assert replace(found, rule="", reason="", reason_pl="", path=()) == replace(
        SALES, rule="", reason="", reason_pl="", path=()
    )
    assert [step.rule for step in found.path] == [*(step.rule for step in DEFAULT.path), RULE]


def test_a18_law_privacy_and_commands_stay_above_it() -> None:
    abroad = '[[country]]\ncode = ["+49"]\nforce = "never"\n'
    abroad += '[[country]]\ncode = ["+44"]\nforce = "opt_in"\nnotice = "agree"\n'
    engine = Engine(parse_rules(RULES + "private = true\n" + abroad, source="rules.toml"), emergency=[])
    cases = [
        (facts("+49301234567"), Mode.NEVER, Limit.COUNTRY),
        (facts("+442012345678"), Mode.ON_DEMAND, None),
        (replace(facts("601111111"), private=True), Mode.NEVER, Limit.PRIVATE),
    ]
    for call, mode, limit in cases:
        rules = engine.decide(call)
        assert asks(rules)
        body = b'{"decision":"record","like":"sales","retention":"1y"}'
        found = answered(rules, partial(engine.terms, facts=call), 200, body)
        assert isinstance(found, Decision)
        assert (found.mode, found.limit, found.rule) == (mode, limit, RULE)
        assert "; the policy webhook says: record" in found.reason
        assert found.retention == (None if mode is Mode.NEVER else "1y")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "no JSON object"),
        ({}, "decision is none of"),
        ({"decision": "maybe"}, "decision is none of"),
        ({"decision": True}, "decision is no text"),
        ({"decision": ["record"]}, "decision is no text"),
        ({"decision": "record"}, "record needs like"),
        ({"decision": "record", "like": "nobody"}, "like names no rule that records"),
        ({"decision": "record", "like": "lawyer"}, "like names no rule that records"),
        ({"decision": "record", "like": "sales", "retention": "for ever"}, "retention is no length"),
        ({"decision": "record", "like": "sales", "notice": "none"}, "a name that is none of"),
        ({"decision": "record", "like": "sales", "purpose": " "}, "purpose is no text"),
        ({"decision": "record", "like": "sales", "purpose": "a\nb"}, "purpose is no text"),
        ({"decision": "do not record", "retention": "1d"}, "go with the decision 'record' only"),
        ({"decision": "rules", "reason": "x" * 201}, "reason is no text"),
        ({"decision": "rules", "reason": None}, "reason is no text"),
    ],
)
def test_a18_an_answer_that_breaks_the_contract_is_none(words: object, complaint: str) -> None:
    found = answer(words, decision=DEFAULT)
    assert isinstance(found, Unanswered)
    assert found.failure is Failure.INVALID
    assert complaint in found.detail


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (302, b"{}", Failure.REDIRECTED),
        (308, b"{}", Failure.REDIRECTED),
        (204, b"", Failure.STATUS),
        (500, b'{"decision":"rules"}', Failure.STATUS),
        (200, b"", Failure.INVALID),
        (200, b"<html>", Failure.INVALID),
        (200, b"\xff\xfe", Failure.INVALID),
        (200, b"[" * 10_000, Failure.INVALID),
        (200, b"9" * 10_000, Failure.INVALID),
        (200, b'{"decision":"rules","decision":"record"}', Failure.INVALID),
        (200, b'{"decision":"rules"}' + b" " * LONGEST, Failure.TOO_LONG),
    ],
)
def test_a18_what_is_no_answer_at_all(status: int, body: bytes, failure: Failure) -> None:
    found = answered(SALES, terms, status, body)
    assert isinstance(found, Unanswered)
    assert found.failure is failure


NAMES = st.sampled_from(["decision", "like", "reason", "x"])
WORDS = st.sampled_from(["record", "do not record", "rules", "sales", "lawyer", ""])
ANSWERS = st.dictionaries(NAMES, WORDS | st.none() | st.dictionaries(NAMES, WORDS), max_size=3)


@given(st.binary(max_size=50) | ANSWERS.map(lambda words: json.dumps(words).encode()))
def test_a18_whatever_it_says_the_decision_stays_one_of_ours(body: bytes) -> None:
    found = answered(DEFAULT, terms, 200, body)
    assert isinstance(found, Unanswered) or found.mode is Mode.NEVER or found.notice == SALES.notice


# --- without an answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", list(Failure))
def test_a18_the_stated_fallback_stands(failure: Failure) -> None:
    by_rules = unanswered(SALES, failure, Fallback.RULES)
    assert replace(by_rules, path=SALES.path) == SALES
    assert by_rules.path[-1].reason.endswith("; the rules stand")
    none = unanswered(SALES, failure, Fallback.NOT_RECORDED)
    assert (none.mode, none.rule, none.notice) == (Mode.NEVER, RULE, None)
    assert none.reason.startswith("not recorded: the policy webhook gave no answer (")
    assert none.reason_pl.startswith("nienagrywane: webhook nie odpowiedział (")


def test_a18_after_failures_in_a_row_it_is_left_alone() -> None:
    breaker = Breaker(limit=3, rest=10)
    for _ in range(2):
        breaker.told(False, 0)
    breaker.told(True, 0)
    for _ in range(3):
        assert breaker.admits(1)
        breaker.told(False, 1)
    assert breaker.resting()
    assert [breaker.admits(now) for now in (1, 10.9, 11, 11.1, 20.9, 21)] == [False, False, True, False, False, True]
    breaker.told(False, 22)
    assert [breaker.admits(now) for now in (30.9, 31)] == [False, True]
    breaker.told(True, 31)
    assert all(breaker.admits(31) for _ in range(100))
