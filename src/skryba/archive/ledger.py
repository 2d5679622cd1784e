"""⚡ The ledger of all calls: a bounded queue, one thread, one table.

Knows no call: rows come in. The caller never waits and sees no error; what cannot be kept is counted in `dropped`.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from itertools import groupby
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Executable, bindparam, case, func, literal, select, update
from sqlalchemy.exc import StatementError

from skryba.archive.database import away, connect, upsert
from skryba.archive.model import CallRow, RecordingRow
from skryba.archive.outcome import of_call, of_recordings
from skryba.archive.tables import CALLS
from skryba.policy.e164 import normalise
from skryba.terms import Result

Row = CallRow | RecordingRow

QUEUE = 10_000  # rows that wait while the database is away
BATCH = 200  # rows per transaction at most
BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds between attempts
GATHER = 0.1  # seconds a row waits for others: what a short call says thrice is then written once
LOST = "signalling ended before the call"

_NUMBERS = ("caller_e164", "callee_e164", "caller_reversed", "callee_reversed")
_CALL_FIELDS = tuple(field.name for field in fields(CallRow))

log = structlog.get_logger("ledger")


class Ledger:
    """Writes from the first row on until `close`. `url` as `database.connect` takes it."""

    def __init__(
        self,
        url: str,
        *,
        number: Callable[[str], str] = normalise,
        queue: int = QUEUE,
        back_off: Sequence[float] = BACK_OFF,
    ) -> None:
        self.dropped = 0  # rows lost: the queue was full, or the database refused them
        self.written = 0
        self.reachable = True  # False while the database is away
        self._url = url
        self._number = number
        self._back_off = back_off
        self._rows: Queue[Row] = Queue(queue)
        self._arrived = Event()
        self._closing = Event()
        self._give_up = Event()
        self._thread = Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    def record_call(self, row: CallRow) -> None:
        """A call began, or more is known of it: the whole row, again."""
        self._put(row)

    def record_recording(self, row: RecordingRow) -> None:
        """A recording was sealed."""
        self._put(row)

    def close(self, patience: float = 5.0) -> None:
        """Write what waits, for `patience` seconds at most; what is left then is dropped."""
        self._closing.set()
        self._arrived.set()
        self._thread.join(patience)
        self._give_up.set()
        self._thread.join(patience)

    def _put(self, row: Row) -> None:
        try:
            self._rows.put_nowait(row)
        except Full:
            self.dropped += 1
        self._arrived.set()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        engine: Engine | None = None
        batch: list[Row] = []
        failures = 0
        while not self._give_up.is_set():
            batch = batch or self._next()
            if not batch and self._closing.is_set():
                break
            try:
                engine = engine or self._open()
                self._keep(engine, batch)
            except Exception as error:  # else the thread would end unseen
                if away(error):
                    if self.reachable:
                        log.error("ledger not writable, rows wait", error=_short(error))
                    self.reachable = False
                    self._give_up.wait(self._back_off[min(failures, len(self._back_off) - 1)])
                    failures += 1
                    continue
                self._drop(len(batch), error)
                self.reachable = engine is not None
            else:
                if not self.reachable:
                    log.info("ledger writable again")
                self.reachable = True
            batch, failures = [], 0
        self.dropped += len(batch) + self._rows.qsize()
        if engine is not None:
            engine.dispose()

    def _next(self) -> list[Row]:
        """Waits for the first row and a moment more; takes what has come by then."""
        self._arrived.wait()
        self._closing.wait(GATHER)
        self._arrived.clear()
        rows: list[Row] = []
        with contextlib.suppress(Empty):
            while len(rows) < BATCH:
                rows.append(self._rows.get_nowait())
        if not self._rows.empty() or self._closing.is_set():
            self._arrived.set()
        return rows

    def _open(self) -> Engine:
        engine = connect(self._url)
        try:
            _close_left_open(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _keep(self, engine: Engine, batch: Sequence[Row]) -> None:
        """All in one transaction; when a row is refused, each in its own, so that it alone is lost."""
        try:
            self._keep_together(engine, batch)
        except Exception as error:
            if away(error):
                raise
            for row in batch:
                self._keep_alone(engine, row)

    def _keep_alone(self, engine: Engine, row: Row) -> None:
        try:
            self._keep_together(engine, [row])
        except Exception as error:
            if away(error):
                raise
            self._drop(1, error)

    def _keep_together(self, engine: Engine, batch: Sequence[Row]) -> None:
        """In their order; of a call's rows between two recordings only the last, which says all that they said."""
        with engine.begin() as connection:
            for kind, rows in groupby(batch, type):
                if kind is CallRow:
                    latest = {row.id: row for row in rows if isinstance(row, CallRow)}
                    values = [self._call_values(row) for row in latest.values()]
                    connection.execute(_keep_call(connection), values)
                else:
                    for row in rows:
                        if isinstance(row, RecordingRow):
                            _keep_recording(connection, row)
        self.written += len(batch)

    def _call_values(self, row: CallRow) -> dict[str, Any]:
        values = {name: getattr(row, name) for name in _CALL_FIELDS}  # unlike asdict, without copies of what it holds
        for party in ("caller", "callee"):
            number = self._number(values[party])
            values[f"{party}_e164"], values[f"{party}_reversed"] = number, number[::-1]
        values["terminal"] = of_call(row)
        return values

    def _drop(self, count: int, error: Exception) -> None:
        self.dropped += count
        log.error("ledger rows refused", rows=count, error=_short(error))


def _keep_call(connection: Connection) -> Executable:
    """Names the call's own columns only: what the recorder said of it stays."""
    statement = upsert(connection, CALLS)
    said: dict[str, Any] = {name: statement.excluded[name] for name in (*_CALL_FIELDS, *_NUMBERS)}
    said["terminal"] = case((CALLS.c.recording_state.is_(None), statement.excluded.terminal), else_=CALLS.c.terminal)
    return statement.on_conflict_do_update(index_elements=[CALLS.c.id], set_=said)


def _keep_recording(connection: Connection, row: RecordingRow) -> None:
    """The catalogue follows the chain of seals and has the last word; this is only sooner."""
    values: dict[str, Any] = asdict(row)
    values["terminal"] = func.coalesce(CALLS.c.terminal, of_recordings([row.recording_state]))
    connection.execute(update(CALLS).where(CALLS.c.recording == row.recording).values(values))


def _close_left_open(engine: Engine) -> None:
    """Calls that a dead process left open end as unknown; if they were being recorded, the catalogue will say."""
    left_open = CALLS.c.result.is_(None) & CALLS.c.started_at.is_not(None)
    facts = (CALLS.c.id, CALLS.c.recording, CALLS.c.bridged_at, CALLS.c.wish, CALLS.c.emergency, CALLS.c.mode)
    settle = update(CALLS).where(CALLS.c.id == bindparam("key")).values(terminal=bindparam("state"))
    with engine.begin() as connection:
        found = connection.execute(select(*facts, literal(Result.UNKNOWN.value).label("result")).where(left_open)).all()
        states = [{"key": row.id, "state": of_call(row)} for row in found]
        connection.execute(update(CALLS).where(left_open).values(result=Result.UNKNOWN, reason=LOST))
        if settled := [each for each in states if each["state"] is not None]:
            connection.execute(settle, settled)


def _short(error: Exception) -> str:
    """The database's own words; a statement's values are parties' numbers."""
    return str(error.orig) if isinstance(error, StatementError) else f"{type(error).__name__}: {error}"
