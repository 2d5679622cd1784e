import numpy as np
import pytest

from skryba.selftest.spans import covered, joined, outside, runs, touching, widened

SPANS = [(3.0, 4.0), (1.0, 2.0), (3.5, 5.0), (7.0, 7.0)]
FOREVER = float("inf")


def test_joined_in_order_none_touching_none_empty() -> None:
    assert joined(SPANS) == [(1.0, 2.0), (3.0, 5.0)]
    assert joined([(1.0, 2.0), (2.0, 3.0)]) == [(1.0, 3.0)]
    assert joined([]) == []


def test_outside_is_what_is_left() -> None:
    assert outside(SPANS, 0.0, 6.0) == [(0.0, 1.0), (2.0, 3.0), (5.0, 6.0)]
    assert outside(SPANS, 1.5, 4.0) == [(2.0, 3.0)]
    assert outside([], 1.0, 2.0) == [(1.0, 2.0)]
    assert outside([(0.0, 9.0)], 1.0, 2.0) == []
    assert outside([(1.0, 2.0)], -FOREVER, FOREVER) == [(-FOREVER, 1.0), (2.0, FOREVER)]
    assert outside([(1.0, FOREVER)], 0.0, 9.0) == [(0.0, 1.0)]
    assert outside([(8.0, 9.0)], 0.0, 2.0) == [(0.0, 2.0)]


def test_widened_joins_and_shrunk_may_vanish() -> None:
    assert widened([(1.0, 2.0), (2.5, 3.0)], 0.5, 0.5) == [(0.5, 3.5)]
    assert widened([(1.0, 2.0), (3.0, 3.2)], -0.25, -0.25) == [(1.25, 1.75)]


def test_touching_needs_a_share_however_small() -> None:
    begins = np.array([0.0, 0.5, 0.51, 1.9, 2.0, 4.99, 5.0, 99.0])
    assert touching(begins, 0.5, SPANS).tolist() == [False, False, True, True, False, True, False, False]
    assert touching(begins, 0.5, []).tolist() == [False] * 8
    assert touching(begins, 0.5, [(-FOREVER, FOREVER)]).all()


def test_covered_counts_seconds() -> None:
    begins = np.array([0.0, 0.75, 1.25, 1.75, 2.0, 2.75])
    assert covered(begins, 0.5, SPANS).tolist() == pytest.approx([0.0, 0.25, 0.5, 0.25, 0.0, 0.25])
    assert covered(begins, 10.0, SPANS)[0] == pytest.approx(3.0)
    assert covered(begins, 0.5, [(1.9, FOREVER)])[-1] == pytest.approx(0.5)
    assert covered(begins, 0.5, [(-FOREVER, 0.1)])[0] == pytest.approx(0.1)
    assert covered(begins, 0.5, []).tolist() == [0.0] * 6
    assert covered(np.zeros(0), 0.5, SPANS).tolist() == []


def test_covered_with_a_length_each() -> None:
    found = covered(np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.5, 9.0]), SPANS)
    assert found.tolist() == pytest.approx([0.0, 0.5, 3.0])


def test_runs() -> None:
    assert runs(np.array([True, False, True, True, False])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, np.bool_)) == []
    assert runs(np.ones(3, np.bool_)) == [(0, 3)]
