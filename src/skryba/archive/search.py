"""How recordings are found: the question, and the statement that answers its first page from an index.

Knows no connection. Every branch of a statement reads one index from its newest entry on and stops when the page is
full; what else is asked stands in that same index. So no question has to sort, or look up, what it throws away.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    union,
    union_all,
)

from skryba.archive.tables import FACETS, RECORDINGS

FEW: Final = 5_000  # recordings that may well be looked at one by one
SHORTEST_ENDING: Final = 3  # digits; fewer would find nearly everything
LARGEST_PAGE: Final = 500
_BRANCHES: Final = 64  # facets that are read side by side; with more, one in a few of all recordings fits anyway
_R = RECORDINGS.c
_TIME = _R.begin_at.type
_PARTIES = (_R.caller_reversed, _R.callee_reversed)
_NOT_DIGITS = re.compile(r"[\s\-()./+]")

_Use = Callable[[ColumnElement[Any]], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Query:
    """All that is given must fit, and of the first three one may be. `since` is inclusive, `until` is not."""

    text: str = ""  # end of a party's number, or the whole id of a recording, call or conversation
    number: str = ""  # of either party, in any form
    ends_with: str = ""  # last digits of either party's number
    station: str | None = None
    direction: str | None = None
    state: str | None = None
    rule: str | None = None
    purpose: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    after: tuple[datetime, str] | None = None  # `Page.next` of the page before

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LARGEST_PAGE:
            raise ValueError(f"a page has 1 to {LARGEST_PAGE} rows")
        if sum(map(bool, (self.text, self.number, self.ends_with))) > 1:
            raise ValueError("one of text, number and ends_with is enough")
        if self.ends_with and not _ending(self.ends_with):
            raise ValueError(f"the end of a number is at least {SHORTEST_ENDING} digits")

    @property
    def people(self) -> bool:
        """Is a party, or one recording, asked for?"""
        return bool(self.text or self.number or self.ends_with)

    @property
    def facets(self) -> dict[str, str]:
        """What is asked of the columns with few values."""
        asked = {"direction": self.direction, "state": self.state, "rule": self.rule, "purpose": self.purpose}
        return {name: value for name, value in asked.items() if value is not None}


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column


def _seen(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same value, but an expression: checked in the index that another condition chose, never a reason to choose.

    Left to themselves both databases now and then prefer the wrong index, and read all recordings of a state.
    """
    same = column + 0 if isinstance(column.type, Integer) else column.concat(literal("", String()))
    return type_coerce(same, column.type)


def facets(query: Query) -> Select[Any]:
    """The ids of the combinations that fit."""
    return select(FACETS.c.id).where(*(FACETS.c[name] == value for name, value in query.facets.items()))


def page(
    query: Query, fitting: Sequence[int] | None, number: Callable[[str], str], columns: Sequence[Column[Any]]
) -> Select[Any]:
    """One row more than the page has, newest first. `fitting`: the result of `facets`, None if nothing was asked."""
    branches = _by_people(query, fitting, number) if query.people else _by_rest(query, fitting)
    return _rows(query, branches, columns)


def of_people(query: Query, number: Callable[[str], str]) -> Select[Any]:
    """Counts, up to a little over `FEW`, what fits the number that was asked for."""
    each = (*_exact(query, number), *_ending_so(query))
    return _count(union_all(*(select(select(_R.id).where(found).limit(FEW + 1).subquery()) for found in each)))


def of_rest(query: Query, fitting: Sequence[int] | None) -> Select[Any]:
    """The same for what else was asked."""
    asked = _R.facet.in_(fitting or ()) if query.station is None else _R.station == query.station
    return _count(select(_R.id).where(asked).limit(FEW + 1))


def among(
    query: Query, fitting: Sequence[int] | None, number: Callable[[str], str], columns: Sequence[Column[Any]]
) -> Select[Any]:
    """The page again, found by all that was asked but the number, which is then looked at in each row.

    For few rows of a rare state, among the many of a number that half of all calls go to.
    """
    who = or_(*_exact(query, number, _seen), *_ending_so(query, _seen))
    return _rows(query, _by_rest(query, fitting, who), columns)


