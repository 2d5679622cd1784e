"""The spool: append-only packet evidence of one recording, as blocks with length, sequence and checksum.

May not know files, sockets or what the packets mean. The writer makes bytes, the reader understands them; who appends
and maps them is the storage's business.

A block is a header of 16 octets and its payload, all little-endian:
`magic u16 | type u8 | flags u8 | payload length u32 | crc32 u32 | sequence u32`. The checksum covers both.
Words (META, FORMATS, MARK, OVERFLOW, STOP) are JSON padded with blanks to 8 octets, PACKETS are records as they lay in
the ring. STOP tells the SHA-256 of all octets before it. A reader stops at the first block that is not whole: what
follows a torn block was never acknowledged by anybody.

In an encrypted spool a KEY block in clear text names the key, and every block that follows it is sealed with that key:
flag 1, `nonce | ciphertext | tag` and 4 zeros. A recorder that started again and may not read what it wrote (it has a
public key only) goes on with another KEY block. Lengths, kinds and checksums stay in the clear: where a spool ends can
be told without its key.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from skryba.errors import IntegrityError
from skryba.vault.block import OVERHEAD, BlockSeal

MAGIC = 0x5B5A
HEADER = struct.Struct("<HBBIII")
LIMIT = 1 << 26  # octets of one payload; more is a broken length
SEALED = 1  # flag of an encrypted block
_PAD = bytes(-OVERHEAD % 8)

Buffer = bytes | bytearray | memoryview
Words = dict[str, Any]
SealOf = Callable[[str], BlockSeal | None]


class Kind(IntEnum):
    """What a block carries."""

    META = 1  # first of every spool: what is known when the recording starts
    PACKETS = 2
    FORMATS = 3
    MARK = 4
    STOP = 5  # the end is known; a spool without it was interrupted
    OVERFLOW = 6  # packets that were lost on the way here, and when
    KEY = 7  # name of the key that all following blocks are sealed with


_KINDS = frozenset(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class Block:
    """One whole block: payload at `start`, `length` octets long."""

    kind: Kind
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Spool:
    """What was found in a spool's bytes. `end` is where the whole blocks end; `torn` if something follows.

    `unread`: there are sealed blocks whose key was not to be had; their words are unknown. `altered`: a block is not
    what was sealed at its place, or not what STOP tells of; nothing behind such a block was read.
    """

    blocks: tuple[Block, ...]
    end: int
    torn: bool
    meta: Words | None
    formats: tuple[Words, ...]
    marks: tuple[Words, ...]
    stop: Words | None
    overflows: tuple[Words, ...] = ()
    keys: tuple[str, ...] = ()
    unread: bool = False
    altered: bool = False
    sha256: str = ""  # of the whole blocks as they lie in the file
    seal: BlockSeal | None = field(default=None, compare=False, repr=False)  # to go on writing with

    def of(self, kind: Kind) -> list[Block]:
        """Blocks of one kind, in order of writing."""
        return [block for block in self.blocks if block.kind is kind]


class BlockWriter:
    """Numbers blocks, and seals them if told how. After a restart it goes on with the next number of the spool found.

    A block that did not reach the disk is taken back with `sequence -= 1`.
    """

    def __init__(self, sequence: int = 0, seal: BlockSeal | None = None) -> None:
        self.sequence = sequence
        self._seal = seal

    def packets(self, records: Buffer) -> tuple[bytes, Buffer]:
        """Header and payload of a PACKETS block, to be written in one go."""
        return self._block(Kind.PACKETS, records)

    def words(self, kind: Kind, words: Mapping[str, Any]) -> bytes:
        """A whole block of JSON."""
        text = json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")
        header, payload = self._block(kind, text + b" " * (-len(text) % 8))
        return header + payload

    def _block(self, kind: Kind, payload: Buffer) -> tuple[bytes, Buffer]:
        flags = 0
        if self._seal is not None and kind is not Kind.KEY:
            flags, payload = SEALED, self._seal.seal(self.sequence, bytes([kind]), payload) + _PAD
        length = len(payload)
        crc = _checksum(kind, flags, length, self.sequence, payload)
        header = HEADER.pack(MAGIC, kind, flags, length, crc, self.sequence)
        self.sequence = self.sequence + 1 & 0xFFFFFFFF
        return header, payload


def reading_with(key: bytes) -> SealOf:
    """For a reader who was handed the one key of a spool. Nothing may be written with it: its prefix is not fresh."""
    return lambda _: BlockSeal(key, bytes(8))


def read_spool(data: Buffer, seal_of: SealOf | None = None) -> Spool:
    """All whole blocks from the start of `data`.

    Sealed blocks are opened in place, one after the other: `data` must be writable then, and no second copy of a long
    spool ever exists. `seal_of` is asked for the key by its name; without it, or if it has none, they stay closed.
    """
    reading = _Reading(memoryview(data).cast("B"), seal_of)
    while reading.next():
        pass
    words, stop = reading.words, reading.words[Kind.STOP][-1] if reading.words[Kind.STOP] else None
    return Spool(
        blocks=tuple(reading.blocks),
        end=reading.end,
        torn=reading.end < len(reading.view),
        meta=words[Kind.META][0] if words[Kind.META] else None,
        formats=tuple(words[Kind.FORMATS]),
        marks=tuple(words[Kind.MARK]),
        stop=stop,
        overflows=tuple(words[Kind.OVERFLOW]),
        keys=tuple(str(key.get("key")) for key in words[Kind.KEY]),
        unread=reading.unread,
        altered=reading.altered,
        sha256=reading.digest.hexdigest(),
        seal=reading.seal,
    )


class _Reading:
    """One pass over a spool."""

    def __init__(self, view: memoryview, seal_of: SealOf | None) -> None:
        self.view = view
        self.blocks: list[Block] = []
        self.words: dict[Kind, list[Words]] = {kind: [] for kind in Kind}
        self.end = 0
        self.unread = False
        self.altered = False
        self.digest = hashlib.sha256()
        self.seal: BlockSeal | None = None
        self._seal_of = seal_of

    def next(self) -> bool:
        """False at the end of what is whole."""
        at, number = self.end, len(self.blocks) & 0xFFFFFFFF
        start = at + HEADER.size
        if start > len(self.view):
            return False
        magic, kind, flags, length, crc, sequence = HEADER.unpack_from(self.view, at)
        payload = self.view[start : start + length]
        if magic != MAGIC or length > LIMIT or len(payload) < length or sequence != number:
            return False
        if flags > SEALED or kind not in _KINDS or crc != _checksum(kind, flags, length, number, payload):
            return False
        block = Block(Kind(kind), start, length)
        digest = self.digest.copy()
        digest.update(self.view[at : start + length])
        if (opened := self._open(block, flags)) is None or not self._understand(opened):
            return False
        self.blocks.append(opened)
        self.digest = digest
        self.end = start + length
        return True

    def _open(self, block: Block, flags: int) -> Block | None:
        if bool(flags) != (bool(self.words[Kind.KEY]) and block.kind is not Kind.KEY):
            self.altered = True  # in the clear where all is sealed, or the other way round
            return None
        if not flags:
            return block
        if self.seal is None:
            self.unread = True
            return block
        sealed = self.view[block.start : block.start + block.length - len(_PAD)]
        try:
            plain = self.seal.open(len(self.blocks) & 0xFFFFFFFF, bytes([block.kind]), sealed)
        except IntegrityError:
            self.altered = True
            return None
        self.view[block.start : block.start + len(plain)] = plain
        return Block(block.kind, block.start, len(plain))

    def _understand(self, block: Block) -> bool:
        """Keep the words of a block of words; False if they are none."""
        if block.kind is Kind.PACKETS or (self.seal is None and self.words[Kind.KEY] and block.kind is not Kind.KEY):
            return True
        words = _read_words(self.view[block.start : block.start + block.length])
        if words is None:
            return False
        self.words[block.kind].append(words)
        if block.kind is Kind.KEY:
            self.seal = self._seal_of(str(words.get("key"))) if self._seal_of else None
        elif block.kind is Kind.STOP:
            before = self.digest.hexdigest()
            self.altered = words.get("sha256", before) != before
        return True


def _read_words(payload: memoryview) -> Words | None:
    try:
        words = json.loads(bytes(payload).decode("utf-8", "surrogateescape"))
    except ValueError:
        return None
    return words if isinstance(words, dict) else None


def _checksum(kind: int, flags: int, length: int, sequence: int, payload: Buffer) -> int:
    return zlib.crc32(payload, zlib.crc32(HEADER.pack(MAGIC, kind, flags, length, 0, sequence)))
