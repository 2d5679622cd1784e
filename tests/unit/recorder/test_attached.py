"""What the reading remembers of a ring."""

import pytest

from skryba.recorder import attached
from skryba.recorder.attached import Attached, epochs_of, heads_of, lost_of
from tests.support.evidence import Arrival, record
from tests.support.rings import MemoryRing

RECORD = record(Arrival(1, bytes(16)))  # 40 octets


def ring(count: int) -> MemoryRing:
    made = MemoryRing()
    made.put(*[RECORD] * count)
    return made


def test_what_is_held_is_read_again_and_no_more() -> None:
    reading = Attached(ring(2), 0)
    chunk = reading.read(80)
    reading.taken.add("a")
    reading.hold(chunk)
    reading.ring.put(*[RECORD] * 3)  # type: ignore[attr-defined]
    assert len(reading.read(200)) == 80
    reading.leave(80, 77)
    assert (reading.ring.tail, reading.last_ns, reading.taken) == (80, 77, set())
    assert len(reading.read(200)) == 120


def test_a_backlog_makes_larger_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "CHUNK", 40)
    monkeypatch.setattr(attached, "LARGEST_CHUNK", 160)
    assert len(Attached(ring(4), 0).read(160)) == 40
    assert len(Attached(ring(5), 0).read(200)) == 160


def test_all_rings_together() -> None:
    rings = [Attached(ring(1), 0), Attached(ring(2), 0)]
    for each in rings:
        assert isinstance(each.ring, MemoryRing)
        each.ring.lost[3] = 5
    assert (lost_of(rings, 3), lost_of(rings, 4)) == (10, 0)
    assert (heads_of(rings), epochs_of(rings)) == ([40, 80], [42, 42])
    assert rings[1].filled == 0.08
