"""The ledger's side of reconciliation and assurance: the calls to look at, the open differences, the counts of a day.

Knows the database, no file and no store.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Text, cast, exists, func, insert, select, update

from skryba.archive.assurance import Counts, tally
from skryba.archive.catalogue import settle
from skryba.archive.database import reading
from skryba.archive.outcome import Terminal
from skryba.archive.reconciliation import Category, Finding, LedgerCall
from skryba.archive.tables import CALLS, FINDINGS, RECORDINGS

_C, _R, _F = CALLS.c, RECORDINGS.c, FINDINGS.c


class Findings:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def settle(self, ended_before: datetime) -> int:
        """Give every call that ended by then, and whose recorder never spoke, its terminal state; how many are missing.

        A seal that came before its call's entry is found here. A seal that still comes later has the last word.
        """
        with self._engine.begin() as connection:
            over = _C.terminal.is_(None) & _C.result.is_not(None) & _C.recording.is_not(None)
            due = over & (func.coalesce(_C.ended_at, _C.started_at) < ended_before)
            left = [call for call in connection.scalars(select(_C.id).where(due)).all() if not settle(connection, call)]
            for call in left:
                connection.execute(update(CALLS).where(_C.id == call).values(terminal=Terminal.MISSING))
            return len(left)

    def calls(self, since: datetime, until: datetime) -> list[LedgerCall]:
        """Those that began in that while and are over."""
        recorded = (
            select(_R.call, func.sum(_R.duration_ms).label("ms"))
            .where(_R.call.in_(select(_C.id).where(_C.started_at >= since, _C.started_at < until)))
            .group_by(_R.call)
            .subquery()
        )
        over = (
            select(_C.id, _C.recording, _C.bridged_at, _C.ended_at, recorded.c.ms)
            .outerjoin(recorded, recorded.c.call == _C.id)
            .where(_C.started_at >= since, _C.started_at < until, _C.result.is_not(None))
        )
        with self._reading.begin() as connection:
            return [_ledger_call(row) for row in connection.execute(over)]

    def strays(self, since: datetime, until: datetime) -> list[Finding]:
        """Recordings of that while whose call has no entry."""
        nobody = ~exists().where(_C.id == _R.call) & _R.erased_at.is_(None)
        stray = select(_R.id, _R.call).where(_R.begin_at >= since, _R.begin_at < until, nobody)
        with self._reading.begin() as connection:
            return [
                Finding(Category.RECORDING_WITHOUT_CALL, row.id, f"call {row.call} has no entry in the ledger")
                for row in connection.execute(stray.order_by(_R.begin_at))
            ]

    def folders(self, since: datetime, until: datetime) -> list[str]:
        """In which the catalogue has recordings that began in that while."""
        of_days = select(_R.folder).distinct().where(_R.begin_at >= since, _R.begin_at < until)
        with self._reading.begin() as connection:
            return sorted(connection.scalars(of_days))

    def record(self, found: Iterable[Finding], at: datetime) -> int:
        """The result of a whole run: new differences are added, those that are gone are resolved. How many are open."""
        wanted: Mapping[tuple[str, str], Finding] = {(each.category.value, each.subject): each for each in found}
        open_ones = select(_F.id, _F.category, _F.subject).where(_F.resolved_at.is_(None))
        with self._engine.begin() as connection:
            known = {(row.category, row.subject): row.id for row in connection.execute(open_ones)}
            for gone in known.keys() - wanted.keys():
                connection.execute(update(FINDINGS).where(_F.id == known[gone]).values(resolved_at=at))
            for key, each in wanted.items():
                if key not in known:
                    new = {"run_at": at, "category": key[0], "subject": key[1], "detail": each.detail}
                    connection.execute(insert(FINDINGS).values(new))
        return len(wanted)

    def open(self) -> list[Finding]:
        """Differences that the last run saw, oldest first."""
        unresolved = select(_F.category, _F.subject, _F.detail).where(_F.resolved_at.is_(None)).order_by(_F.id)
        with self._reading.begin() as connection:
            return [Finding(Category(row.category), row.subject, row.detail) for row in connection.execute(unresolved)]

    def counts(self, since: datetime, until: datetime) -> Counts:
        """For the report of a day, as far as the database knows: calls that began and recordings that begin in it."""
        began = (_C.started_at >= since, _C.started_at < until)
        states = select(_C.terminal, func.count()).where(*began).group_by(_C.terminal)
        unheard = select(func.count()).where(*began, cast(_C.notice, Text).like('%"failed"%'))
        words = select(_R.alarms, _R.reasons).where(_R.begin_at >= since, _R.begin_at < until)
        unresolved = select(func.count()).where(_F.resolved_at.is_(None))
        with self._reading.begin() as connection:
            terminals = {state: int(count) for state, count in connection.execute(states)}
            said = connection.execute(words).all()
            return Counts(
                terminals={Terminal(state): count for state, count in terminals.items() if state is not None},
                open_calls=terminals.get(None, 0),
                alarms=tally(row.alarms for row in said),
                reasons=tally(row.reasons for row in said),
                notice_failures=int(connection.scalar(unheard) or 0),
                findings=int(connection.scalar(unresolved) or 0),
            )


def _ledger_call(row: Any) -> LedgerCall:
    talked = None
    if row.bridged_at is not None and row.ended_at is not None:
        talked = round((row.ended_at - row.bridged_at).total_seconds() * 1000)
    return LedgerCall(row.id, row.recording, None if row.ms is None else int(row.ms), talked)
