"""Clock models: what jitter hides is found, what is not plausible is not believed (R-T7, R-T8)."""

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.recorder.model import ClockModel, ClockSource, constant, fit

MS = 1_000_000
SECOND = 1000 * MS
WALL = 1_790_000_000 * SECOND
Numbers = NDArray[np.int64]
NONE: Numbers = np.zeros(0, np.int64)


def steps(seconds: float) -> Numbers:
    """RTP time of packets, 20 ms each."""
    return np.arange(int(seconds * 50), dtype=np.int64) * 20 * MS


def late(at: Numbers, jitter: float, seed: int = 1) -> Numbers:
    """Up to `jitter` ms on the network, in order of arrival already."""
    return np.rint(np.random.default_rng(seed).uniform(0, jitter, len(at)) * MS).astype(np.int64)


def said(seconds: float, *, rate: float = 0.0, every: float = 5.0) -> tuple[Numbers, Numbers, Numbers]:
    """Reports: RTP time, the sender's wall clock (which `rate` makes slow against RTP time), arrival."""
    at = (np.arange(1.0, seconds, every) * SECOND).astype(np.int64)
    return at, WALL + at + np.rint(rate * at).astype(np.int64), at


def error(model: ClockModel, at: Numbers, truth: Numbers) -> float:
    """Worst, ms, a constant part included."""
    return float(np.abs(model.shift_at(at) - truth).max()) / MS


@pytest.mark.parametrize("ppm", [-400, -100, 100, 400])
@pytest.mark.parametrize("jitter", [1, 80])
def test_drift_is_found_under_jitter_and_loss(ppm: int, jitter: int) -> None:
    kept = np.random.default_rng(2).random(50 * 600) > 0.05
    at = steps(600)[kept]
    drift = np.rint(at * ppm * 1e-6).astype(np.int64)
    model, rate = fit(at, drift + late(at, jitter), NONE, NONE, NONE)
    assert rate is not None
    assert abs(rate * 1e6 - ppm) < 2
    assert error(model, at, drift) < 1
    assert (model.source, model.reports, model.lag, model.disagreement) == (ClockSource.ENVELOPE, 0, None, None)
    assert abs(model.correction / MS - abs(ppm) * 0.6) < 1


@pytest.mark.parametrize("seconds", [5, 60, 600])
def test_jitter_alone_is_no_drift(seconds: int) -> None:
    at = steps(seconds)
    for seed in range(20):
        model, rate = fit(at, late(at, 80, seed), NONE, NONE, NONE)
        assert model.is_steady
        assert not rate
        assert error(model, at, np.zeros_like(at)) < 4


def test_drift_that_moves_nothing_by_4_ms_touches_no_sample() -> None:
    at = steps(600)
    model, _ = fit(at, np.rint(at * 6e-6).astype(np.int64), NONE, NONE, NONE)
    assert model.is_steady
    assert error(model, at, np.rint(at * 6e-6).astype(np.int64)) < 4


def test_a_call_too_short_for_its_drift_is_level() -> None:
    at = steps(20)
    model, rate = fit(at, late(at, 80), NONE, NONE, NONE)
    assert (model.is_steady, rate) == (True, None)


def test_one_wrong_timestamp_does_not_carry_the_line() -> None:
    at = steps(600)
    shift = late(at, 40)
    shift[12_345] = -50 * MS
    model, _ = fit(at, shift, NONE, NONE, NONE)
    assert error(model, at, np.zeros_like(at)) < 2


def test_a_queue_that_fills_for_a_minute_is_no_clock() -> None:
    """2,500 ppm for as long as the call lasts: beyond belief for so short a time."""
    at = steps(60)
    model, rate = fit(at, np.rint(at * 2500e-6).astype(np.int64), NONE, NONE, NONE)
    assert (model.is_steady, rate) == (True, 0.0)


def test_a_crystal_two_thousand_ppm_off_is_followed_all_the_same_if_the_call_is_long() -> None:
    at = steps(1200)
    drift = np.rint(at * 2000e-6).astype(np.int64)
    model, _ = fit(at, drift + late(at, 80), NONE, NONE, NONE)
    assert error(model, at, drift) < 1


def test_congestion_for_a_while_moves_nothing_much() -> None:
    at = steps(1800)
    busy = (at > 600 * SECOND) & (at < 630 * SECOND)
    model, _ = fit(at, late(at, 20) + busy * 100 * MS, NONE, NONE, NONE)
    assert error(model, at, np.zeros_like(at)) < 2


def test_a_sender_that_stumbles_again_and_again_is_followed_without_jumps() -> None:
    at = steps(1800)
    stumbles = np.searchsorted(np.array([200, 300, 320, 700, 1400]) * SECOND, at) * 40 * MS
    model, _ = fit(at, stumbles + late(at, 20), NONE, NONE, NONE)
    slopes = np.diff(model.shift) / np.diff(model.at)
    assert error(model, at, stumbles) < 85
    assert error(model, at[at > 1600 * SECOND], stumbles[at > 1600 * SECOND]) < 10
    assert np.abs(slopes).max() < 700e-6


