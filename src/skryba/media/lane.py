"""A lane: one engine thread, and control's side of its desk: orders in, events out, a bell to wake it.

May not know what orders mean, nor sockets.
"""

import os
import select
import threading
from collections.abc import Iterator
from typing import Any

from skryba.errors import ResourceError
from skryba.media.desk import (
    EVENTS,
    EVENTS_GIVEN,
    EVENTS_LOST,
    EVENTS_TAKEN,
    ORDERS,
    ORDERS_DONE,
    ORDERS_GIVEN,
    await_word,
    furnish,
    look,
    publish,
)
from skryba.media.loop import run
from skryba.media.ring import Words, head_of
from skryba.media.table import Operation, Rows

PATIENCE_US = 1_000_000  # an engine thread that has not looked at its mailbox for so long is dead


class Lane:
    """All methods belong to one thread, the control thread. `bell` is an eventfd that rings when there are events."""

    def __init__(self, table: Rows, ring: Words, *, bell: int) -> None:
        self._epoll = select.epoll()
        self._doorbell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._desk = furnish(table, ring, epoll=self._epoll.fileno(), doorbell=self._doorbell, events=bell)
        self._given = 0
        self._thread: threading.Thread | None = None
        self.ring = ring
        self.rows = 0  # how many it serves; the engine counts them
        self.fault: int | None = None  # errno that ended the thread

    def start(self, name: str) -> None:
        """Serve; orders given before are carried out first."""
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self.fault = run(self._desk) or None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def give(self, operation: Operation, row: int, **fields: Any) -> int:
        """Put an order into the mailbox and ring. Returns its number, for `is_done`."""
        if self._given >= ORDERS and not self._await(self._given - ORDERS + 1):
            raise ResourceError("the media thread does not take orders")
        order = self._desk.orders[self._given % ORDERS]
        order["operation"] = operation
        order["row"] = row
        for name, value in fields.items():
            order[name] = value
        self._given += 1
        publish(self._desk.words, ORDERS_GIVEN, self._given)
        os.eventfd_write(self._doorbell, 1)
        return self._given

    def is_done(self, number: int) -> bool:
        """Has the order been carried out?"""
        return look(self._desk.words, ORDERS_DONE) >= number

    def finish(self, number: int) -> None:
        """Wait for an order, some microseconds as a rule; ResourceError if the thread is dead."""
        if self.running and not self._await(number):
            raise ResourceError("the media thread does not answer")

    def _await(self, number: int) -> bool:
        return await_word(self._desk.words, ORDERS_DONE, number, PATIENCE_US if self.running else 0)

    def events(self) -> Iterator[Any]:
        """What has been reported since the last call, each a record of `table.EVENT`."""
        words = self._desk.words
        given = look(words, EVENTS_GIVEN)
        taken = int(words[EVENTS_TAKEN])
        while taken < given:
            event = self._desk.events[taken % EVENTS].copy()
            taken += 1
            publish(words, EVENTS_TAKEN, taken)
            yield event

    @property
    def events_lost(self) -> int:
        return int(self._desk.words[EVENTS_LOST])

    @property
    def ring_head(self) -> int:
        """Octets written to the lane's ring."""
        return head_of(self.ring)

    def stop(self) -> None:
        """End the thread after the orders given so far, its sockets' closing too. Of no use afterwards."""
        if not self.running:
            self.start("media-end")
        self.give(Operation.QUIT, 0)
        if self._thread is not None:
            self._thread.join(PATIENCE_US / 1e6)
        if self.running:
            raise ResourceError("the media thread does not end")
        self._epoll.close()
        os.close(self._doorbell)
