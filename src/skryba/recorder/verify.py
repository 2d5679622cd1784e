"""Proves that recordings are what was sealed: manifests, files, signatures, and the chain that names them all.

May not know spools, rings or keys: everything is checked as it lies, encrypted or not. Reads only. A finding is a path,
a kind and words; where octets were altered it says which.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain as joined
from pathlib import Path
from typing import Any

from skryba.errors import IntegrityError
from skryba.recorder.manifest import SCHEMA, State
from skryba.recorder.sink import CHUNK
from skryba.vault.chain import Entry, Kind, named_key
from skryba.vault.inquest import check
from skryba.vault.signing import Verifier

CHAIN = "chain"  # folder of the chain of seals, inside that of the recordings
_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".peaks", ".skv", ".seal"}

Words = dict[str, Any]


class Trouble(StrEnum):
    """How something departs from what was sealed."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    SIGNATURE = "signature"
    STRAY = "stray"  # belongs to nobody


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `offset` is the first octet of the altered stretch, where that can be told."""

    path: Path
    kind: Trouble
    problem: str
    offset: int | None = None

    def words(self) -> Words:
        """As `--json` prints it."""
        found: Words = {"path": str(self.path), "kind": self.kind.value, "problem": self.problem}
        return found if self.offset is None else found | {"offset": self.offset}


def verify(path: Path, trusted: Verifier | None = None) -> list[Finding]:
    """A recording (any of its files), or all recordings below a folder and the chain in it.

    Without `trusted` the keys that the chain itself names are believed: that shows damage, not forgery.
    """
    lines = _chain_lines(path)
    verifier = trusted or own_keys(lines)
    if not path.is_dir():
        manifest = manifest_of(path)
        if not manifest.exists():
            words = "there is no manifest beside it" if path.exists() else "there is no such file"
            return [Finding(path, Trouble.MISSING, words)]
        return list(_recording(manifest, verifier, _erased(lines)))
    found = manifests(path)
    erased = _erased(lines)
    findings = [finding for manifest in found for finding in _recording(manifest, verifier, erased)]
    findings += _strays(path, found)
    if (path / CHAIN).is_dir():
        findings += _chain(path, lines, verifier)
        findings += _gone(path, lines, erased)
    return findings


def manifest_of(path: Path) -> Path:
    """The manifest that belongs to any file of a recording."""
    name = path.name.partition(".")[0]
    plain = path.with_name(f"{name}.json")
    whole, part, number = name.rpartition("-p")
    if not plain.exists() and part and number.isdigit():
        return path.with_name(f"{whole}.json")
    return plain


def manifests(path: Path) -> list[Path]:
    """The manifests that `verify` looks at."""
    if not path.is_dir():
        return [manifest_of(path)]
    return sorted(found for found in path.rglob("*.json") if found.parent.name != CHAIN)


def report(path: Path, trusted: Verifier | None = None) -> Words:
    """As `skryba verify --json` prints it."""
    findings = verify(path, trusted)
    return {
        "ok": not findings,
        "checked": len(manifests(path)),
        "chain_entries": len(_chain_lines(path)),
        "keys": "given" if trusted else "named by the chain itself",
        "findings": [finding.words() for finding in findings],
    }


def own_keys(lines: list[bytes]) -> Verifier:
    """The keys that a chain names at its beginnings."""
    keys = [named_key(entry) for entry in _entries(lines) if entry.kind is Kind.START]
    return Verifier.of(key for key in keys if key is not None)


def _recording(manifest: Path, verifier: Verifier, erased: frozenset[str]) -> Iterator[Finding]:
    try:
        octets = manifest.read_bytes()
        words = json.loads(octets)
        files, schema, state = list(words["files"]), words["schema"], words["state"]
        names = [(str(file["file"]), file) for file in files]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Finding(manifest, Trouble.ALTERED, f"the manifest cannot be read: {type(error).__name__}: {error}")
        return
    if schema != SCHEMA:
        yield Finding(manifest, Trouble.ALTERED, f"schema {schema} is not known, {SCHEMA} is")
        return
    if state not in {member.value for member in State}:
        yield Finding(manifest, Trouble.ALTERED, f"unknown state {state!r}")
    yield from _seal(manifest, hashlib.sha256(octets).hexdigest(), verifier)
    moved = manifest.with_suffix(".remote").exists()  # the audio lies in the object store
    for name, stated in names:
        if Path(name).name != name or not name.startswith(manifest.stem):
            yield Finding(manifest, Trouble.ALTERED, f"it names the file {name!r}")
            continue
        file = manifest.with_name(name)
        if file.exists():
            yield from _file(file, stated)
        elif manifest.stem not in erased and not moved:
            yield Finding(file, Trouble.MISSING, "the file is missing")


def _seal(manifest: Path, digest: str, verifier: Verifier) -> Iterator[Finding]:
    path = manifest.with_suffix(".seal")
    try:
        entry = Entry.parse(path.read_bytes().rstrip(b"\n"))
    except FileNotFoundError:
        yield Finding(path, Trouble.MISSING, "the recording was never sealed, or its seal was removed")
        return
    except IntegrityError as error:
        yield Finding(path, Trouble.ALTERED, str(error))
        return
    if not entry.is_signed(verifier):
        yield Finding(path, Trouble.SIGNATURE, f"not signed by a trusted key (it says {entry.key_id})")
    if entry.id != manifest.stem:
        yield Finding(path, Trouble.ALTERED, f"this is the seal of {entry.id}")
    elif entry.digest != digest:
        yield Finding(manifest, Trouble.ALTERED, "the manifest is not the one that was sealed")


def _file(file: Path, stated: Mapping[str, Any]) -> Iterator[Finding]:
    size, wanted = file.stat().st_size, stated.get("octets")
    if not isinstance(wanted, int) or size != wanted:
        kind = Trouble.TRUNCATED if isinstance(wanted, int) and size < wanted else Trouble.ALTERED
        yield Finding(file, kind, f"{size} octets, {wanted} were sealed", min(size, wanted or 0))
    chunks = list((stated.get("chunks") or {}).get("sha256") or [])
    whole, bad = hashlib.sha256(), []
    with file.open("rb") as data:
        for number in range(max(len(chunks), -(-size // CHUNK))):
            chunk = data.read(CHUNK)
            whole.update(chunk)
            digest = hashlib.sha256(chunk).hexdigest()
            if number < len(chunks) and digest != chunks[number] and number * CHUNK < min(size, wanted or 0):
                bad.append((number, digest in chunks))
    for number, elsewhere in bad:
        begin = number * CHUNK
        kind = Trouble.REORDERED if elsewhere else Trouble.ALTERED
        words = "another part of this file lies" if elsewhere else "altered"
        yield Finding(file, kind, f"octets {begin} to {min(begin + CHUNK, size) - 1}: {words}", begin)
    if not bad and size == wanted and whole.hexdigest() != stated.get("sha256"):
        yield Finding(file, Trouble.ALTERED, "SHA-256 differs from the manifest")


def _strays(folder: Path, found: list[Path]) -> Iterator[Finding]:
    known = {manifest.with_suffix("") for manifest in found}
    for path in sorted(folder.rglob("*")):
        if path.parent.name == CHAIN or not path.is_file():
            continue
        if path.suffix == ".part":
            yield Finding(path, Trouble.STRAY, "never finished")
        elif path.suffix in _SUFFIXES and manifest_of(path).with_suffix("") not in known:
            yield Finding(path, Trouble.STRAY, "there is no manifest beside it")


def _chain(folder: Path, lines: list[bytes], verifier: Verifier) -> Iterator[Finding]:
    last = max((entry.seq for entry in _sealed_beside(folder)), default=None)
    for fault in check(lines, verifier, last=last):
        yield Finding(folder / CHAIN, Trouble(fault.kind.value), f"entry {fault.seq}: {fault.where}")


def _sealed_beside(folder: Path) -> Iterator[Entry]:
    """What lies beside recordings shows how long the chain must be."""
    for path in folder.rglob("*.seal"):
        try:
            yield Entry.parse(path.read_bytes().rstrip(b"\n"))
        except IntegrityError:
            continue


def _gone(folder: Path, lines: list[bytes], erased: frozenset[str]) -> Iterator[Finding]:
    """Recordings that the chain knows and the folder does not."""
    for entry in _entries(lines):
        if entry.kind is Kind.SEAL and entry.id not in erased:
            manifest = folder / str(entry.facts.get("folder", "")) / f"{entry.id}.json"
            if not manifest.exists():
                yield Finding(manifest, Trouble.MISSING, f"sealed as entry {entry.seq}, and not here")


def _chain_lines(path: Path) -> list[bytes]:
    """Of the chain in this folder, or in the folder of recordings that this lies in."""
    for folder in joined([path] if path.is_dir() else [], path.absolute().parents):
        if (folder / CHAIN).is_dir():
            days = sorted((folder / CHAIN).glob("*.jsonl"))
            return [line for day in days for line in day.read_bytes().splitlines()]
    return []


def _erased(lines: list[bytes]) -> frozenset[str]:
    return frozenset(entry.id for entry in _entries(lines) if entry.kind is Kind.ERASED)


def _entries(lines: list[bytes]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield Entry.parse(line)
        except IntegrityError:
            continue
