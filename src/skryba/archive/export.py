"""⚡ Writes a selection of recordings as one ZIP that can be read and proven anywhere; streamed, no temporary file.

Knows manifests and files beside them; what is encrypted it reads through the source of audio that it is given. What
`offline` (the export's `verify.py`) checks, this makes.
"""

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from skryba.archive import offline
from skryba.archive.listing import Item, page, table
from skryba.errors import IntegrityError, SkrybaError
from skryba.recorder.metadata import document
from skryba.vault.container import SUFFIX, Opener
from skryba.vault.signing import Signer

SCHEMA = 1
_BLOCK = offline.CHUNK
_LONGEST = 120  # of a folder's name
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,199}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_KEY_CHANGE = b'"kind":"key"'

_HOW = """Jak sprawdzić, że niczego nie zmieniono / How to check that nothing was altered
=============================================================================

Jedno polecenie, bez sieci / One command, no network needed:

    skryba verify EXPORT.zip --public-key key.pem

Bez programu Skryba wystarczy Python z pakietem cryptography /
Where Skryba is not installed, Python with the package cryptography will do:

    python3 verify.py EXPORT.zip --public-key key.pem

Zamiast EXPORT.zip można podać rozpakowany folder. / An unpacked folder may be given instead of EXPORT.zip.

Klucz key.pem dołączono dla wygody. Dowód daje klucz (i program) otrzymany inną drogą niż ten plik.
The key.pem in here is a convenience. Proof needs the key (and the program) received by another way than this file.

Znaczniki czasu RFC 3161 (chain/*.tsr), jeśli są, sprawdza OpenSSL / Time stamps, if there are any, by OpenSSL:

    openssl ts -reply -in chain/DAY.tsr -text
"""


