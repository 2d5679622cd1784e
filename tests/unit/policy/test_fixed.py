"""Decisions that no rule makes."""

import pytest

from skryba.policy.book import CountryRule, Force, Rule, RuleBook
from skryba.policy.fixed import Fixed, always
from skryba.policy.model import ConsentMode, Decision, Limit, Mode, Notice
from skryba.policy.verdict import ORDINARY, Circumstances

FIXED = Fixed("v")
BOOK = RuleBook(like=Rule("terms", Mode.AUTOMATIC, notice=Notice("standard", "pl"), purpose="p"), version="v")


@pytest.mark.parametrize(
    ("decision", "rule", "emergency"),
    [
        (FIXED.emergency, "emergency", True),
        (FIXED.priority, "emergency", True),
        (FIXED.fallback, "fallback", False),
        (FIXED.never, "never-list", False),
        (FIXED.default, "default", False),
    ],
)
def test_a2_none_of_them_records(decision: Decision, rule: str, emergency: bool) -> None:
    assert (decision.mode, decision.rule, decision.emergency, decision.version) == (Mode.NEVER, rule, emergency, "v")
    assert (decision.notice, decision.path[-1].rule, decision.path[-1].matched) == (None, rule, True)
    assert decision.reason == f"not recorded: {decision.path[-1].reason}"
    assert decision.reason_pl == f"nienagrywane: {decision.path[-1].reason_pl}"


def test_the_always_list_takes_the_terms_of_its_rule() -> None:
    decision = always(BOOK, ORDINARY)
    assert (decision.mode, decision.rule, decision.purpose) == (Mode.AUTOMATIC, "always-list", "p")
    assert [step.rule for step in decision.path] == ["emergency", "never-list", "always-list"]


@pytest.mark.parametrize(
    ("country", "mode", "limit", "consent"),
    [
        (CountryRule(("+49",), Force.NEVER), Mode.NEVER, Limit.COUNTRY, ConsentMode.NOTICE),
        (CountryRule(("+49",), Force.OPT_IN, Notice("a", "de")), Mode.ON_DEMAND, None, ConsentMode.OPT_IN),
        (CountryRule(("+49",), Force.NOTICE, Notice("a", "de")), Mode.AUTOMATIC, None, ConsentMode.NOTICE),
    ],
)
def test_a15_law_stands_above_the_always_list(
    country: CountryRule, mode: Mode, limit: Limit | None, consent: ConsentMode
) -> None:
    decision = always(BOOK, Circumstances(country, "+49"))
    assert (decision.mode, decision.rule, decision.limit, decision.consent) == (mode, "always-list", limit, consent)
    assert decision.notice == country.notice
    assert [step.rule for step in decision.path] == ["emergency", "never-list", "always-list", "country"]
