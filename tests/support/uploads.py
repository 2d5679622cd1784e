"""Recordings to upload, and a book of uploads that forgets everything at the end of the test.

Knows no store.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from skryba.archive.books import Backlog, FileEntry, Location, UploadJob

FOLDER = "2026/11/24"


@dataclass(slots=True)
class Line:
    job: UploadJob
    since: datetime
    next_at: datetime
    location: Location = Location.LOCAL
    uploaded_at: datetime | None = None
    error: str = ""


class MemoryUploadBook:
    """An `UploadBook`; its lines lie open."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}

    def enqueue(self, recording: str, folder: str, files: Sequence[FileEntry], at: datetime) -> bool:
        if recording in self.lines:
            return False
        self.lines[recording] = Line(UploadJob(recording, folder, tuple(files), 0), at, at)
        return True

    def due(self, at: datetime, limit: int) -> list[UploadJob]:
        return [each.job for each in self._waiting() if each.next_at <= at][:limit]

    def done(self, recording: str, location: Location, at: datetime) -> None:
        line = self.lines[recording]
        line.location, line.uploaded_at, line.error = location, line.uploaded_at or at, ""

    def failed(self, recording: str, error: str, next_at: datetime) -> None:
        line = self.lines[recording]
        line.job = replace(line.job, attempts=line.job.attempts + 1)
        line.error, line.next_at = error, next_at

    def backlog(self) -> Backlog:
        waiting = self._waiting()
        octets = sum(entry.octets for line in waiting for entry in line.job.files)
        return Backlog(len(waiting), octets, waiting[0].since if waiting else None)

    def removable(self, uploaded_before: datetime, limit: int) -> list[UploadJob]:
        here = [line for line in self.lines.values() if line.location is Location.BOTH]
        return [line.job for line in here if line.uploaded_at and line.uploaded_at <= uploaded_before][:limit]

    def _waiting(self) -> list[Line]:
        waiting = [line for line in self.lines.values() if line.location is Location.LOCAL]
        return sorted(waiting, key=lambda line: line.since)


def entry_of(path: Path) -> FileEntry:
    data = path.read_bytes()
    return FileEntry(path.name, len(data), hashlib.sha256(data).hexdigest())


def recording_on_disk(recordings: Path, recording: str, audio: bytes, *, tag: str = "") -> list[FileEntry]:
    """Audio, manifest and signature of one recording, in `FOLDER`. `tag` makes another manifest of the same audio."""
    folder = recordings / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{recording}{suffix}" for suffix in (".wav", ".seal", ".json")]
    digest = hashlib.sha256(audio).hexdigest()
    texts = [audio, f"signature of {recording}{tag}\n".encode(), f'{{"sha256": "{digest}", "tag": "{tag}"}}'.encode()]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    return [entry_of(path) for path in paths]
