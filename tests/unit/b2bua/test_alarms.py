"""Alarms: order, moving, cancelling, and a heap that does not grow."""

from skryba.b2bua.alarms import Alarms


def test_they_ring_in_order_and_once() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.set("a", "late", 20.0)
    alarms.set("b", "early", 10.0)
    assert alarms.next_timeout() == 10.0
    assert list(alarms.due(9.9)) == []
    assert list(alarms.due(30.0)) == [("b", "early"), ("a", "late")]
    assert list(alarms.due(99.0)) == []
    assert alarms.next_timeout() is None
    assert len(alarms) == 0


def test_a_cancelled_one_does_not_ring_and_may_be_cancelled_again() -> None:
    alarms: Alarms[str] = Alarms()
    ticket = alarms.set("a", "x", 5.0)
    alarms.set("a", "y", 6.0)
    alarms.cancel(ticket)
    alarms.cancel(ticket)
    assert alarms.next_timeout() == 6.0
    assert list(alarms.due(10.0)) == [("a", "y")]
    alarms.cancel(ticket)


def test_the_dead_never_outnumber_the_living_by_much() -> None:
    alarms: Alarms[str] = Alarms()
    for number in range(10_000):
        alarms.cancel(alarms.set("a", "x", 1e6 + number))
    assert len(alarms._heap) < 200
    assert alarms.next_timeout() is None


def test_one_that_rings_may_cancel_the_next() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.set("a", "first", 1.0)
    ticket = alarms.set("a", "second", 1.0)
    rung = []
    for _, name in alarms.due(5.0):
        rung.append(name)
        alarms.cancel(ticket)
    assert rung == ["first"]
