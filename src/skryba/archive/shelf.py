"""⚡ What lies on the disk: manifests by their chain entries, the folders of days, for catalogue and reconciliation.

Knows no database and no key. Reads only.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from skryba.archive.reconciliation import Manifest, Seal
from skryba.archive.sealed import files_of
from skryba.vault.chain import Entry, Kind
from skryba.vault.journal import Journal

_BESIDE = {".json", ".seal", ".remote"}  # not audio

Words = dict[str, Any]


class Shelf:
    """The folder of recordings."""

    def __init__(self, recordings: Path) -> None:
        self.recordings = recordings

    def manifest_path(self, entry: Entry) -> Path:
        """Where the manifest lies that this entry seals."""
        return self.recordings / str(entry.facts["folder"]) / f"{entry.id}.json"

    def manifest(self, entry: Entry) -> Words | None:
        """What it says; None if it is not here or is no manifest."""
        try:
            words = json.loads(self.manifest_path(entry).read_bytes())
        except (OSError, ValueError):
            return None
        return words if isinstance(words, dict) else None

    def manifests(self, folder: str) -> dict[str, Manifest]:
        """Of one day, by stem."""
        return {manifest.stem: manifest for manifest in self._manifests(self.recordings / folder)}

    def sizes(self, folder: str) -> dict[str, int]:
        """Octets of the audio files, renditions and peaks of one day; what is being written is left out."""
        try:
            entries = list((self.recordings / folder).iterdir())
        except FileNotFoundError:
            return {}
        return {
            path.name: path.stat().st_size
            for path in entries
            if path.is_file() and path.suffix != ".part" and path.suffix not in _BESIDE
        }

    def days(self, since: date, until: date) -> list[str]:
        """Folders there are of these days, both included."""
        found = (path for path in self.recordings.glob("[0-9]*/[0-9]*/[0-9]*") if path.is_dir())
        names = sorted(path.relative_to(self.recordings).as_posix() for path in found)
        return [name for name in names if f"{since:%Y/%m/%d}" <= name <= f"{until:%Y/%m/%d}"]

    @staticmethod
    def _manifests(folder: Path) -> Iterator[Manifest]:
        for path in sorted(folder.glob("*.json")):
            try:
                octets = path.read_bytes()
                yield Manifest(path.stem, hashlib.sha256(octets).hexdigest(), files_of(json.loads(octets)))
            except (OSError, ValueError, KeyError, TypeError):
                yield Manifest(path.stem, "", ())


def seals(journal: Journal) -> dict[str, dict[str, Seal]]:
    """The chain's last word on every recording, by folder and stem."""
    folders: dict[str, str] = {}
    found: dict[str, dict[str, Seal]] = {}
    for entry in journal.entries():
        if entry.kind is Kind.SEAL:
            folder = folders[entry.id] = str(entry.facts.get("folder", ""))
            found.setdefault(folder, {})[entry.id] = Seal(entry.id, entry.digest)
        elif entry.kind is Kind.ERASED and entry.id in folders:
            found[folders[entry.id]][entry.id] = Seal(entry.id, entry.digest, erased=True)
    return found
