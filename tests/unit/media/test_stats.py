"""Counters of rows, added up."""

from dataclasses import fields

import pytest

from skryba.media.stats import COUNTED, EngineTotals, StreamStats, counters, jitter_ms, stream_stats
from skryba.media.table import AF_INET, LATCHED, ROW, aligned, to_words
from skryba.terms import SocketAddress


def test_everything_that_is_counted_has_a_name_in_both_views() -> None:
    for view in (StreamStats, EngineTotals):
        assert {*COUNTED, "lost"} <= {field.name for field in fields(view)}


def test_sums_go_over_the_rows() -> None:
    rows = aligned(3, ROW)
    rows["packets"] = [1, 2, 4]
    rows["foreign"] = [0, 5, 0]
    assert counters(rows)["packets"] == 7
    assert counters(rows[:1])["foreign"] == 0
    assert counters(rows)["foreign"] == 5


def test_lost_is_what_was_expected_and_did_not_come() -> None:
    rows = aligned(4, ROW)
    rows["epoch"] = [0, 1, 2, 1]
    rows["first"] = [0, 65536, 65536, 65536]
    rows["highest"] = [500, 65545, 65545, 65536]
    rows["received"] = [0, 7, 10, 3]  # nothing heard; three lost; none lost; duplicates
    rows["lost_before"] = [0, 0, 20, 0]
    assert [counters(rows[index : index + 1])["lost"] for index in range(4)] == [0, 3, 20, 0]


def test_jitter_is_in_milliseconds_of_the_rows_clock() -> None:
    rows = aligned(3, ROW)
    assert jitter_ms(rows) == 0
    rows["epoch"] = [1, 1, 0]
    rows["tick"] = [8000 / 1e9, 48000 / 1e9, 0]
    rows["jitter"] = [16 * 80, 16 * 1440, 99]
    assert jitter_ms(rows[:1]) == pytest.approx(10)
    assert jitter_ms(rows) == pytest.approx(20)


def test_a_stream_has_a_source_once_it_is_latched() -> None:
    rows = aligned(1, ROW)
    rows["last_heard"] = 5
    silent = stream_stats(rows)
    assert (silent.ssrc, silent.source, silent.last_rx_ns) == (None, None, 5)
    address = SocketAddress("192.0.2.3", 4000)
    words = to_words(address, AF_INET)
    assert words is not None
    rows["src0"], rows["src1"], rows["src2"] = words[:3]
    rows["latch"], rows["epoch"], rows["ssrc"], rows["tick"] = LATCHED, 1, 0xFFFFFFFF, 8e-6
    heard = stream_stats(rows)
    assert (heard.ssrc, heard.source) == (0xFFFFFFFF, address)
