"""What the disk refuses for a while comes later and in order; what it refuses for good is said."""

import errno
import hashlib
from typing import Any

import numpy as np

from skryba.recorder.recording import Recording
from skryba.recorder.spool import BlockWriter, Kind, Spool, read_spool
from skryba.recorder.writing import Writing
from skryba.vault.block import BlockSeal
from tests.support.evidence import ID, Arrival, record

RECORDS = np.frombuffer(record(Arrival(1, bytes(20))), np.uint8)


class Paper:
    """A file in memory that takes nothing while `full`."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.full = False
        self.error: OSError | None = None
        self.closed = False

    def append(self, *parts: Any) -> bool:
        self.error = OSError(errno.ENOSPC, "full") if self.full else None
        if not self.full:
            self.data += b"".join(bytes(part) for part in parts)
        return not self.full

    def close(self) -> None:
        self.closed = True


def opened(paper: Paper, seal: BlockSeal | None = None) -> Writing:
    return Writing(Recording(slot=1, id=ID, from_ns=100, meta={}), paper, BlockWriter(0, seal), hashlib.sha256())


def kinds(spool: Spool) -> list[Kind]:
    return [block.kind for block in spool.blocks]


def test_words_wait_for_the_disk_and_go_before_packets() -> None:
    paper = Paper()
    writing = opened(paper)
    assert writing.say(Kind.META, {"id": ID})
    paper.full = True
    assert not writing.say(Kind.MARK, {"kind": "hold"})
    assert not writing.say(Kind.MARK, {"kind": "resume"})
    assert not writing.take(RECORDS, 1)
    assert (writing.recording.packets, writing.error is None) == (0, False)
    paper.full = False
    assert writing.take(RECORDS, 1)
    assert (writing.recording.packets, writing.error) == (1, None)
    assert kinds(read_spool(bytes(paper.data))) == [Kind.META, Kind.MARK, Kind.MARK, Kind.PACKETS]


def test_neighbouring_losses_of_one_cause_become_one() -> None:
    paper = Paper()
    writing = opened(paper)
    paper.full = True
    writing.drop(3, 50, 200)
    writing.drop(2, 200, 300)
    writing.overflow(1, 300, 400)
    writing.drop(1, 400, 500)
    assert (writing.recording.dropped, writing.lost) == (6, 1)
    paper.full = False
    assert writing.flush()
    assert read_spool(bytes(paper.data)).overflows == (
        {"from_ns": 100, "to_ns": 300, "packets": 5, "cause": "disk"},
        {"from_ns": 300, "to_ns": 400, "packets": 1, "cause": "ring"},
        {"from_ns": 400, "to_ns": 500, "packets": 1, "cause": "disk"},
    )


def test_the_last_words_stand_for_what_was_really_written() -> None:
    paper = Paper()
    writing = opened(paper)
    writing.say(Kind.META, {})
    writing.take(RECORDS, 1)
    paper.full = True
    assert not writing.take(RECORDS, 1)
    assert not writing.say(Kind.STOP, {"at_ns": 1})
    writing.drop(1, 200, 200)
    before = hashlib.sha256(paper.data).hexdigest()
    paper.full = False
    assert writing.flush()
    found = read_spool(bytes(paper.data))
    assert found.stop == {"at_ns": 1, "sha256": before}
    assert not found.altered


def test_a_refused_block_is_sealed_anew() -> None:
    paper = Paper()
    key = bytes(32)
    writing = opened(paper, BlockSeal(key, b"prefix01"))
    writing.say(Kind.KEY, {"key": ID})
    writing.say(Kind.META, {})
    paper.full = True
    for _ in range(3):
        assert not writing.take(RECORDS, 1)
    paper.full = False
    assert writing.take(RECORDS, 1)
    assert writing.take(RECORDS, 1)
    found = read_spool(paper.data, lambda _: BlockSeal(key, bytes(8)))
    assert (kinds(found)[2:], found.altered) == ([Kind.PACKETS, Kind.PACKETS], False)


def test_how_long_it_fails_is_counted_from_the_first_refusal() -> None:
    paper = Paper()
    writing = opened(paper)
    paper.full = True
    assert not writing.take(RECORDS, 1)
    assert [writing.fails_for(now) for now in (5.0, 6.0, 9.0)] == [0.0, 1.0, 4.0]
    paper.full = False
    assert writing.take(RECORDS, 1)
    assert writing.fails_for(20.0) == 0.0
    writing.close()
    assert paper.closed
