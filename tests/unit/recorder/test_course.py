"""Senders' samples and axis samples: one follows from the other, through all epochs, without a jump."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.recorder.clock import Epoch
from skryba.recorder.course import Piece, chart
from skryba.recorder.model import ClockModel, constant

SECOND = 1_000_000_000
Numbers = NDArray[np.int64]


def steady() -> Epoch:
    return Epoch(1, 8000, 0, 1, None, constant(0))


def bent(*knots: tuple[int, int]) -> Epoch:
    """(RTP time in s, shift in ns)."""
    at, shift = zip(*knots, strict=True)
    return Epoch(1, 8000, 0, 1, None, ClockModel(np.array(at) * SECOND, np.array(shift, dtype=np.int64)))


class Sheet:
    """Packets of 160 samples at 8 kHz, one run of an epoch after the other."""

    def __init__(self, *epochs: Epoch) -> None:
        self.epochs = epochs
        self.columns: list[tuple[int, int, int]] = []  # epoch, source, start_ns

    def run(self, number: int, count: int, *, at: int, source: int = 0) -> "Sheet":
        """`at`: place of the first packet, ns."""
        model = self.epochs[number].model
        assert model is not None
        first = int(model.shift_at(np.array([source * 125_000]))[0]) + source * 125_000
        for packet in range(count):
            sample = source + 160 * packet
            place = sample * 125_000 + int(model.shift_at(np.array([sample * 125_000]))[0]) - first + at
            self.columns.append((number, sample, place))
        return self

    def chart(self) -> tuple[Numbers, list[Piece]]:
        epoch, source, start_ns = (np.array(column, dtype=np.int64) for column in zip(*self.columns, strict=True))
        start = (start_ns * 8000 + SECOND // 2) // SECOND
        self.places = start_ns * 8000 / SECOND
        return chart(self.epochs, 8000, epoch, source, np.full(len(epoch), 160), start, start_ns)

    def errors(self) -> NDArray[np.float64]:
        """Per packet: the senders' sample that the pieces give at its place, less the one it has."""
        sent, pieces = self.chart()
        begins = [piece.begin for piece in pieces]
        found = []
        for place, sample in zip(self.places, sent, strict=True):
            piece = pieces[int(np.searchsorted(begins, place, side="right")) - 1]
            found.append(piece.offset + place + piece.slope * (place - piece.begin) - sample)
        return np.array(found)


def test_steady_clocks_need_no_second_count() -> None:
    sent, pieces = Sheet(steady(), steady()).run(0, 5, at=0).run(1, 5, at=SECOND, source=800).chart()
    assert pieces == []
    assert sent.tolist() == [0, 160, 320, 480, 640, 8000, 8160, 8320, 8480, 8640]


@pytest.mark.parametrize("ppm", [-400, 400])
def test_a_drifting_epoch_is_one_line(ppm: int) -> None:
    sheet = Sheet(bent((0, 0), (1000, ppm * 1_000_000)))
    sheet.run(0, 50_000, at=3 * SECOND)
    sent, pieces = sheet.chart()
    assert (np.diff(sent) == 160).all()
    assert len(pieces) == 2
    assert pieces[1].slope == pytest.approx(-ppm / 1e6, rel=1e-3)
    assert np.abs(sheet.errors()[1:]).max() < 0.02


def test_bends_are_followed() -> None:
    sheet = Sheet(bent((0, 0), (60, 0), (120, 24_000_000), (180, 24_000_000)))
    sheet.run(0, 9000, at=0)
    assert len(sheet.chart()[1]) == 4
    assert np.abs(sheet.errors()[1:]).max() < 0.02


def test_a_steady_epoch_after_a_drifting_one_has_whole_offsets() -> None:
    sheet = Sheet(bent((0, 0), (100, -33_333_333)), steady()).run(0, 5000, at=0).run(1, 50, at=101 * SECOND)
    sent, pieces = sheet.chart()
    assert pieces[-1].slope == 0
    assert pieces[-1].offset == int(pieces[-1].offset)
    assert (np.diff(sent) > 0).all()
    assert np.abs(sheet.errors()[1:]).max() < 0.02
    assert sheet.errors()[-50:].tolist() == [0.0] * 50


def test_a_source_that_begins_before_another_has_ended_takes_over() -> None:
    drifting = bent((0, 0), (98, 39_000_000), (99, 39_900_000), (100, 40_000_000))
    sheet = Sheet(drifting, drifting).run(0, 5000, at=0).run(1, 5000, at=98 * SECOND)
    _, pieces = sheet.chart()
    begins = [piece.begin for piece in pieces]
    assert begins == sorted(set(begins))
    assert np.abs(sheet.errors()[5000:]).max() < 0.6  # the next epoch goes on within half a sample of the last


def test_sources_that_take_turns_never_jump() -> None:
    sheet = Sheet(bent((0, 0), (100, 40_000_000)), steady())
    for turn in range(50):
        sheet.run(0, 40, at=turn * 2 * SECOND, source=turn * 16_000)
        sheet.run(1, 40, at=(turn * 2 + 1) * SECOND, source=turn * 16_000)
    sent, pieces = sheet.chart()
    assert (np.diff(sent) > 0).all()
    jumps = [after.sent(after.begin) - before.sent(after.begin) for before, after in pairwise(pieces[1:])]
    assert len(jumps) == 99
    assert max(map(abs, jumps)) < 1.5
