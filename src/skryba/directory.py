"""The core's view of the configuration: stations, trunks with their addresses, the house's own line included.

Holds no rule of routing; looks names up once, at the start.
"""

import asyncio
import socket

import structlog

from skryba.b2bua.settings import Binding, Limits, Settings, Station, TrunkSettings
from skryba.config.model import Config
from skryba.housecall import NAME, NUMBER, HouseLine
from skryba.terms import SocketAddress

log = structlog.get_logger("signalling")


async def settings(config: Config, bindings: tuple[Binding, ...], house: HouseLine) -> Settings:
    """The core's view of the configuration, the house's own station and trunk included."""
    stations = {
        each.id: Station(each.id, each.password, each.name, frozenset(each.groups), each.number or None)
        for each in config.station
    }
    stations[NAME] = Station(NAME, house.password, "Self-test")
    trunks = []
    loop = asyncio.get_running_loop()
    for each in config.trunk:
        try:
            found = await loop.getaddrinfo(each.host, each.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            log.error("trunk left out: its host has no address", trunk=each.id, host=each.host, error=str(error))
            continue
        address = SocketAddress(str(found[0][4][0]), each.port)
        trunks.append(
            TrunkSettings(
                id=each.id,
                host=each.host,
                address=address,
                transport=each.transport,
                register=each.register_,
                username=each.username,
                password=each.password,
                accept=frozenset(each.accept or (address.host,)),
                prefixes=each.prefix,
                options_interval=each.options_interval,
                expires=each.expires,
            )
        )
    trunks.append(
        TrunkSettings(
            id=NAME,
            host=str(house.trunk.host),
            address=house.trunk,
            prefixes=(NUMBER,),
            exclusive=True,
            options_interval=0,
        )
    )
    return Settings(
        domain=config.sip.domain,
        bindings=bindings,
        stations=stations,
        trunks=tuple(trunks),
        numbers=config.numbers,
        limits=Limits(
            calls=config.limits.calls,
            max_duration=config.limits.max_duration,
            answer_timeout=config.limits.answer_timeout,
        ),
        emergency=frozenset(config.policy.emergency),
        country=config.policy.country,
        language=config.notice.language,
    )
