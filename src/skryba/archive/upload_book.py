"""The book of uploads: which recordings must be copied to the remote store, and which copies here may go.

Knows the database, no store and no file. Keeps `books.UploadBook`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, literal, select, update

from skryba.archive.books import Backlog, FileEntry, Location, UploadJob
from skryba.archive.database import reading, upsert
from skryba.archive.tables import RECORDINGS, UPLOADS

_U = UPLOADS.c
_JOB = (_U.recording, _U.folder, _U.files, _U.attempts)


class Uploads:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def enqueue(self, recording: str, folder: str, files: Sequence[FileEntry], at: datetime) -> bool:
        """False: it stood in the book already, done or not; nothing was changed."""
        with self._engine.begin() as connection:
            row = upsert(connection, UPLOADS).values(
                recording=recording,
                folder=folder,
                files=[asdict(each) for each in files],
                octets=sum(each.octets for each in files),
                enqueued_at=at,
                next_at=at,
                attempts=0,
            )
            once = row.on_conflict_do_nothing(index_elements=[_U.recording])
            return connection.execute(once.returning(_U.recording)).first() is not None

    def due(self, at: datetime, limit: int) -> list[UploadJob]:
        """Oldest first."""
        waiting = select(*_JOB).where(_U.uploaded_at.is_(None), _U.next_at <= at)
        return self._jobs(waiting.order_by(_U.enqueued_at, _U.recording).limit(limit))

    def done(self, recording: str, location: Location, at: datetime) -> None:
        """Uploaded and verified, or (a second time, with REMOTE) the local audio was removed as well."""
        times: dict[str, Any] = {
            "uploaded_at": func.coalesce(_U.uploaded_at, literal(at, _U.uploaded_at.type)),
            "error": None,
        }
        if location is Location.REMOTE:
            times["removed_at"] = at
        here = (RECORDINGS.c.id == recording) & RECORDINGS.c.erased_at.is_(None)
        with self._engine.begin() as connection:
            connection.execute(update(UPLOADS).where(_U.recording == recording).values(times))
            connection.execute(update(RECORDINGS).where(here).values(location=location))

    def failed(self, recording: str, error: str, next_at: datetime) -> None:
        """One more attempt was in vain."""
        again = {"attempts": _U.attempts + 1, "error": error, "next_at": next_at}
        with self._engine.begin() as connection:
            connection.execute(update(UPLOADS).where(_U.recording == recording).values(again))

    def backlog(self) -> Backlog:
        """All that is not uploaded, due or not."""
        sums = select(func.count(), func.coalesce(func.sum(_U.octets), 0), func.min(_U.enqueued_at))
        with self._reading.begin() as connection:
            count, octets, oldest = connection.execute(sums.where(_U.uploaded_at.is_(None))).one()
            return Backlog(count, int(octets), oldest)

    def removable(self, uploaded_before: datetime, limit: int) -> list[UploadJob]:
        """Uploaded by then, and the local audio is still here; oldest first."""
        copied = select(*_JOB).where(_U.removed_at.is_(None), _U.uploaded_at <= uploaded_before)
        return self._jobs(copied.order_by(_U.uploaded_at, _U.recording).limit(limit))

    def _jobs(self, statement: Select[Any]) -> list[UploadJob]:
        with self._reading.begin() as connection:
            return [_job(row) for row in connection.execute(statement)]


def forget_upload(connection: Connection, recording: str) -> None:
    """It was erased: there is nothing left to copy."""
    connection.execute(delete(UPLOADS).where(_U.recording == recording))


def _job(row: Any) -> UploadJob:
    return UploadJob(row.recording, row.folder, tuple(FileEntry(**each) for each in row.files), row.attempts)
