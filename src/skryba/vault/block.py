"""Blocks of an append-only file, encrypted so that each is bound to its place and to the block before it.

May not know what the blocks hold nor where they lie.

A sealed block is `nonce (12) | ciphertext | tag (16)`. The nonce is 8 random octets of this BlockSeal and a counter
that only grows, and it travels with the block: whoever goes on writing after a crash does so with a new prefix, and a
block that was cut off and written again with other contents gets another nonce. None may ever serve twice
(RFC 5116 §3.1).
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from skryba.errors import IntegrityError, StateError

PREFIX = 8
NONCE = PREFIX + 4
TAG = 16
OVERHEAD = NONCE + TAG  # octets that sealing adds to a payload

Buffer = bytes | bytearray | memoryview

_COUNTER = struct.Struct(">I")
_PLACE = struct.Struct(">I16s")  # sequence, tag of the block before it
_NOTHING = bytes(TAG)


class BlockSeal:
    """Seals or opens the blocks of one file in their order.

    To go on with a file after a crash, open all its whole blocks, then seal the next one with the same object:
    the chain of tags continues. `prefix` must be fresh from a random source in every process that seals.
    """

    def __init__(self, key: bytes, prefix: bytes) -> None:
        """`key` of 32 octets, `prefix` of 8."""
        if len(prefix) != PREFIX:
            raise ValueError(f"a prefix has {PREFIX} octets, not {len(prefix)}")
        self._cipher = AESGCM(key)
        self._prefix = prefix
        self._counter = 0
        self._sequence = -1
        self._before = _NOTHING
        self._tag = _NOTHING

    @property
    def head(self) -> bytes:
        """The tag of the last block: it stands for everything before it. 16 zeros when there is none."""
        return self._tag

    def seal(self, sequence: int, aad: bytes, payload: Buffer) -> bytes:
        """`payload` as block number `sequence`; `aad` is protected with it but not contained.

        The number of the last block again replaces it: that one never reached the disk. StateError for an older number.
        """
        before = self._predecessor(sequence)
        nonce = self._prefix + _COUNTER.pack(self._counter)
        self._counter += 1
        sealed = nonce + self._cipher.encrypt(nonce, payload, _PLACE.pack(sequence, before) + aad)
        self._advance(sequence, before, sealed[-TAG:])
        return sealed

    def open(self, sequence: int, aad: bytes, sealed: Buffer) -> bytes:
        """The payload of block `sequence`. IntegrityError if it is not the block that was sealed at this place."""
        before = self._predecessor(sequence)
        if len(sealed) < OVERHEAD:
            raise IntegrityError(f"block {sequence} is too short to have been sealed")
        try:
            payload = self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], _PLACE.pack(sequence, before) + aad)
        except InvalidTag:
            raise IntegrityError(f"block {sequence} is not what was sealed at its place") from None
        self._advance(sequence, before, bytes(sealed[-TAG:]))
        return payload

    def _predecessor(self, sequence: int) -> bytes:
        """The tag that block `sequence` follows."""
        if sequence < self._sequence:
            raise StateError(f"block {sequence} after block {self._sequence}")
        return self._before if sequence == self._sequence else self._tag

    def _advance(self, sequence: int, before: bytes, tag: bytes) -> None:
        self._sequence, self._before, self._tag = sequence, before, tag
