"""All sockets together on loopback: both kinds, both families, binding and closing."""

from collections.abc import Callable

import pytest

from skryba.sip.events import Flow
from tests.support.sip_station import MESSAGE, OTHER, Station

HOSTS = ["127.0.0.1", "::1"]


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
    there = await stations().start(
        *((kind, "::", a.port) for kind, a in zip(("udp", "tcp"), here.addresses, strict=True))
    )
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
