"""The spool: append-only packet evidence of one recording, as blocks with length, sequence and checksum.

May not know files, sockets or what the packets mean. The writer makes bytes, the reader understands them; who appends
and maps them is the storage's business.

A block is a header of 16 octets and its payload, all little-endian:
`magic u16 | type u8 | flags u8 | payload length u32 | crc32 u32 | sequence u32`. The checksum covers both.
Words (META, FORMATS, MARK, STOP) are JSON padded with blanks to 8 octets, PACKETS are records as they lay in the ring.
A reader stops at the first block that is not whole: what follows a torn block was never acknowledged by anybody.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

MAGIC = 0x5B5A
HEADER = struct.Struct("<HBBIII")
LIMIT = 1 << 26  # octets of one payload; more is a broken length

Buffer = bytes | bytearray | memoryview
Words = dict[str, Any]


class Kind(IntEnum):
    """What a block carries."""

    META = 1  # first of every spool: what is known when the recording starts
    PACKETS = 2
    FORMATS = 3
    MARK = 4
    STOP = 5  # the end is known; a spool without it was interrupted


_KINDS = frozenset(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class Block:
    """One whole block: payload at `start`, `length` octets long."""

    kind: Kind
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Spool:
    """What was found in a spool's bytes. `end` is where the whole blocks end; `torn` if something follows."""

    blocks: tuple[Block, ...]
    end: int
    torn: bool
    meta: Words | None
    formats: tuple[Words, ...]
    marks: tuple[Words, ...]
    stop: Words | None

    def of(self, kind: Kind) -> list[Block]:
        """Blocks of one kind, in order of writing."""
        return [block for block in self.blocks if block.kind is kind]


class BlockWriter:
    """Numbers and seals blocks. After a restart it goes on with `next_sequence` of the spool found."""

    def __init__(self, sequence: int = 0) -> None:
        self.sequence = sequence

    def packets(self, records: Buffer) -> tuple[bytes, Buffer]:
        """Header and payload of a PACKETS block, to be written in one go."""
        return self._header(Kind.PACKETS, records), records

    def words(self, kind: Kind, words: Mapping[str, Any]) -> bytes:
        """A whole block of JSON."""
        text = json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")
        payload = text + b" " * (-len(text) % 8)
        return self._header(kind, payload) + payload

    def _header(self, kind: Kind, payload: Buffer) -> bytes:
        length = len(payload)
        crc = _checksum(kind, length, self.sequence, payload)
        header = HEADER.pack(MAGIC, kind, 0, length, crc, self.sequence)
        self.sequence = self.sequence + 1 & 0xFFFFFFFF
        return header


def read_spool(data: Buffer) -> Spool:
    """All whole blocks from the start of `data`."""
    view = memoryview(data)
    blocks: list[Block] = []
    words: dict[Kind, list[Words]] = {kind: [] for kind in Kind}
    at = 0
    while (block := _read_block(view, at, len(blocks))) is not None:
        if block.kind is not Kind.PACKETS:
            found = _read_words(view[block.start : block.start + block.length])
            if found is None:
                break
            words[block.kind].append(found)
        blocks.append(block)
        at = block.start + block.length
    return Spool(
        blocks=tuple(blocks),
        end=at,
        torn=at < len(view),
        meta=words[Kind.META][0] if words[Kind.META] else None,
        formats=tuple(words[Kind.FORMATS]),
        marks=tuple(words[Kind.MARK]),
        stop=words[Kind.STOP][-1] if words[Kind.STOP] else None,
    )


def _read_block(view: memoryview, at: int, sequence: int) -> Block | None:
    if at + HEADER.size > len(view):
        return None
    magic, kind, flags, length, crc, number = HEADER.unpack_from(view, at)
    start = at + HEADER.size
    if magic != MAGIC or length > LIMIT or start + length > len(view) or number != sequence & 0xFFFFFFFF:
        return None
    if flags or kind not in _KINDS or crc != _checksum(kind, length, number, view[start : start + length]):
        return None
    return Block(Kind(kind), start, length)


def _read_words(payload: memoryview) -> Words | None:
    try:
        words = json.loads(bytes(payload).decode("utf-8", "surrogateescape"))
    except ValueError:
        return None
    return words if isinstance(words, dict) else None


def _checksum(kind: int, length: int, sequence: int, payload: Buffer) -> int:
    return zlib.crc32(payload, zlib.crc32(HEADER.pack(MAGIC, kind, 0, length, 0, sequence)))
