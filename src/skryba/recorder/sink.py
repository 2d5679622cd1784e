"""A published file in the making: encrypted when there is a key, and digested as it will lie, chunk by chunk.

May not know folders or what the octets mean.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

from skryba.errors import StateError
from skryba.vault.container import Sealer

CHUNK = 1 << 20  # octets of one digest: as near as a flipped bit is located in a plain file


class Out(Protocol):
    """Where the octets go."""

    def write(self, data: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Digests:
    """Of the file as it lies. `plain` is the SHA-256 of what is in it: `sha256` again when nothing is encrypted."""

    octets: int
    sha256: str
    chunks: tuple[str, ...]  # SHA-256 of each CHUNK octets
    chain: str  # each chunk bound to those before it, and to the recording
    plain: str

    def words(self) -> dict[str, Any]:
        """As the manifest lists them."""
        return {
            "octets": self.octets,
            "sha256": self.sha256,
            "plain_sha256": self.plain,
            "chunks": {"octets": CHUNK, "sha256": list(self.chunks), "chain": self.chain},
        }


class Sink:
    """Write plain octets in order; `finish` once."""

    def __init__(self, out: Out, recording: str, sealer: Sealer | None = None) -> None:
        """`sealer` has not begun yet; None leaves the file plain."""
        self._out = out
        self._sealer = sealer
        self._whole: hashlib._Hash | None = None  # until the first chunk is full it is the same as that
        self._plain, self._chunk = hashlib.sha256(), hashlib.sha256()
        self._chain = chain_start(recording)
        self._chunks: list[str] = []
        self._octets = 0
        self._open = True
        if sealer is not None:
            self._put(sealer.begin())

    def write(self, data: Any) -> None:
        """Any buffer."""
        if not self._open:
            raise StateError("this file is finished")
        if self._sealer is None:
            self._put(data)
        else:
            self._plain.update(data)
            self._put(self._sealer.update(data))

    def finish(self) -> Digests:
        """All is written; what the digests are."""
        if self._sealer is not None:
            self._put(self._sealer.finish())
        whole = (self._whole or self._chunk).hexdigest()
        if self._octets % CHUNK:
            self._close_chunk()
        self._open = False
        plain = whole if self._sealer is None else self._plain.hexdigest()
        return Digests(self._octets, whole, tuple(self._chunks), self._chain.hex(), plain)

    def _put(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        if not len(view):
            return
        self._out.write(view)
        while len(view):
            room = CHUNK - self._octets % CHUNK
            part = view[:room]
            self._chunk.update(part)
            if self._whole is not None:
                self._whole.update(part)
            self._octets += len(part)
            if len(part) == room:
                self._whole = self._whole or self._chunk.copy()
                self._close_chunk()
            view = view[room:]

    def _close_chunk(self) -> None:
        digest = self._chunk.digest()
        self._chunks.append(digest.hex())
        self._chain = chain_on(self._chain, digest)
        self._chunk = hashlib.sha256()


def chain_start(recording: str) -> bytes:
    """c₀ of a file of this recording."""
    return hashlib.sha256(b"skryba:" + recording.encode()).digest()


def chain_on(before: bytes, digest: bytes) -> bytes:
    """cᵢ of the chunk with this digest."""
    return hashlib.sha256(before + digest).digest()
