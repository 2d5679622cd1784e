"""Opening a spool: a new one with all that must be in it before the first packet, or one to go on with after a restart.

May not know rings. With keys every spool is encrypted from its second block on; the first one names the key.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from skryba.errors import KeyDestroyed, KeyUnavailable
from skryba.recorder.recording import Recording
from skryba.recorder.seal import RESTARTED
from skryba.recorder.spool import BlockWriter, Kind, Spool, read_spool
from skryba.recorder.storage import SpoolFile, Storage
from skryba.recorder.writing import RING, Writing
from skryba.vault.block import PREFIX, BlockSeal

SCHEME = "AES-256-GCM"
_NONE = read_spool(b"")


class Keys(Protocol):
    """Keys of recordings, each under a name (`skryba.vault.keyring`)."""

    def new(self, name: str, at: datetime) -> bytes: ...

    def get(self, name: str) -> bytes: ...

    def has(self, name: str) -> bool: ...


class Opening:
    """Opens spools of one folder."""

    def __init__(
        self, storage: Storage, keys: Keys | None = None, random: Callable[[int], bytes] | None = None
    ) -> None:
        """With `keys` goes `random`, which gives so many octets that nobody else ever gets."""
        self._storage = storage
        self._keys = keys
        self._random = random

    def look(self, recording: str) -> Spool:
        """What lies in a spool; its words are unknown if its key is not to be had. FileNotFoundError without one."""
        with self._storage.map_spool(recording) as octets:
            return read_spool(octets.data, self._seal_of)

    def key_of(self, spool: Spool) -> bytes | None:
        """The key that opens a spool, if it is encrypted and its key can be read here."""
        if self._keys is None or not spool.keys:
            return None
        try:
            return self._keys.get(spool.keys[-1])
        except (KeyUnavailable, KeyDestroyed):
            return None

    def names_of(self, recording: str) -> tuple[str, ...]:
        """Names of the keys that a spool is sealed with, none if it is plain. FileNotFoundError without one."""
        with self._storage.map_spool(recording) as octets:
            return read_spool(octets.data).keys

    def open(self, recording: Recording, now_ns: int, at: datetime) -> Writing | None:
        """None if that spool ended already. OSError, ResourceError, KeyUnavailable: it cannot be; nothing is left."""
        found, digest = _NONE, hashlib.sha256()
        if self._storage.spool_path(recording.id).exists():
            found = self.look(recording.id)
            if found.stop is not None:
                return None
            if found.meta is None and not found.unread:
                found = _NONE
            with self._storage.map_spool(recording.id) as octets:
                digest.update(octets[: found.end].data)
        if found.meta is not None:
            recording.meta, recording.from_ns = found.meta, int(found.meta["from_ns"])
        key, seal = self._key(recording, found, at)
        file = SpoolFile(self._storage.spool_path(recording.id), found.end)
        writing = Writing(recording, file, BlockWriter(len(found.blocks), seal), digest)
        if key:
            writing.say(Kind.KEY, {"key": key, "scheme": SCHEME})
        if found.end:
            writing.lost += sum(int(words["packets"]) for words in found.overflows if words.get("cause") == RING)
            writing.say(Kind.MARK, recording.mark({"kind": RESTARTED, "at_ns": now_ns}))
        elif not writing.say(Kind.META, recording.meta):
            writing.close()
            file.path.unlink(missing_ok=True)
            raise writing.error or OSError(f"{file.path.name} cannot be written")
        return writing

    def _key(self, recording: Recording, found: Spool, at: datetime) -> tuple[str, BlockSeal | None]:
        """The name of a new key, empty if none is needed, and what seals the next blocks."""
        if self._keys is None:
            if found.keys:
                raise KeyUnavailable(f"the spool of {recording.id} is encrypted, and there are no keys")
            return "", None
        if found.seal is not None:
            recording.key = self._keys.get(found.keys[-1])
            return "", found.seal
        name, number = recording.id, 1
        while self._keys.has(
            name
        ):  # of a spool that never began, of another recording of this id, or not readable here
            number += 1
            name = f"{recording.id}-{number}"
        recording.key = self._keys.new(name, at)
        return name, self._seal(recording.key)

    def _seal_of(self, key: str) -> BlockSeal | None:
        """None if that key is not to be had here: only made, or destroyed."""
        if self._keys is None:
            return None
        try:
            return self._seal(self._keys.get(key))
        except (KeyUnavailable, KeyDestroyed):
            return None

    def _seal(self, key: bytes) -> BlockSeal:
        if self._random is None:
            raise ValueError("keys without a source of random octets")
        return BlockSeal(key, self._random(PREFIX))
