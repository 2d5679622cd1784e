"""Sockets are tried on both loops: the one every process runs on, and the one Python ships."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from tests.support.sip_station import Station


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stations() -> AsyncIterator[Callable[..., Station]]:
    made: list[Station] = []

    def make(**options: Any) -> Station:
        made.append(Station(options=options))
        return made[-1]

    yield make
    for station in made:
        await station.transport.close()
