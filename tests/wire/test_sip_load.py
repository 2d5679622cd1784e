"""The load of `bench signalling`, calling itself: a generator that miscounts would flatter or defame the proxy."""

import pytest

from bench.sip_load import Load

pytestmark = pytest.mark.wire


@pytest.fixture
def load() -> Load:
    load = Load(("127.0.0.1", 9), digest=False)
    load.proxy = load._called_at  # the called party is its own proxy
    return load


def test_every_call_that_was_begun_is_counted_once(load: Load) -> None:
    load.run(0.3, window=10)
    load.finish(2.0)
    assert load.failed == 0
    assert load.completed == load.answered == len(load.added) == load._serial > 100
    load.close()


def test_a_rate_is_kept(load: Load) -> None:
    load.run(0.5, rate=200)
    load.finish(2.0)
    assert load.completed == pytest.approx(100, abs=2)
    assert load.failed == 0
    load.close()


def test_held_calls_stay_until_they_are_released(load: Load) -> None:
    load.hold = True
    load.run(2.0, rate=200, limit=40)
    load.wait(lambda: load.answered >= 40, 2.0)
    assert (load.answered, load.completed) == (40, 0)
    load.release()
    load.finish(2.0)
    assert (load.completed, load.failed) == (40, 0)
    load.close()


def test_calls_that_nobody_answers_have_failed(load: Load) -> None:
    load.proxy = ("127.0.0.1", 9)
    load.run(0.1, window=5)
    load.finish(0.1)
    assert (load.completed, load.failed) == (0, 5)
    load.close()
