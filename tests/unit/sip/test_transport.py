"""Real sockets on loopback, on asyncio's loop and on uvloop: UDP and TCP, IPv4 and IPv6."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from skryba.sip.events import Flow
from skryba.sip.tcp import QUEUE_LIMIT
from skryba.sip.transport import Transport
from skryba.terms import SocketAddress

MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
OTHER = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
HOSTS = ["127.0.0.1", "::1"]


@dataclass
class Station:
    """A transport and all it said."""

    data: asyncio.Queue[tuple[bytes, Flow]] = field(default_factory=asyncio.Queue)
    failed: asyncio.Queue[Flow] = field(default_factory=asyncio.Queue)
    options: dict[str, Any] = field(default_factory=dict)
    addresses: list[SocketAddress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transport = Transport(
            on_data=lambda data, flow: self.data.put_nowait((data, flow)),
            on_failed=self.failed.put_nowait,
            **self.options,
        )

    async def start(self, *bindings: tuple[str, str, int]) -> "Station":
        self.addresses = await self.transport.start(bindings)
        return self

    async def heard(self) -> tuple[bytes, Flow]:
        return await asyncio.wait_for(self.data.get(), 2)

    async def failure(self) -> Flow:
        return await asyncio.wait_for(self.failed.get(), 2)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
async def stations() -> AsyncIterator[Callable[..., Station]]:
    made: list[Station] = []

    def make(**options: Any) -> Station:
        made.append(Station(options=options))
        return made[-1]

    yield make
    for station in made:
        await station.transport.close()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
async def test_a_message_goes_there_and_its_answer_comes_back(
    kind: str, host: str, stations: Callable[..., Station]
) -> None:
    here, there = await stations().start((kind, host, 0)), await stations().start((kind, host, 0))
    way = Flow("udp" if kind == "udp" else "tcp", here.addresses[0], there.addresses[0])
    here.transport.send(way, MESSAGE)
    data, flow = await there.heard()
    assert data == MESSAGE
    assert flow.transport == kind
    assert flow.local == there.addresses[0]
    assert flow.remote.host == host
    there.transport.send(flow, OTHER)
    assert await here.heard() == (OTHER, way)
    assert here.failed.empty()
    assert there.failed.empty()


async def test_both_families_share_a_port_number(stations: Callable[..., Station]) -> None:
    here = await stations().start(("udp", "0.0.0.0", 0), ("tcp", "0.0.0.0", 0))
    there = await stations().start(*((kind, "::", a.port) for kind, a in zip(("udp", "tcp"), here.addresses, strict=True)))
    assert [a.port for a in here.addresses] == [a.port for a in there.addresses]


async def test_a_port_in_use_is_an_os_error_and_nothing_stays_bound(stations: Callable[..., Station]) -> None:
    here = await stations().start(("udp", "127.0.0.1", 0))
    free = await stations().start(("tcp", "127.0.0.1", 0))
    port = free.addresses[0].port
    await free.transport.close()
    with pytest.raises(OSError):
        await stations().start(("tcp", "127.0.0.1", port), ("udp", *here.addresses[0]))
    again = await stations().start(("tcp", "127.0.0.1", port))
    assert again.addresses[0].port == port


class TestUdp:
    async def test_a_datagram_is_a_message_however_broken(self, stations: Callable[..., Station]) -> None:
        here = await stations().start(("udp", "127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(MESSAGE[:10], here.addresses[0])
            peer.sendto(MESSAGE + OTHER, here.addresses[0])
        assert [(await here.heard())[0], (await here.heard())[0]] == [MESSAGE[:10], MESSAGE + OTHER]

    async def test_keep_alives_are_ignored(self, stations: Callable[..., Station]) -> None:
        here = await stations().start(("udp", "127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for ping in (b"\r\n\r\n", b"\r\n", b"\0", b"", MESSAGE):
                peer.sendto(ping, here.addresses[0])
        assert (await here.heard())[0] == MESSAGE
        assert here.data.empty()

    @pytest.mark.parametrize(
        ("data", "remote"),
        [(b"x" * 70_000, SocketAddress("127.0.0.1", 9)), (b"x", SocketAddress("no address", 9))],
        ids=["too long", "nowhere"],
    )
    async def test_what_cannot_leave_is_a_failure_or_an_error_counted(
        self, data: bytes, remote: SocketAddress, stations: Callable[..., Station]
    ) -> None:
        here = await stations().start(("udp", "127.0.0.1", 0))
        flow = Flow("udp", here.addresses[0], remote)
        here.transport.send(flow, data)
        assert here.failed.empty(), "not within send"
        await until(lambda: not here.failed.empty() or here.transport.udp_errors > 0)

    async def test_an_unknown_local_address_is_a_failure(self, stations: Callable[..., Station]) -> None:
        here = await stations().start(("udp", "127.0.0.1", 0))
        flow = Flow("udp", SocketAddress("127.0.0.9", 1), here.addresses[0])
        here.transport.send(flow, MESSAGE)
        assert await here.failure() == flow


class TestTcp:
    async def test_any_segmentation_gives_the_same_messages(self, stations: Callable[..., Station]) -> None:
        here = await stations().start(("tcp", "127.0.0.1", 0))
        _, writer = await asyncio.open_connection(*here.addresses[0])
        stream = MESSAGE + b"\r\n" + OTHER + MESSAGE
        for size in (1, 7, len(stream)):
            for start in range(0, len(stream), size):
                writer.write(stream[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
            assert [(await here.heard())[0] for _ in range(3)] == [MESSAGE, OTHER, MESSAGE]
        writer.close()
        await writer.wait_closed()

    async def test_messages_sent_before_the_connection_opened_arrive_in_order(
        self, stations: Callable[..., Station]
    ) -> None:
        here, there = await stations().start(), await stations().start(("tcp", "127.0.0.1", 0))
        flow = Flow("tcp", SocketAddress("0.0.0.0", 5060), there.addresses[0])
        for _ in range(3):
            here.transport.send(flow, MESSAGE)
            here.transport.send(flow, OTHER)
        assert here.transport.connections == 1
        assert [(await there.heard())[0] for _ in range(6)] == [MESSAGE, OTHER] * 3
        assert there.transport.connections == 1

    async def test_an_accepted_connection_is_used_for_requests_to_its_remote_address(
        self, stations: Callable[..., Station]
    ) -> None:
        here = await stations().start(("tcp", "127.0.0.1", 0))
        reader, writer = await asyncio.open_connection(*here.addresses[0])
        remote = SocketAddress(*writer.get_extra_info("sockname"))
        await until(lambda: here.transport.connections == 1)
        here.transport.send(Flow("tcp", here.addresses[0], remote), MESSAGE)
        assert await asyncio.wait_for(reader.readexactly(len(MESSAGE)), 2) == MESSAGE
        assert here.transport.connections == 1
        writer.close()
        await writer.wait_closed()

    async def test_a_ping_is_answered_by_a_pong(self, stations: Callable[..., Station]) -> None:
        here = await stations().start(("tcp", "127.0.0.1", 0))
        reader, writer = await asyncio.open_connection(*here.addresses[0])
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), 2) == b"\r\n"
        writer.write(b"\r\n" + MESSAGE + b"\r\n\r\n\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(4), 2) == b"\r\n\r\n"
        assert (await here.heard())[0] == MESSAGE
        assert here.data.empty()
        writer.close()
        await writer.wait_closed()

    async def test_a_refused_connect_fails_each_flow_once(self, stations: Callable[..., Station]) -> None:
        gone = await stations().start(("tcp", "127.0.0.1", 0))
        await gone.transport.close()
        here = await stations().start(("tcp", "127.0.0.1", 0))
        flow = Flow("tcp", here.addresses[0], gone.addresses[0])
        here.transport.send(flow, MESSAGE)
        here.transport.send(flow, OTHER)
        assert here.failed.empty(), "not within send"
        assert await here.failure() == flow
        assert here.transport.connections == 0
        assert here.failed.empty()

    async def test_a_connect_that_nobody_answers_times_out(self, stations: Callable[..., Station]) -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            fillers = [socket.socket() for _ in range(3)]  # the kernel's backlog: what comes after is not answered
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
            here = await stations(connect_timeout=0.1).start()
            flow = Flow("tcp", SocketAddress("127.0.0.1", 5060), SocketAddress(*deaf.getsockname()))
            here.transport.send(flow, MESSAGE)
            assert await here.failure() == flow
            for filler in fillers:
                filler.close()

    async def test_the_queue_of_an_opening_connection_is_bounded(self, stations: Callable[..., Station]) -> None:
        here, there = await stations().start(), await stations().start(("tcp", "127.0.0.1", 0))
        flow = Flow("tcp", SocketAddress("0.0.0.0", 5060), there.addresses[0])
        for _ in range(QUEUE_LIMIT // len(MESSAGE)):
            here.transport.send(flow, MESSAGE)
        here.transport.send(flow, MESSAGE)
        assert await here.failure() == flow
        for _ in range(QUEUE_LIMIT // len(MESSAGE)):
            assert (await there.heard())[0] == MESSAGE

    async def test_a_connection_the_peer_closes_fails_its_flow_and_is_opened_anew(
        self, stations: Callable[..., Station]
    ) -> None:
        here, there = await stations().start(), await stations().start(("tcp", "127.0.0.1", 0))
        flow = Flow("tcp", SocketAddress("127.0.0.1", 5060), there.addresses[0])
        here.transport.send(flow, MESSAGE)
        await there.heard()
        await there.transport.close()
        assert await here.failure() == flow
        assert here.transport.connections == 0
        revived = await stations().start(("tcp", *there.addresses[0]))
        here.transport.send(flow, OTHER)
        assert (await revived.heard())[0] == OTHER

    async def test_a_peer_that_does_not_read_is_given_up(self, stations: Callable[..., Station]) -> None:
        here = await stations().start(("tcp", "127.0.0.1", 0))
        with socket.create_connection(here.addresses[0]) as peer:
            await until(lambda: here.transport.connections == 1)
            flow = Flow("tcp", here.addresses[0], SocketAddress(*peer.getsockname()))
            async with asyncio.timeout(2):
                while here.failed.empty():
                    here.transport.send(flow, b"x" * 60_000)
                    await asyncio.sleep(0)
            await until(lambda: here.transport.connections == 0)

    async def test_a_stream_that_cannot_be_followed_is_closed_after_what_was_readable(
        self, stations: Callable[..., Station]
    ) -> None:
        here = await stations().start(("tcp", "127.0.0.1", 0))
        reader, writer = await asyncio.open_connection(*here.addresses[0])
        head = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n"
        writer.write(MESSAGE + head + MESSAGE)
        assert (await here.heard())[0] == MESSAGE
        assert (await here.heard())[0] == head
        assert await asyncio.wait_for(reader.read(), 2) == b""
        await until(lambda: here.transport.connections == 0)
        assert here.transport.broken == 1
        assert here.data.empty()
        writer.close()
        await writer.wait_closed()

    async def test_connections_above_the_limit_are_refused_both_ways(self, stations: Callable[..., Station]) -> None:
        here = await stations(connection_limit=1).start(("tcp", "127.0.0.1", 0))
        _, first = await asyncio.open_connection(*here.addresses[0])
        await until(lambda: here.transport.connections == 1)
        reader, second = await asyncio.open_connection(*here.addresses[0])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 2)
        flow = Flow("tcp", here.addresses[0], SocketAddress("127.0.0.1", 9))
        here.transport.send(flow, MESSAGE)
        assert await here.failure() == flow
        assert here.transport.refused == 2
        assert here.transport.connections == 1
        first.write(MESSAGE)
        assert (await here.heard())[0] == MESSAGE
        for writer in (first, second):
            writer.close()
        await first.wait_closed()

    async def test_idle_connections_are_closed_and_used_ones_are_not(self, stations: Callable[..., Station]) -> None:
        here = await stations(idle_limit=0.2).start(("tcp", "127.0.0.1", 0))
        idle, idle_writer = await asyncio.open_connection(*here.addresses[0])
        busy, busy_writer = await asyncio.open_connection(*here.addresses[0])

        async def ping() -> None:
            while True:
                busy_writer.write(b"\r\n\r\n")
                await asyncio.wait_for(busy.readexactly(2), 2)
                await asyncio.sleep(0.02)

        pinging = asyncio.get_running_loop().create_task(ping())
        assert await asyncio.wait_for(idle.read(), 2) == b""
        assert here.transport.connections == 1
        assert not pinging.done()
        pinging.cancel()
        for writer in (idle_writer, busy_writer):
            writer.close()
            await writer.wait_closed()

    async def test_closing_sends_what_was_written_and_tells_nobody(self, stations: Callable[..., Station]) -> None:
        here, there = await stations().start(), await stations().start(("tcp", "127.0.0.1", 0))
        flow = Flow("tcp", SocketAddress("127.0.0.1", 5060), there.addresses[0])
        here.transport.send(flow, MESSAGE)
        await there.heard()
        here.transport.send(flow, OTHER)
        here.transport.send(Flow("tcp", flow.local, SocketAddress("127.0.0.1", 9)), OTHER)
        await here.transport.close()
        assert (await there.heard())[0] == OTHER
        here.transport.send(flow, OTHER)
        await asyncio.sleep(0.01)
        assert here.transport.connections == 0
        assert here.failed.empty()
