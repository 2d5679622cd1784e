"""TCP on loopback: framing, connecting, keeping, losing and bounding connections."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from skryba.sip.events import Flow
from skryba.sip.tcp import QUEUE_LIMIT
from skryba.terms import SocketAddress
from tests.support.sip_station import MESSAGE, OTHER, Station, until


async def test_any_segmentation_gives_the_same_messages(stations: Callable[..., Station]) -> None:
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


async def test_messages_sent_before_the_connection_opened_arrive_in_order(stations: Callable[..., Station]) -> None:
    here, there = await stations().start(), await stations().start(("tcp", "127.0.0.1", 0))
    flow = Flow("tcp", SocketAddress("0.0.0.0", 5060), there.addresses[0])
    for _ in range(3):
        here.transport.send(flow, MESSAGE)
        here.transport.send(flow, OTHER)
    assert here.transport.connections == 1
    assert [(await there.heard())[0] for _ in range(6)] == [MESSAGE, OTHER] * 3
    assert there.transport.connections == 1


async def test_an_accepted_connection_is_used_for_requests_to_its_remote_address(
    stations: Callable[..., Station],
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


async def test_a_ping_is_answered_by_a_pong(stations: Callable[..., Station]) -> None:
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


async def test_a_refused_connect_fails_each_flow_once(stations: Callable[..., Station]) -> None:
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


async def test_a_connect_that_nobody_answers_times_out(stations: Callable[..., Station]) -> None:
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


async def test_the_queue_of_an_opening_connection_is_bounded(stations: Callable[..., Station]) -> None:
    here, there = await stations().start(), await stations().start(("tcp", "127.0.0.1", 0))
    flow = Flow("tcp", SocketAddress("0.0.0.0", 5060), there.addresses[0])
    for _ in range(QUEUE_LIMIT // len(MESSAGE)):
        here.transport.send(flow, MESSAGE)
    here.transport.send(flow, MESSAGE)
    assert await here.failure() == flow
    for _ in range(QUEUE_LIMIT // len(MESSAGE)):
        assert (await there.heard())[0] == MESSAGE


async def test_a_connection_the_peer_closes_fails_its_flow_and_is_opened_anew(stations: Callable[..., Station]) -> None:
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


async def test_a_peer_that_does_not_read_is_given_up(stations: Callable[..., Station]) -> None:
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
    stations: Callable[..., Station],
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


async def test_connections_above_the_limit_are_refused_both_ways(stations: Callable[..., Station]) -> None:
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


async def test_idle_connections_are_closed_and_used_ones_are_not(stations: Callable[..., Station]) -> None:
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


async def test_closing_sends_what_was_written_and_tells_nobody(stations: Callable[..., Station]) -> None:
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


async def test_closing_gives_up_what_is_still_being_opened(stations: Callable[..., Station]) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        here = await stations().start()
        here.transport.send(Flow("tcp", SocketAddress("127.0.0.1", 5060), SocketAddress(*deaf.getsockname())), MESSAGE)
        await asyncio.sleep(0.01)
        assert here.transport.connections == 1
        async with asyncio.timeout(2):
            await here.transport.close()
        assert here.transport.connections == 0
        assert here.failed.empty()
        for filler in fillers:
            filler.close()


async def test_closing_does_not_wait_for_a_peer_that_does_not_read(
    stations: Callable[..., Station], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skryba.sip.transport.CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr("skryba.sip.tcp.BUFFER_LIMIT", 1 << 30)
    here = await stations().start(("tcp", "127.0.0.1", 0))
    with socket.create_connection(here.addresses[0]) as peer:
        await until(lambda: here.transport.connections == 1)
        here.transport.send(Flow("tcp", here.addresses[0], SocketAddress(*peer.getsockname())), b"x" * (20 << 20))
        async with asyncio.timeout(2):
            await here.transport.close()
        assert here.transport.connections == 0
