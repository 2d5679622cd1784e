from collections.abc import Callable

import pytest

from skryba.metrics.heartbeat import BEAT, STALL, Heartbeat


class Loop:
    """A loop and its clock in one; rings when told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Ringing] = []

    def later(self, delay: float, callback: Callable[[], None]) -> "Ringing":
        self.timers.append(Ringing(self, delay, callback))
        return self.timers[-1]

    def ring(self, *, late: float = 0.0) -> None:
        timer = self.timers.pop(0)
        self.now += timer.delay + late
        timer.callback()


class Ringing:
    def __init__(self, loop: Loop, delay: float, callback: Callable[[], None]) -> None:
        self.loop, self.delay, self.callback = loop, delay, callback

    def cancel(self) -> None:
        self.loop.timers.remove(self)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def lags() -> list[float]:
    return []


@pytest.fixture
def heartbeat(loop: Loop, lags: list[float]) -> Heartbeat:
    return Heartbeat(on_lag=lags.append, later=loop.later, now=lambda: loop.now)


def test_lag_is_what_exceeds_the_beat(heartbeat: Heartbeat, loop: Loop, lags: list[float]) -> None:
    heartbeat.start()
    for late in (0.0, 0.25, -0.01):
        loop.ring(late=late)
    assert lags == pytest.approx([0.0, 0.25, 0.0])
    assert [timer.delay for timer in loop.timers] == [BEAT]


def test_a_loop_that_does_not_wake_is_a_problem(heartbeat: Heartbeat, loop: Loop) -> None:
    heartbeat.start()
    loop.now += STALL
    assert heartbeat.problem() is None
    loop.now += 3.0
    assert heartbeat.problem() == "the signalling loop has been stuck for 8 s"
    loop.ring()
    assert heartbeat.problem() is None


def test_stop_leaves_no_timer(heartbeat: Heartbeat, loop: Loop) -> None:
    heartbeat.stop()
    heartbeat.start()
    heartbeat.stop()
    assert loop.timers == []
