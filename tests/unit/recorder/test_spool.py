"""Blocks: what is whole is read, what is not ends the reading."""

import hashlib
import zlib

import pytest

from skryba.recorder.spool import HEADER, BlockWriter, Kind, Spool, read_spool, reading_with
from skryba.vault.block import BlockSeal
from tests.support.evidence import Arrival, meta, record, spool, stop

RECORDS = [record(Arrival(number, bytes([0x80]) + bytes(20 + number % 9))) for number in range(100)]


def test_everything_comes_back_in_order() -> None:
    mark = {"kind": "hold", "channel": "left", "at_ns": 7, "note": {}}
    change = {"channel": "left", "at_ns": 5, "formats": {"8": "PCMA/8000"}}
    data = spool(RECORDS, last=stop(1000), marks=[mark], formats=[change], per_block=30)
    found = read_spool(data)
    assert (found.meta, found.stop, found.marks, found.formats) == (meta(), stop(1000), (mark,), (change,))
    blocks = found.of(Kind.PACKETS)
    assert len(blocks) == 4
    assert b"".join(data[block.start : block.start + block.length] for block in blocks) == b"".join(RECORDS)
    assert (found.end, found.torn) == (len(data), False)


def test_every_payload_begins_on_a_multiple_of_eight() -> None:
    found = read_spool(spool(RECORDS, first=meta(id="a" * 13), last=stop(1), marks=[{"kind": "ą"}]))
    assert {block.start % 8 for block in found.blocks} == {0}


def test_cut_anywhere_the_whole_blocks_before_remain() -> None:
    data = spool(RECORDS, last=stop(1000), per_block=10)
    ends = [block.start + block.length for block in read_spool(data).blocks]
    for cut in range(0, len(data), 61):
        found = read_spool(data[:cut])
        assert found.end == max([end for end in ends if end <= cut], default=0)
        assert found.torn == (found.end != cut)
        assert found.stop is None


@pytest.mark.parametrize("octet", [0, 2, 3, 5, 8, 12, HEADER.size, HEADER.size + 50])
def test_one_wrong_octet_ends_the_reading_there(octet: int) -> None:
    data = bytearray(spool(RECORDS, last=stop(1000), per_block=10))
    block = read_spool(data).blocks[3]
    data[block.start - HEADER.size + octet] ^= 0x41
    found = read_spool(data)
    assert len(found.blocks) == 3
    assert (found.torn, found.stop) == (True, None)


def test_a_block_that_is_missing_is_noticed_by_its_number() -> None:
    blocks = BlockWriter()
    first, _lost, third = (blocks.words(Kind.MARK, {"kind": str(number)}) for number in range(3))
    assert read_spool(first + third).marks == ({"kind": "0"},)


def test_a_writer_goes_on_with_the_next_number() -> None:
    data = spool(RECORDS[:5])
    more = BlockWriter(len(read_spool(data).blocks)).words(Kind.STOP, stop(3))
    assert read_spool(data + more).stop == stop(3)


def test_words_that_are_no_object_end_the_reading() -> None:
    blocks = BlockWriter()
    good = blocks.words(Kind.META, meta())
    header, payload = BlockWriter(1).packets(b"[1,2]   ")
    broken = bytearray(header + bytes(payload))
    assert read_spool(good + bytes(broken)).of(Kind.PACKETS)
    assert read_spool(b"") == read_spool(bytes(3)[:0])
    assert read_spool(b"").meta is None


def test_text_that_is_no_unicode_survives() -> None:
    data = spool([], first=meta(manifest={"caller": "\udcff"}))
    found = read_spool(data).meta
    assert found is not None
    assert found["manifest"]["caller"] == "\udcff"


KEY = bytes(range(32))


def encrypted(*, key: bytes = KEY, last: bool = True) -> bytes:
    blocks = BlockWriter(0, BlockSeal(key, b"prefix01"))
    data = blocks.words(Kind.KEY, {"key": "a-name"}) + blocks.words(Kind.META, meta(manifest={"caller": "Kowalska"}))
    for begin in range(0, 100, 10):
        data += b"".join(bytes(part) for part in blocks.packets(b"".join(RECORDS[begin : begin + 10])))
    data += blocks.words(Kind.OVERFLOW, {"from_ns": 1, "to_ns": 2, "packets": 3, "cause": "ring"})
    return data + (blocks.words(Kind.STOP, stop(1000)) if last else b"")


