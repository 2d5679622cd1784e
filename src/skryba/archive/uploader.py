"""⚡ Copies sealed recordings to the object store, proves the copy, and later removes the local audio.

Knows no call and no database: the book says what is due, `upload` what to do about it. Nothing local goes before the
store has shown the right hash.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock
from typing import BinaryIO, assert_never

from skryba import clock
from skryba.archive.books import FileEntry, Location, UploadBook, UploadJob
from skryba.archive.objects import Objects, StoreError
from skryba.archive.upload import (
    SMALL,
    Budget,
    Outcome,
    Step,
    in_order,
    key_of,
    next_step,
    pause,
    proven,
    removable,
    retry_at,
)

PIECE = 64 * 1024  # octets between two looks at the bandwidth
MOVED = ".remote"  # suffix of an empty file beside the manifest: the audio lies in the store
BATCH = 32  # recordings taken from the book at once


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one recording; `detail` names the file and the reason, never a party."""

    recording: str
    outcome: Outcome
    detail: str = ""


@dataclass(slots=True)
class UploadCounts:
    """Since the start; the exporter reads them."""

    files: int = 0
    octets: int = 0
    removed: int = 0  # local files whose copy was proven
    failures: int = 0


class _AttemptError(Exception):
    """Ends the attempt at one recording."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


class Uploader:
    """`round` uploads what is due and returns; whoever owns the thread calls it again after `wait` seconds."""

    def __init__(
        self,
        book: UploadBook,
        objects: Objects,
        recordings: Path,
        *,
        dice: Callable[[], float],
        prefix: str = "",
        rate: float = 0.0,
        keep_local: timedelta = timedelta(days=30),
        read_back: bool = True,
        workers: int = 4,
        at: Callable[[], datetime] = clock.at,
    ) -> None:
        """`rate`: octets a second in each direction, 0 for no limit. Without `read_back` a copy counts as proven when
        the store confirmed hash and size, which saves the way back where that is paid for.
        """
        self.counts = UploadCounts()
        self.away = ""  # why the store cannot be used at present; empty while it can
        self._book = book
        self._objects = objects
        self._recordings = recordings
        self._prefix = prefix
        self._dice = dice
        self._keep_local = keep_local
        self._read_back = read_back
        self._workers = workers
        self._at = at
        self._up, self._down = Budget(rate), Budget(rate)
        self._lock = Lock()
        self._stopped = Event()
        self._failures = 0  # of the store, in a row
        self._stuck: dict[str, datetime] = {}  # local audio that may not go, and when to look again

    def stop(self) -> None:
        """From any thread, for good: a running round ends within moments; what it had not finished is due again."""
        self._stopped.set()

    @property
    def wait(self) -> float:
        """Seconds until the next round is worth while: a store that is away is left in peace, longer each time."""
        return pause(self._failures - 1, self._dice()) if self._failures else 1.0

    def round(self) -> list[Attempt]:
        """Uploads until nothing is due, the store fails or `stop`; then removes local audio that has had its days."""
        attempts: list[Attempt] = []
        with ThreadPoolExecutor(self._workers, thread_name_prefix="upload") as pool:
            while not self._stopped.is_set() and (jobs := self._book.due(self._at(), BATCH)):
                failing = Event()
                running = {pool.submit(self._attempt, job, failing, self._read_back): job for job in jobs}
                for ended in as_completed(running):
                    if attempt := ended.result():
                        self._enter(running[ended], attempt)
                        attempts.append(attempt)
                if failing.is_set():
                    self._failures += 1
                    return attempts
                self._failures, self.away = 0, ""
        return attempts + self._tidy()

    def _enter(self, job: UploadJob, attempt: Attempt) -> None:
        now = self._at()
        match attempt.outcome:
            case Outcome.UPLOADED:
                self._book.done(job.recording, Location.BOTH, now)
            case Outcome.STOPPED:
                pass  # due as before
            case Outcome.WAITING | Outcome.CONFLICT | Outcome.DAMAGED | Outcome.MISSING:
                self.counts.failures += 1
                again = retry_at(attempt.outcome, job.attempts, now, self._dice())
                self._book.failed(job.recording, f"{attempt.outcome}: {attempt.detail}", again)
            case _:
                assert_never(attempt.outcome)

    def _tidy(self) -> list[Attempt]:
        """Only what goes wrong is told. A copy that vanished meanwhile is made again before anything is removed."""
        attempts: list[Attempt] = []
        now = self._at()
        for job in self._book.removable(now - self._keep_local, BATCH + len(self._stuck)):
            if self._stuck.get(job.recording, now) > now:
                continue
            failing = Event()
            attempt = self._attempt(job, failing, read_back=False)  # that was done when it was uploaded
            if attempt is None or attempt.outcome is Outcome.STOPPED:
                return attempts
            if failing.is_set():
                self._failures += 1
                return [*attempts, attempt]
            self._failures, self.away = 0, ""
            if attempt.outcome is Outcome.UPLOADED:
                self._remove(job)
            else:
                attempts.append(attempt)
                self._stuck[job.recording] = retry_at(attempt.outcome, 0, now, self._dice())
        return attempts

    def _remove(self, job: UploadJob) -> None:
        (self._recordings / job.folder / f"{job.recording}{MOVED}").touch()  # first: nobody may take it for lost
        for entry in removable(job.files):
            with contextlib.suppress(FileNotFoundError):  # removed before, but not ticked off
                (self._recordings / job.folder / entry.file).unlink()
                self.counts.removed += 1
        self._book.done(job.recording, Location.REMOTE, self._at())
        self._stuck.pop(job.recording, None)

    # --- one recording, in a thread of the pool ----------------------------------------------------------------------

    def _attempt(self, job: UploadJob, failing: Event, read_back: bool) -> Attempt | None:
        """None: not tried, because the store has just failed another."""
        if failing.is_set() or self._stopped.is_set():
            return None
        try:
            for entry in in_order(job.files):
                self._bring(job.folder, entry, read_back)
        except _AttemptError as end:
            return Attempt(job.recording, end.outcome, str(end))
        except StoreError as error:
            failing.set()
            self.away = str(error)
            return Attempt(job.recording, Outcome.WAITING, str(error))
        except OSError as error:
            return Attempt(job.recording, Outcome.DAMAGED, f"{error.strerror}: {Path(str(error.filename)).name}")
        return Attempt(job.recording, Outcome.UPLOADED)

    def _bring(self, folder: str, entry: FileEntry, read_back: bool) -> None:
        """Returns when the store has the file, verified. `read_back`: read also what was there before."""
        try:
            key = key_of(self._prefix, folder, entry.file)
        except ValueError as error:
            raise _AttemptError(Outcome.DAMAGED, str(error)) from None
        found = self._objects.head(key)
        match next_step(entry, found):
            case Step.REFUSE:
                raise _AttemptError(Outcome.CONFLICT, f"{entry.file}: the store has another object of that name")
            case Step.CHECK:
                if read_back or not proven(entry, found):
                    self._verify(key, entry)
            case Step.PUT:
                self._put(key, folder, entry)
                if self._read_back:
                    self._verify(key, entry)
                elif not proven(entry, self._objects.head(key)):
                    raise _AttemptError(Outcome.CONFLICT, f"{entry.file}: the store has not what it was given")
                with self._lock:
                    self.counts.files += 1
                    self.counts.octets += entry.octets
            case never:
                assert_never(never)

    def _verify(self, key: str, entry: FileEntry) -> None:
        if self._objects.read_back(key, entry.octets, self._wait_for(self._down)) != entry.sha256:
            raise _AttemptError(Outcome.CONFLICT, f"{entry.file}: what the store gave back has another hash")

    def _put(self, key: str, folder: str, entry: FileEntry) -> None:
        try:
            file = (self._recordings / folder / entry.file).open("rb")
        except FileNotFoundError:
            raise _AttemptError(Outcome.MISSING, f"{entry.file}: neither here nor in the store") from None
        with file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                raise _AttemptError(Outcome.DAMAGED, f"{entry.file}: not what its manifest says")
            file.seek(0)
            if entry.octets > SMALL:
                self._objects.stream(key, self._pieces(file), entry.sha256)
                return
            self._wait_for(self._up)(entry.octets)
            if not self._objects.create(key, file.read(), entry.sha256):
                # somebody was faster, or the store's answer to our own request was lost; the hash tells
                found = self._objects.head(key)
                if next_step(entry, found) is not Step.CHECK:
                    raise _AttemptError(Outcome.CONFLICT, f"{entry.file}: another object came first")

    def _pieces(self, file: BinaryIO) -> Iterator[bytes]:
        before = self._wait_for(self._up)
        while piece := file.read(PIECE):
            before(len(piece))
            yield piece

    def _wait_for(self, budget: Budget) -> Callable[[int], None]:
        def before(octets: int) -> None:
            with self._lock:
                seconds = budget.take(octets, clock.now())
            if self._stopped.wait(seconds):
                raise _AttemptError(Outcome.STOPPED, "shutting down")

        return before
