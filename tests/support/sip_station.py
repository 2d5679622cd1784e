"""A SIP transport on loopback and all it said."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from skryba.sip.events import Flow
from skryba.sip.transport import Transport
from skryba.terms import SocketAddress

MESSAGE = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
OTHER = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


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
