"""Blocks: what is whole is read, what is not ends the reading."""

import pytest

from skryba.recorder.spool import HEADER, BlockWriter, Kind, read_spool
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
