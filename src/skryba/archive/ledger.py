"""⚡ The ledger of all calls: a bounded queue, one thread, one SQLite file.

Knows no call: rows come in. The caller never waits and sees no error; what cannot be kept is counted in `dropped`.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import groupby
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError

from skryba.archive.model import CALLS, METADATA, SCHEMA_VERSION, CallRow, RecordingRow
from skryba.errors import ConfigError

Row = CallRow | RecordingRow

QUEUE = 10_000  # rows that wait while the database is away
BATCH = 200  # rows per transaction at most
BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds between attempts
GATHER = 0.1  # seconds a row waits for others: what a short call says thrice is then written once
BUSY_TIMEOUT = 5.0  # seconds SQLite waits for another writer
LOST = "signalling ended before the call"

_CALL_FIELDS = tuple(field.name for field in fields(CallRow))
_insert_call = upsert(CALLS)
# Names the call's own columns only: what the recorder said of it stays.
_KEEP_CALL = _insert_call.on_conflict_do_update(
    index_elements=[CALLS.c.id], set_={name: _insert_call.excluded[name] for name in _CALL_FIELDS}
)

log = structlog.get_logger("ledger")


class Ledger:
    """Writes from the first row on until `close`. `url` is an SQLAlchemy address of SQLite."""

    def __init__(self, url: str, *, queue: int = QUEUE, back_off: Sequence[float] = BACK_OFF) -> None:
        self.dropped = 0  # rows lost: the queue was full, or the database refused them
        self.written = 0
        self.reachable = True  # False while the database is away
        self._url = url
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
                engine = engine or _open(self._url)
                self._keep(engine, batch)
            except (OperationalError, OSError) as error:
                if self.reachable:
                    log.error("ledger not writable, rows wait", error=_short(error))
                self.reachable = False
                self._give_up.wait(self._back_off[min(failures, len(self._back_off) - 1)])
                failures += 1
                continue
            except Exception as error:  # not the database's absence: without this the thread would end unseen
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

    def _keep(self, engine: Engine, batch: Sequence[Row]) -> None:
        """All in one transaction; when a row is refused, each in its own, so that it alone is lost."""
        try:
            with engine.begin() as connection:
                _keep_rows(connection, batch)
            self.written += len(batch)
        except OperationalError:
            raise
        except SQLAlchemyError:
            for row in batch:
                self._keep_alone(engine, row)

    def _keep_alone(self, engine: Engine, row: Row) -> None:
        try:
            with engine.begin() as connection:
                _keep_rows(connection, [row])
            self.written += 1
        except OperationalError:
            raise
        except SQLAlchemyError as error:
            self._drop(1, error)

    def _drop(self, count: int, error: Exception) -> None:
        self.dropped += count
        log.error("ledger rows refused", rows=count, error=_short(error))


def _keep_rows(connection: Connection, batch: Sequence[Row]) -> None:
    """In their order; of the same call's rows between two recordings only the last, which says all that they said."""
    for kind, rows in groupby(batch, type):
        if kind is CallRow:
            latest = {row.id: row for row in rows if isinstance(row, CallRow)}
            connection.execute(_KEEP_CALL, [_call_values(row) for row in latest.values()])
        else:
            for row in rows:
                _keep_recording(connection, asdict(row))


def _call_values(row: CallRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _CALL_FIELDS}  # unlike asdict, without copies of what it holds


def _keep_recording(connection: Connection, values: dict[str, Any]) -> None:
    recording = values["recording"]
    found = connection.execute(update(CALLS).where(CALLS.c.recording == recording).values(values))
    if found.rowcount == 0:
        connection.execute(insert(CALLS).values(id=recording, **values))


def _open(url: str) -> Engine:
    """A ready database: made if it was not there; calls that a dead process left open are closed as unknown."""
    address = make_url(url)
    if address.database:
        path = Path(address.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            _check_version(connection)
            METADATA.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
            left_open = (CALLS.c.result.is_(None)) & (CALLS.c.started_at.is_not(None))
            connection.execute(update(CALLS).where(left_open).values(result="unknown", reason=LOST))
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_version(connection: Connection) -> None:
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version not in {0, SCHEMA_VERSION}:
        raise ConfigError(f"the ledger has schema {version}, this program writes {SCHEMA_VERSION}")


def _prepare(connection: Any, _record: object) -> None:
    """We begin transactions ourselves (IMMEDIATE), the driver must not; deleted rows are overwritten."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _short(error: Exception) -> str:
    """The database's own words; a statement's values are parties' numbers."""
    return str(error.orig) if isinstance(error, StatementError) else f"{type(error).__name__}: {error}"
