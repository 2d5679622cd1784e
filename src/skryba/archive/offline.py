#!/usr/bin/env python3
"""Proves an export of Skryba, as a ZIP or unpacked, with nothing but the public key: `verify.py` of every export.

Knows nothing of the rest of Skryba and needs only Python 3.9 and the package `cryptography`, so that it runs where
Skryba is not installed. `skryba verify EXPORT.zip` runs the same code.

    python3 verify.py EXPORT.zip --public-key key.pem [--public-key newer.pem] [--json]

Exit code 0: everything is what was sealed. 1: something is not; each finding names the file and the place in it.
2: this cannot be checked.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONTENTS, CONTENTS_SIGNATURE = "contents.json", "contents.sig"
CONTENTS_PURPOSE = b"skryba export\n"  # signed before the contents: the same key signs the chain
CHUNK = 1 << 20
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)

Words = dict[str, Any]


class Finding(NamedTuple):
    """One thing that is wrong: altered, missing, reordered, truncated, signature or unlisted."""

    path: str
    problem: str
    where: str


class Report(NamedTuple):
    """What was looked at, and what is wrong with it."""

    recordings: int
    findings: list[Finding]

    def words(self) -> Words:
        """As `--json` prints it."""
        found = [finding._asdict() for finding in self.findings]
        return {"ok": not found, "recordings": self.recordings, "findings": found}


class Keys:
    """Trusted public keys by their ids, and those that they named as their successors."""

    def __init__(self, pems: Sequence[bytes]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        for pem in (each for text in pems for each in _PEM.findall(text) or [text]):
            key = load_pem_public_key(pem)
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError("this public key is not an Ed25519 key")  # noqa: TRY004 - the file's content, not a type
            self.trust(key.public_bytes_raw())

    def trust(self, raw: bytes) -> None:
        """One more."""
        self._keys[hashlib.sha256(raw).hexdigest()[:16]] = Ed25519PublicKey.from_public_bytes(raw)

    def signed(self, key_id: str, data: bytes, signature: str) -> bool:
        """True if a trusted key of this id signed exactly this."""
        try:
            self._keys[key_id].verify(base64.b64decode(signature, validate=True), data)
        except (KeyError, ValueError, InvalidSignature):
            return False
        return True


class Export:
    """The members of a ZIP or of a folder."""

    def __init__(self, path: Path) -> None:
        self._folder = path if path.is_dir() else None
        self._zip = None if path.is_dir() else zipfile.ZipFile(path)
        self.names = self._zip.namelist() if self._zip else [_relative(path, each) for each in sorted(path.rglob("*"))]
        self.names = [name for name in self.names if name and not name.endswith("/")]

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's octets by the MiB. KeyError if it is not there; _DamagedError where it cannot be read."""
        if name not in self.names:
            raise KeyError(name)
        try:
            with self._open(name) as member:
                while chunk := member.read(CHUNK):
                    yield chunk
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise _DamagedError(str(error)) from error

    def read(self, name: str) -> bytes:
        """All of a small member."""
        return b"".join(self.chunks(name))

    def _open(self, name: str) -> BinaryIO:
        if self._folder:
            return (self._folder / name).open("rb")
        return cast(BinaryIO, cast(zipfile.ZipFile, self._zip).open(name))


class _DamagedError(Exception):
    """The ZIP itself says that these octets are not what was written."""


def verify(path: Path, pems: Sequence[bytes]) -> Report:
    """Check all of an export. ValueError for keys that cannot be used; FileNotFoundError if there is no such export."""
    keys = Keys(pems)
    try:
        export = Export(path)
    except zipfile.BadZipFile as error:
        return Report(0, [Finding(path.name, "truncated", f"this is not a whole ZIP: {error}")])
    return _Examination(export, keys).report()


