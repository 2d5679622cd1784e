"""Engine: one call's facts in, one decision out, live and in `skryba explain` alike.

May not know clocks, files, calls or dice. The order is fixed: emergency → never-list → always-list → rules from the
top, the first that matches → default. What would be recorded is then held against the law of the other party's
country, the wish for a private call, and the draw.

Every condition of every rule is a bit in a look-up table made when the engine is built, so a decision costs about the
same with three rules and with a thousand; the path is put into words only when somebody reads it.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import fields
from functools import partial
from itertools import count as count_from_zero
from typing import NamedTuple

from skryba.policy.book import GROUP, Rule, RuleBook
from skryba.policy.e164 import normalise
from skryba.policy.fixed import AFTER_RULES, BEFORE_RULES, Fixed, always
from skryba.policy.matcher import Matcher
from skryba.policy.model import CallFacts, CallType, Decision, Mode, Step
from skryba.policy.trail import Bits, Refusals, Trail
from skryba.policy.verdict import Circumstances, Drawn, match, verdict
from skryba.terms import Direction

_EMERGENCY_SERVICE = "urn:service:sos"  # RFC 5031 §4.2
_REMEMBERED = (
    8192  # contexts and decisions, each; about 1 kB with a thousand rules; a house meets a few hundred of them
)
_NEVER, _ALWAYS, _CODES = 0, 1, 2  # bits above those of the rules: the lists, then one for each country code

_Particular = tuple[int, bool, Drawn]  # index of the country's code or -1, asked to be private, what came of the draw
_ORDINARY: _Particular = (-1, False, Drawn.UNASKED)
_Verdict = tuple[Callable[..., Decision], tuple[Step, ...]]  # a decision that lacks its path, and the path's end


class _Context(NamedTuple):
    """What a decision owes to our side of the call; the same for many calls, so it is worked out once."""

    id: int
    emergency: bool  # the called number is ours, and one of those
    flags: int  # lists that somebody of our side is on
    together: int  # rules that nothing of our side speaks against
    asked: int  # rules whose path goes on to the other party's number
    kind: int
    station: int
    own: int
    trunk: int
    way: int


class Engine:
    """`book` None = the rules cannot be read: nothing is recorded, emergency calls are still known."""

    def __init__(self, book: RuleBook | None, *, emergency: Collection[str]) -> None:
        self._without_rules = book is None
        self._book = book = book or RuleBook()
        self._rules = book.rules
        self._country = book.country
        self._emergency = frozenset(
            form
            for number in emergency
            for form in (number, normalise(number, country=book.country), f"+{book.country}{number}")
            if number
        )
        self._fixed = Fixed(book.version)
        self._refusals = Refusals(book.rules)
        self._count = count = len(book.rules)
        self._codes = sorted(  # the longest first, so that its bit is found first
            ((code, country) for country in book.countries for code in country.codes), key=lambda known: -len(known[0])
        )
        self._types = {
            kind: sum(1 << index for index, rule in enumerate(book.rules) if kind in rule.types) for kind in CallType
        }
        listed = [(entry, 1 << count + _NEVER) for entry in book.never]
        listed += [(entry, 1 << count + _ALWAYS) for entry in (book.always if book.like is not None else ())]
        numbers = [(entry, bit) for entry, bit in listed if not entry.startswith(GROUP)]
        codes = [(f"{code}*", 1 << count + _CODES + index) for index, (code, _) in enumerate(self._codes)]
        self._listed = Matcher(numbers)
        self._stations = Matcher([*listed, *self._patterns(lambda rule: rule.stations)])
        self._others = Matcher([*numbers, *codes, *self._patterns(lambda rule: book.spelt_out(rule.numbers))])
        self._owns = Matcher([*numbers, *self._patterns(lambda rule: book.spelt_out(rule.dids))])
        self._trunks = Matcher(self._patterns(lambda rule: rule.trunks))
        self._ways = Matcher(self._patterns(lambda rule: rule.via))
        same_hours: dict[object, int] = {}
        for index, rule in enumerate(book.rules):
            same_hours[rule.hours] = same_hours.get(rule.hours, 0) | 1 << index
        self._same_hours = [same_hours[rule.hours] for rule in book.rules]
        self._ids = count_from_zero()
        self._contexts: dict[tuple[object, ...], _Context] = {}
        self._verdicts: dict[tuple[int, _Particular], _Verdict] = {}
        self._remembered: dict[tuple[int, int, _Particular, int], Decision] = {}

    def decide(self, facts: CallFacts) -> Decision:
        """Never raises, never waits. The same facts give the same decision."""
        inbound = facts.direction is Direction.INBOUND
        party, ours = (facts.caller, facts.callee) if inbound else (facts.callee, facts.caller)
        side = (facts.direction, facts.station, ours, facts.did, facts.trunk, facts.via, facts.groups)
        context = self._contexts.get(side)
        if context is None:
            if len(self._contexts) >= _REMEMBERED:
                self._contexts.clear()
            context = self._contexts[side] = self._context(facts, ours)
        number = normalise(party, country=self._country)
        if context.emergency or (not inbound and self._is_emergency(number)):
            return self._fixed.emergency
        if facts.priority:
            return self._fixed.priority
        if self._without_rules:
            return self._fixed.fallback
        other = self._others.bits(number)
        code = -1
        if flags := context.flags | other >> self._count:
            if flags & 1 << _NEVER:
                return self._fixed.never
            if codes := flags >> _CODES:
                code = (codes & -codes).bit_length() - 1
            if flags & 1 << _ALWAYS:
                return always(self._book, self._around((code, False, Drawn.UNASKED)))
        index = self._deciding(context.together & other, facts)
        passed = (1 << index) - 1  # the rules above it
        particular = _ORDINARY if index == self._count else _particular(self._rules[index], facts, code)
        other &= context.asked & passed
        key = (context.id, index, particular, other)
        decision = self._remembered.get(key)
        if decision is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            bits = (context.kind, context.station, other, context.own, context.trunk, context.way)
            decision = self._remembered[key] = self._decided(index, particular, bits)
        return decision

    def terms(self, rule: str, facts: CallFacts) -> Decision | None:
        """What the rule of this id would decide of the call if it were the one; None: there is none that records.

        For who may choose a rule in the engine's place. Law and the wish for privacy hold, the draw does not.
        """
        found = next((each for each in self._rules if each.id == rule and each.mode is not Mode.NEVER), None)
        if found is None:
            return None
        party = facts.caller if facts.direction is Direction.INBOUND else facts.callee
        codes = self._others.bits(normalise(party, country=self._country)) >> self._count + _CODES
        particular = ((codes & -codes).bit_length() - 1, facts.private, Drawn.UNASKED)
        return verdict(found, self._book.version, self._around(particular))[0]

    def _deciding(self, candidates: int, facts: CallFacts) -> int:
        """Index of the first candidate whose hours fit, or the number of rules. Hours are asked only here."""
        while candidates:
            index = (candidates & -candidates).bit_length() - 1
            hours = self._rules[index].hours
            if hours is None or hours.contains(facts.at):
                return index
            candidates &= ~self._same_hours[index]
        return self._count

    def _is_emergency(self, number: str) -> bool:
        return number in self._emergency or number.startswith(_EMERGENCY_SERVICE)

    def _patterns(self, of: Callable[[Rule], Iterable[str]]) -> Iterable[tuple[str, int]]:
        return ((entry, 1 << index) for index, rule in enumerate(self._rules) for entry in of(rule))

    def _context(self, facts: CallFacts, ours: str) -> _Context:
        """`ours` is the number at our end: the caller's, or of a call from outside the called one."""
        inbound = facts.direction is Direction.INBOUND
        number = normalise(ours, country=self._country)
        own = normalise(facts.did, country=self._country) if facts.did is not None else None if inbound else number
        kind, trunk, way = self._types[facts.call_type], self._trunks.bits(facts.trunk), self._ways.bits(facts.via)
        station = self._stations.bits(facts.station) | self._stations.bits_of_any(map(GROUP.__add__, facts.groups))
        mine = self._owns.bits(own)
        return _Context(
            id=next(self._ids),
            emergency=inbound and self._is_emergency(number),
            flags=(station | mine | self._listed.bits(number)) >> self._count,
            together=kind & station & mine & trunk & way,
            asked=kind & station,
            kind=kind,
            station=station,
            own=mine,
            trunk=trunk,
            way=way,
        )

    def _decided(self, index: int, particular: _Particular, bits: Bits) -> Decision:
        found = self._verdicts.get((index, particular))
        if found is None:
            found = self._verdicts[index, particular] = self._verdict(index, particular)
        make, after = found
        return make(path=Trail(self._refusals, bits, index, BEFORE_RULES, after))

    def _verdict(self, index: int, particular: _Particular) -> _Verdict:
        after: tuple[Step, ...]
        if index == self._count:
            decision, after = self._fixed.default, AFTER_RULES
        else:
            rule = self._rules[index]
            decision, limits = verdict(rule, self._book.version, self._around(particular))
            after = (match(rule), *limits)
        # all but the path, ready to be made: dataclasses.replace takes longer than the rest of a decision
        known = {field.name: getattr(decision, field.name) for field in fields(decision) if field.name != "path"}
        return partial(Decision, **known), after

    def _around(self, particular: _Particular) -> Circumstances:
        index, private, drawn = particular
        code, country = self._codes[index] if index >= 0 else ("", None)
        return Circumstances(country, code, private, drawn)


def _particular(rule: Rule, facts: CallFacts, code: int) -> _Particular:
    if rule.mode is Mode.NEVER:
        return _ORDINARY
    if rule.sample is None:
        drawn = Drawn.UNASKED
    elif facts.draw is None:
        drawn = Drawn.MISSING
    else:
        drawn = Drawn.IN if facts.draw * 100 < rule.sample else Drawn.OUT
    return code, facts.private, drawn
