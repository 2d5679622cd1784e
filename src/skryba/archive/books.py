"""The books of work that is still to be done: files to upload, hooks to deliver.

Knows no database and no peer: the catalogue keeps these books, uploader and deliverer read and tick them off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Location(StrEnum):
    """Where the audio of a recording lies."""

    LOCAL = "local"
    REMOTE = "remote"
    BOTH = "both"
    GONE = "gone"  # erased


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a recording as it lies on disk; `sha256` is hexadecimal."""

    file: str
    octets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class UploadJob:
    """All files of one recording; `folder` is relative to the recordings, such as `2026/11/24`."""

    recording: str
    folder: str
    files: tuple[FileEntry, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not uploaded yet."""

    count: int
    octets: int
    oldest_at: datetime | None


class UploadBook(Protocol):
    """What must be copied to the remote store. Every method is one transaction."""

    def enqueue(self, recording: str, folder: str, files: Sequence[FileEntry], at: datetime) -> bool:
        """False: it stood in the book already, done or not; nothing was changed."""
        ...

    def due(self, at: datetime, limit: int) -> list[UploadJob]:
        """Oldest first."""
        ...

    def done(self, recording: str, location: Location, at: datetime) -> None:
        """Uploaded and verified, or (a second time, with REMOTE) the local audio was removed as well."""
        ...

    def failed(self, recording: str, error: str, next_at: datetime) -> None: ...

    def backlog(self) -> Backlog: ...

    def removable(self, uploaded_before: datetime, limit: int) -> list[UploadJob]:
        """Uploaded by then, and the local audio is still here."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one hook. `body` is what was enqueued, octet for octet: a retry says the same."""

    id: int
    hook: str
    recording: str
    call: str
    kind: str
    seq: int
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up."""

    delivery: Delivery
    error: str
    at: datetime


class DeliveryBook(Protocol):
    """What hooks must be told. Every method is one transaction."""

    def enqueue(self, hook: str, recording: str, call: str, kind: str, seq: int, body: str, at: datetime) -> bool:
        """False: this hook, recording and kind stand in the book already; nothing was changed."""
        ...

    def due(self, at: datetime, limit: int) -> list[Delivery]:
        """By seq; never one while an earlier one of the same hook and call is neither delivered nor dead."""
        ...

    def delivered(self, delivery: int, at: datetime) -> None: ...

    def failed(self, delivery: int, error: str, next_at: datetime) -> None: ...

    def dead(self, delivery: int, error: str, at: datetime) -> None: ...

    def dead_letters(self) -> list[DeadLetter]: ...

    def revive(self, delivery: int, at: datetime) -> bool:
        """Due again, its attempts counted from nothing. False: there is no such dead letter."""
        ...
