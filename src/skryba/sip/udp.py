"""UDP: one bound socket, a datagram a message. A shell.

Knows addresses and bytes; no message, no transaction. What a datagram says is not looked at but for keep-alives.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from skryba.sip.events import Flow
from skryba.terms import SocketAddress

SOCKET_BUFFER = 4 << 20  # octets asked of the kernel, which may give less: a burst waits there while we work

_KEEP_ALIVE = b"\r\n\0"  # RFC 5626 §3.5.1, and what phones make of it


class UdpEndpoint(asyncio.DatagramProtocol):
    """Receives and sends by one socket."""

    def __init__(self, on_data: Callable[[bytes, Flow], None]) -> None:
        self.pings = 0
        self.errors = 0  # what the kernel said about datagrams sent earlier; whom it concerns is not known
        self.closed = asyncio.get_running_loop().create_future()
        self._on_data = on_data
        self._local = SocketAddress("", 0)
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def local(self) -> SocketAddress:
        return self._local

    async def open(self, address: SocketAddress) -> None:
        """Raises OSError when the address cannot be had."""
        bound = bound_socket(socket.SOCK_DGRAM, address)
        try:
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                bound.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            self._local = address_of(bound.getsockname())
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=bound)
        except BaseException:
            bound.close()
            raise

    def send(self, data: bytes, remote: SocketAddress) -> bool:
        """False when it surely did not leave."""
        if self._transport is None:
            return False
        try:
            self._transport.sendto(data, remote)
        except (OSError, ValueError):  # ValueError: uvloop's word for an address of the other family
            return False
        return True

    def close(self) -> None:
        if self._transport is None:
            self._finish()
        else:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no instances of asyncio's, though they do the same
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[:1] in _KEEP_ALIVE and not data.strip(_KEEP_ALIVE):
            self.pings += 1
            return
        self._on_data(data, Flow("udp", self._local, SocketAddress(addr[0], addr[1])))

    def error_received(self, exc: Exception) -> None:
        self.errors += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish()

    def _finish(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


def bound_socket(kind: socket.SocketKind, address: SocketAddress) -> socket.socket:
    """A socket bound to a numeric address; an IPv6 one takes no IPv4 traffic. Raises OSError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, kind)
    try:
        made.setblocking(False)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
    except BaseException:
        made.close()
        raise
    return made


def address_of(name: tuple[str, int] | tuple[str, int, int, int]) -> SocketAddress:
    """What a socket says of an address, without flow information and scope."""
    return SocketAddress(name[0], name[1])
