"""TCP: one connection, whichever side opened it, cut into messages. A shell.

Knows addresses and bytes; no message beyond its frame, no transaction.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from skryba.errors import ParseError
from skryba.sip.events import Flow
from skryba.sip.framing import StreamFramer
from skryba.sip.udp import address_of
from skryba.terms import SocketAddress

QUEUE_LIMIT = 256 * 1024  # octets that wait for a connection to open
BUFFER_LIMIT = 1 << 20  # octets that wait for a peer to read


class TcpConnection(asyncio.Protocol):
    """Accepted (`flow` None until it is made) or to be opened for `flow`.

    `on_open` is asked whether a made connection may live, `on_closed` is told of its end exactly once, opened or not.
    """

    def __init__(
        self,
        *,
        local: SocketAddress,
        flow: Flow | None,
        on_data: Callable[[bytes, Flow], None],
        on_open: Callable[["TcpConnection"], bool],
        on_closed: Callable[["TcpConnection"], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.flow = flow  # what its messages are said to come by
        self.flows: set[Flow] = set() if flow is None else {flow}  # whoever sends by it, to be told of its end
        self.used_at = self._loop.time()
        self.pings = 0
        self.broken = False  # the peer sent what no framing can follow
        self.closed = self._loop.create_future()
        self._local = local
        self._on_data = on_data
        self._on_open = on_open
        self._on_closed = on_closed
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._queue: list[bytes] = []
        self._queued = 0

    @property
    def usable(self) -> bool:
        """Open, or about to be."""
        return not self.closed.done() and (self._transport is None or not self._transport.is_closing())

    async def open(self, seconds: float) -> None:
        """Connects to `flow.remote`; on failure within `seconds` the connection ends, nothing is raised."""
        if self.flow is None:
            return
        remote, source = self.flow.remote, self._local.host
        local_addr = None if source in ("0.0.0.0", "::") else (source, 0)
        try:
            async with asyncio.timeout(seconds):
                await self._loop.create_connection(lambda: self, remote.host, remote.port, local_addr=local_addr)
        except (OSError, ValueError):  # TimeoutError is an OSError
            self._finish()
        except asyncio.CancelledError:
            self.abort()
            raise

    def send(self, data: bytes, flow: Flow) -> bool:
        """Now, or when the connection has opened. False when there is no room or no connection any more."""
        if not self.usable:
            return False
        self.used_at = self._loop.time()
        if self._transport is None:
            if self._queued + len(data) > QUEUE_LIMIT:
                return False
            self._queue.append(data)
            self._queued += len(data)
        else:
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > BUFFER_LIMIT:
                self._transport.abort()
                return False
        self.flows.add(flow)
        return True

    def close(self) -> None:
        """Ends it after what was written has left."""
        if self._transport is None:
            self._finish()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Ends it at once."""
        if self._transport is None:
            self._finish()
        else:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no instances of asyncio's, though they do the same
        stream = self._transport = cast(asyncio.Transport, transport)
        if self.closed.done():  # given up meanwhile
            stream.abort()
            return
        peer = stream.get_extra_info("peername")
        if self.flow is None and peer:
            self.flow = Flow("tcp", self._local, address_of(peer))
            self.flows.add(self.flow)
        if self.flow is None or not self._on_open(self):  # None: gone before it was accepted
            stream.abort()
            return
        for data in self._queue:
            stream.write(data)
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        flow = self.flow
        if flow is None or self.broken:
            return
        self.used_at = self._loop.time()
        framer = self._framer
        pings = framer.pings
        try:
            messages = framer.feed(data)
        except ParseError:
            messages = []
        if self._transport is not None and framer.pings > pings:
            self.pings += framer.pings - pings
            self._transport.write(b"\r\n" * (framer.pings - pings))  # RFC 5626 §4.4.1
        for message in messages:
            self._on_data(message, flow)
        if framer.failed:
            self.broken = True
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finish()

    def _finish(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
            self._queue.clear()
            self._on_closed(self)
