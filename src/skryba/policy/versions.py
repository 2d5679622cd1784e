"""Versions of the rules: who changed them, when and why, which were in force at a moment, what differs between two.

May not know files, clocks, or what the rules mean. A history is written line by line and never changed: one line for
each version that was saved, one for each time a version came into force. That a version was saved does not mean that
any call was decided by it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from skryba.errors import ConfigError, IntegrityError

FILE = "file"  # author of what was found changed in the rules file
_SHOWN = 16  # digits of a version, as decisions and manifests name it
_AUTHOR, _REASON = 100, 1000  # characters at most
_AROUND = 3  # unchanged lines shown before and after a change


@dataclass(frozen=True, slots=True)
class Version:
    """One text of the rules. Numbers count from 1; `over` is the digest of the octets that it replaced in the file."""

    number: int
    sha256: str
    at: datetime
    author: str
    reason: str
    restores: int | None = None
    over: str | None = None

    @property
    def version(self) -> str:
        """What a decision's `version` says when it was made by these rules."""
        return self.sha256[:_SHOWN]

    def line(self) -> str:
        """Its line in the history."""
        words = {"sha256": self.sha256, "author": self.author, "reason": self.reason}
        marks = {"restores": self.restores, "over": self.over}
        return _line("save", self.number, self.at, words | {name: mark for name, mark in marks.items() if mark})


@dataclass(frozen=True, slots=True)
class Load:
    """From this moment the rules in force were those of version `number`."""

    number: int
    at: datetime

    def line(self) -> str:
        """Its line in the history."""
        return _line("load", self.number, self.at, {})


@dataclass(frozen=True, slots=True)
class History:
    """All versions by number, and all loads in their order."""

    versions: tuple[Version, ...] = ()
    loads: tuple[Load, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "History":
        """The lines as they were written; a last one without its end was never acknowledged and is left out.

        IntegrityError names the line that is not as we wrote it.
        """
        versions: list[Version] = []
        loads: list[Load] = []
        for number, line in enumerate(text.split("\n")[:-1], start=1):
            try:
                entry = _entry(line)
                if isinstance(entry, Version):
                    _must(entry.number == len(versions) + 1, "a version's number is not the next one")
                    versions.append(entry)
                else:
                    _must(1 <= entry.number <= len(versions), "a version came into force that was never saved")
                    loads.append(entry)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise IntegrityError(f"line {number} of the history of the rules is damaged: {error}") from error
        return cls(tuple(versions), tuple(loads))

    @property
    def last(self) -> Version | None:
        """The one that was saved last."""
        return self.versions[-1] if self.versions else None

    def version(self, number: int) -> Version:
        """ConfigError if there is none of that number."""
        if not 1 <= number <= len(self.versions):
            known = f"1 to {len(self.versions)}" if self.versions else "none yet"
            raise ConfigError(f"there is no version {number} of the rules. Versions are {known}")
        return self.versions[number - 1]

    def in_force(self, at: datetime) -> Version | None:
        """By which calls that began at this moment were decided; None before the first load. `at` must be aware.

        Where the clock was set back, what was loaded later counts.
        """
        found = next((load for load in reversed(self.loads) if load.at <= at), None)
        return None if found is None else self.version(found.number)

    def spans(self, number: int) -> list[tuple[datetime, datetime | None]]:
        """When that version was in force, from and until; None: it still is."""
        ends = [*(load.at for load in self.loads[1:]), None]
        return [(load.at, end) for load, end in zip(self.loads, ends, strict=False) if load.number == number]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a difference: `mark` is "-" (only before), "+" (only after), " " (both), "…" (unchanged ones left out).

    `before` and `after` are its numbers in the two texts.
    """

    mark: str
    before: int | None
    after: int | None
    text: str

    def __str__(self) -> str:
        return f"{self.before or '':>5} {self.after or '':>5} {self.mark} {self.text}".rstrip()


def digest(text: str) -> str:
    """SHA-256 of a rules text, of which decisions name the first digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def diff(before: str, after: str, *, around: int = _AROUND) -> list[DiffLine]:
    """What must be read to see what changed; empty if nothing did."""
    old, new = before.split("\n"), after.split("\n")
    lines: list[DiffLine] = []
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(around):
        if group[0][1] > 0:
            lines.append(DiffLine("…", None, None, ""))
        for what, old_from, old_to, new_from, new_to in group:
            if what == "equal":
                both = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
                lines += [DiffLine(" ", one + 1, other + 1, old[one]) for one, other in both]
            else:
                lines += [DiffLine("-", number + 1, None, old[number]) for number in range(old_from, old_to)]
                lines += [DiffLine("+", None, number + 1, new[number]) for number in range(new_from, new_to)]
    return lines


def signed_by(author: str, reason: str) -> tuple[str, str]:
    """Both trimmed. ConfigError if one is missing, too long, or holds control characters."""
    author, reason = author.strip(), reason.strip()
    for what, text, longest in (("author", author, _AUTHOR), ("reason", reason, _REASON)):
        if not text:
            raise ConfigError(f"a change of the rules needs its {what}: it is kept with the version")
        if len(text) > longest or not text.isprintable():
            raise ConfigError(f"the {what} of a change is one line of at most {longest} characters")
    if author == FILE:
        raise ConfigError(f"the author {FILE!r} means that nobody gave a name. Name a person")
    return author, reason


def _line(what: str, number: int, at: datetime, words: Mapping[str, Any]) -> str:
    return json.dumps({"do": what, "number": number, "at": at.isoformat(), **words}, ensure_ascii=False) + "\n"


def _entry(line: str) -> Version | Load:
    """ValueError, KeyError or TypeError for anything that `line` did not make."""
    words = json.loads(line)
    what, at = words.pop("do"), datetime.fromisoformat(words.pop("at"))
    _must(at.tzinfo is not None, "its time names no zone")
    _must(what in ("save", "load"), f"{what!r} is nothing that happens to rules")
    if what == "load":
        return Load(at=at, **words)
    version = Version(at=at, **words)
    _must(len(version.sha256) == hashlib.sha256().digest_size * 2, "its digest is none")
    return version


def _must(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)
