"""Pairs of UDP sockets for RTP and RTCP, bound to ports of the pool.

May not know rows or what is said on them.
"""

import errno
import socket

from skryba import clock
from skryba.errors import ResourceError
from skryba.media.ports import PortPool

_RECEIVE_BUFFER = 1 << 18  # octets asked for; more than a second of a stream
_EXPEDITED = 0xB8  # DSCP EF (RFC 3246)


def bind_pair(pool: PortPool, host: str) -> tuple[int, int, int]:
    """An even port and the descriptors of its two sockets, which become the caller's; ResourceError if there are none.

    A port that somebody else holds is sent to rest, and the next one tried.
    """
    while True:
        port = pool.lend(clock.now())
        pair: list[socket.socket] = []
        try:
            pair.append(_bound(host, port))
            pair.append(_bound(host, port + 1))
        except OSError as error:
            for each in pair:
                each.close()
            pool.give_back(port, clock.now())
            if error.errno != errno.EADDRINUSE:
                raise ResourceError(f"no media socket on {host}: {error}") from error
            continue
        return port, pair[0].detach(), pair[1].detach()


def _bound(host: str, port: int) -> socket.socket:
    """Non-blocking, marked as speech, with room for a stall of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    fresh = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            fresh.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            fresh.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
        else:
            fresh.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        fresh.bind((host, port))
    except OSError:
        fresh.close()
        raise
    return fresh
