"""What is decided about uploads: names, order, what to do next, when to try again, how fast.

Knows no store, no file and no clock; `uploader` asks and acts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from skryba.archive.books import FileEntry

SMALL = 5 * 1024 * 1024  # octets that go in one conditional request; also the smallest part S3 takes, so the burst
FIRST_PAUSE = 5.0  # seconds until a failed upload is tried again, doubled each time
LONGEST_PAUSE = 600.0
PERSON_PAUSE = timedelta(hours=1)  # between attempts at what only a person can mend
STAY = (".json", ".seal", ".jsonl", ".tsr")  # manifests, signatures and the chain stay here; small, and no sound

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # no separator, no leading dot


class Step(StrEnum):
    """What to do about one file, given what the store has under its name."""

    PUT = "put"
    CHECK = "check"  # it is there, perhaps from an attempt that died before it was ticked off
    REFUSE = "refuse"  # something else is there: never overwritten


class Outcome(StrEnum):
    """How one attempt at one recording ended."""

    UPLOADED = "uploaded"  # every file is in the store, and was verified
    WAITING = "waiting"  # the store is away or failed; tried again soon
    STOPPED = "stopped"  # we are shutting down; tried again at the next start
    CONFLICT = "conflict"  # another object holds a name of ours
    DAMAGED = "damaged"  # a local file is not what its manifest says
    MISSING = "missing"  # a file is neither here nor there

    @property
    def needs_a_person(self) -> bool:
        return self in {Outcome.CONFLICT, Outcome.DAMAGED, Outcome.MISSING}


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store tells it; `sha256` is what the uploader wrote beside it, None for a stranger's."""

    key: str
    octets: int
    sha256: str | None = None


def key_of(prefix: str, folder: str, file: str) -> str:
    """`calls`, `2026/11/24`, `4f.wav` → `calls/2026/11/24/4f.wav`. ValueError for a part that could lead elsewhere."""
    parts = [part for words in (prefix.strip("/"), folder) if words for part in words.split("/")] + [file]
    if strange := [part for part in parts if not _SAFE.fullmatch(part)]:
        raise ValueError(f"not safe in an object's name: {strange[0]!r}")
    return "/".join(parts)


def in_order(files: Sequence[FileEntry]) -> list[FileEntry]:
    """The manifest first, the signature last.

    The manifest is always created by a conditional request and holds the hash of every other file: whoever created it
    owns the names of all of them, also of those so large that they go in parts, which S3 clients cannot make
    conditional. The signature at the end tells a reader of the store that the recording is whole.
    """
    return sorted(files, key=lambda entry: (not entry.file.endswith(".json"), entry.file.endswith(".seal")))


def next_step(entry: FileEntry, found: Stored | None) -> Step:
    if found is None:
        return Step.PUT
    if found.octets != entry.octets or found.sha256 not in {None, entry.sha256}:
        return Step.REFUSE
    return Step.CHECK


def proven(entry: FileEntry, found: Stored | None) -> bool:
    """The store has it, verified when it was put there: the least that must be true before a local file goes."""
    return found is not None and (found.octets, found.sha256) == (entry.octets, entry.sha256)


def removable(files: Sequence[FileEntry]) -> list[FileEntry]:
    """Sound and pictures of it; what proves them stays."""
    return [entry for entry in files if not entry.file.endswith(STAY)]


def retry_at(outcome: Outcome, attempts: int, at: datetime, dice: float) -> datetime:
    """When to try again after `attempts` earlier attempts. `dice` from 0 to 1 keeps many from coming at once."""
    if outcome.needs_a_person:
        return at + PERSON_PAUSE
    return at + timedelta(seconds=pause(attempts, dice))


def pause(failures: int, dice: float) -> float:
    """Seconds; `failures` earlier ones in a row."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 20))
    return longest * (0.5 + dice / 2)


class Budget:
    """Octets a second over a link: a token bucket that lends, so that any one piece may be larger than the bucket."""

    def __init__(self, rate: float, burst: float = 256 * 1024) -> None:
        """`rate` in octets a second; 0 is no limit."""
        self._rate = rate
        self._burst = min(burst, rate)  # never more than a second's worth at once
        self._level = self._burst
        self._seen: float | None = None

    def take(self, octets: int, now: float) -> float:
        """Seconds to wait before these octets may go. They count as gone."""
        if not self._rate:
            return 0.0
        earned = 0.0 if self._seen is None else max(0.0, now - self._seen) * self._rate
        self._seen = now
        self._level = min(self._burst, self._level + earned) - octets
        return max(0.0, -self._level / self._rate)