def recent(query: Query, fitting: Sequence[int] | None, columns: Sequence[Column[Any]]) -> Select[Any] | None:
    """The same for the end of a number, from the last few thousand recordings only. None: not asked for one.

    If that fills a page it is the page. It does for the number that half of all calls go to, and spares reading half of
    an index to find the newest.
    """
    if not (ending := _ending(query.ends_with or query.text)):
        return None
    of = (_R.begin_at, _R.id, *_PARTIES, _R.facet, _R.station)
    latest = select(*of).where(*_window(query, _R.begin_at)).order_by(_R.begin_at.desc(), _R.id.desc())
    last = latest.limit(FEW).subquery()
    so = or_(*(_begins(last.c[column.name], ending) for column in _PARTIES))
    if fitting is not None:
        so &= last.c.facet.in_(fitting)
    if query.station is not None:
        so &= last.c.station == query.station
    return _rows(query, [select(last.c.begin_at, last.c.id).where(so)], columns)


def _count(rows: Select[Any] | CompoundSelect[Any]) -> Select[Any]:
    return select(func.count()).select_from(rows.subquery())


def _rows(query: Query, branches: Iterable[Select[Any]], columns: Sequence[Column[Any]]) -> Select[Any]:
    heads = union(*(select(branch.subquery()) for branch in branches)).subquery()
    newest = select(*columns).join(heads, _R.id == heads.c.id).order_by(heads.c.begin_at.desc(), heads.c.id.desc())
    return newest.limit(query.limit + 1)


def _by_people(query: Query, fitting: Sequence[int] | None, number: Callable[[str], str]) -> Iterator[Select[Any]]:
    rest: list[ColumnElement[bool]] = [] if fitting is None else [_seen(_R.facet).in_(fitting)]
    if query.station is not None:
        rest.append(_seen(_R.station) == query.station)
    for found in _exact(query, number):
        yield _newest(query, _R.begin_at, found, *rest)
    for found in _ending_so(query):  # not in order of time: all must be read before the newest are known
        yield _newest(query, _seen(_R.begin_at), found, *rest)


def _by_rest(query: Query, fitting: Sequence[int] | None, *who: ColumnElement[bool]) -> Iterator[Select[Any]]:
    facet = [] if fitting is None else [_seen(_R.facet).in_(fitting)]
    if query.station is not None:
        yield _newest(query, _R.begin_at, _R.station == query.station, *facet, *who)
    elif fitting is not None and len(fitting) <= _BRANCHES:
        for each in fitting:
            yield _newest(query, _R.begin_at, _R.facet == each, *who)
    else:
        yield _newest(query, _R.begin_at, *facet, *who)


def _exact(query: Query, number: Callable[[str], str], use: _Use = _plain) -> list[ColumnElement[bool]]:
    """Conditions of which one must hold; the index of each is in order of time."""
    if query.number:
        reversed_number = number(query.number)[::-1]
        return [use(column) == reversed_number for column in _PARTIES]
    word = query.text.strip()
    return [use(column) == word for column in (_R.id, _R.call, _R.conversation)] if word else []


def _ending_so(query: Query, use: _Use = _plain) -> list[ColumnElement[bool]]:
    ending = _ending(query.ends_with or query.text)
    return [_begins(use(column), ending) for column in _PARTIES] if ending else []


def _begins(column: ColumnElement[Any], beginning: str) -> ColumnElement[bool]:
    """As a range, which an index answers; both databases compare octets."""
    return and_(column >= beginning, column < beginning + "\U0010ffff")


def _newest(query: Query, begin_at: ColumnElement[datetime], *conditions: ColumnElement[bool]) -> Select[Any]:
    found = select(_R.begin_at, _R.id).where(*conditions, *_window(query, begin_at))
    return found.order_by(begin_at.desc(), _R.id.desc()).limit(query.limit + 1)


def _window(query: Query, begin_at: ColumnElement[datetime]) -> list[ColumnElement[bool]]:
    window = []
    if query.since is not None:
        window.append(begin_at >= literal(query.since, _TIME))
    if query.until is not None:
        window.append(begin_at < literal(query.until, _TIME))
    if query.after is not None:
        moment, key = query.after
        window.append(tuple_(begin_at, _R.id) < tuple_(literal(moment, _TIME), literal(key, _R.id.type)))
    return window


def _ending(text: str) -> str:
    """The digits, last first; "" if these are not the last digits of a number."""
    digits = _NOT_DIGITS.sub("", text)
    return digits[::-1] if digits.isascii() and digits.isdigit() and len(digits) >= SHORTEST_ENDING else ""
