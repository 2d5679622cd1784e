"""The catalogue of recordings: follows the chain of seals, answers searches.

Knows the database, but no file and no key: entries and manifests are handed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Select, select, update

from skryba.archive.books import Location
from skryba.archive.database import reading, upsert
from skryba.archive.delivery_book import forget_deliveries
from skryba.archive.model import Recording
from skryba.archive.outcome import of_recordings
from skryba.archive.sealed import recording_of
from skryba.archive.search import FEW, Query, among, facets, of_people, of_rest, page, recent
from skryba.archive.tables import CALLS, FACETS, POSITIONS, RECORDINGS
from skryba.archive.upload_book import forget_upload
from skryba.policy.e164 import normalise

FOLLOWER: Final = "catalogue"  # our own name among the consumers of the chain
_PERSONAL: Final = ("station", "caller", "callee", "caller_reversed", "callee_reversed", "name")
_COLUMNS: Final = tuple(RECORDINGS.c[field.name] for field in fields(Recording))


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `next` goes into `Query.after`; None: this was the last page."""

    rows: tuple[Recording, ...]
    next: tuple[datetime, str] | None


class Catalogue:
    """Every method is one transaction and may raise SQLAlchemy's errors: see `database.away`."""

    def __init__(self, engine: Engine, *, number: Callable[[str], str] = normalise) -> None:
        """`number` brings numbers into one form, as the ledger's does."""
        self._engine = engine
        self._reading = reading(engine)
        self._number = number

    # --- following the chain -----------------------------------------------------------------------------------------

    def follow(self, entry: Mapping[str, Any], manifest: Mapping[str, Any] | None = None) -> bool:
        """The next entry of the chain and, if it seals a recording, its manifest. False: known already."""
        with self._engine.begin() as connection:
            if entry["seq"] <= _position(connection, FOLLOWER):
                return False
            match entry["kind"]:
                case "seal":
                    if manifest is None:
                        raise ValueError(f"entry {entry['seq']} seals a recording: its manifest is needed")
                    self._seal(connection, recording_of(entry, manifest))
                case "erased":
                    _erase(connection, entry["id"], datetime.fromisoformat(entry["at"]))
                case _:
                    pass  # starts, heads of days and changes of keys concern no recording
            _advance(connection, FOLLOWER, entry["seq"])
        return True

    def position(self, consumer: str = FOLLOWER) -> int:
        """Number of the last entry that the consumer has acted on; -1: none."""
        with self._reading.begin() as connection:
            return _position(connection, consumer)

    def set_position(self, consumer: str, seq: int) -> None:
        """The consumer has acted on all entries up to this one."""
        with self._engine.begin() as connection:
            _advance(connection, consumer, seq)

    def mark_erased(self, recording: str, at: datetime) -> bool:
        """Nothing personal of it stays in catalogue and books. False: unknown, or erased before."""
        with self._engine.begin() as connection:
            return _erase(connection, recording, at)

    def _seal(self, connection: Connection, recording: Recording) -> None:
        values: dict[str, Any] = asdict(recording)
        values["facet"] = _facet(connection, recording)
        for party in ("caller", "callee"):
            number = values[party]
            values[f"{party}_reversed"] = None if number is None else self._number(number)[::-1]
        statement = upsert(connection, RECORDINGS).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=[RECORDINGS.c.id], set_=values))
        if recording.call is not None:
            settle(connection, recording.call)

    # --- searching ---------------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Page:
        """Costs what a page costs, not what the catalogue holds."""
        with self._reading.begin() as connection:
            fitting = connection.scalars(facets(query)).all() if query.facets else None
            if fitting is not None and not fitting:
                return Page((), None)
            rows = self._found(connection, query, fitting)
        shown = tuple(_recording(row) for row in rows[: query.limit])
        return Page(shown, (shown[-1].begin_at, shown[-1].id) if len(rows) > query.limit else None)

    def _found(self, connection: Connection, query: Query, fitting: Sequence[int] | None) -> Sequence[Row[Any]]:
        def few(counting: Select[Any]) -> bool:
            return int(connection.execute(counting).scalar_one()) <= FEW

        statement = page(query, fitting, self._number, _COLUMNS)
        if query.people and not few(of_people(query, self._number)):
            if (query.station is not None or fitting is not None) and few(of_rest(query, fitting)):
                statement = among(query, fitting, self._number, _COLUMNS)
            elif (quick := recent(query, fitting, _COLUMNS)) is not None:
                rows = connection.execute(quick).all()
                if len(rows) > query.limit:
                    return rows
        return connection.execute(statement).all()

    def recording(self, key: str) -> Recording | None:
        """By the stem of its files."""
        with self._reading.begin() as connection:
            row = connection.execute(select(*_COLUMNS).where(RECORDINGS.c.id == key)).one_or_none()
            return None if row is None else _recording(row)

    def in_folder(self, folder: str) -> list[Recording]:
        """Of one day, such as `2026/11/24`."""
        with self._reading.begin() as connection:
            found = connection.execute(select(*_COLUMNS).where(RECORDINGS.c.folder == folder))
            return [_recording(row) for row in found]


def settle(connection: Connection, call: str) -> bool:
    """Give a call the state of its recordings, the worst if there are several. False: there are none, or no call."""
    ordered = select(*_COLUMNS).where(RECORDINGS.c.call == call).order_by(RECORDINGS.c.seq)
    recordings = [_recording(row) for row in connection.execute(ordered)]
    if not recordings:
        return False
    terminal = of_recordings(each.state for each in recordings)
    worst = next(each for each in recordings if of_recordings([each.state]) is terminal)
    change = update(CALLS).where(CALLS.c.id == call)
    found = connection.execute(
        change.values(
            terminal=terminal,
            conversation=worst.conversation,
            recording=recordings[0].id,
            recording_state=worst.state,
            recording_reasons=worst.reasons,
            recording_ms=sum(each.duration_ms for each in recordings),
        )
    )
    return found.rowcount == 1


def _position(connection: Connection, consumer: str) -> int:
    found = connection.scalar(select(POSITIONS.c.seq).where(POSITIONS.c.consumer == consumer))
    return -1 if found is None else int(found)


def _advance(connection: Connection, consumer: str, seq: int) -> None:
    statement = upsert(connection, POSITIONS).values(consumer=consumer, seq=seq)
    connection.execute(statement.on_conflict_do_update(index_elements=[POSITIONS.c.consumer], set_={"seq": seq}))


def _facet(connection: Connection, recording: Recording) -> int:
    values = {name: getattr(recording, name) or "" for name in ("direction", "state", "rule", "purpose")}
    known = select(FACETS.c.id).where(*(FACETS.c[name] == value for name, value in values.items()))
    found = connection.scalar(known)
    if found is None:
        connection.execute(upsert(connection, FACETS).values(values).on_conflict_do_nothing())
        found = connection.scalar(known)
    return int(found or 0)


def _erase(connection: Connection, recording: str, at: datetime) -> bool:
    gone: dict[str, Any] = {**dict.fromkeys(_PERSONAL), "erased_at": at, "location": Location.GONE}
    known = (RECORDINGS.c.id == recording) & RECORDINGS.c.erased_at.is_(None)
    found = connection.execute(update(RECORDINGS).where(known).values(gone))
    forget_upload(connection, recording)
    forget_deliveries(connection, recording)
    return found.rowcount == 1


def _recording(row: Row[Any]) -> Recording:
    return Recording(**row._mapping)
