"""The encrypted container: AES-256-GCM in chunks of 64 KiB, so that any place of a long file can be read and is proven.

May not know keys' origin nor what is inside; it never contains its own key, wrapped or not.

`SKV1 | chunk size as power of two u8 | random prefix (7)`, then the chunks, each with its tag of 16 octets. The nonce
of a chunk is `prefix | number u32 | 1 for the last, else 0`; header and name are associated data of every chunk. So a
changed, swapped, missing, foreign or cut-off chunk does not open (the STREAM construction, Hoang and others, 2015).
"""

import struct
from collections import OrderedDict
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from skryba.errors import IntegrityError, StateError

CHUNK_BITS = 16
CHUNK = 1 << CHUNK_BITS
PREFIX = 7
TAG = 16
MAGIC = b"SKV1"
HEADER = len(MAGIC) + 1 + PREFIX
OVERHEAD = HEADER + TAG  # octets that an empty container has
SUFFIX = ".skv"

Buffer = bytes | bytearray | memoryview
ReadAt = Callable[[int, int], bytes]  # (offset, length) → that many octets, fewer only at the end

_SEALED = CHUNK + TAG
_KEPT = 8  # opened chunks remembered: half a MiB
_ORDER = struct.Struct(">I?")


def cipher_size(plain: int) -> int:
    """Octets of the container that holds `plain` octets."""
    return HEADER + plain + TAG * max(1, -(-plain // CHUNK))


def plain_size(octets: int) -> int:
    """Octets in a container of `octets`. IntegrityError if no container has that size."""
    body = octets - HEADER
    chunks = max(1, -(-body // _SEALED))
    plain = body - TAG * chunks
    if plain < 0 or cipher_size(plain) != octets:
        raise IntegrityError(f"no container is {octets} octets long")
    return plain


class Sealer:
    """Plain octets in, container octets out: `begin`, `update` as often as there is something, `finish`."""

    def __init__(self, key: bytes, name: bytes, prefix: bytes) -> None:
        """`prefix`: 7 octets from a random source, never used before with this key. `name` must be told to open."""
        if len(prefix) != PREFIX:
            raise ValueError(f"a prefix has {PREFIX} octets, not {len(prefix)}")
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._header = MAGIC + bytes((CHUNK_BITS,)) + prefix
        self._associated = self._header + name
        self._kept = bytearray()  # up to one whole chunk: nobody knows yet whether it is the last
        self._number = 0
        self._state = "new"

    def begin(self) -> bytes:
        """The header, to be written first."""
        self._change("new", "open")
        return self._header

    def update(self, data: Buffer) -> bytes:
        """What can be written now; often nothing."""
        self._change("open", "open")
        self._kept += data
        ready = (len(self._kept) - 1) // CHUNK if self._kept else 0
        if not ready:
            return b""
        with memoryview(self._kept) as view:
            parts = [self._seal(view[at : at + CHUNK], last=False) for at in range(0, ready * CHUNK, CHUNK)]
        del self._kept[: ready * CHUNK]
        return b"".join(parts)

    def finish(self) -> bytes:
        """The last chunk; without it the container does not open to its end."""
        self._change("open", "finished")
        return self._seal(self._kept, last=True)

    def _seal(self, chunk: Buffer, *, last: bool) -> bytes:
        nonce = self._prefix + _ORDER.pack(self._number, last)
        self._number += 1
        return self._cipher.encrypt(nonce, chunk, self._associated)

    def _change(self, before: str, after: str) -> None:
        if self._state != before:
            raise StateError(f"this container is {self._state}")
        self._state = after


class Opener:
    """Reads any place of a container of `octets` octets through `read_at`."""

    def __init__(self, key: bytes, name: bytes, read_at: ReadAt, octets: int) -> None:
        """Reads the header. IntegrityError if this cannot be a container."""
        self.size = plain_size(octets)
        header = read_at(0, HEADER)
        if header[: len(MAGIC) + 1] != MAGIC + bytes((CHUNK_BITS,)) or len(header) != HEADER:
            raise IntegrityError("not an encrypted container of this version")
        self._cipher = AESGCM(key)
        self._prefix = header[-PREFIX:]
        self._associated = header + name
        self._read_at = read_at
        self._octets = octets
        self._last = max(0, -(-self.size // CHUNK) - 1)
        self._opened: OrderedDict[int, bytes] = OrderedDict()

    def read(self, offset: int, length: int) -> bytes:
        """`length` plain octets from `offset`, fewer at the end. IntegrityError names the chunk that does not open.

        Chunks that lie side by side are fetched in one go; ask for moderate lengths, all of it is held in memory.
        """
        if offset < 0 or length < 0:
            raise ValueError(f"no octets {length} long at {offset}")
        end = min(offset + length, self.size)
        if self.size and offset >= end:
            return b""
        first, last = offset // CHUNK, max(0, end - 1) // CHUNK
        plain = b"".join(self._chunks(first, last))
        return plain[offset - first * CHUNK : end - first * CHUNK]

    def _chunks(self, first: int, last: int) -> list[bytes]:
        missing = [number for number in range(first, last + 1) if number not in self._opened]
        fetched = {}
        if missing:
            start = HEADER + missing[0] * _SEALED
            end = min(HEADER + (missing[-1] + 1) * _SEALED, self._octets)
            sealed = memoryview(self._read_at(start, end - start))
            for number in range(missing[0], missing[-1] + 1):
                at = (number - missing[0]) * _SEALED
                fetched[number] = self._open(number, sealed[at : at + _SEALED])
        chunks = [fetched[number] if number in fetched else self._opened[number] for number in range(first, last + 1)]
        for number, chunk in zip(range(first, last + 1), chunks, strict=True):
            self._opened[number] = chunk
            self._opened.move_to_end(number)
            if len(self._opened) > _KEPT:
                self._opened.popitem(last=False)
        return chunks

    def _open(self, number: int, sealed: Buffer) -> bytes:
        nonce = self._prefix + _ORDER.pack(number, number == self._last)
        try:
            return self._cipher.decrypt(nonce, sealed, self._associated)
        except InvalidTag:
            place = f"chunk {number} at octet {HEADER + number * _SEALED}"
            raise IntegrityError(f"{place} is not what was sealed, or the key or name is another one's") from None
