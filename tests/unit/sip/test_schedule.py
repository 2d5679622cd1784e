"""One heap of alarms: order, cancellation, sweeping."""

from collections.abc import Callable

from skryba.sip.schedule import SWEEP_ABOVE, Schedule


def recorder(rung: list[tuple[str, float]], name: str) -> Callable[[float], None]:
    return lambda now: rung.append((name, now))


def test_alarms_ring_in_order_of_time_then_of_arming() -> None:
    schedule, rung = Schedule(), list[tuple[str, float]]()
    for at, name in ((3.0, "c"), (1.0, "a"), (2.0, "b1"), (2.0, "b2")):
        schedule.arm(at, recorder(rung, name))
    assert schedule.next_timeout() == 1.0
    schedule.handle_timeout(0.9)
    assert rung == []
    schedule.handle_timeout(2.0)
    assert rung == [("a", 2.0), ("b1", 2.0), ("b2", 2.0)]
    assert schedule.next_timeout() == 3.0
    schedule.handle_timeout(9.0)
    assert rung[3:] == [("c", 9.0)]
    assert schedule.next_timeout() is None
    assert len(schedule) == 0


def test_a_cancelled_alarm_neither_rings_nor_is_waited_for() -> None:
    schedule, rung = Schedule(), list[tuple[str, float]]()
    first = schedule.arm(1.0, recorder(rung, "first"))
    schedule.arm(2.0, recorder(rung, "second"))
    schedule.cancel(first)
    schedule.cancel(first)
    schedule.cancel(None)
    assert len(schedule) == 1
    assert schedule.next_timeout() == 2.0
    schedule.handle_timeout(5.0)
    assert rung == [("second", 5.0)]


def test_cancelling_what_has_rung_changes_nothing() -> None:
    schedule, rung = Schedule(), list[tuple[str, float]]()
    alarm = schedule.arm(1.0, recorder(rung, "one"))
    schedule.arm(2.0, recorder(rung, "two"))
    schedule.handle_timeout(1.0)
    schedule.cancel(alarm)
    assert len(schedule) == 1
    assert schedule.next_timeout() == 2.0


def test_an_alarm_may_arm_and_cancel_others_while_it_rings() -> None:
    schedule, rung = Schedule(), list[tuple[str, float]]()
    doomed = schedule.arm(1.0, recorder(rung, "doomed"))
    schedule.cancel(doomed)

    def chain(now: float) -> None:
        rung.append(("chain", now))
        schedule.arm(now, recorder(rung, "at once"))
        schedule.arm(now + 1, recorder(rung, "later"))
        schedule.cancel(victim)

    schedule.arm(1.0, chain)
    victim = schedule.arm(1.0, recorder(rung, "victim"))
    schedule.handle_timeout(1.0)
    assert rung == [("chain", 1.0), ("at once", 1.0)]
    assert schedule.next_timeout() == 2.0


def test_the_cancelled_do_not_pile_up() -> None:
    schedule, rung = Schedule(), list[tuple[str, float]]()
    schedule.arm(5.0, recorder(rung, "kept"))
    for _ in range(20 * SWEEP_ABOVE):
        schedule.cancel(schedule.arm(100.0, recorder(rung, "cancelled")))
        assert schedule.depth <= 2 * SWEEP_ABOVE
    assert len(schedule) == 1
    schedule.handle_timeout(200.0)
    assert rung == [("kept", 200.0)]
    assert schedule.depth == 0
