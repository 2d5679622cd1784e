"""UDP on loopback: a datagram is a message, keep-alives are none, what cannot leave is said."""

import socket
from collections.abc import Callable

import pytest

from skryba.sip.events import Flow
from skryba.terms import SocketAddress
from tests.support.sip_station import MESSAGE, OTHER, Station, until


async def test_a_datagram_is_a_message_however_broken(stations: Callable[..., Station]) -> None:
    here = await stations().start(("udp", "127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(MESSAGE[:10], here.addresses[0])
        peer.sendto(MESSAGE + OTHER, here.addresses[0])
    assert [(await here.heard())[0], (await here.heard())[0]] == [MESSAGE[:10], MESSAGE + OTHER]


async def test_keep_alives_are_ignored(stations: Callable[..., Station]) -> None:
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
    data: bytes, remote: SocketAddress, stations: Callable[..., Station]
) -> None:
    here = await stations().start(("udp", "127.0.0.1", 0))
    flow = Flow("udp", here.addresses[0], remote)
    here.transport.send(flow, data)
    assert here.failed.empty(), "not within send"
    await until(lambda: not here.failed.empty() or here.transport.udp_errors > 0)


async def test_an_unknown_local_address_is_a_failure(stations: Callable[..., Station]) -> None:
    here = await stations().start(("udp", "127.0.0.1", 0))
    flow = Flow("udp", SocketAddress("127.0.0.9", 1), here.addresses[0])
    here.transport.send(flow, MESSAGE)
    assert await here.failure() == flow