class _Examination:
    """One walk through an export."""

    def __init__(self, export: Export, keys: Keys) -> None:
        self._export = export
        self._keys = keys
        self._findings: list[Finding] = []
        self._told: set[tuple[str, str]] = set()
        self._lines: set[bytes] = set()

    def report(self) -> Report:
        days = self._chain()
        contents = self._contents()
        if contents is None:
            return Report(0, self._findings)
        members = {str(each["name"]): each for each in contents["members"]}
        self._check_names(members)
        for name, member in members.items():
            self._check_member(name, member)
        for name, lines in days.items():
            self._check_day(name, lines)
        for recording in contents["recordings"]:
            try:
                self._check_recording(recording, members)
            except _DamagedError:
                continue  # found already, as a member
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self._find(str(recording["manifest"]), "altered", f"cannot be read: {type(error).__name__}: {error}")
        return Report(len(contents["recordings"]), self._findings)

    def _contents(self) -> Words | None:
        try:
            octets = self._export.read(CONTENTS)
            contents: Words = json.loads(octets)
            [each["name"] + each["sha256"] for each in contents["members"]]
            [each["manifest"] + each["seal"] for each in contents["recordings"]]
        except KeyError:
            self._find(CONTENTS, "missing", "this is no export, or its list of contents was taken away")
            return None
        except (_DamagedError, ValueError, TypeError) as error:
            self._find(CONTENTS, "altered", f"cannot be read: {error}")
            return None
        try:
            signed = json.loads(self._export.read(CONTENTS_SIGNATURE))
            good = self._keys.signed(str(signed["key_id"]), CONTENTS_PURPOSE + octets, str(signed["signature"]))
        except KeyError:
            self._find(CONTENTS_SIGNATURE, "missing", "nothing proves that the list of contents is whole")
        except (_DamagedError, ValueError, TypeError) as error:
            self._find(CONTENTS_SIGNATURE, "altered", f"cannot be read: {error}")
        else:
            if not good:
                self._find(CONTENTS, "signature", "the list of contents is not signed by a key that you trust")
        return contents

    def _check_names(self, members: dict[str, Words]) -> None:
        known = {*members, CONTENTS, CONTENTS_SIGNATURE}
        for name in sorted(set(self._export.names)):
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                self._find(name, "unlisted", "this name leads out of the export")
            elif name not in known:
                self._find(name, "unlisted", "the list of contents does not know this file")
            elif self._export.names.count(name) > 1:
                self._find(name, "unlisted", "there are two files of this name")

    def _check_member(self, name: str, member: Words) -> None:
        digest, octets, wrong = hashlib.sha256(), 0, ""
        places = member.get("chunks") or []
        try:
            for number, chunk in enumerate(self._export.chunks(name)):
                digest.update(chunk)
                if (
                    places
                    and not wrong
                    and (number >= len(places) or hashlib.sha256(chunk).hexdigest() != places[number])
                ):
                    wrong = f"MiB {number + 1}, octets {octets} to {octets + len(chunk) - 1}"
                octets += len(chunk)
        except KeyError:
            self._find(name, "missing", "the list of contents names it")
        except _DamagedError as error:
            self._find(name, "altered", wrong or f"in or after octet {octets}: {error}")
        else:
            if octets < member["octets"]:
                self._find(name, "truncated", f"{octets} octets of {member['octets']}")
            elif wrong or digest.hexdigest() != member["sha256"]:
                self._find(name, "altered", wrong or f"somewhere in its {octets} octets")

    def _check_recording(self, recording: Words, members: dict[str, Words]) -> None:
        manifest_name, seal_name = str(recording["manifest"]), str(recording["seal"])
        if lost := [name for name in (manifest_name, seal_name) if name not in self._export.names]:
            self._find(lost[0], "missing", "without it nothing proves this recording")
            return
        octets, line = self._export.read(manifest_name), self._export.read(seal_name).rstrip(b"\n")
        entry = self._entry(line, seal_name)
        manifest = json.loads(octets)
        if entry is not None:
            if entry["kind"] != "seal" or entry["digest"] != hashlib.sha256(octets).hexdigest():
                self._find(manifest_name, "altered", "this is not the manifest that was sealed")
            if entry["id"] != manifest["id"]:
                self._find(seal_name, "altered", f"this is the seal of {entry['id']}")
            if self._lines and line not in self._lines:
                self._find(seal_name, "missing", f"entry {entry['seq']} does not stand in the chain")
        folder = manifest_name.rpartition("/")[0]
        absent = {str(each["file"]): each["why"] for each in recording.get("absent") or ()}
        for file in manifest["files"]:
            self._check_file(folder, file, absent, members)

    def _check_file(self, folder: str, file: Words, absent: Words, members: dict[str, Words]) -> None:
        """The signed manifest states the digest of the file as it was sealed, and of what is in it."""
        sealed, plain = f"{folder}/{file['file']}", f"{folder}/{_plain(str(file['file']))}"
        if file["file"] in absent:
            self._find(sealed, "missing", f"left out when the export was made: {absent[file['file']]}")
            return
        decrypted = sealed not in members and plain in members
        name, digest = (plain, file.get("plain_sha256")) if decrypted else (sealed, file["sha256"])
        if name not in members:
            self._find(name, "missing", "the manifest names it")
        elif members[name]["sha256"] != digest:
            self._find(name, "altered", "the manifest names another digest")

    def _chain(self) -> dict[str, list[bytes]]:
        """The lines of each day, once the keys that follow the given ones are known."""
        days = {}
        for name in sorted(set(self._export.names)):
            if name.startswith("chain/") and name.endswith(".jsonl"):
                try:
                    days[name] = self._export.read(name).split(b"\n")[:-1]
                except _DamagedError:
                    continue  # will be found as a member
        self._lines.update(line for lines in days.values() for line in lines)
        for line in sorted((line for line in self._lines if b'"kind":"key"' in line), key=_seq):
            self._take_over(line)
        return days

    def _take_over(self, line: bytes) -> None:
        """A signing key that was followed by another named it."""
        entry = _parse(line)
        if entry and entry["kind"] == "key" and self._keys.signed(entry["key_id"], entry["signed"], entry["signature"]):
            self._keys.trust(base64.b64decode(entry["facts"]["public"]))

    def _check_day(self, name: str, lines: list[bytes]) -> None:
        """A day's lines follow each other without a gap; of other days only the changes of keys are here."""
        expected, before = 0, ""
        for number, line in enumerate(lines, start=1):
            entry = self._entry(line, f"{name}:{number}")
            seq = int(entry["seq"]) if entry else 0
            if entry and expected and name != "chain/keys.jsonl":
                if seq < expected:
                    self._find(name, "reordered", f"line {number}: entry {seq} after entry {expected - 1}")
                elif seq > expected:
                    self._find(name, "missing", f"line {number}: entries {expected} to {seq - 1}")
                elif before and entry["previous"] != before:
                    self._find(name, "altered", f"line {number}: entry {seq} follows another line than the one before")
            expected = max(expected, seq) + 1 if seq or expected else 0
            before = hashlib.sha256(line).hexdigest() if entry else ""

    def _entry(self, line: bytes, place: str) -> Words | None:
        """An entry of the chain with a good signature; what else it may be is found."""
        entry = _parse(line)
        if entry is None:
            self._find(place, "altered", "this is no entry of a chain of seals")
        elif not self._keys.signed(entry["key_id"], entry["signed"], entry["signature"]):
            self._find(place, "signature", f"entry {entry['seq']} is not signed by a key that you trust")
        else:
            return entry
        return None

    def _find(self, path: str, problem: str, where: str) -> None:
        if (path, problem) not in self._told:  # one finding of a kind per file: the first says where
            self._told.add((path, problem))
            self._findings.append(Finding(path, problem, where))


