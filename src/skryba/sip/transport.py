"""Transport: all SIP sockets of the process, UDP and TCP, IPv4 and IPv6. A shell on the running loop.

Knows flows and bytes; no message, no transaction, no protocol rule but how a stream is framed.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial

from skryba.sip.events import Flow
from skryba.sip.tcp import TcpConnection
from skryba.sip.udp import UdpEndpoint, address_of, bound_socket
from skryba.terms import SocketAddress

CONNECT_TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0  # how long a peer may take to read what was written
IDLE_LIMIT = 900.0  # a connection that carried nothing, not even a ping, for so many seconds is closed
CONNECTION_LIMIT = 4096


class Transport:
    """Bytes in by `on_data`, bytes out by `send`; a way that failed is told by `on_failed`, never within `send`.

    A datagram is one message, a stream is cut into messages. `Flow.local` is the bound address of socket or listener.
    """

    def __init__(
        self,
        *,
        on_data: Callable[[bytes, Flow], None],
        on_failed: Callable[[Flow], None],
        connect_timeout: float = CONNECT_TIMEOUT,
        idle_limit: float = IDLE_LIMIT,
        connection_limit: int = CONNECTION_LIMIT,
    ) -> None:
        """Times in seconds."""
        self.refused = 0  # connections, incoming and outgoing, above the limit
        self.broken = 0  # connections closed because the stream could not be followed
        self._on_data = on_data
        self._on_failed = on_failed
        self._connect_timeout = connect_timeout
        self._idle_limit = idle_limit
        self._connection_limit = connection_limit
        self._endpoints: dict[SocketAddress, UdpEndpoint] = {}
        self._listeners: dict[SocketAddress, asyncio.Server] = {}
        self._connections: set[TcpConnection] = set()
        self._by_remote: dict[SocketAddress, TcpConnection] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def connections(self) -> int:
        """TCP connections, those that are being opened included."""
        return len(self._connections)

    @property
    def udp_errors(self) -> int:
        """What the kernel complained about after datagrams had been sent; it does not say which."""
        return sum(endpoint.errors for endpoint in self._endpoints.values())

    async def start(self, bindings: Sequence[tuple[str, str, int]]) -> list[SocketAddress]:
        """Binds each ("udp" or "tcp", numeric host, port or 0) and says where. On OSError nothing stays bound."""
        self._sweep = asyncio.get_running_loop().call_later(self._idle_limit / 4, self._close_idle)
        try:
            return [await self._bind(kind, SocketAddress(host, port)) for kind, host, port in bindings]
        except BaseException:
            await self.close()
            raise

    def send(self, flow: Flow, data: bytes) -> None:
        """Fire and forget. Over TCP a connection is opened when there is none, and `data` waits for it."""
        if self._closing:
            return
        if flow.transport == "udp":
            endpoint = self._endpoints.get(flow.local)
            if endpoint is None or not endpoint.send(data, flow.remote):
                self._fail(flow)
            return
        connection = self._by_remote.get(flow.remote)
        if connection is None or not connection.usable:
            connection = self._connect(flow)
        if connection is None or not connection.send(data, flow):
            self._fail(flow)

    async def close(self) -> None:
        """Sends what was written, closes everything and waits for its end; `on_failed` is not called any more."""
        self._closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        for listener in self._listeners.values():
            listener.close()
        for task in self._connecting:
            task.cancel()
        ends = [endpoint.closed for endpoint in self._endpoints.values()]
        ends += [connection.closed for connection in self._connections]
        for endpoint in self._endpoints.values():
            endpoint.close()
        for connection in list(self._connections):
            connection.close()
        if ends:
            _, stuck = await asyncio.wait(ends, timeout=CLOSE_TIMEOUT)
            if stuck:  # peers that do not read
                for connection in list(self._connections):
                    connection.abort()
                await asyncio.wait(stuck)
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for listener in self._listeners.values():
            await listener.wait_closed()
        self._endpoints.clear()
        self._listeners.clear()

    async def _bind(self, kind: str, address: SocketAddress) -> SocketAddress:
        if kind == "udp":
            endpoint = UdpEndpoint(self._on_data)
            await endpoint.open(address)
            self._endpoints[endpoint.local] = endpoint
            return endpoint.local
        listening = bound_socket(socket.SOCK_STREAM, address)
        try:
            local = address_of(listening.getsockname())
            loop = asyncio.get_running_loop()
            self._listeners[local] = await loop.create_server(
                partial(self._connection, local, None), sock=listening, backlog=512
            )
        except BaseException:
            listening.close()
            raise
        return local

    def _connection(self, local: SocketAddress, flow: Flow | None) -> TcpConnection:
        return TcpConnection(
            local=local, flow=flow, on_data=self._on_data, on_open=self._opened, on_closed=self._closed
        )

    def _connect(self, flow: Flow) -> TcpConnection | None:
        if len(self._connections) >= self._connection_limit:
            self.refused += 1
            return None
        connection = self._connection(flow.local, flow)
        self._connections.add(connection)
        self._by_remote[flow.remote] = connection
        # Kept until it is done and awaited by `close`: it cannot vanish, and it raises nothing
        task = asyncio.get_running_loop().create_task(
            connection.open(self._connect_timeout), name=f"connect {flow.remote}"
        )
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return connection

    def _opened(self, connection: TcpConnection) -> bool:
        if self._closing:
            return False
        if connection not in self._connections:  # one we accepted
            if len(self._connections) >= self._connection_limit:
                self.refused += 1
                return False
            self._connections.add(connection)
            if connection.flow is not None:
                self._by_remote[connection.flow.remote] = connection
        return True

    def _closed(self, connection: TcpConnection) -> None:
        known = connection in self._connections
        self._connections.discard(connection)
        self.broken += connection.broken
        flow = connection.flow
        if flow is not None and self._by_remote.get(flow.remote) is connection:
            del self._by_remote[flow.remote]
        if known:
            for each in connection.flows:
                self._fail(each)

    def _fail(self, flow: Flow) -> None:
        if not self._closing:
            asyncio.get_running_loop().call_soon(self._tell_failed, flow)

    def _tell_failed(self, flow: Flow) -> None:
        if not self._closing:
            self._on_failed(flow)

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_limit
        for connection in list(self._connections):
            if connection.used_at < oldest:
                connection.close()
        self._sweep = loop.call_later(self._idle_limit / 4, self._close_idle)
