"""A lane carries orders to its thread, events back, and says when the thread is dead."""

import errno
import os
from collections.abc import Iterator

import pytest

from skryba.errors import ResourceError
from skryba.media.desk import ORDERS
from skryba.media.lane import Lane
from skryba.media.ring import NO_RING
from skryba.media.table import ROW, Operation, aligned
from tests.support.media import eventually


@pytest.fixture
def bell() -> Iterator[int]:
    made = os.eventfd(0, os.EFD_NONBLOCK)
    yield made
    os.close(made)


def test_orders_given_before_the_start_are_carried_out_then(bell: int) -> None:
    lane = Lane(aligned(4, ROW), NO_RING, bell=bell)
    number = lane.give(Operation.UNFORK, 0)
    assert not lane.is_done(number)
    assert not lane.running
    lane.start("test")
    lane.finish(number)
    assert lane.is_done(number)
    lane.stop()
    assert not lane.running
    assert lane.fault is None


def test_the_mailbox_goes_round(bell: int) -> None:
    lane = Lane(aligned(4, ROW), NO_RING, bell=bell)
    lane.start("test")
    numbers = [lane.give(Operation.UNFORK, row % 4) for row in range(3 * ORDERS)]
    lane.finish(numbers[-1])
    assert numbers == list(range(1, 3 * ORDERS + 1))
    lane.stop()


def test_a_mailbox_that_nobody_empties_is_full_in_the_end(bell: int) -> None:
    lane = Lane(aligned(4, ROW), NO_RING, bell=bell)
    for _ in range(ORDERS):
        lane.give(Operation.UNFORK, 0)
    with pytest.raises(ResourceError, match="does not take orders"):
        lane.give(Operation.UNFORK, 0)
    lane.start("test")
    lane.finish(ORDERS)
    lane.stop()


def test_an_order_is_its_fields_and_nothing_of_its_predecessor_in_that_place_is_used(bell: int) -> None:
    table = aligned(2, ROW)
    table["open"] = 1
    table["fd"] = table["fd_rtcp"] = -1
    lane = Lane(table, NO_RING, bell=bell)
    lane.give(Operation.FORK, 1, slot=7, channel=1)
    lane.start("test")
    lane.finish(lane.give(Operation.UNFORK, 0))
    assert (table[1]["slot"], table[1]["channel"], table[1]["fork"]) == (7, 1, 1)
    assert table[0]["fork"] == 0
    lane.stop()


def test_a_thread_that_died_left_its_errno(bell: int) -> None:
    lane = Lane(aligned(1, ROW), NO_RING, bell=bell)
    lane._epoll.close()
    lane.start("test")
    eventually(lambda: not lane.running)
    assert lane.fault == errno.EBADF
    lane.finish(lane.give(Operation.UNFORK, 0))  # nobody to wait for
    lane.stop()


def test_stopping_what_was_never_started_carries_out_what_was_ordered(bell: int) -> None:
    lane = Lane(aligned(1, ROW), NO_RING, bell=bell)
    number = lane.give(Operation.UNFORK, 0)
    lane.stop()
    assert lane.is_done(number)
    assert list(lane.events()) == []
    assert (lane.events_lost, lane.ring_head) == (0, 0)
