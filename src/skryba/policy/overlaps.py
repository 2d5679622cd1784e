"""Overlaps: rules that can never decide, and calls that are recorded against the word of a later rule (A17).

May not know calls or stations' groups: a group and a station are taken for strangers. What is called shadowed is so for
certain; not every shadow is found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from itertools import product
from math import prod
from operator import and_, or_

from skryba.policy.book import ALL, GROUP, Rule, RuleBook
from skryba.policy.hours import Hours
from skryba.policy.matcher import Matcher
from skryba.policy.model import CallType, Mode

_MOST = 4096  # combinations of a rule's entries that are looked at one by one
_NAMED = 5  # rules in one warning
_WEIGHT = {Mode.NEVER: 0, Mode.ON_DEMAND: 1, Mode.AUTOMATIC: 2}


class Kind(StrEnum):
    """What is odd."""

    SHADOWED = "shadowed"  # rules above take all of its calls
    LISTED = "listed"  # the never-list or the always-list takes all of its calls
    ORDER = "order"  # some calls fit a rule above too, which records more; neither is an exception to the other


@dataclass(frozen=True, slots=True)
class Overlap:
    """A warning, no fault: the file can be used. `others` are ids of rules, or "never-list", "always-list"."""

    kind: Kind
    rule: str
    line: int
    others: tuple[str, ...]
    words: str
    words_pl: str

    def __str__(self) -> str:
        return f"{self.words} | {self.words_pl}"


def overlaps(book: RuleBook) -> list[Overlap]:
    """In the order of the rules."""
    return [found for rule in _Comparison(book).all() for found in rule]


class _Patterns:
    """One condition of all rules. A pattern is asked for as if it were a value, which finds whatever covers it."""

    def __init__(self, of_rules: Iterable[Iterable[str]]) -> None:
        self._bits: dict[str, int] = {}
        for index, entries in enumerate(of_rules):
            for entry in entries:
                self._bits[entry] = self._bits.get(entry, 0) | 1 << index
        self._matcher = Matcher(self._bits.items())
        self._meeting: dict[str, int] = {}

    def covering(self, entry: str) -> int:
        """Rules that every value of this pattern fits."""
        return self._matcher.bits(entry)

    def meeting(self, entry: str) -> int:
        """Rules that some value of this pattern fits."""
        found = self._meeting.get(entry)
        if found is None:
            found = self.covering(entry)
            if entry.endswith("*"):
                found |= _union(bits for other, bits in self._bits.items() if other.startswith(entry[:-1]))
            self._meeting[entry] = found
        return found


class _Spans:
    """The hours of all rules."""

    def __init__(self, hours: Iterable[Hours | None]) -> None:
        self._bits: dict[Hours | None, int] = {}
        for index, each in enumerate(hours):
            self._bits[each] = self._bits.get(each, 0) | 1 << index
        known = self._bits.items()
        self.covering = {
            mine: _union(bits for theirs, bits in known if theirs is None or (mine is not None and theirs.covers(mine)))
            for mine in self._bits
        }
        self.meeting = {
            mine: _union(bits for theirs, bits in known if theirs is None or mine is None or theirs.meets(mine))
            for mine in self._bits
        }


class _Comparison:
    """Every rule is a bit, as in the engine."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book
        self._rules = book.rules
        self._entries = [
            tuple(
                ALL if "*" in entries else tuple(dict.fromkeys(book.spelt_out(entries)))
                for entries in (rule.stations, rule.numbers, rule.dids, rule.trunks, rule.via)
            )
            for rule in book.rules
        ]
        self._conditions = [_Patterns(column) for column in zip(*self._entries, strict=True)]
        self._spans = _Spans(rule.hours for rule in book.rules)
        self._types = {
            kind: sum(1 << index for index, rule in enumerate(book.rules) if kind in rule.types) for kind in CallType
        }

    def all(self) -> Iterator[list[Overlap]]:
        for index, rule in enumerate(self._rules):
            found = self._listed(index, rule) or self._shadowed(index, rule)
            yield [found] if found is not None else self._order(index, rule)

    def _listed(self, index: int, rule: Rule) -> Overlap | None:
        stations, numbers, dids, *_ = self._entries[index]
        lists = [("never-list", self._book.never, "listy „nigdy”")]
        if self._book.like is not None:
            lists.append(("always-list", self._book.always, "listy „zawsze”"))
        for name, entries, name_pl in lists:
            matcher = Matcher((entry, 1) for entry in entries)
            numbered = Matcher((entry, 1) for entry in entries if not entry.startswith(GROUP))
            if any(
                subjects and all(asked.bits(entry) for entry in subjects)
                for asked, subjects in ((matcher, stations), (numbered, numbers), (numbered, dids))
            ):
                words = f"rule {rule.id} can never decide: the {name} takes all of its calls"
                polish = f"reguła {rule.id} nigdy nie rozstrzygnie: wszystkie jej połączenia należą do {name_pl}"
                return Overlap(Kind.LISTED, rule.id, rule.line, (name,), words, polish)
        return None

    def _shadowed(self, index: int, rule: Rule) -> Overlap | None:
        above = self._spans.covering[rule.hours] & (1 << index) - 1
        entries = self._entries[index]
        for condition, each in zip(self._conditions, entries, strict=True):  # who takes none of it is out
            above &= _union(map(condition.covering, each))
        if not above:
            return None
        takers = 0
        if len(rule.types) * prod(map(len, entries)) > _MOST:  # then only one that takes all of it at once is found
            takers = reduce(and_, (self._types[kind] for kind in rule.types), above)
            for condition, each in zip(self._conditions, entries, strict=True):
                takers = reduce(and_, map(condition.covering, each), takers)
            takers &= -takers
        else:
            kinds = [self._types[kind] for kind in rule.types]
            for kind, one in product(kinds, product(*entries)):
                taking = above & kind
                for condition, entry in zip(self._conditions, one, strict=True):
                    taking &= condition.covering(entry)
                if not taking:
                    return None
                takers |= taking & -taking
        if not takers:
            return None
        names = self._named(takers)
        words = f"rule {rule.id} can never decide: all of its calls fit {names} above it"
        polish = f"reguła {rule.id} nigdy nie rozstrzygnie: wszystkie jej połączenia pasują wyżej do {names}"
        return Overlap(Kind.SHADOWED, rule.id, rule.line, self._ids(takers), words, polish)

    def _order(self, index: int, rule: Rule) -> list[Overlap]:
        meeting = self._spans.meeting[rule.hours] & (1 << index) - 1
        meeting &= _union(self._types[kind] for kind in rule.types)
        for condition, each in zip(self._conditions, self._entries[index], strict=True):
            meeting &= _union(map(condition.meeting, each))
        others = 0
        for above in _indices(meeting):
            if _WEIGHT[self._rules[above].mode] > _WEIGHT[rule.mode] and not self._within(above, index):
                others |= 1 << above
        if not others:
            return []
        names = self._named(others)
        words = f"some calls of rule {rule.id} fit {names} above it, which records more: is this order meant?"
        polish = (
            f"część połączeń reguły {rule.id} pasuje wyżej do {names}, gdzie nagrywa się więcej: "
            "czy ta kolejność jest zamierzona?"
        )
        return [Overlap(Kind.ORDER, rule.id, rule.line, self._ids(others), words, polish)]

    def _within(self, inner: int, outer: int) -> bool:
        """Is one rule an exception to the other: does each of its entries lie within one of the other's?"""
        bit = 1 << outer
        return (
            self._rules[inner].types <= self._rules[outer].types
            and self._spans.covering[self._rules[inner].hours] & bit != 0
            and all(
                condition.covering(entry) & bit
                for condition, entries in zip(self._conditions, self._entries[inner], strict=True)
                for entry in entries
            )
        )

    def _ids(self, bits: int) -> tuple[str, ...]:
        return tuple(self._rules[index].id for index in _indices(bits))

    def _named(self, bits: int) -> str:
        ids = self._ids(bits)
        return ", ".join(ids) if len(ids) <= _NAMED else f"{', '.join(ids[:_NAMED])} (+{len(ids) - _NAMED})"


def _union(bits: Iterable[int]) -> int:
    return reduce(or_, bits, 0)


def _indices(bits: int) -> Iterator[int]:
    while bits:
        yield (bits & -bits).bit_length() - 1
        bits &= bits - 1
