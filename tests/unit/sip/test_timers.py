"""Timers: table 4 of RFC 3261."""

from skryba.sip.timers import Timers


def test_the_defaults_of_table_4() -> None:
    timers = Timers()
    assert (timers.t1, timers.t2, timers.t4) == (0.5, 4.0, 5.0)
    assert (timers.a, timers.e, timers.g) == (0.5, 0.5, 0.5)
    assert (timers.b, timers.f, timers.h, timers.j, timers.accepted, timers.timeout) == (32.0,) * 6
    assert (timers.i, timers.k) == (5.0, 5.0)
    assert timers.d >= 32.0
    assert timers.c > 180.0


def test_all_follow_t1_and_t4() -> None:
    timers = Timers(t1=0.01, t4=0.05)
    assert (timers.a, timers.timeout, timers.b, timers.accepted) == (0.01, 0.64, 0.64, 0.64)
    assert (timers.i, timers.k) == (0.05, 0.05)
