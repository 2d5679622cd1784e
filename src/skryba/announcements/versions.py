"""What the journal of announcements says: values, texts, versions, approvals, and which version was played when.

May not know files or clocks. The journal is a list of entries, each with the SHA-256 of the line before; everything
here is found by reading it from its beginning.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from skryba.errors import ConfigError, IntegrityError

FIRST = "0" * 64  # what the first line names as the one before


class Deed(StrEnum):
    """What an entry tells."""

    VALUES = "values"  # what is filled into placeholders
    TEXT = "text"  # words of the owner's own in place of ours
    SAVED = "saved"  # a text and its sound: a draft
    APPROVED = "approved"
    ACTIVATED = "activated"
    WITHDRAWN = "withdrawn"  # that prompt is ours again, or gone
    TWO_PERSONS = "two persons"  # from now on, or no longer, nobody activates alone


class Source(StrEnum):
    """Where a sound comes from."""

    SPOKEN = "spoken"
    UPLOADED = "uploaded"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when. `login` is what the machine knows, `by` what the person said."""

    by: str
    login: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A text and its sound, together for ever. `version` is the beginning of the SHA-256 over both."""

    version: str
    prompt: str
    language: str
    text: str
    sha256: str  # of sound.wav
    key: str | None  # the key that the text names
    source: Source
    engine: str  # "" for an upload
    duration_ms: int
    loudness: float
    true_peak: float
    warnings: tuple[str, ...]
    saved: Signature
    approvals: tuple[Signature, ...] = ()

    @property
    def seconded(self) -> bool:
        """Did somebody approve of it who is not its author?"""
        return any(_other(each, self.saved) for each in self.approvals)


@dataclass(frozen=True, slots=True)
class Period:
    """A version was what callers heard from `since` on; `until` None: it still is."""

    prompt: str
    language: str
    version: str
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class History:
    """All that was ever done. Grows by `add`."""

    head: str = FIRST
    values: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)  # by language and prompt ("": all)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)
    two_persons: bool = False
    _wants_it_off: Signature | None = None  # one of the two persons that this takes

    @classmethod
    def read(cls, lines: Iterable[bytes]) -> "History":
        """IntegrityError where a line was changed, lost or moved."""
        history = cls()
        for number, line in enumerate(lines, 1):
            try:
                history.add(line)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise IntegrityError(f"line {number} cannot be read: {error!r}") from error
            except IntegrityError as error:
                raise IntegrityError(f"line {number} {error}") from error
        return history

    def add(self, line: bytes) -> None:
        """The next line, without its end. IntegrityError when it follows another line than the last."""
        entry = json.loads(line)
        if entry["previous"] != self.head:
            raise IntegrityError("does not follow the line before it")
        self._take(entry)
        self.head = hashlib.sha256(line).hexdigest()

    def line(self, deed: Deed, signature: Signature, facts: Mapping[str, Any]) -> bytes:
        """The next line, without its end; the caller writes it, then adds it."""
        entry = {
            "previous": self.head,
            "deed": str(deed),
            "by": signature.by,
            "login": signature.login,
            "at": signature.at.isoformat(),
            **facts,
        }
        return json.dumps(entry, ensure_ascii=False, sort_keys=True).encode()

    def values_of(self, prompt: str, language: str) -> dict[str, str]:
        """What is filled into this prompt: what stands for it alone wins."""
        return self.values.get((language, ""), {}) | self.values.get((language, prompt), {})

    @property
    def active(self) -> dict[tuple[str, str], Version]:
        """By id and language."""
        return {
            (period.prompt, period.language): self.versions[period.version]
            for period in self.periods
            if period.until is None
        }

    def active_at(self, prompt: str, language: str, at: datetime) -> Version | None:
        """What callers heard at that moment; None: what ships, or nothing."""
        for each in self.periods:
            inside = each.since <= at and (each.until is None or at < each.until)
            if inside and (each.prompt, each.language) == (prompt, language):
                return self.versions[each.version]
        return None

    @property
    def drafts(self) -> list[Version]:
        """Saved last for their prompt, and never played."""
        played = {period.version for period in self.periods}
        last = {(each.prompt, each.language): each for each in self.versions.values()}
        return [each for each in last.values() if each.version not in played]

    def find(self, version: str) -> Version:
        """By its name or the beginning of it. ConfigError when it is none, or several."""
        found = [each for name, each in self.versions.items() if version and name.startswith(version)]
        if len(found) != 1:
            raise ConfigError(f"{'no' if not found else 'more than one'} version {version!r}")
        return found[0]

    def check_approval(self, version: Version, signature: Signature) -> None:
        """ConfigError when this person's word does not count."""
        if not _other(signature, version.saved):
            raise ConfigError(f"{version.version} was saved by {version.saved.by}: somebody else has to approve of it")

    def check_activation(self, version: Version) -> None:
        """ConfigError when callers may not hear it yet."""
        if self.two_persons and not version.seconded:
            raise ConfigError(f"{version.version} waits for the approval of somebody other than {version.saved.by}")

    def _take(self, entry: dict[str, Any]) -> None:
        signature = Signature(entry["by"], entry["login"], datetime.fromisoformat(entry["at"]))
        match Deed(entry["deed"]):
            case Deed.VALUES:
                mine = self.values.setdefault((entry["language"], entry["prompt"]), {})
                mine.update(entry["values"])
            case Deed.TEXT:
                self.texts[entry["prompt"], entry["language"]] = entry["text"]
            case Deed.SAVED:
                self._save(entry["saved"], signature)
            case Deed.APPROVED:
                before = self.versions[entry["version"]]
                self.versions[before.version] = replace(before, approvals=(*before.approvals, signature))
            case Deed.ACTIVATED:
                version = self.versions[entry["version"]]
                self._end(version.prompt, version.language, signature.at)
                self.periods.append(Period(version.prompt, version.language, version.version, signature.at))
            case Deed.WITHDRAWN:
                self._end(entry["prompt"], entry["language"], signature.at)
            case Deed.TWO_PERSONS:
                self._two_persons(bool(entry["on"]), signature)
            case never:
                assert_never(never)

    def _two_persons(self, on: bool, signature: Signature) -> None:
        if on or not self.two_persons:
            self.two_persons, self._wants_it_off = on, None
        elif self._wants_it_off is None:
            self._wants_it_off = signature
        elif _other(signature, self._wants_it_off):
            self.two_persons, self._wants_it_off = False, None

    def _save(self, facts: dict[str, Any], signature: Signature) -> None:
        told = facts | {"source": Source(facts["source"]), "warnings": tuple(facts["warnings"])}
        self.versions[facts["version"]] = Version(**told, saved=signature)

    def _end(self, prompt: str, language: str, at: datetime) -> None:
        self.periods = [
            replace(each, until=at)
            if each.until is None and (each.prompt, each.language) == (prompt, language)
            else each
            for each in self.periods
        ]


def version_of(prompt: str, language: str, text: str, sha256: str, key: str | None) -> str:
    """Changes with the text, the sound (`sha256`) or the key."""
    whole = f"{prompt}.{language}\n{key or ''}\n{sha256}\n{text}"
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def _other(one: Signature, two: Signature) -> bool:
    """Both names must differ: what somebody calls himself, and what the machine knows him by (where it does)."""
    return _folded(one.by) != _folded(two.by) and (one.login != two.login or not one.login)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
