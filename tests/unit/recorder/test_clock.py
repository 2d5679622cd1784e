"""Epochs and places: jitter makes no time, jumps are seen for what they are (R-T1, R-T2, R-T6, R-T8)."""

import numpy as np
import pytest

from skryba.recorder.clock import CLOCKED, SECOND, STRAY, Epoch, Trace, trace
from skryba.recorder.packets import Packets

MS = 1_000_000
Rows = list[tuple[int, int, int, int]]  # arrival ns, sequence, timestamp, ssrc


def steady(count: int, *, at: int = 0, sequence: int = 0, timestamp: int = 0, ssrc: int = 1, step: int = 160) -> Rows:
    return [(at + n * 20 * MS, sequence + n, timestamp + n * step, ssrc) for n in range(count)]


def run(rows: Rows, clock: int = 8000, sound: list[bool] | None = None) -> tuple[Trace, list[Epoch]]:
    arrival, sequence, timestamp, ssrc = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    zero = np.zeros(len(rows), np.int64)
    packets = Packets(arrival, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, zero, zero, zero, zero)
    flags = np.ones(len(rows), bool) if sound is None else np.array(sound)
    return trace(packets, np.full(len(rows), clock, np.int64), flags)


def places(traced: Trace, epochs: list[Epoch], clock: int = 8000) -> list[int]:
    """ms at which each packet stands."""
    anchors = np.array([epoch.anchor for epoch in epochs])[traced.epoch]
    return [int(place) for place in (anchors + traced.ticks * SECOND // clock) // MS]


def test_a_steady_source_is_one_epoch_across_both_wraps() -> None:
    traced, epochs = run(steady(200, at=7 * MS, sequence=65500, timestamp=0xFFFF_F000))
    assert len(epochs) == 1
    assert places(traced, epochs) == [7 + 20 * n for n in range(200)]
    assert np.diff(traced.sequence).tolist() == [1] * 199
    assert (epochs[0].packets, epochs[0].ssrc, epochs[0].drift) == (200, 1, None)


@pytest.mark.parametrize("jitter", [20, 80, 300])
def test_jitter_makes_no_time(jitter: int) -> None:
    dice = np.random.default_rng(jitter)
    rows = [(at + int(dice.integers(0, jitter * MS)), *rest) for at, *rest in steady(1000)]
    rows.sort()
    traced, epochs = run(rows)  # type: ignore[arg-type]
    assert len(epochs) == 1
    wanted = traced.sequence * 20
    assert np.abs(np.array(places(traced, epochs)) - wanted).max() <= max(3, jitter // 40)
    assert (traced.fate == CLOCKED).all()


def test_the_first_packets_may_be_late() -> None:
    rows = [(at + (150 * MS if n < 20 else 0), *rest) for n, (at, *rest) in enumerate(steady(300))]
    rows.sort()
    traced, epochs = run(rows)  # type: ignore[arg-type]
    by_number = dict(zip(traced.sequence.tolist(), places(traced, epochs), strict=True))
    assert [by_number[n] for n in (100, 299)] == [2000, 5980]


def test_a_stall_of_three_seconds_that_empties_at_once_moves_nothing() -> None:
    rows = [(max(at, 5 * SECOND) if 2 * SECOND <= at < 5 * SECOND else at, *rest) for at, *rest in steady(500)]
    traced, epochs = run(rows)  # type: ignore[arg-type]
    assert len(epochs) == 1
    assert places(traced, epochs) == [20 * n for n in range(500)]


def test_a_pause_with_running_time_is_the_same_epoch() -> None:
    traced, epochs = run([*steady(50), *steady(50, at=10 * SECOND, sequence=50, timestamp=80000)])
    assert len(epochs) == 1
    assert places(traced, epochs)[50:52] == [10000, 10020]


def test_a_hold_during_which_time_stood_still_is_a_new_epoch() -> None:
    traced, epochs = run([*steady(50), *steady(50, at=10 * SECOND, sequence=50, timestamp=8000)])
    assert len(epochs) == 2
    assert places(traced, epochs)[50:52] == [10000, 10020]


@pytest.mark.parametrize("jump", [800, 1600, 80_000, 2_000_000_000, -800, -80_000, -2_000_000_000])
def test_a_jump_of_the_senders_clock_moves_later_sound_by_no_more_than_20_ms(jump: int) -> None:
    traced, epochs = run([*steady(200), *steady(200, at=4 * SECOND, sequence=200, timestamp=32000 + jump)])
    later = np.array(places(traced, epochs)[200:])
    assert np.abs(later - (4000 + 20 * np.arange(200))).max() <= 20
    assert len(epochs) == 2


def test_another_ssrc_is_another_epoch_of_the_same_channel() -> None:
    traced, epochs = run([*steady(50), *steady(50, at=SECOND, sequence=9000, timestamp=77, ssrc=2)])
    assert [epoch.ssrc for epoch in epochs] == [1, 2]
    assert places(traced, epochs) == [20 * n for n in range(100)]


def test_two_sources_at_a_time_keep_their_clocks() -> None:
    rows = sorted([*steady(100), *steady(100, at=3 * MS, sequence=500, timestamp=5555, ssrc=2)])
    traced, epochs = run(rows)
    assert len(epochs) == 2
    assert places(traced, epochs)[:4] == [0, 3, 20, 23]


def test_numbering_that_starts_anew_is_a_new_epoch_and_no_loss() -> None:
    traced, epochs = run([*steady(50), *steady(50, at=SECOND, sequence=30000, timestamp=8000)])
    assert len(epochs) == 2
    assert places(traced, epochs)[50] == 1000


def test_one_wild_sequence_number_is_a_stray() -> None:
    rows = steady(100)
    rows[50] = (rows[50][0], 20_000, rows[50][2], 1)
    traced, epochs = run(rows)
    assert len(epochs) == 1
    assert np.flatnonzero(traced.fate == STRAY).tolist() == [50]


def test_a_packet_from_before_the_hold_is_dropped_and_shifts_nothing() -> None:
    rows = [
        *steady(50),
        (10 * SECOND, 50, 8000, 1),
        *steady(50, at=10 * SECOND + 20 * MS, sequence=51, timestamp=80_160),
    ]
    traced, epochs = run(rows)
    assert len(epochs) == 1
    assert traced.fate.tolist().index(STRAY) == 50
    assert places(traced, epochs)[51] == 10_020


def test_a_reordered_packet_keeps_its_place() -> None:
    rows = steady(50)
    rows.insert(23, (rows[23][0] - MS, *rows.pop(20)[1:]))
    traced, epochs = run(rows)
    assert [places(traced, epochs)[n] for n in (20, 22, 23, 24)] == [420, 460, 400, 480]


def test_events_say_nothing_about_the_clock_but_share_the_numbering() -> None:
    event = [(SECOND + n * 20 * MS, 50 + n, 8000, 1) for n in range(30)]
    rows = [*steady(50), *event, *steady(50, at=SECOND + 600 * MS, sequence=80, timestamp=12_800)]
    traced, epochs = run(rows, sound=[True] * 50 + [False] * 30 + [True] * 50)
    assert len(epochs) == 1
    assert np.diff(traced.sequence).tolist() == [1] * 129
    assert places(traced, epochs)[80] == 1600


def test_events_before_any_sound_belong_to_no_epoch() -> None:
    traced, epochs = run([(0, 1, 1, 1), *steady(3, at=SECOND, sequence=2)], sound=[False, True, True, True])
    assert traced.epoch.tolist() == [-1, 0, 0, 0]
    assert len(epochs) == 1


def test_another_clock_rate_is_another_epoch() -> None:
    rows = [*steady(50), *steady(50, at=SECOND, sequence=50, timestamp=8000, step=320)]
    arrival, sequence, timestamp, ssrc = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    zero = np.zeros(100, np.int64)
    clock = np.array([8000] * 50 + [16000] * 50)
    _, epochs = trace(Packets(arrival, sequence, timestamp, ssrc, zero, zero, zero, zero), clock, np.ones(100, bool))
    assert [epoch.clock_rate for epoch in epochs] == [8000, 16000]


@pytest.mark.parametrize("ppm", [-100, 100])
def test_drift_is_measured_and_never_taken_for_a_jump(ppm: int) -> None:
    rows = [(int(at / (1 + ppm / 1e6)), *rest) for at, *rest in steady(60 * 50 * 5)]
    _, epochs = run(rows)  # type: ignore[arg-type]
    assert len(epochs) == 1
    assert epochs[0].drift is not None
    assert abs(epochs[0].drift - ppm) < 3


def test_sources_beyond_the_remembered_ones_replace_the_oldest() -> None:
    rows = [row for ssrc in range(100) for row in steady(3, at=ssrc * SECOND, ssrc=ssrc + 1)]
    traced, epochs = run(rows)
    assert len(epochs) == 100
    assert places(traced, epochs)[-1] == 99_040


def test_no_packets_no_epochs() -> None:
    empty = np.zeros(0, np.int64)
    traced, epochs = trace(Packets(*[empty] * 8), empty, np.zeros(0, bool))
    assert (len(traced.epoch), epochs) == (0, [])
