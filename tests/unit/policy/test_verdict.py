"""What follows from a rule, from the law of a country, from a wish and from a draw."""

import pytest

from skryba.policy.book import CountryRule, Force, Rule
from skryba.policy.model import ConsentMode, Limit, Mode, Notice, NoticeMoment, Step
from skryba.policy.verdict import Circumstances, Drawn, match, verdict

EARLY = NoticeMoment.EARLY_MEDIA
RULE = Rule(
    "a", Mode.AUTOMATIC, sample=10.0, private=True, notice=Notice("standard", "pl", EARLY), purpose="quality",
    legal_basis="art. 6", retention="90d",
)  # fmt: skip
SILENT = Rule("b", Mode.AUTOMATIC, purpose="quality")
GERMAN = Notice("opt-in", "de")
OPT_IN = CountryRule(("+49",), Force.OPT_IN, GERMAN, "§ 201 StGB")
NOTICE = CountryRule(("+49",), Force.NOTICE, GERMAN)
NEVER = CountryRule(("+49",), Force.NEVER)


def test_the_rule_alone() -> None:
    decision, steps = verdict(RULE, "v")
    assert (decision.mode, decision.rule, decision.notice, decision.version) == (Mode.AUTOMATIC, "a", RULE.notice, "v")
    assert (decision.purpose, decision.legal_basis, decision.retention) == ("quality", "art. 6", "90d")
    assert (decision.consent, decision.limit, steps) == (ConsentMode.NOTICE, None, ())
    assert match(RULE) == Step("a", True, "all conditions met: automatic", "wszystkie warunki spełnione: nagrywać")


def test_a2_on_demand_is_not_recorded_until_commanded() -> None:
    decision, _ = verdict(Rule("d", Mode.ON_DEMAND, purpose="quality", notice=GERMAN), "v")
    assert (decision.mode, decision.notice) == (Mode.ON_DEMAND, GERMAN)
    assert decision.reason == "not recorded until commanded, by rule d (quality)"
    assert decision.reason_pl == "nienagrywane do czasu polecenia, na podstawie reguły d (quality)"


@pytest.mark.parametrize(
    ("drawn", "recorded", "reason", "reason_pl"),
    [
        (Drawn.IN, True, "and this one was drawn", "a to zostało wylosowane"),
        (Drawn.OUT, False, "and this one was not drawn", "a to nie zostało wylosowane"),
        (Drawn.MISSING, False, "and no draw was made", "a losowania nie było"),
    ],
)
def test_a12_the_draw(drawn: Drawn, recorded: bool, reason: str, reason_pl: str) -> None:
    decision, (step,) = verdict(RULE, "v", Circumstances(drawn=drawn))
    assert step == Step(
        "sample",
        recorded,
        f"rule a records 10 % of its calls, {reason}",
        f"reguła a nagrywa 10 % połączeń, {reason_pl}",
    )
    assert (decision.mode is Mode.AUTOMATIC) is recorded
    assert decision.limit is (None if recorded else Limit.SAMPLE)
    assert decision.rule == "a"
    assert recorded or decision.reason == f"not recorded: {step.reason}"


def test_a13_a_private_call_is_taken_out_where_the_rule_allows_it() -> None:
    decision, (step,) = verdict(RULE, "v", Circumstances(private=True, drawn=Drawn.IN))
    assert (decision.mode, decision.limit, decision.notice, decision.rule) == (Mode.NEVER, Limit.PRIVATE, None, "a")
    assert decision.reason == "not recorded: a private call, which rule a allows"
    assert decision.reason_pl == "nienagrywane: rozmowa prywatna, na którą pozwala reguła a"
    assert (step.rule, step.matched) == ("private", True)


def test_a13_and_stays_where_it_does_not() -> None:
    decision, (step,) = verdict(SILENT, "v", Circumstances(private=True))
    assert (decision.mode, decision.limit) == (Mode.AUTOMATIC, None)
    assert (step.rule, step.matched, step.reason) == (
        "private",
        False,
        "a private call was asked for, which rule b does not allow",
    )


def test_a15_never() -> None:
    decision, (step,) = verdict(RULE, "v", Circumstances(NEVER, "+49", private=True, drawn=Drawn.IN))
    assert (decision.mode, decision.limit, decision.notice) == (Mode.NEVER, Limit.COUNTRY, None)
    assert decision.reason == "not recorded: the country rule of +49 forbids recording"
    assert decision.reason_pl == "nienagrywane: reguła kraju +49 zakazuje nagrywania"
    assert step == Step("country", True, decision.reason[14:], decision.reason_pl[14:])


def test_a15_opt_in_records_nothing_before_the_agreement() -> None:
    decision, (step,) = verdict(SILENT, "v", Circumstances(OPT_IN, "+49"))
    assert (decision.mode, decision.consent, decision.notice) == (Mode.ON_DEMAND, ConsentMode.OPT_IN, GERMAN)
    assert decision.purpose == "quality"
    assert decision.reason == "not recorded until the other party agrees, by rule b (quality) and that of +49"
    assert step.reason == "the country rule of +49 asks for the other party's agreement (§ 201 StGB)"


def test_a15_notice_is_owed_though_the_rule_has_none() -> None:
    decision, (step,) = verdict(SILENT, "v", Circumstances(NOTICE, "+49"))
    assert (decision.mode, decision.consent, decision.notice) == (Mode.AUTOMATIC, ConsentMode.NOTICE, GERMAN)
    assert step.matched


def test_a15_the_moment_of_the_notice_stays_the_rules() -> None:
    decision, _ = verdict(RULE, "v", Circumstances(NOTICE, "+49", drawn=Drawn.IN))
    assert decision.notice == Notice("opt-in", "de", EARLY)


def test_a_rule_against_recording_is_not_limited() -> None:
    around = Circumstances(OPT_IN, "+49", private=True, drawn=Drawn.OUT)
    decision, steps = verdict(Rule("n", Mode.NEVER, purpose="p"), "v", around)
    assert (decision.mode, decision.limit, decision.consent, steps) == (Mode.NEVER, None, ConsentMode.NOTICE, ())
    assert decision.reason == "not recorded because of rule n (p)"
