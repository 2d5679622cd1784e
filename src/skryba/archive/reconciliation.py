"""Reconciliation: what signalling, ledger, chain of seals, catalogue, disk and remote store say of the same recordings.

Knows none of them, only what they said. Looks in both directions: for what is missing, and for what nobody knows of.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skryba.archive.books import FileEntry, Location
from skryba.archive.model import Recording

TOLERANCE_MS: Final = 2_000  # between the length of a call and that of its recordings


class Category(StrEnum):
    """What differs."""

    CALL_NOT_IN_LEDGER = "call_not_in_ledger"  # signalling carried it
    CALL_WITHOUT_RECORDING = "call_without_recording"  # it began to be recorded, and no seal came
    RECORDING_WITHOUT_CALL = "recording_without_call"
    LENGTH = "length"  # of call and recording
    NOT_SEALED = "not_sealed"  # a manifest that the chain does not have
    MANIFEST_MISSING = "manifest_missing"  # the chain seals it
    MANIFEST_ALTERED = "manifest_altered"
    NOT_CATALOGUED = "not_catalogued"
    NOT_IN_CHAIN = "not_in_chain"  # the catalogue has it
    FILE_MISSING = "file_missing"
    FILE_SIZE = "file_size"
    FILE_UNKNOWN = "file_unknown"  # no manifest names it
    REMOTE_MISSING = "remote_missing"
    REMOTE_SIZE = "remote_size"
    REMOTE_UNKNOWN = "remote_unknown"
    ERASED_STILL_HERE = "erased_still_here"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `subject` is an id or a file, never a number."""

    category: Category
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class LedgerCall:
    """A call that is over, as the ledger has it, and what the catalogue has of it."""

    id: str
    recording: str | None
    recorded_ms: int | None  # of all its recordings; None: there are none
    talked_ms: int | None  # None: the parties never could talk, or when is not known


@dataclass(frozen=True, slots=True)
class Seal:
    """The last word of the chain on a recording. `digest` is that of the manifest's octets, hexadecimal."""

    stem: str
    digest: str
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """As it lies on disk."""

    stem: str
    digest: str
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """All that is known of one day's folder. Files are named without it; those of manifests and seals are left out."""

    folder: str
    seals: Mapping[str, Seal] = field(default_factory=dict)  # by stem, as are the next two
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    local: Mapping[str, int] = field(default_factory=dict)  # octets by file
    remote: Mapping[str, int] | None = None  # the same in the store; None: there is no store, or it is away


def reconcile_calls(calls: Iterable[LedgerCall], signalled: Collection[str] = ()) -> list[Finding]:
    """Calls of some while that are over and whose recordings had time to be sealed.

    `signalled`: ids of the calls that signalling carried in that while, as far as it is asked.
    """
    known = {call.id: call for call in calls}
    found = [
        Finding(Category.CALL_NOT_IN_LEDGER, call, "carried by signalling, no entry in the ledger")
        for call in sorted(set(signalled) - known.keys())
    ]
    for call in known.values():
        if call.recorded_ms is None:
            if call.recording is not None:
                found.append(
                    Finding(Category.CALL_WITHOUT_RECORDING, call.id, f"recording {call.recording} was never sealed")
                )
        elif call.talked_ms is not None and abs(call.talked_ms - call.recorded_ms) > TOLERANCE_MS:
            lengths = f"talked {call.talked_ms} ms, recorded {call.recorded_ms} ms"
            found.append(Finding(Category.LENGTH, call.id, lengths))
    return found


def reconcile_day(day: Day) -> list[Finding]:
    """One folder against chain, catalogue and store. None of its recordings may be under way."""
    return [*_manifests(day), *_catalogue(day), *_files(day), *_strangers(day)]


def _manifests(day: Day) -> Iterator[Finding]:
    living = {stem: seal for stem, seal in day.seals.items() if not seal.erased}
    for stem in sorted(day.manifests.keys() - day.seals.keys()):
        yield Finding(Category.NOT_SEALED, f"{day.folder}/{stem}", "a manifest without a seal in the chain")
    for stem, seal in sorted(living.items()):
        manifest = day.manifests.get(stem)
        if manifest is None:
            yield Finding(Category.MANIFEST_MISSING, f"{day.folder}/{stem}", "sealed, and its manifest is not here")
        elif manifest.digest != seal.digest:
            yield Finding(Category.MANIFEST_ALTERED, f"{day.folder}/{stem}", "not the manifest that was sealed")


def _catalogue(day: Day) -> Iterator[Finding]:
    living = {stem for stem, seal in day.seals.items() if not seal.erased}
    kept = {stem for stem, recording in day.recordings.items() if recording.erased_at is None}
    for stem in sorted(living - kept):
        yield Finding(Category.NOT_CATALOGUED, f"{day.folder}/{stem}", "sealed, and the catalogue does not have it")
    for stem in sorted(kept - living):
        yield Finding(
            Category.NOT_IN_CHAIN, f"{day.folder}/{stem}", "in the catalogue, and the chain has no seal of it"
        )


def _files(day: Day) -> Iterator[Finding]:
    for stem, recording in sorted(day.recordings.items()):
        named = {each["file"]: each["octets"] for each in recording.files}
        location = Location(recording.location)
        if recording.erased_at is not None:
            for place, present in (("here", day.local), ("in the store", day.remote or {})):
                for file in sorted(named.keys() & present.keys()):
                    detail = f"recording {stem} was erased, the file is still {place}"
                    yield Finding(Category.ERASED_STILL_HERE, f"{day.folder}/{file}", detail)
            continue
        if location in {Location.LOCAL, Location.BOTH}:
            yield from _compare(day.folder, named, day.local, Category.FILE_MISSING, Category.FILE_SIZE)
        if location in {Location.REMOTE, Location.BOTH} and day.remote is not None:
            yield from _compare(day.folder, named, day.remote, Category.REMOTE_MISSING, Category.REMOTE_SIZE)


def _compare(
    folder: str, named: Mapping[str, int], present: Mapping[str, int], missing: Category, size: Category
) -> Iterator[Finding]:
    for file, octets in sorted(named.items()):
        if file not in present:
            yield Finding(missing, f"{folder}/{file}", "named by a manifest, and not there")
        elif present[file] != octets:
            yield Finding(size, f"{folder}/{file}", f"{present[file]} octets, the manifest says {octets}")


def _strangers(day: Day) -> Iterator[Finding]:
    named = {each.file for manifest in day.manifests.values() for each in manifest.files}
    named |= {each["file"] for recording in day.recordings.values() for each in recording.files}
    for category, present in ((Category.FILE_UNKNOWN, day.local), (Category.REMOTE_UNKNOWN, day.remote or {})):
        for file in sorted(present.keys() - named):
            yield Finding(category, f"{day.folder}/{file}", f"no manifest names it; {present[file]} octets")
