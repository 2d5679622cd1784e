"""Engine: one call's facts in, one decision out, live and in `skryba explain` alike.

May not know clocks, files or calls. The order is fixed: emergency → never-list → always-list → rules from the top, the
first that matches → default.

Every condition of every rule is a bit in a look-up table made when the engine is built, so a decision costs the same
with three rules and with three hundred; decisions and their paths are remembered by the bits that led to them.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from skryba.policy.e164 import normalise
from skryba.policy.matcher import Matcher
from skryba.policy.model import CallFacts, Decision, Mode, Step
from skryba.policy.rules import GROUP, Rule, RuleBook
from skryba.terms import Direction

_EMERGENCY_SERVICE = "urn:service:sos"  # RFC 5031 §4.2
_REMEMBERED = 1024  # decisions; a busy house with hundreds of rules meets a few hundred
_MODES_PL = {Mode.NEVER: "nie nagrywać", Mode.AUTOMATIC: "nagrywać"}


_Bits = tuple[int, ...]  # one for each condition: which rules it lets through

# Conditions in their order: why a rule did not match, in both languages; the rule's own words follow.
_CONDITIONS: tuple[tuple[str, str, Callable[[Rule], Iterable[str]]], ...] = (
    ("direction is not one of", "kierunek spoza listy", lambda rule: sorted(rule.directions)),
    ("station is not one of", "stanowisko spoza listy", lambda rule: rule.stations),
    ("other party's number is not one of", "numer drugiej strony spoza listy", lambda rule: rule.numbers),
    ("called number of ours is not one of", "wybrany numer własny spoza listy", lambda rule: rule.dids),
    ("trunk is not one of", "łącze spoza listy", lambda rule: rule.trunks),
    ("outside the hours", "poza godzinami", lambda rule: [str(rule.hours)]),
)


class Engine:
    """`book` None = the rules cannot be read: nothing is recorded, emergency calls are still known."""

    def __init__(self, book: RuleBook | None, *, emergency: Collection[str]) -> None:
        self._rules = book.rules if book is not None else ()
        self._country = book.country if book is not None else "48"
        self._without_rules = book is None
        self._emergency = frozenset(
            form
            for number in emergency
            for form in (number, normalise(number, country=self._country), f"+{self._country}{number}")
            if number
        )
        self._never = Matcher((entry, 1) for entry in (book.never if book is not None else ()))
        self._always = Matcher((entry, 1) for entry in (book.always if book is not None and book.like else ()))
        self._fixed = _fixed_decisions(book)
        self._directions = {
            direction: sum(1 << index for index, rule in enumerate(self._rules) if direction in rule.directions)
            for direction in Direction
        }
        self._stations = self._matcher(lambda rule: rule.stations)
        self._numbers = self._matcher(lambda rule: rule.numbers)
        self._dids = self._matcher(lambda rule: rule.dids)
        self._trunks = self._matcher(lambda rule: rule.trunks)
        self._refusals = [
            [_refusal(rule, english, polish, listed(rule)) for rule in self._rules]
            for english, polish, listed in _CONDITIONS
        ]
        self._remembered: dict[_Bits, Decision] = {}

    def decide(self, facts: CallFacts) -> Decision:
        """Never raises, never waits. The same facts give the same decision."""
        callee = normalise(facts.callee, country=self._country)
        if callee in self._emergency or callee.startswith(_EMERGENCY_SERVICE):
            return self._fixed["emergency"]
        if facts.priority:
            return self._fixed["priority"]
        if self._without_rules:
            return self._fixed["fallback"]
        caller = normalise(facts.caller, country=self._country)
        did = normalise(facts.did, country=self._country) if facts.did is not None else None
        numbers = [number for number in (caller, callee, did) if number is not None and not number.startswith(GROUP)]
        subjects = [*numbers, *(GROUP + group for group in facts.groups)]
        if facts.station is not None:
            subjects.append(facts.station)
        if self._never.bits_of_any(subjects):
            return self._fixed["never-list"]
        if self._always.bits_of_any(subjects):
            return self._fixed["always-list"]
        station = self._stations.bits(facts.station)
        for group in facts.groups:
            station |= self._stations.bits(GROUP + group)
        direction = self._directions[facts.direction]
        number = self._numbers.bits(caller if facts.direction is Direction.INBOUND else callee)
        own, trunk = self._dids.bits(did), self._trunks.bits(facts.trunk)
        candidates = direction & station & number & own & trunk
        in_hours = -1  # every rule; hours are looked at only where all else fits
        while candidates:
            first = candidates & -candidates
            hours = self._rules[first.bit_length() - 1].hours
            if hours is None or hours.contains(facts.at):
                break
            in_hours ^= first
            candidates ^= first
        bits = (direction, station, number, own, trunk, in_hours)
        decision = self._remembered.get(bits)
        if decision is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            decision = self._remembered[bits] = self._explained(bits)
        return decision

    def _matcher(self, patterns_of: Callable[[Rule], Collection[str]]) -> Matcher:
        return Matcher((entry, 1 << index) for index, rule in enumerate(self._rules) for entry in patterns_of(rule))

    def _explained(self, bits: _Bits) -> Decision:
        """Walk the rules again in their order, this time with a word on each."""
        default = self._fixed["default"]
        path = list(default.path[:-1])
        hurdles = list(zip(bits, self._refusals, strict=True))
        for index, rule in enumerate(self._rules):
            refusal = next((refusals[index] for passed, refusals in hurdles if not passed >> index & 1), None)
            if refusal is None:
                return replace(_decision(rule, default.version), path=(*path, _match(rule)))
            path.append(refusal)
        return replace(default, path=(*path, default.path[-1]))


def _refusal(rule: Rule, english: str, polish: str, listed: Iterable[str]) -> Step:
    words = ", ".join(listed)
    return Step(rule.id, False, f"{english}: {words}", f"{polish}: {words}")


def _match(rule: Rule) -> Step:
    words, words_pl = f"all conditions met: {rule.mode}", f"wszystkie warunki spełnione: {_MODES_PL[rule.mode]}"
    return Step(rule.id, True, words, words_pl)


def _decision(rule: Rule, version: str) -> Decision:
    if rule.mode is Mode.AUTOMATIC:
        reason, reason_pl = "recorded because of", "nagrywane na podstawie reguły"
    else:
        reason, reason_pl = "not recorded because of", "nienagrywane na podstawie reguły"
    return Decision(
        mode=rule.mode,
        rule=rule.id,
        reason=f"{reason} rule {rule.id}" + (f" ({rule.purpose})" if rule.purpose else ""),
        reason_pl=f"{reason_pl} {rule.id}" + (f" ({rule.purpose})" if rule.purpose else ""),
        notice=rule.notice if rule.mode is Mode.AUTOMATIC else None,
        purpose=rule.purpose,
        legal_basis=rule.legal_basis,
        retention=rule.retention,
        version=version,
        if_unrecordable=rule.if_unrecordable,
        renditions=rule.renditions,
    )


def _fixed_decisions(book: RuleBook | None) -> dict[str, Decision]:
    """What is decided without looking at a rule, each with the path that leads to it."""
    version = book.version if book is not None else ""
    call = Step("emergency", True, "the called number is an emergency number", "wybrany numer jest numerem alarmowym")
    priority = Step("emergency", True, "a call with Resource-Priority", "połączenie priorytetowe (Resource-Priority)")
    ordinary = Step("emergency", False, "no emergency number", "nie jest to numer alarmowy")
    unread = Step("fallback", True, "the rules cannot be read", "nie można odczytać reguł")
    never = Step("never-list", True, "a party is on the never-list", "strona połączenia jest na liście „nigdy”")
    always = Step("always-list", True, "a party is on the always-list", "strona połączenia jest na liście „zawsze”")
    not_never = Step("never-list", False, "no party is on the never-list", "żadnej strony nie ma na liście „nigdy”")
    not_always = Step("always-list", False, "no party is on the always-list", "żadnej strony nie ma na liście „zawsze”")
    none = Step("default", True, "no rule matches", "żadna reguła nie pasuje")
    fixed = {
        "emergency": _unrecorded((call,), version, emergency=True),
        "priority": _unrecorded((priority,), version, emergency=True),
        "fallback": _unrecorded((ordinary, unread), version),
        "never-list": _unrecorded((ordinary, never), version),
        "default": _unrecorded((ordinary, not_never, not_always, none), version),
    }
    if book is not None and book.like is not None:
        fixed["always-list"] = replace(
            _decision(book.like, version),
            rule="always-list",
            reason=f"recorded because {always.reason}, on the terms of rule {book.like.id}",
            reason_pl=f"nagrywane: {always.reason_pl}, na warunkach reguły {book.like.id}",
            path=(ordinary, not_never, always),
        )
    return fixed


def _unrecorded(path: tuple[Step, ...], version: str, *, emergency: bool = False) -> Decision:
    last = path[-1]
    return Decision(
        mode=Mode.NEVER,
        rule=last.rule,
        reason=f"not recorded: {last.reason}",
        reason_pl=f"nienagrywane: {last.reason_pl}",
        emergency=emergency,
        path=path,
        version=version,
    )
