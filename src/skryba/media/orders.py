"""Orders of control, carried out by the engine thread between two packets. Compiled into the loop.

May not know why. Only this thread changes rows in use and closes sockets: no packet meets half an order, no descriptor
is used after it was closed.
"""

from typing import Any

import numpy as np

from skryba.media.desk import EPOLL_FD, ORDERS, ORDERS_DONE, ORDERS_GIVEN
from skryba.media.playing import start_playing, stop_playing
from skryba.media.syscalls import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_DATA,
    EPOLLIN,
    address_of,
    close,
    compiled,
    epoll_ctl,
    load_acquire,
    store_release,
)
from skryba.media.table import ARMED, HOSTS, Operation

_QUIT, _OPEN, _CLOSE, _AIM, _BRIDGE, _FORK, _UNFORK, _PLAY, _STOP_PLAY = (int(each) for each in Operation)
RTCP_BIT = 1  # of an epoll event's data: row * 2, and this for the RTCP socket


@compiled
def watch(desk: Any, descriptor: int, data: int) -> None:
    """Have epoll report the descriptor under this word."""
    event = desk.scratch[6:8].view(np.int32)
    event[0] = EPOLLIN
    event[EPOLL_DATA] = data
    epoll_ctl(desk.words[EPOLL_FD], EPOLL_CTL_ADD, descriptor, address_of(event))


@compiled
def open_row(desk: Any, order: Any) -> None:
    row = desk.table[order.row]
    row.fd, row.fd_rtcp, row.generation = order.fd, order.fd_rtcp, order.generation
    row.open = 1
    watch(desk, order.fd, order.row * 2)
    watch(desk, order.fd_rtcp, order.row * 2 + RTCP_BIT)


@compiled
def close_row(desk: Any, index: int, now: int) -> None:
    row = desk.table[index]
    stop_playing(desk, index, now)
    row.open, row.fork, row.relay, row.latch = 0, 0, 0, 0
    if row.peer >= 0 and desk.table[row.peer].peer == index:
        other = desk.table[row.peer]
        other.relay, other.peer = 0, -1
    row.peer = -1
    for descriptor in (row.fd, row.fd_rtcp):
        epoll_ctl(desk.words[EPOLL_FD], EPOLL_CTL_DEL, descriptor, address_of(desk.scratch))
        close(descriptor)
    row.fd, row.fd_rtcp = -1, -1


@compiled
def aim_row(desk: Any, order: Any, now: int) -> None:
    """New terms for the latch. A party that did not move keeps its latch: only the window opens again (RFC 7362 §4)."""
    row = desk.table[order.row]
    row.event_type, row.tick = order.event_type, order.tick
    row.window_ns, row.window_end = order.window_ns, now + order.window_ns
    row.host_count = order.host_count
    for index in range(2 * HOSTS):
        row.hosts[index] = order.hosts[index]
    if order.moved == 0:
        return
    row.latch, row.exact, row.rtcp_learnt = ARMED, 0, 0
    row.stated0, row.stated1, row.stated2 = order.to0, order.to1, order.to2
    row.stated_rtcp0, row.stated_rtcp1, row.stated_rtcp2 = order.rtcp_to0, order.rtcp_to1, order.rtcp_to2
    row.to0, row.to1, row.to2, row.to3 = order.to0, order.to1, order.to2, order.to3
    row.to_octets = order.to_octets
    row.rtcp_to0, row.rtcp_to1, row.rtcp_to2, row.rtcp_to3 = (
        order.rtcp_to0,
        order.rtcp_to1,
        order.rtcp_to2,
        order.rtcp_to3,
    )
    row.rtcp_to_octets = order.rtcp_to_octets


@compiled
def bridge_row(desk: Any, order: Any, now: int) -> None:
    """One direction. Signalling joins them now, so who was not heard yet may speak up from now on."""
    row = desk.table[order.row]
    row.peer, row.relay, row.mapped = order.peer, order.relay, order.mapped
    for index in range(128):
        row.type_map[index] = order.type_map[index]
    reopen_window(row, now)


@compiled
def reopen_window(row: Any, now: int) -> None:
    """For a party that was armed and not heard yet; whoever is latched stays as he is."""
    if row.latch == ARMED:
        row.window_end = now + row.window_ns


@compiled
def carry_out(desk: Any, now: int) -> bool:
    """All orders given so far; False after QUIT."""
    words = desk.words
    place = address_of(words)
    given = load_acquire(place + 8 * ORDERS_GIVEN)
    while words[ORDERS_DONE] < given:
        order = desk.orders[words[ORDERS_DONE] % ORDERS]
        operation = order.operation
        row = desk.table[order.row]
        if operation == _OPEN:
            open_row(desk, order)
        elif row.open == 0 and operation != _QUIT:
            pass  # closed meanwhile
        elif operation == _CLOSE:
            close_row(desk, order.row, now)
        elif operation == _AIM:
            aim_row(desk, order, now)
        elif operation == _BRIDGE:
            bridge_row(desk, order, now)
        elif operation == _FORK:
            row.slot, row.channel, row.fork = order.slot, order.channel, 1
        elif operation == _UNFORK:
            row.fork = 0
        elif operation == _PLAY:
            start_playing(desk, order.row, order, now)
            reopen_window(row, now)
        elif operation == _STOP_PLAY:
            stop_playing(desk, order.row, now)
        store_release(place + 8 * ORDERS_DONE, words[ORDERS_DONE] + 1)
        if operation == _QUIT:
            return False
    return True
