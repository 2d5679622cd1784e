"""The ring keeps whole records, loses only what does not fit, and outlives both its sides."""

import errno
import mmap
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from skryba.errors import ResourceError
from skryba.media.ring import (
    CALL_OCTETS,
    DATA,
    FILLER,
    NO_RING,
    RECORD,
    RTCP,
    SLOTS,
    SMALLEST,
    SPARSE,
    RingReader,
    Words,
    create,
    discard,
    head_of,
    put,
    ring_bytes_for,
    usage,
)
from tests.support.media import records


class Writer:
    """The engine's side, without an engine."""

    def __init__(self, path: Path, octets: int = SMALLEST) -> None:
        self.ring: Words = create(path, octets, epoch_ns=1_700_000_000)
        self.seen = np.zeros(1, np.int64)

    def put(self, packet: bytes, *, slot: int = 5, channel: int = 1, kind: int = 0, arrival: int = 99) -> bool:
        octets = np.frombuffer(packet, np.uint8)
        return put(self.ring, self.seen, slot, channel, kind, arrival, octets.ctypes.data, len(packet))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.ring"


def test_a_record_is_laid_out_as_the_recorder_reads_it(path: Path) -> None:
    writer = Writer(path)
    assert writer.put(b"thirteen octs", slot=0xFFFFFFF0, channel=1, kind=RTCP, arrival=0x0102030405060708)
    octets = RingReader.open(path).read(1 << 20).tobytes()
    assert octets[:24] == bytes.fromhex("28000000 f0ffffff 01 01 0d00 00000000 0807060504030201")
    assert octets[24:37] == b"thirteen octs"
    assert len(octets) == 40


