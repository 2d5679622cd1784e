"""⚡ Erasure of one recording: key, files, copies, and a tombstone in the chain that a restored backup cannot undo.

Knows no reason to erase: who asks has decided. The tombstone comes first: from then on every keeper that sees the chain
finishes the work, however often it is interrupted, and again after a backup brought anything back.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from skryba.errors import StateError
from skryba.vault.chain import Entry, Kind
from skryba.vault.journal import Journal


class Keys(Protocol):
    """The keyring."""

    def destroy(self, name: str, at: datetime) -> bool: ...
    def has(self, name: str) -> bool: ...


class Copies(Protocol):
    """The object store."""

    def delete(self, key: str) -> None: ...


class Eraser:
    """`keys` None: nothing is encrypted. `copies` None: nothing is uploaded; `key_of` names an object."""

    def __init__(
        self,
        recordings: Path,
        kept_spools: Path,
        *,
        keys: Keys | None,
        copies: Copies | None = None,
        key_of: Callable[[str, str], str] = lambda folder, file: f"{folder}/{file}",
    ) -> None:
        self._recordings = recordings
        self._kept_spools = kept_spools
        self._keys = keys
        self._copies = copies
        self._key_of = key_of

    def erase(self, journal: Journal, stem: str, reason: str, at: datetime) -> Entry:
        """Write the tombstone and do what it says. StateError for a recording that the chain does not know."""
        seal = journal.find(stem, Kind.SEAL)
        if seal is None:
            raise StateError(f"the chain knows no recording {stem}")
        tombstone = journal.find(stem, Kind.ERASED)
        if tombstone is None or tombstone.seq < seal.seq:
            facts = {
                "folder": str(seal.facts.get("folder", "")),
                "reason": reason,
                "names": self._names(seal),
                "key": self._key(seal),
            }
            tombstone = journal.append(Kind.ERASED, stem, seal.digest, facts)
        self.carry_out(tombstone, at)
        return tombstone

    def carry_out(self, tombstone: Entry, at: datetime) -> bool:
        """Destroy what a tombstone names, as far as it is (again) there. True if there was something."""
        stem, folder = tombstone.id, str(tombstone.facts.get("folder", ""))
        names = [str(name) for name in tombstone.facts.get("names", [])]
        found = False
        key = str(tombstone.facts.get("key") or stem)
        if self._keys is not None and self._keys.has(key):
            found = self._keys.destroy(key, at)
        spool = self._kept_spools / f"{stem}.spool"
        here = [self._recordings / folder / name for name in names]
        for path in [*here, *(path.with_suffix(".part") for path in here), spool]:
            if path.exists():
                path.unlink(missing_ok=True)
                found = True
        if self._copies is not None:
            for name in names:
                self._copies.delete(self._key_of(folder, name))
        return found

    def _manifest(self, seal: Entry) -> Any:
        path = self._recordings / str(seal.facts.get("folder", "")) / f"{seal.id}.json"
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None

    def _key(self, seal: Entry) -> str:
        """Its key's name, which the manifest tells."""
        try:
            return str(self._manifest(seal)["encryption"]["key"])
        except (KeyError, TypeError):
            return seal.id

    def _names(self, seal: Entry) -> list[str]:
        """What lies here, and what the manifest names: its audio may lie in the store only."""
        folder = self._recordings / str(seal.facts.get("folder", ""))
        found = {path.name for path in folder.glob(f"{seal.id}*")}
        with suppress(KeyError, TypeError):
            found |= {str(file["file"]) for file in self._manifest(seal)["files"]}
        return sorted(name for name in found if _belongs(name, seal.id))


def _belongs(name: str, stem: str) -> bool:
    """`<stem>.wav`, `<stem>-p2.wav`: not those of `<stem>-2`, and nothing that leads elsewhere."""
    rest = name.removeprefix(stem)
    part, _, _ = rest.partition(".")
    ours = rest.startswith(".") or (part.startswith("-p") and part[2:].isdigit())
    return ours and name.startswith(stem) and "/" not in name
