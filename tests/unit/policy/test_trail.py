"""Paths that are put into words when they are read."""

import copy
import pickle
from typing import Any

import pytest

from skryba.policy.book import Rule
from skryba.policy.model import CallType, Decision, Mode, Step
from skryba.policy.trail import Bits, Refusals, Trail

RULES = (
    Rule("a", Mode.NEVER, types=frozenset({CallType.QUEUE, CallType.IVR})),
    Rule("b", Mode.NEVER, numbers=("+49*",), trunks=("x",)),
    Rule("c", Mode.NEVER),
)
EVERY = 0b111
BITS = (0b110, EVERY, 0b101, EVERY, 0b101, EVERY)  # the kind of a, the number and the trunk of b
BEFORE, AFTER = (Step("first", False, "f", "p"),), (Step("last", True, "l", "o"),)
STEPS = (
    *BEFORE,
    Step("a", False, "kind of call is not one of: ivr, queue", "rodzaj połączenia spoza listy: ivr, queue"),
    Step("b", False, "other party's number is not one of: +49*", "numer drugiej strony spoza listy: +49*"),
    Step("c", False, "outside the hours: None", "poza godzinami: None"),
    *AFTER,
)


def trail(count: int = 3) -> Trail:
    return Trail(Refusals(RULES), BITS, count, BEFORE, AFTER)


def test_the_first_condition_that_failed_of_each_rule() -> None:
    assert tuple(trail()) == STEPS
    assert tuple(trail(1)) == (*STEPS[:2], *AFTER)
    assert tuple(trail(0)) == (*BEFORE, *AFTER)


def test_nothing_is_put_into_words_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    plain = Refusals.steps

    def steps(refusals: Refusals, bits: Bits, count: int) -> list[Step]:
        told.append(count)
        return plain(refusals, bits, count)

    monkeypatch.setattr(Refusals, "steps", steps)
    read = trail()
    decision = Decision(Mode.NEVER, "c", "r", "p", path=read)
    assert (len(decision.path), told) == (5, [])
    assert (decision.path[1], decision.path[-2:], list(decision.path)) == (STEPS[1], STEPS[-2:], list(STEPS))
    assert told == [3]


def test_words_are_found_once() -> None:
    refusals = Refusals(RULES)
    assert refusals.steps(BITS, 2)[1] is refusals.steps(BITS, 3)[1]


def test_it_is_a_value_like_the_tuple_of_its_steps() -> None:
    one, other = trail(), trail()
    assert one == other
    assert one == STEPS
    assert STEPS.__eq__(one) is NotImplemented  # and so it is asked the other way round
    assert one != trail(2)
    assert one != list(STEPS)
    assert hash(one) == hash(STEPS)
    assert repr(one) == repr(STEPS)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_decision_travels_with_its_path_and_without_the_rules(copied: Any) -> None:
    decision = Decision(Mode.NEVER, "c", "r", "p", path=trail())
    arrived = copied(decision)
    assert arrived == decision
    assert hash(arrived) == hash(decision)
    assert type(arrived.path) is tuple