def test_the_header_tells_who_and_when(path: Path) -> None:
    writer = Writer(path)
    reader = RingReader.open(path)
    assert (reader.pid, reader.epoch_ns) == (os.getpid(), 1_700_000_000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    writer.put(b"12345678")
    assert (reader.head, reader.tail, reader.overflow) == (32, 0, 0)
    assert head_of(writer.ring) == 32
    assert usage(writer.ring) == (32, SMALLEST)


def test_what_is_not_advanced_over_is_read_again_by_the_next_reader(path: Path) -> None:
    writer = Writer(path)
    for number in range(3):
        writer.put(bytes([number]))
    first = RingReader.open(path)
    first.advance(32)
    second = RingReader.open(path)
    assert [packet for _, packet in records(second.read(1 << 20))] == [b"\1", b"\2"]
    assert second.tail == 32


def test_reading_stops_at_a_whole_record_but_gives_at_least_one(path: Path) -> None:
    writer = Writer(path)
    writer.put(bytes(100))
    writer.put(bytes(10))
    writer.put(bytes(10))
    reader = RingReader.open(path)
    assert len(reader.read(8)) == 128
    assert len(reader.read(128 + 40)) == 168
    assert len(reader.read(128 + 79)) == 168
    assert len(reader.read(208)) == 208


def test_at_the_end_a_filler_leads_back_to_the_beginning(path: Path) -> None:
    writer = Writer(path)
    reader = RingReader.open(path)
    big = bytes(60_000)
    for _ in range(2):
        assert writer.put(big)
    reader.advance(reader.head)
    assert writer.put(b"across the end" * 1000, slot=8)
    filler = reader.read(1 << 20)
    assert len(filler) == SMALLEST - 2 * 60_024
    assert filler[:24].view(RECORD)[0]["kind"] == FILLER
    assert records(filler) == []
    reader.advance(len(filler))
    [(head, packet)] = records(reader.read(1 << 20))
    assert (int(head["slot"]), packet) == (8, b"across the end" * 1000)


@pytest.mark.parametrize("rest", [8, 16])
def test_where_no_filler_fits_the_last_record_takes_the_rest(path: Path, rest: int) -> None:
    writer = Writer(path)
    reader = RingReader.open(path)
    writer.put(bytes(65_000))
    writer.put(bytes(SMALLEST - 65_024 - 24 - rest))
    assert reader.head == SMALLEST
    reader.advance(SMALLEST)
    writer.put(b"at the beginning")
    assert [packet for _, packet in records(reader.read(1 << 20))] == [b"at the beginning"]


def test_a_full_ring_counts_what_it_lost_and_goes_on_when_there_is_room(path: Path) -> None:
    writer = Writer(path)
    reader = RingReader.open(path)
    packet = bytes(1000)
    kept = sum(writer.put(packet) for _ in range(200))
    assert kept == SMALLEST // 1024
    assert reader.overflow == 200 - kept
    assert reader.head - reader.tail <= SMALLEST
    assert len(records(reader.read(1 << 20))) == kept
    reader.advance(1024)
    assert writer.put(packet)
    assert not writer.put(packet)


def test_what_was_lost_is_counted_by_slot_and_told_with_the_next_record(path: Path) -> None:
    writer = Writer(path)
    reader = RingReader.open(path)
    while writer.put(bytes(1000), slot=7):
        pass
    assert not writer.put(bytes(1000), slot=8)
    assert not writer.put(bytes(1000), slot=8)
    assert not writer.put(bytes(1000), slot=SLOTS)
    assert [reader.lost_of(slot) for slot in (7, 8, 9, SLOTS)] == [1, 2, 0, 0]
    reader.advance(reader.head)
    assert writer.put(b"late")
    assert writer.put(b"and later")
    assert [int(head["missed"]) for head, _ in records(reader.read(1 << 20))] == [4, 0]


def memory_of(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_large_ring_takes_memory_for_its_backlog_only(path: Path) -> None:
    writer = Writer(path, 16 << 20)
    assert (path.stat().st_size, usage(writer.ring)) == (DATA + (16 << 20), (0, 16 << 20))
    assert memory_of(path) < 2 << 20
    reader = RingReader.open(path)
    packet = bytes(1000)
    written = read = 0
    for _ in range(5):  # three times around
        for _ in range(10 << 10):
            written += writer.put(packet)
        assert memory_of(path) > 10 << 20
        while len(octets := reader.read(1 << 20)):
            read += len(records(octets))
            reader.advance(len(octets))
        assert memory_of(path) < 4 << 20
    assert read == written == 50 << 10
    assert reader.overflow == 0


def test_a_ring_is_given_back_before_it_is_filled_again_even_by_another_reader(path: Path) -> None:
    writer = Writer(path, SPARSE)
    while writer.put(bytes(1000)):
        pass
    first = RingReader.open(path)
    first.advance(3 << 19)  # one and a half: one is free
    kept = sum(writer.put(b"\7" * 1000) for _ in range(2000))
    assert kept == (1 << 20) // 1024
    second = RingReader.open(path)
    second.advance(3 << 19)
    second.advance(1 << 20)
    assert {packet[:1] for _, packet in records(second.read(SPARSE))} == {b"\7"}


@pytest.mark.parametrize("code", [errno.EFAULT, errno.EINVAL])
def test_where_memory_cannot_be_asked_for_piece_by_piece(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    class Memory(mmap.mmap):
        def madvise(self, *_: int) -> None:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(mmap, "mmap", Memory)
    if code == errno.EFAULT:
        with pytest.raises(ResourceError, match="no memory"):
            Writer(path, SPARSE)
        return
    writer = Writer(path, SPARSE)
    assert memory_of(path) >= SPARSE
    reader = RingReader.open(path)
    for _ in range(3):
        assert sum(writer.put(bytes(1000)) for _ in range(5000)) == SPARSE // 1024
        reader.advance(SPARSE)


def test_a_minute_of_the_declared_load(path: Path) -> None:
    record = 2 * 50 * (24 + 12 + 160 + 4)  # both directions, 20 ms, rounded up to 8
    assert record <= CALL_OCTETS <= 1.1 * record
    assert ring_bytes_for(500) >= 500 * 60 * CALL_OCTETS
    assert ring_bytes_for(500) % (1 << 20) == 0
    assert ring_bytes_for(0) == SMALLEST


def test_a_new_ring_takes_the_place_of_an_old_one_that_a_reader_still_finishes(path: Path) -> None:
    old = Writer(path)
    old.put(b"last words")
    reader = RingReader.open(path)
    Writer(path).put(b"first words")
    assert [packet for _, packet in records(reader.read(1 << 20))] == [b"last words"]
    assert [packet for _, packet in records(RingReader.open(path).read(1 << 20))] == [b"first words"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("damage", ["magic", "size", "short", "gone"])
def test_what_is_no_ring_is_refused(path: Path, damage: str) -> None:
    Writer(path)
    match damage:
        case "magic":
            path.write_bytes(b"\0" + path.read_bytes()[1:])
        case "size":
            path.write_bytes(path.read_bytes()[:-8])
        case "short":
            path.write_bytes(b"SKRYRING")
        case "gone":
            path.unlink()
    with pytest.raises(ResourceError):
        RingReader.open(path)


def test_a_broken_record_is_noticed_where_records_are_walked(path: Path) -> None:
    writer = Writer(path)
    writer.put(bytes(100))
    writer.put(bytes(100))
    writer.ring[DATA // 8] = 12
    with pytest.raises(ResourceError, match="broken record"):
        RingReader.open(path).read(130)


def test_a_head_that_ran_away_is_noticed(path: Path) -> None:
    writer = Writer(path)
    writer.ring[64] = SMALLEST + 8
    with pytest.raises(ResourceError, match="head"):
        RingReader.open(path).read(1)


def test_a_ring_is_discarded_once_it_is_read_to_the_end(path: Path) -> None:
    writer = Writer(path)
    writer.put(b"unread")
    discard(path, writer.ring)
    assert path.exists()
    RingReader.open(path).advance(32)
    discard(path, writer.ring)
    assert not path.exists()
    discard(path, writer.ring)  # gone already


def test_the_ring_of_another_engine_is_not_discarded(path: Path) -> None:
    old = Writer(path)
    new = create(path, SMALLEST, epoch_ns=1_700_000_001)
    discard(path, old.ring)
    assert path.exists()
    discard(path, new)
    assert not path.exists()


def test_no_memory_no_ring(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no memory"):
        create(tmp_path / "missing" / "ring", SMALLEST, epoch_ns=0)


def test_no_ring_at_all_is_empty() -> None:
    assert head_of(NO_RING) == 0
    assert usage(NO_RING) == (0, 0)
