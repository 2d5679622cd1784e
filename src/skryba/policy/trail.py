"""Trail: the steps that led to a decision, kept as bits and put into words when somebody reads them.

May not know how a decision is made. A trail is a value: it compares, hashes and pickles as the tuple of its steps.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import overload

from skryba.policy.book import Rule
from skryba.policy.model import Step

Bits = tuple[int, ...]  # one for each condition but the hours: which rules it lets through

# Why a rule did not match, in both languages; the rule's own words follow. What fails by no other fails by the last.
CONDITIONS: tuple[tuple[str, str, Callable[[Rule], Iterable[str]]], ...] = (
    ("kind of call is not one of", "rodzaj połączenia spoza listy", lambda rule: sorted(rule.types)),
    ("station is not one of", "stanowisko spoza listy", lambda rule: rule.stations),
    ("other party's number is not one of", "numer drugiej strony spoza listy", lambda rule: rule.numbers),
    ("own number is not one of", "numer własny spoza listy", lambda rule: rule.dids),
    ("trunk is not one of", "łącze spoza listy", lambda rule: rule.trunks),
    ("way in is not one of", "droga wejścia spoza listy", lambda rule: rule.via),
    ("outside the hours", "poza godzinami", lambda rule: [str(rule.hours)]),
)


class Refusals:
    """Why a rule was passed by, in words that are found once."""

    __slots__ = ("_known", "_rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._known: dict[tuple[int, int], Step] = {}

    def steps(self, bits: Bits, count: int) -> list[Step]:
        """Of the first `count` rules, none of which matched: the first condition that failed of each."""
        passed = [format(each & ((1 << count) - 1), f"0{count}b")[::-1] if count else "" for each in bits]
        last = len(CONDITIONS) - 1
        return [
            self._step(next((n for n, each in enumerate(passed) if each[index] == "0"), last), index)
            for index in range(count)
        ]

    def _step(self, condition: int, index: int) -> Step:
        step = self._known.get((condition, index))
        if step is None:
            english, polish, listed = CONDITIONS[condition]
            rule = self._rules[index]
            words = ", ".join(listed(rule))
            step = self._known[condition, index] = Step(rule.id, False, f"{english}: {words}", f"{polish}: {words}")
        return step


class Trail(Sequence[Step]):
    """`before` and `after` stand around the rules that were passed by."""

    __slots__ = ("_after", "_before", "_bits", "_count", "_refusals", "_steps")

    def __init__(
        self, refusals: Refusals, bits: Bits, count: int, before: tuple[Step, ...], after: tuple[Step, ...]
    ) -> None:
        self._refusals = refusals
        self._bits = bits
        self._count = count
        self._before = before
        self._after = after
        self._steps: tuple[Step, ...] | None = None

    def _told(self) -> tuple[Step, ...]:
        if self._steps is None:
            self._steps = (*self._before, *self._refusals.steps(self._bits, self._count), *self._after)
        return self._steps

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        return self._told()[index]

    def __len__(self) -> int:
        return len(self._before) + self._count + len(self._after)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Trail):
            return self._told() == other._told()
        return self._told() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._told())

    def __repr__(self) -> str:
        return repr(self._told())

    def __reduce__(self) -> tuple[type[tuple[Step, ...]], tuple[tuple[Step, ...]]]:
        return tuple, (self._told(),)
