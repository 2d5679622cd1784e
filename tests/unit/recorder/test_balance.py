"""Travelling times evened out where both sides' wall clocks are right, and only there (R-T8)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from skryba.recorder.balance import balance
from skryba.recorder.clock import Epoch
from skryba.recorder.formats import FormatMap
from skryba.recorder.model import ClockModel, ClockSource, constant
from skryba.recorder.timeline import ChannelTimeline, Counts

MS = 1_000_000
WALL = 1_790_000_000_000 * MS  # wall clock minus the clock of arrivals


def epoch(delay: int | None, *, ssrc: int = 1) -> Epoch:
    """Sound that stands at its arrival; it left `delay` ms before by a wall clock that is right (None: not told)."""
    model = constant(0)
    if delay is not None:
        model = replace(model, source=ClockSource.REPORTS, reports=9, disagreement=0, lag=delay * MS - WALL)
    return Epoch(ssrc, 8000, 0, 10, None, model)


def channel(*epochs: Epoch) -> ChannelTimeline:
    """Ten packets of each epoch, one after the other."""
    number = np.arange(10 * len(epochs), dtype=np.int64)
    zero = np.zeros_like(number)
    return ChannelTimeline(
        start_ns=number * 20 * MS,
        end_ns=(number + 1) * 20 * MS,
        start=number * 160,
        samples=zero + 160,
        format=zero,
        offset=zero,
        length=zero + 160,
        epoch=number // 10,
        cause=zero,
        formats=FormatMap([(0, {"0": "PCMU/8000"})]),
        epochs=epochs,
        counts=Counts(),
        unknown=(),
        source=number % 10 * 160,
    )


def moves(*channels: ChannelTimeline, trips: Sequence[Mapping[int, int]] = ({}, {})) -> list[list[int]]:
    """ms by which each epoch of each channel was moved."""
    return [[found.anchor // MS for found in one.epochs] for one in balance(channels, WALL, trips)]


def test_the_faster_side_waits_for_the_slower_one() -> None:
    assert moves(channel(epoch(10)), channel(epoch(310))) == [[300], [0]]
    assert moves(channel(epoch(310)), channel(epoch(10))) == [[0], [300]]


def test_everything_of_a_moved_channel_moves() -> None:
    left, right = balance([channel(epoch(10)), channel(epoch(310))], WALL)
    assert left.start_ns.tolist() == [(300 + 20 * number) * MS for number in range(10)]
    assert left.start.tolist() == [2400 + 160 * number for number in range(10)]
    assert left.clock()["disagreement_ms"] == 300
    assert right.clock()["disagreement_ms"] == 0


def test_a_wall_clock_that_cannot_be_right_moves_nothing() -> None:
    for strange in (-21, 401, 3_600_000, -3_600_000):
        assert moves(channel(epoch(10)), channel(epoch(strange))) == [[0], [0]]
        assert moves(channel(epoch(strange)), channel(epoch(10))) == [[0], [0]]


def test_one_side_alone_proves_nothing() -> None:
    assert moves(channel(epoch(10)), channel(epoch(None))) == [[0], [0]]
    assert moves(channel(epoch(10)), channel()) == [[0], []]
    assert moves(channel(epoch(10), epoch(60, ssrc=2)), channel(epoch(None))) == [[0, 0], [0]]


def test_nobody_is_farther_away_than_the_way_there_and_back() -> None:
    left, right = channel(epoch(10)), channel(epoch(200))
    assert moves(left, right, trips=({1: 2 * MS}, {1: 119 * MS})) == [[0], [0]]
    assert moves(left, right, trips=({1: 2 * MS}, {1: 121 * MS})) == [[190], [0]]
    assert moves(left, right, trips=({1: 2 * MS}, {2: 1 * MS})) == [[190], [0]]  # of another source
    assert moves(left, channel(epoch(401)), trips=({}, {1: 900 * MS})) == [[0], [0]]


def test_an_epoch_without_reports_travelled_as_others_of_its_source_did() -> None:
    left = channel(epoch(None), epoch(10), epoch(None), epoch(None, ssrc=2))
    assert moves(left, channel(epoch(110))) == [[100, 100, 100, 0], [0]]
    rerouted = channel(epoch(10), epoch(None), epoch(60), epoch(None))
    assert moves(rerouted, channel(epoch(110))) == [[100, 100, 50, 50], [0]]


def test_each_source_of_a_channel_has_its_own_way() -> None:
    assert moves(channel(epoch(10), epoch(60, ssrc=2)), channel(epoch(110))) == [[100, 50], [0]]


def test_a_source_whose_wall_clock_is_wrong_stays_where_it_arrived() -> None:
    assert moves(channel(epoch(10), epoch(5000, ssrc=2)), channel(epoch(110))) == [[100, 0], [0]]


def test_a_wall_clock_that_runs_at_another_speed_is_not_right() -> None:
    drifting = ClockModel(np.array([0, 100]), np.array([0, 9]), ClockSource.REPORTS, 9, 0, None)
    assert moves(channel(epoch(10)), channel(replace(epoch(None), model=drifting))) == [[0], [0]]