def _parse(line: bytes) -> Words | None:
    """The words of an entry, and under `signed` the octets that its signature is about."""
    try:
        words = json.loads(line)
        signature = words.pop("signature")
        signed = json.dumps(words, sort_keys=True, separators=(",", ":")).encode("ascii")
        whole = signed[:-1] + b',"signature":' + json.dumps(signature).encode("ascii") + b"}"
        if whole != line or not all(name in words for name in ("seq", "kind", "id", "digest", "previous", "key_id")):
            return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return {**words, "signature": str(signature), "signed": signed}


def _seq(line: bytes) -> int:
    entry = _parse(line)
    return int(entry["seq"]) if entry else 0


def _plain(name: str) -> str:
    return name[: -len(".skv")] if name.endswith(".skv") else name


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_file() else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""
    parser = argparse.ArgumentParser(description="Proves an export of Skryba with nothing but the public key.")
    parser.add_argument("export", type=Path, help="the ZIP, or the folder that it was unpacked to")
    parser.add_argument("--public-key", type=Path, action="append", required=True, help="PEM; may be given repeatedly")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    given = parser.parse_args(arguments)
    try:
        report = verify(given.export, [path.read_bytes() for path in given.public_key])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.json:
        sys.stdout.write(json.dumps(report.words(), indent=1) + "\n")
    else:
        for finding in report.findings:
            sys.stdout.write(f"{finding.path}: {finding.problem}: {finding.where}\n")
        verdict = "NOT what was sealed" if report.findings else "everything is what was sealed"
        sys.stdout.write(f"{report.recordings} recordings: {verdict}\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