def test_an_encrypted_spool_is_opened_in_place() -> None:
    data = bytearray(encrypted())
    assert b"Kowalska" not in data
    assert RECORDS[5] not in data
    whole = bytes(data)
    found = read_spool(data, reading_with(KEY))
    assert (found.keys, found.meta, found.stop) == (("a-name",), meta(manifest={"caller": "Kowalska"}), stop(1000))
    assert (found.end, found.torn, found.altered, found.unread) == (len(whole), False, False, False)
    assert found.overflows[0]["packets"] == 3
    blocks = found.of(Kind.PACKETS)
    assert b"".join(data[block.start : block.start + block.length] for block in blocks) == b"".join(RECORDS)
    assert {block.start % 8 for block in found.blocks} == {0}


def test_without_its_key_an_encrypted_spool_tells_its_length_only() -> None:
    data = encrypted()
    for found in (read_spool(data), read_spool(data + b"torn", lambda name: None)):
        assert (found.unread, found.altered, found.meta, found.stop) == (True, False, None, None)
        assert (found.end, len(found.blocks), found.keys) == (len(data), 14, ("a-name",))


def read_altered(data: bytearray, key: bytes = KEY) -> Spool:
    return read_spool(data, reading_with(key))


def test_another_key_opens_nothing() -> None:
    found = read_altered(bytearray(encrypted()), bytes(32))
    assert (found.altered, len(found.blocks), found.meta) == (True, 1, None)


def reseal(data: bytearray, block: int, payload: bytes, flags: int = 1) -> bytearray:
    """Put other octets in the place of a block, with a right checksum: what somebody with a disk editor can do."""
    blocks = read_spool(bytes(data)).blocks
    start, length = blocks[block].start, blocks[block].length
    head = HEADER.pack(0x5B5A, blocks[block].kind, flags, len(payload), 0, block)
    crc = zlib.crc32(payload, zlib.crc32(head))
    head = HEADER.pack(0x5B5A, blocks[block].kind, flags, len(payload), crc, block)
    return data[: start - HEADER.size] + head + payload + data[start + length :]


@pytest.mark.parametrize("fault", ["flipped", "in the clear", "exchanged"])
def test_what_was_altered_behind_the_checksum_is_noticed(fault: str) -> None:
    data = bytearray(encrypted())
    blocks = read_spool(bytes(data)).blocks
    old = [bytes(data[block.start : block.start + block.length]) for block in blocks]
    match fault:
        case "flipped":
            data = reseal(data, 4, old[4][:50] + bytes([old[4][50] ^ 1]) + old[4][51:])
        case "in the clear":
            data = reseal(data, 4, b"".join(RECORDS[:10]), flags=0)
        case "exchanged":
            data = reseal(reseal(data, 4, old[5]), 5, old[4])
    found = read_altered(data)
    assert (found.altered, found.torn, len(found.blocks)) == (True, True, 4)


def test_sealed_blocks_without_a_key_block_are_not_believed() -> None:
    blocks = BlockWriter(0, BlockSeal(KEY, bytes(8)))
    assert read_spool(blocks.words(Kind.META, meta())).altered


def test_who_goes_on_continues_the_chain() -> None:
    data = bytearray(encrypted(last=False))
    whole = bytes(data)
    found = read_spool(data, lambda name: BlockSeal(KEY, b"prefix02"))
    more = BlockWriter(len(found.blocks), found.seal).words(Kind.STOP, stop(5))
    assert read_spool(bytearray(whole + more), reading_with(KEY)).stop == stop(5)


def test_who_may_not_read_goes_on_with_another_key() -> None:
    first = encrypted(last=False)
    blocks = BlockWriter(len(read_spool(first).blocks), BlockSeal(bytes(32), b"prefix02"))
    data = first + blocks.words(Kind.KEY, {"key": "second"}) + blocks.words(Kind.STOP, stop(5))
    keys = {"a-name": KEY, "second": bytes(32)}
    found = read_spool(bytearray(data), lambda name: BlockSeal(keys[name], bytes(8)))
    assert (found.keys, found.stop, len(found.of(Kind.PACKETS))) == (("a-name", "second"), stop(5), 10)


def test_the_stop_stands_for_all_before_it() -> None:
    before = spool(RECORDS)
    sha256 = read_spool(before).sha256
    assert sha256 == hashlib.sha256(before).hexdigest()
    blocks = BlockWriter(len(read_spool(before).blocks))
    good = before + blocks.words(Kind.STOP, stop(1, sha256=sha256))
    assert not read_spool(good).altered
    other = spool([*RECORDS[:-1], record(Arrival(0, RECORDS[-1][24:]))])
    assert read_spool(other + good[len(before) :]).altered
    assert read_spool(good).sha256 == hashlib.sha256(good).hexdigest()
