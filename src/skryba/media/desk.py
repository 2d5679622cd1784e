"""The desk between control and one engine thread: rows, a mailbox of orders, one of events, a few shared words.

May not know what orders mean. Each mailbox has one writer and one reader; its words count since the beginning.
"""

from typing import Any, NamedTuple

import numpy as np

from skryba.media.ring import NO_RING
from skryba.media.syscalls import (
    EPOLL_WORDS,
    address_of,
    compiled,
    entrance,
    load_acquire,
    store_release,
    usleep,
    write,
)
from skryba.media.table import EVENT, ORDER, aligned

ORDERS = 1024  # places in the mailbox; control waits when the thread is that far behind
EVENTS = 8192
EVENTS_RESERVED = EVENTS // 2  # for the ends of prompts: keys and latches beyond are counted as lost
BATCH = 64  # descriptors per epoll_wait
DATAGRAM = 1 << 16  # octets; no UDP datagram is longer

# Shared words, each written by one side and, where both look at it often, on a cache line of its own.
ORDERS_GIVEN, ORDERS_DONE, EVENTS_GIVEN, EVENTS_TAKEN = 0, 8, 16, 24
EVENTS_LOST, PLAYS, NEXT_LOOK, TAIL_SEEN = 32, 33, 34, 35
EPOLL_FD, DOORBELL_FD, EVENTS_FD = 40, 41, 42
WORDS = 48


class Desk(NamedTuple):
    """Arrays only, so that compiled code takes it as it is. The last six are the thread's own scratch."""

    table: Any
    orders: Any
    events: Any
    words: Any
    ring: Any  # NO_RING: nothing can be forked
    plays: Any  # int32, rows that play a prompt; the first words[PLAYS] count
    ready: Any  # int32, what epoll reports
    packet: Any  # uint8
    head: Any  # int64 view of the packet's first words
    source: Any  # int64, struct sockaddr of the sender
    frame: Any  # uint8, a prompt's packet
    scratch: Any  # int64


def furnish(table: Any, ring: Any = NO_RING, *, epoll: int = -1, doorbell: int = -1, events: int = -1) -> Desk:
    """A desk for the thread that serves some rows of `table`; all descriptors stay the caller's."""
    words = aligned(WORDS, np.dtype(np.int64))
    words[[EPOLL_FD, DOORBELL_FD, EVENTS_FD]] = epoll, doorbell, events
    packet = aligned(DATAGRAM, np.dtype(np.uint8))
    return Desk(
        table=table,
        orders=aligned(ORDERS, ORDER),
        events=aligned(EVENTS, EVENT),
        words=words,
        ring=ring,
        plays=np.zeros(len(table), np.int32),
        ready=np.zeros(BATCH * EPOLL_WORDS, np.int32),
        packet=packet,
        head=packet[:64].view(np.int64),
        source=np.zeros(4, np.int64),
        frame=np.zeros(1024, np.uint8),
        scratch=np.zeros(8, np.int64),
    )


@compiled
def report(desk: Any, kind: int, row: int, flag: int, a: int, b: int, c: int) -> None:
    """Tell control; what it does not fetch in time is lost and counted, the ends of prompts last of all."""
    words = desk.words
    given = words[EVENTS_GIVEN]
    used = given - load_acquire(address_of(words) + 8 * EVENTS_TAKEN)
    if used >= (EVENTS if kind == 0 else EVENTS_RESERVED):
        words[EVENTS_LOST] += 1
        return
    event = desk.events[given % EVENTS]
    event.kind, event.row, event.generation, event.flag = kind, row, desk.table[row].generation, flag
    event.a, event.b, event.c = a, b, c
    store_release(address_of(words) + 8 * EVENTS_GIVEN, given + 1)
    desk.scratch[4] = 1
    write(words[EVENTS_FD], address_of(desk.scratch) + 32, 8)


@entrance
def look(words: Any, index: int) -> int:
    """A word that the other side writes."""
    return load_acquire(address_of(words) + 8 * index)


@entrance
def publish(words: Any, index: int, value: int) -> None:
    """Let the other side see a word, and all that was written before it."""
    store_release(address_of(words) + 8 * index, value)


@entrance
def await_word(words: Any, index: int, value: int, patience_us: int) -> bool:
    """Wait until the word has reached `value`; False if it has not after `patience_us`."""
    waited = 0
    while load_acquire(address_of(words) + 8 * index) < value:
        if waited >= patience_us:
            return False
        usleep(20)
        waited += 50  # about what such a nap takes
    return True