class AudioSource(Protocol):
    """The octets of one file of a recording, decrypted or as they lie; OSError or SkrybaError if they cannot be had."""

    def __call__(self, manifest: Path, entry: Mapping[str, Any], /) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into the ZIP. `absent`: (file, why) of what could not be had."""

    recordings: int
    octets: int
    absent: tuple[tuple[str, str], ...]


def export(
    manifests: Sequence[Path],
    out: BinaryIO,
    *,
    open_audio: AudioSource,
    decrypt: bool,
    at: datetime,
    reason: str = "",
    chain: Path | None = None,
    public_keys: Sequence[bytes] = (),
    signer: Signer | None = None,
) -> Exported:
    """Write the recordings of these manifests to `out`, which need not be seekable.

    `decrypt` says that `open_audio` decrypts. `chain` is the folder of the chain of seals, `public_keys` are PEM texts.
    IntegrityError for a manifest that names files as none of ours does, or audio that breaks off while it is read: what
    was written by then has no list of contents, and `verify` takes it for no export.
    """
    with zipfile.ZipFile(out, "w") as archive:  # stored: sound does not shrink, and a flipped bit stays one flipped bit
        package = _Package(archive, at, open_audio, decrypt=decrypt)
        for manifest in manifests:
            package.add_recording(manifest)
        package.finish(reason, _chain_files(chain, package.lines), public_keys, signer)
    return Exported(len(package.items), package.octets, tuple(package.absent))


def local_audio(key_of: Callable[[str], bytes] | None = None) -> AudioSource:
    """Files beside their manifests: as they lie, or decrypted with the key that `key_of` gives for a recording."""

    def read(manifest: Path, entry: Mapping[str, Any], /) -> Iterator[bytes]:
        name = str(entry["file"])
        with manifest.with_name(name).open("rb") as file:
            if key_of is None or not name.endswith(SUFFIX):
                while block := file.read(_BLOCK):
                    yield block
                return

            def read_at(offset: int, length: int) -> bytes:
                file.seek(offset)
                return file.read(length)

            key = key_of(str(json.loads(manifest.read_bytes())["encryption"]["key"]))
            opened = Opener(key, name.encode(), read_at, int(entry["octets"]))
            for offset in range(0, opened.size, _BLOCK):
                yield opened.read(offset, _BLOCK)

    return read


class _Package:
    """The ZIP while it is written."""

    def __init__(self, archive: zipfile.ZipFile, at: datetime, open_audio: AudioSource, *, decrypt: bool) -> None:
        self.items: list[Item] = []
        self.absent: list[tuple[str, str]] = []
        self.lines: list[bytes] = []  # seals
        self.octets = 0
        self._zip = archive
        self._at = at.astimezone(UTC)
        self._open_audio = open_audio
        self._decrypt = decrypt
        self._folders: set[str] = set()
        self._members: list[dict[str, Any]] = []
        self._recordings: list[dict[str, Any]] = []

    def add_recording(self, path: Path) -> None:
        octets = path.read_bytes()
        manifest = json.loads(octets)
        stem = _checked(path.stem, path)
        folder = f"recordings/{self._folder(str(manifest.get('name') or stem), stem)}"
        self._add(f"{folder}/{stem}.json", iter([octets]))
        self._add(f"{folder}/{stem}.xml", iter([document([manifest])]))
        absent = self._add_seal(path, f"{folder}/{stem}.seal")
        files = []
        for entry in manifest.get("files") or ():
            name = _checked(str(entry["file"]), path)
            shown = name.removesuffix(SUFFIX) if self._decrypt else name
            try:
                first, blocks = _begun(self._open_audio(path, entry))
            except (OSError, SkrybaError) as error:
                absent.append({"file": name, "why": _why(error)})
                continue
            self._add(f"{folder}/{shown}", _joined(first, blocks))
            files.append(f"{folder}/{shown}")
        told = {"manifest": f"{folder}/{stem}.json", "seal": f"{folder}/{stem}.seal", "absent": absent}
        self._recordings.append({"id": manifest["id"], **told})
        self.absent += [(f"{folder}/{each['file']}", each["why"]) for each in absent]
        wanted = ("id", "time", "call", "decision", "state", "reasons")
        self.items.append(Item({name: manifest.get(name) for name in wanted}, tuple(files)))

    def finish(
        self, reason: str, chain: Iterator[tuple[str, bytes]], public_keys: Sequence[bytes], signer: Signer | None
    ) -> None:
        made = self._at.isoformat(timespec="seconds").replace("+00:00", "Z")
        for name, octets in chain:
            self._add(name, iter([octets]))
        for number, pem in enumerate(public_keys, start=1):
            self._add("key.pem" if number == 1 else f"key-{number}.pem", iter([pem]))
        self._add("index.html", iter([page(self.items, made=made, reason=reason)]))
        self._add("index.csv", iter([table(self.items)]))
        self._add("VERIFY.txt", iter([_HOW.encode()]))
        self._add("verify.py", iter([Path(offline.__file__).read_bytes()]))
        words = {"schema": SCHEMA, "made_at": made, "reason": reason, "decrypted": self._decrypt}
        words |= {"recordings": self._recordings, "members": self._members}
        contents = json.dumps(words, indent=1).encode("ascii")
        self._add(offline.CONTENTS, iter([contents]))
        if signer is not None:
            signature = base64.b64encode(signer.sign(offline.CONTENTS_PURPOSE + contents)).decode("ascii")
            signed = json.dumps({"key_id": signer.key_id, "signature": signature}).encode("ascii")
            self._add(offline.CONTENTS_SIGNATURE, iter([signed]))

    def _add(self, name: str, blocks: Iterator[bytes]) -> None:
        member = zipfile.ZipInfo(name, self._at.timetuple()[:6])
        member.external_attr = 0o644 << 16
        whole, chunks, octets = hashlib.sha256(), _Chunks(), 0
        with self._zip.open(member, "w", force_zip64=True) as target:  # nobody knows yet how long it gets
            for block in blocks:
                target.write(block)
                whole.update(block)
                chunks.update(block)
                octets += len(block)
        self.octets += octets
        told: dict[str, Any] = {"name": name, "octets": octets, "sha256": whole.hexdigest()}
        if octets > _BLOCK:
            told["chunks"] = chunks.digests()
        self._members.append(told)

    def _add_seal(self, path: Path, name: str) -> list[dict[str, str]]:
        """What is absent, if there is no seal."""
        try:
            line = path.with_suffix(".seal").read_bytes()
        except FileNotFoundError as error:
            return [{"file": path.with_suffix(".seal").name, "why": _why(error)}]
        self._add(name, iter([line]))
        self.lines.append(line.rstrip(b"\n"))
        return []

    def _folder(self, name: str, stem: str) -> str:
        """A folder of its own for each recording, named as people know it; safe whatever a caller put in."""
        wanted = safe = _UNSAFE.sub("_", name).lstrip(".")[:_LONGEST].rstrip(".") or stem
        number = 1
        while safe.casefold() in self._folders:
            number += 1
            safe = f"{wanted}_{number}"
        self._folders.add(safe.casefold())
        return safe


class _Chunks:
    """SHA-256 of each MiB, however the octets come."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._open = hashlib.sha256()
        self._length = 0

    def update(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            part = view[: _BLOCK - self._length]
            self._open.update(part)
            self._length += len(part)
            view = view[len(part) :]
            if self._length == _BLOCK:
                self._done.append(self._open.hexdigest())
                self._open, self._length = hashlib.sha256(), 0

    def digests(self) -> list[str]:
        return [*self._done, self._open.hexdigest()] if self._length else self._done


def _chain_files(folder: Path | None, seals: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """The days that the seals stand in, whole with their stamps, and of all other days the changes of signing keys."""
    wanted, changes = set(seals), []
    for path in sorted(folder.glob("*.jsonl")) if folder else ():
        octets = path.read_bytes()
        if not wanted.isdisjoint(octets.split(b"\n")):
            yield f"chain/{path.name}", octets
            stamp = path.with_suffix(".tsr")
            if stamp.exists():
                yield f"chain/{stamp.name}", stamp.read_bytes()
        else:
            changes += [line for line in octets.splitlines() if _KEY_CHANGE in line]
    if changes:
        yield "chain/keys.jsonl", b"".join(line + b"\n" for line in changes)


def _begun(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first block now, while the file can still be left out."""
    return next(blocks, b""), blocks


def _joined(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks


def _checked(name: str, manifest: Path) -> str:
    if not _NAME.fullmatch(name):
        raise IntegrityError(f"{manifest}: it names the file {name!r}")
    return name


def _why(error: OSError | SkrybaError) -> str:
    """Without the path of this machine."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
