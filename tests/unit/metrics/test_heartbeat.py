import asyncio

import pytest

from skryba.metrics.heartbeat import BEAT, STALL, Heartbeat


class Loop(asyncio.AbstractEventLoop):
    """Keeps what it is asked to call."""

    def __init__(self) -> None:
        self.timers: list[asyncio.TimerHandle] = []

    def call_later(self, delay, callback, *args, context=None):  # type: ignore[no-untyped-def]
        self.timers.append(asyncio.TimerHandle(delay, callback, args, self))
        return self.timers[-1]

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers.remove(handle)

    def ring(self) -> None:
        self.timers.pop(0)._run()


def test_lag_is_what_exceeds_the_beat() -> None:
    clock, lags, loop = [100.0], list[float](), Loop()
    heartbeat = Heartbeat(lags.append, lambda: clock[0])
    heartbeat.start(loop)
    for late in (0.0, 0.25, -0.01):
        clock[0] += BEAT + late
        loop.ring()
    assert lags == pytest.approx([0.0, 0.25, 0.0])
    assert len(loop.timers) == 1


def test_a_loop_that_does_not_wake_is_a_problem() -> None:
    clock, loop = [0.0], Loop()
    heartbeat = Heartbeat([].append, lambda: clock[0])
    heartbeat.start(loop)
    clock[0] = STALL
    assert heartbeat.problem() is None
    clock[0] = 8.0
    assert heartbeat.problem() == "the signalling loop has been stuck for 8 s"
    loop.ring()
    assert heartbeat.problem() is None


def test_stop_leaves_no_timer() -> None:
    loop = Loop()
    heartbeat = Heartbeat([].append, lambda: 0.0)
    heartbeat.stop()
    heartbeat.start(loop)
    heartbeat.stop()
    assert loop.timers == []
