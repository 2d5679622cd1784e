"""⚡ Puts each sealed recording into the chain of seals, once, and its entry beside it; only then its packets may go.

May not know how a recording is made. Done twice, or after a crash between any two steps, it does what is still missing.
"""

import hashlib
from datetime import date
from pathlib import Path

from skryba.recorder.seal import Sealed
from skryba.recorder.storage import PartFile, Storage
from skryba.vault.chain import Entry, Kind
from skryba.vault.journal import Journal


class Notary:
    """`keep_spool`: the packets are kept apart for a while instead of removed."""

    def __init__(self, storage: Storage, journal: Journal | None, *, keep_spool: bool) -> None:
        """Without a journal nothing is signed: for benchmarks of what comes before."""
        self._storage = storage
        self._journal = journal
        self._keep_spool = keep_spool

    def attest(self, sealed: Sealed) -> Entry | None:
        """The entry of this recording; None if nothing was published. OSError or ResourceError: try again later."""
        entry = None
        if sealed.manifest is not None and self._journal is not None:
            entry = self._enter(self._journal, sealed, sealed.manifest)
        self._storage.retire(sealed.recording, keep=self._keep_spool and sealed.manifest is not None)
        return entry

    def _enter(self, journal: Journal, sealed: Sealed, manifest: Path) -> Entry:
        digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
        entry = journal.find(manifest.stem, Kind.SEAL, since=_day(manifest)) if sealed.again else None
        if entry is None or entry.digest != digest:
            folder = manifest.parent.relative_to(self._storage.recordings).as_posix()
            facts = {"state": sealed.state.value, "folder": folder}
            entry = journal.append(Kind.SEAL, manifest.stem, digest, facts)
        beside = manifest.with_suffix(".seal")
        if not beside.exists():
            part = PartFile(beside)
            try:
                part.write(entry.to_line() + b"\n")
                part.publish()
            finally:
                part.discard()
        return entry


def _day(manifest: Path) -> date:
    """The day of its folder: it was not sealed before."""
    return date(*map(int, manifest.parts[-4:-1]))
