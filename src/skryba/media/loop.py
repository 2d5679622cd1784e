"""The loop of an engine thread: wait, carry out orders, relay what came, play what is due. Compiled, without the GIL.

May not know Python objects: all it sees is its desk (`skryba.media.desk`).
"""

import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any

from skryba.media.desk import (
    BATCH,
    DATAGRAM,
    DOORBELL_FD,
    EPOLL_FD,
    ORDERS_DONE,
    ORDERS_GIVEN,
    Desk,
    await_word,
    furnish,
    look,
    publish,
)
from skryba.media.latch import is_inet, is_latched
from skryba.media.orders import RTCP_BIT, carry_out, watch
from skryba.media.playing import play_what_is_due
from skryba.media.relay import relay_rtp
from skryba.media.reports import is_rtcp, relay_rtcp
from skryba.media.syscalls import (
    EINTR,
    EPOLL_DATA,
    EPOLL_WORDS,
    address_of,
    clock_ns,
    entrance,
    epoll_wait,
    errno,
    inlined,
    load_acquire,
    read,
    recvfrom,
)
from skryba.media.table import INET6_OCTETS, ROW, aligned

DOORBELL = -1  # what epoll says when control rings
FOREVER = -1  # until a packet or the doorbell: arming a timer costs a virtual machine more than the packet
_SOURCES = (
    "desk",
    "latch",
    "loop",
    "numbering",
    "orders",
    "playing",
    "prompt",
    "relay",
    "reports",
    "ring",
    "syscalls",
    "table",
)


@inlined
def serve(desk: Any, index: int, on_rtcp_port: bool) -> None:
    """One datagram of a row's socket, if there is one: the socket that epoll reported may be closed, the row reused."""
    row = desk.table[index]
    if row.open == 0:
        return
    scratch = desk.scratch
    scratch[5] = INET6_OCTETS
    length = recvfrom(
        row.fd_rtcp if on_rtcp_port else row.fd,
        address_of(desk.packet),
        DATAGRAM,
        0,
        address_of(desk.source),
        address_of(scratch) + 40,
    )
    if length < 0:
        return
    now = clock_ns(scratch)
    if on_rtcp_port:
        relay_rtcp(desk, index, length, now, False)
    elif is_rtcp(desk.packet, length):
        source = desk.source
        inet = is_inet(source[0])
        if is_latched(row, source[0], 0 if inet else source[1], 0 if inet else source[2]):
            relay_rtcp(desk, index, length, now, True)
        else:
            row.rtcp_foreign += 1
    else:
        relay_rtp(desk, index, length, now)


def _fingerprint() -> int:
    """Of all sources that are compiled into the loop: numba's cache looks at the file of the entrance only."""
    folder = resources.files("skryba.media")
    texts = b"".join((folder / f"{name}.py").read_bytes() for name in _SOURCES)
    return int.from_bytes(hashlib.sha256(texts).digest()[:7]) + 1


def _build(fingerprint: int) -> Callable[[Desk], int]:
    @entrance
    def run(desk: Any) -> int:
        """Serve until QUIT; returns 0, or the errno that ended epoll."""
        if fingerprint == 0:  # never; a closure's values are part of the cache's key
            return -1
        words, ready = desk.words, desk.ready
        orders_given = address_of(words) + 8 * ORDERS_GIVEN
        watch(desk, words[DOORBELL_FD], DOORBELL)
        while True:
            # Twice a turn: here, for an order whose ring was read together with an earlier one's; and before the
            # packets, so that one sent after an order was given meets that order carried out.
            now = clock_ns(desk.scratch)
            if load_acquire(orders_given) != words[ORDERS_DONE] and not carry_out(desk, now):
                return 0
            rest = play_what_is_due(desk, now)
            patience = FOREVER if rest < 0 else (rest + 999_999) // 1_000_000
            count = epoll_wait(words[EPOLL_FD], address_of(ready), BATCH, patience)
            if count < 0:
                if errno() == EINTR:
                    continue
                return errno()
            if load_acquire(orders_given) != words[ORDERS_DONE] and not carry_out(desk, clock_ns(desk.scratch)):
                return 0
            for place in range(count):
                data = ready[EPOLL_WORDS * place + EPOLL_DATA]
                if data == DOORBELL:
                    read(words[DOORBELL_FD], address_of(desk.scratch), 8)
                else:
                    serve(desk, data >> 1, data & RTCP_BIT != 0)

    return run


run = _build(_fingerprint())


def warm() -> None:
    """Compile the loop and what control calls, or load it from numba's cache. Ten seconds the first time, then 0.3."""
    desk = furnish(aligned(1, ROW))
    publish(desk.words, ORDERS_GIVEN, look(desk.words, ORDERS_DONE))
    await_word(desk.words, ORDERS_DONE, 0, 0)
    run(desk)  # without epoll it ends at once
