"""Verdict: what follows from the rule that decides, from the country, and from what is particular to the call.

May not know how the rule was found. Law comes first, then the wish for privacy, then the draw: each can only take a
call out of recording.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from skryba.policy.book import CountryRule, Force, Rule
from skryba.policy.model import ConsentMode, Decision, Limit, Mode, Step

_MODES_PL = {Mode.NEVER: "nie nagrywać", Mode.AUTOMATIC: "nagrywać", Mode.ON_DEMAND: "nagrywać na polecenie"}
_REASONS = {
    Mode.NEVER: ("not recorded because of rule", "nienagrywane na podstawie reguły"),
    Mode.AUTOMATIC: ("recorded because of rule", "nagrywane na podstawie reguły"),
    Mode.ON_DEMAND: ("not recorded until commanded, by rule", "nienagrywane do czasu polecenia, na podstawie reguły"),
}


class Drawn(StrEnum):
    """What came of the draw."""

    UNASKED = "unasked"  # the rule records all of its calls
    IN = "in"
    OUT = "out"
    MISSING = "missing"  # the rule asks for a draw and there is none: not recorded


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is particular to the call. `code` is the part of the other party's number that `country` was told by."""

    country: CountryRule | None = None
    code: str = ""
    private: bool = False
    drawn: Drawn = Drawn.UNASKED


ORDINARY = Circumstances()


def match(rule: Rule) -> Step:
    """The step at which the rule was found to decide."""
    words, words_pl = f"all conditions met: {rule.mode}", f"wszystkie warunki spełnione: {_MODES_PL[rule.mode]}"
    return Step(rule.id, True, words, words_pl)


def verdict(rule: Rule, version: str, around: Circumstances = ORDINARY) -> tuple[Decision, tuple[Step, ...]]:
    """The decision, without a path, and the steps that come after the rule's own."""
    decision = _of(rule, version)
    if rule.mode is Mode.NEVER:
        return decision, ()
    steps = []
    for step, limit in _limits(rule, around):
        steps.append(step)
        if limit is not None:
            words, words_pl = f"not recorded: {step.reason}", f"nienagrywane: {step.reason_pl}"
            base = Decision(Mode.NEVER, rule.id, words, words_pl, version=version, limit=limit)
            return base, tuple(steps)
    return _under(decision, around), tuple(steps)


def _of(rule: Rule, version: str) -> Decision:
    reason, reason_pl = _REASONS[rule.mode]
    purpose = f" ({rule.purpose})" if rule.purpose else ""
    return Decision(
        mode=rule.mode,
        rule=rule.id,
        reason=f"{reason} {rule.id}{purpose}",
        reason_pl=f"{reason_pl} {rule.id}{purpose}",
        notice=rule.notice if rule.mode is not Mode.NEVER else None,
        purpose=rule.purpose,
        legal_basis=rule.legal_basis,
        retention=rule.retention,
        version=version,
        if_unrecordable=rule.if_unrecordable,
        renditions=rule.renditions,
    )


def _limits(rule: Rule, around: Circumstances) -> Iterator[tuple[Step, Limit | None]]:
    """Each thing that is looked at, and the limit if it keeps the call unrecorded."""
    if (country := around.country) is not None:
        yield _country(country, around.code), Limit.COUNTRY if country.force is Force.NEVER else None
    if around.private:
        if rule.private:
            words = f"a private call, which rule {rule.id} allows"
            yield (
                Step("private", True, words, f"rozmowa prywatna, na którą pozwala reguła {rule.id}"),
                Limit.PRIVATE,
            )
        else:
            words = f"a private call was asked for, which rule {rule.id} does not allow"
            polish = f"poproszono o rozmowę prywatną, na co reguła {rule.id} nie pozwala"
            yield Step("private", False, words, polish), None
    if around.drawn is not Drawn.UNASKED:
        share = f"rule {rule.id} records {rule.sample:g} % of its calls"
        share_pl = f"reguła {rule.id} nagrywa {rule.sample:g} % połączeń"
        ends, ends_pl = _DRAWN[around.drawn]
        drawn = around.drawn is Drawn.IN
        yield Step("sample", drawn, f"{share}, {ends}", f"{share_pl}, {ends_pl}"), None if drawn else Limit.SAMPLE


_DRAWN = {
    Drawn.IN: ("and this one was drawn", "a to zostało wylosowane"),
    Drawn.OUT: ("and this one was not drawn", "a to nie zostało wylosowane"),
    Drawn.MISSING: ("and no draw was made", "a losowania nie było"),
}
_FORCED = {
    Force.NEVER: ("forbids recording", "zakazuje nagrywania"),
    Force.NOTICE: ("asks for its own notice", "wymaga własnego komunikatu"),
    Force.OPT_IN: ("asks for the other party's agreement", "wymaga zgody drugiej strony"),
}


def _country(country: CountryRule, code: str) -> Step:
    words, words_pl = _FORCED[country.force]
    why = f" ({country.reason})" if country.reason else ""
    return Step("country", True, f"the country rule of {code} {words}{why}", f"reguła kraju {code} {words_pl}{why}")


def _under(decision: Decision, around: Circumstances) -> Decision:
    """As the law of the country changes what is recorded."""
    country = around.country
    if country is None or country.notice is None:
        return decision
    notice = country.notice if decision.notice is None else replace(country.notice, moment=decision.notice.moment)
    if country.force is not Force.OPT_IN:
        return replace(decision, notice=notice)
    purpose = f" ({decision.purpose})" if decision.purpose else ""
    return replace(
        decision,
        mode=Mode.ON_DEMAND,
        consent=ConsentMode.OPT_IN,
        notice=notice,
        reason=f"not recorded until the other party agrees, by rule {decision.rule}{purpose} and that of {around.code}",
        reason_pl=f"nienagrywane do czasu zgody drugiej strony, na podstawie reguły {decision.rule}{purpose} "
        f"i reguły kraju {around.code}",
    )
