"""Records sorted by who records their slot."""

import numpy as np

from skryba.recorder.demux import Missed, Octets, Owners, demux, find_missed
from tests.support.evidence import START, Arrival, record


def missed(row: bytes, packets: int) -> bytes:
    return row[:12] + packets.to_bytes(4, "little") + row[16:]


def test_losses_are_found_with_the_arrivals_around_them() -> None:
    rows = [record(Arrival(number, bytes(20))) for number in (10, 20, 30, 40)]
    filler = missed(record(Arrival(99, bytes(8)), kind=2), 77)
    nothing = find_missed(np.frombuffer(b"".join(rows), np.uint8), START)
    assert (nothing.packets, nothing.last_ns) == (0, START + 40)
    data = b"".join([rows[0], missed(rows[1], 3), filler, missed(rows[2], 4), rows[3]])
    assert find_missed(np.frombuffer(data, np.uint8), START) == Missed(7, START + 10, START + 30, START + 40)
    first = find_missed(np.frombuffer(missed(rows[0], 1), np.uint8), START + 2)
    assert first == Missed(1, START + 2, START + 10, START + 10)


def chunk(*slots: int, kind: int = 0) -> tuple[list[bytes], Octets]:
    records = [
        record(Arrival(number, bytes(12 + 7 * number)), slot=slot, kind=kind) for number, slot in enumerate(slots)
    ]
    return records, np.frombuffer(b"".join(records), np.uint8)


def owners(**numbers: int) -> Owners:
    table = np.full(16, -1, np.int32)
    for slot, number in numbers.items():
        table[int(slot[1:])] = number
    return table


def test_records_stay_whole_and_in_order_per_owner() -> None:
    records, data = chunk(1, 2, 1, 3, 2, 1)
    found = demux(data, owners(s1=1, s2=0), 2)
    assert found.packets.tolist() == [2, 3]
    assert found.unclaimed == 1
    parts = [found.records[found.ends[n] : found.ends[n + 1]].tobytes() for n in range(2)]
    assert parts == [records[1] + records[4], records[0] + records[2] + records[5]]


def test_a_slot_beyond_the_table_is_unclaimed() -> None:
    _, data = chunk(15, 16, 4_000_000_000)
    found = demux(data, owners(s15=0), 1)
    assert (found.packets.tolist(), found.unclaimed) == ([1], 2)


def test_fillers_are_nobodys_and_rtcp_goes_along() -> None:
    _, filler = chunk(1, kind=2)
    rtcp, data = chunk(1, kind=1)
    found = demux(np.concatenate([filler, data]), owners(s1=0), 1)
    assert found.records.tobytes() == rtcp[0]
    assert found.unclaimed == 0


def test_a_broken_length_ends_the_chunk() -> None:
    records, data = chunk(1, 1, 1)
    broken = data.copy()
    broken[len(records[0])] = 9
    assert demux(broken, owners(s1=0), 1).packets.tolist() == [1]
    assert demux(data[:-8], owners(s1=0), 1).packets.tolist() == [2]


def test_nothing_is_sorted_into_nothing() -> None:
    found = demux(np.zeros(0, np.uint8), owners(), 0)
    assert (len(found.records), found.ends.tolist(), found.unclaimed) == (0, [0], 0)
