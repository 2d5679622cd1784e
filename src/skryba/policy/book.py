"""RuleBook: what stands in one rules file, ready for the engine.

May not know how a file is written or read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from skryba.policy.hours import Hours
from skryba.policy.model import CallType, IfUnrecordable, Mode, Notice

GROUP = "group:"
LIST = "list:"
ALL = ("*",)
EVERY_TYPE = frozenset(CallType)


class Force(StrEnum):
    """What the law of a country asks for, whatever a rule says."""

    NEVER = "never"
    NOTICE = "notice"
    OPT_IN = "opt_in"


@dataclass(frozen=True, slots=True)
class Rule:
    """One [[rule]]. Patterns are normalised; `stations` holds ids, `group:NAME` and `*`; numbers also `list:NAME`."""

    id: str
    mode: Mode
    stations: tuple[str, ...] = ALL
    types: frozenset[CallType] = EVERY_TYPE
    via: tuple[str, ...] = ALL
    numbers: tuple[str, ...] = ALL
    dids: tuple[str, ...] = ALL
    trunks: tuple[str, ...] = ALL
    hours: Hours | None = None
    sample: float | None = None  # percent of its calls that it records; None: all
    private: bool = False  # a call marked as private is taken out
    notice: Notice | None = None
    notice_reason: str | None = None  # why there is no notice
    purpose: str | None = None
    legal_basis: str | None = None
    retention: str | None = None
    if_unrecordable: IfUnrecordable = IfUnrecordable.CONTINUE
    renditions: tuple[str, ...] | None = None  # None: as configured
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class CountryRule:
    """One [[country]]: of calls with numbers that begin with one of `codes`. It restricts, and never records."""

    codes: tuple[str, ...]
    force: Force
    notice: Notice | None = None  # instead of the rule's; None with NEVER
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All that stands in one rules file. `like` gives purpose, basis, retention and notice to calls of the always-list.

    `never` and `always` hold station ids, `group:NAME`, and normalised number patterns side by side; `never` those of
    `protected` too.
    """

    rules: tuple[Rule, ...] = ()
    never: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()
    like: Rule | None = None
    country: str = "48"
    version: str = ""
    source: str = field(default="", compare=False)
    protected: frozenset[str] = frozenset()
    approved_by: str | None = None
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    countries: tuple[CountryRule, ...] = ()

    def spelt_out(self, patterns: Iterable[str]) -> Iterator[str]:
        """Each `list:NAME` replaced with the list's patterns."""
        lists = dict(self.lists)
        for pattern in patterns:
            if pattern.startswith(LIST):
                yield from lists.get(pattern.removeprefix(LIST), ())
            else:
                yield pattern

    def notices(self) -> Iterator[tuple[str, Notice]]:
        """Every notice that a call may need, with the rule's id or the country's code."""
        for rule in self.rules:
            if rule.notice is not None:
                yield rule.id, rule.notice
        for country in self.countries:
            if country.notice is not None:
                yield country.codes[0], country.notice
