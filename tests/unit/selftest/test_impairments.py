import numpy as np
import pytest

from skryba.selftest.impairments import SECOND, Arrivals, Jitter, Route
from skryba.selftest.sender import Flight

COUNT = 20_000


def flight(count: int = COUNT, *, rtcp: bool = False) -> Flight:
    begin = np.linspace(100.0, 100.0 + count * 0.02, count, endpoint=False)
    end = np.add(begin, 0.02)
    return Flight(end, np.zeros((count, 12), np.uint8), begin, begin if rtcp else end, rtcp)


def carried(route: Route, *, seed: int = 1, count: int = COUNT) -> Arrivals:
    return route.carry(flight(count), np.random.default_rng(seed))


def delays(arrivals: Arrivals) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(arrivals.at / SECOND - arrivals.flight.sent[arrivals.which], dtype=np.float64)


def test_a_perfect_path_only_delays() -> None:
    arrivals = carried(Route(delay=0.123))
    assert arrivals.which.tolist() == list(range(COUNT))
    assert delays(arrivals) == pytest.approx(0.123, abs=1e-8)
    assert arrivals.lost() == []


@pytest.mark.parametrize(
    ("shape", "mean", "most"), [(Jitter.FLAT, 0.04, 0.08), (Jitter.TAIL, 0.08, 0.48), (Jitter.BELL, 0.16, 0.32)]
)
def test_jitter_never_falls_below_the_least_delay(shape: Jitter, mean: float, most: float) -> None:
    found = delays(carried(Route(delay=0.01, jitter=0.08, shape=shape))) - 0.01
    assert found.min() > -1e-8
    assert found.min() < 0.001
    assert found.max() <= most + 1e-8
    assert found.mean() == pytest.approx(mean, rel=0.05)


def test_jitter_makes_packets_overtake_unless_there_is_a_queue() -> None:
    assert (np.diff(carried(Route(jitter=0.08)).at) < 0).sum() > COUNT / 10
    assert (np.diff(carried(Route(jitter=0.08, queued=True)).at) >= 0).all()


def test_loss_takes_its_share() -> None:
    arrivals = carried(Route(loss=0.05))
    assert COUNT - len(arrivals.which) == pytest.approx(0.05 * COUNT, rel=0.1)
    assert sum(end - begin for begin, end in arrivals.lost()) == pytest.approx((COUNT - len(arrivals.which)) * 0.02)


def test_bursts_of_loss_have_their_length() -> None:
    lost = carried(Route(bursts=0.005, burst=6.0)).lost()
    assert len(lost) == pytest.approx(0.005 * COUNT, rel=0.3)
    assert np.mean([end - begin for begin, end in lost]) == pytest.approx(0.12, rel=0.3)


def test_a_blackout_takes_all_that_was_sent_then() -> None:
    arrivals = carried(Route(blackouts=((101.0, 103.0),)), count=500)
    (gone,) = arrivals.lost()
    assert gone == pytest.approx((100.98, 102.98))


def test_what_carries_no_sound_is_no_lost_sound() -> None:
    arrivals = Route(loss=1.0).carry(flight(10, rtcp=True), np.random.default_rng(1))
    assert len(arrivals.which) == 0
    assert arrivals.lost() == []
    assert Route().carry(flight(0), np.random.default_rng(1)).lost() == []


def test_some_are_doubled() -> None:
    arrivals = carried(Route(duplicate=0.1))
    twice = np.flatnonzero(np.bincount(arrivals.which) == 2)
    assert len(twice) == pytest.approx(0.1 * COUNT, rel=0.1)
    assert arrivals.lost() == []
    assert sorted(delays(arrivals).round(6).tolist())[-1] == pytest.approx(0.0121)


def test_some_come_behind_the_next_three() -> None:
    arrivals = carried(Route(reorder=0.01))
    late = delays(arrivals) > 0.05
    assert late.sum() == pytest.approx(0.01 * COUNT, rel=0.2)
    order = np.argsort(arrivals.at, kind="stable").tolist()
    first = int(np.flatnonzero(late)[0])
    assert order.index(first) == first + 3


def test_a_detour_lasts() -> None:
    found = delays(carried(Route(detours=((200.0, 0.03),))))
    sent = flight().sent
    assert found[sent < 200.0].max() == pytest.approx(0.01)
    assert found[sent >= 200.0].min() == pytest.approx(0.04)


def test_the_last_ones_come_late() -> None:
    found = delays(carried(Route(last=0.15), count=100))
    assert (found > 0.1).tolist() == [False] * 95 + [True] * 5


def test_the_same_dice_are_the_same_network() -> None:
    route = Route(jitter=0.08, loss=0.05, duplicate=0.05, reorder=0.05, bursts=0.01)
    first, second, other = carried(route), carried(route), carried(route, seed=2)
    assert first.at.tolist() == second.at.tolist()
    assert first.which.tolist() != other.which.tolist()