def test_reports_give_the_rate_that_a_filling_queue_hides() -> None:
    at = steps(300)
    drift, queue = np.rint(at * 100e-6).astype(np.int64), np.where(at > 150 * SECOND, 0, 40 * MS)
    blind, _ = fit(at, drift + queue + late(at, 20), NONE, NONE, NONE)
    model, rate = fit(at, drift + queue + late(at, 20), *said(300, rate=100e-6))
    assert model.source is ClockSource.REPORTS
    assert rate is not None
    assert rate == pytest.approx(100e-6, abs=1e-6)
    assert model.reports == 60
    assert error(model, at, drift) < 2
    assert error(blind, at, drift) > 10


def test_the_lag_is_our_clock_less_the_senders_and_its_network() -> None:
    at = steps(60)
    told, wall, came = said(60)
    model, _ = fit(at, late(at, 10) + 123 * MS, told, wall, came + 123 * MS)
    assert model.lag is not None
    assert abs(model.lag + WALL - 123 * MS) < 2 * MS
    assert model.disagreement == 0
    assert model.moved(200 * MS).disagreement == 200 * MS
    assert abs(int(model.moved(200 * MS).shift[0]) - 323 * MS) < 2 * MS


def test_a_wall_clock_made_of_the_same_crystal_says_nothing_of_drift_and_is_not_right() -> None:
    at = steps(600)
    drift = np.rint(at * 200e-6).astype(np.int64)
    model, rate = fit(at, drift + late(at, 80), *said(600, rate=0.0))
    assert error(model, at, drift) < 1
    assert rate is not None
    assert abs(rate * 1e6 - 200) < 2
    assert model.lag is None


def broken(how: str) -> tuple[Numbers, Numbers, Numbers]:
    at, wall, came = said(300, rate=100e-6)
    dice = np.random.default_rng(4)
    match how:
        case "one only":
            return at[:1], wall[:1], came[:1]
        case "RTP time at random":
            return dice.integers(0, 1 << 31, len(at)), wall, came
        case "wall clock at random":
            return at, WALL + dice.integers(0, 300 * SECOND, len(at)), came
        case "wall clock runs away":
            return at, WALL + np.rint(at * 1.002).astype(np.int64), came
        case "wall clock was set":
            return at, wall + np.where(at > 150 * SECOND, 300 * MS, 0), came
        case "wall clock to and fro":
            return at, wall + np.where(np.arange(len(at)) % 2, 100 * MS, 0), came
        case "long past":
            return at - 30 * SECOND, wall, came
        case _:
            return at + 10 * SECOND, wall, came


@pytest.mark.parametrize(
    "how",
    [
        "one only",
        "RTP time at random",
        "wall clock at random",
        "wall clock runs away",
        "wall clock was set",
        "wall clock to and fro",
        "long past",
        "from the future",
    ],
)
def test_reports_that_make_no_sense_are_not_believed(how: str) -> None:
    at = steps(300)
    drift = np.rint(at * 100e-6).astype(np.int64)
    model, _ = fit(at, drift + late(at, 80), *broken(how))
    assert model.source is ClockSource.ENVELOPE
    assert error(model, at, drift) < 3


def test_a_few_wrong_reports_among_many_do_no_harm() -> None:
    at = steps(300)
    told, wall, came = said(300, rate=100e-6)
    wall[7] += 5 * SECOND
    told[33] -= 20 * SECOND
    twice = np.r_[0 : len(told), 5, 20]  # doubled on the network
    shift = np.rint(at * 100e-6).astype(np.int64)
    model, _ = fit(at, shift + late(at, 80), told[twice], wall[twice], came[twice])
    assert model.source is ClockSource.REPORTS
    assert error(model, at, shift) < 2


def test_reports_that_stand_still_for_a_while_are_one() -> None:
    at = steps(300)
    told, wall, came = said(300)
    told[:40] = told[0]
    model, _ = fit(at, late(at, 10), told, wall, came)
    assert (model.source, model.reports) == (ClockSource.REPORTS, 21)


def test_a_rate_that_moves_nothing_by_4_ms_touches_no_sample_either() -> None:
    at = steps(600)
    model, rate = fit(at, late(at, 10), *said(600, rate=5e-6))
    assert (model.source, model.is_steady) == (ClockSource.REPORTS, True)
    assert rate == pytest.approx(5e-6, abs=1e-7)


def test_shifts_are_exact_however_late_the_clock() -> None:
    a_century = 36_500 * 86_400 * SECOND + 7
    assert constant(a_century).shift_at(steps(1)).tolist() == [a_century] * 50
    line = ClockModel(np.array([0, 10 * SECOND]), np.array([a_century, a_century + 10]))
    assert line.shift_at(np.array([-5, 0, 5 * SECOND, 20 * SECOND])).tolist() == [
        a_century,
        a_century,
        a_century + 5,
        a_century + 10,
    ]
