"""The signalling process: SIP, calls, policy, media engine, ledger, metrics — built, started, drained, stopped.

Holds no rule of any room; what it knows is who is told about what, and in which order things begin and end.
"""

import asyncio
import hashlib
import random
import secrets
import signal
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog

from skryba import clock
from skryba.archive.ledger import Ledger
from skryba.archive.observer import LedgerObserver
from skryba.b2bua.agent import Agent
from skryba.b2bua.notices import Notice
from skryba.b2bua.server import Server
from skryba.b2bua.settings import Binding, Limits, Settings, Station, TrunkSettings
from skryba.config.model import Config
from skryba.control import ControlDoor
from skryba.errors import ConfigError, ResourceError
from skryba.housecall import NAME, HouseLine, with_house_line
from skryba.log import log_notice
from skryba.media.engine import MediaEngine
from skryba.metrics.collector import Collector
from skryba.metrics.endpoint import Endpoint
from skryba.metrics.observer import MetricsObserver
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, Decision
from skryba.policy.rules import parse_rules
from skryba.prompts import PromptLibrary
from skryba.recorder.link import RecorderLink
from skryba.sip.digest import Authenticator
from skryba.sip.stack import Stack
from skryba.sip.transport import Transport
from skryba.terms import SocketAddress

SHARED_MEMORY = Path("/dev/shm")  # the ring must never wait for a disk
_ROWS_PER_CALL = 2
_LAST_WORDS = 2.0  # seconds given to the last BYEs, and to the link for its last stops

log = structlog.get_logger("signalling")


def ring_path(config: Config, thread: int) -> Path:
    """One ring a media thread; the same configuration finds the same ring again."""
    mark = hashlib.sha256(str(config.recorder.spool).encode()).hexdigest()[:12]
    return SHARED_MEMORY / f"skryba-{mark}-{thread}.ring"


def recorder_socket(config: Config) -> Path:
    """Where the recorder listens for signalling."""
    return config.operations.control.with_name("recorder.sock")


class Policy:
    """The rules in force. A file that cannot be used changes nothing; at the start it means that nothing is recorded."""

    def __init__(self, config: Config) -> None:
        self._path = config.policy.rules_file
        self._country = config.policy.country
        self._emergency = frozenset(config.policy.emergency)
        self._engine = Engine(None, emergency=self._emergency)
        self.loaded = self.reload()

    def reload(self) -> bool:
        try:
            book = parse_rules(self._path.read_text(encoding="utf-8"), source=str(self._path), country=self._country)
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            log.error("rules not loaded, those in force stay", file=str(self._path), error=str(error))
            return False
        self._engine = Engine(book, emergency=self._emergency)
        log.info("rules loaded", file=str(self._path), version=book.version)
        return True

    def decide(self, facts: CallFacts) -> Decision:
        return self._engine.decide(facts)


async def _settings(config: Config, bindings: tuple[Binding, ...], house: HouseLine) -> Settings:
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
        address = SocketAddress(found[0][4][0], each.port)
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
        TrunkSettings(id=NAME, host=str(house.trunk.host), address=house.trunk, prefixes=(NAME,), options_interval=0)
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
    )


class Signalling:
    """One run of the process. `run()` returns its exit code."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._policy = Policy(config)
        self._prompts = PromptLibrary(config.notice.prompts)
        for problem in self._prompts.problems:
            log.error("prompt left out", problem=problem)
        self._stopping = asyncio.Event()
        self._draining = False

    async def run(self) -> int:
        config = self._config
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._policy.reload)
        config.operations.control.parent.mkdir(parents=True, exist_ok=True)

        rings = [ring_path(config, thread) for thread in range(config.media.threads)]
        engine = MediaEngine(
            ring_paths=rings,
            ring_bytes=config.recorder.ring_megabytes << 20,
            rows=_ROWS_PER_CALL * config.limits.calls,
            host=config.media.host,
            port_range=config.media.ports,
            quarantine=config.media.quarantine,
            threads=config.media.threads,
            on_event=lambda event: server.patchbay.engine_event(event),
        )
        ledger = Ledger(config.operations.database)
        observer = MetricsObserver()
        ledger_observer = LedgerObserver(ledger)
        recorder = RecorderLink(recorder_socket(config), rings=rings, on_message=ledger_observer.recorder_message)
        transport = Transport(
            on_data=lambda data, flow: server.receive(data, flow),
            on_failed=lambda flow: server.transport_failed(flow),
        )
        server: Server
        try:
            engine.start(loop)
            bound = await transport.start([(each.transport, *each.address) for each in config.sip.bindings])
            bindings = tuple(
                Binding(each.transport, local, SocketAddress(config.sip.advertise or local.host, local.port))
                for each, local in zip(config.sip.bindings, bound, strict=True)
            )
            house = self._house_line(bindings[0].local)
            agent = self._agent(await _settings(config, bindings, house))
            server = Server(
                agent=agent,
                transport=transport,
                engine=engine,
                recorder=recorder,
                prompts=self._prompts.get,
                observers=(log_notice, observer.receive, ledger_observer.receive),
                on_fault=_fault,
                advertise=config.media.advertise or None,
                silence_limit=config.media.silence_limit,
            )
        except OSError as error:
            raise ResourceError(f"cannot start: {error}") from error
        await recorder.start_link()
        door = ControlDoor(config.operations.control, self._words(agent, recorder))
        await door.open()
        endpoint = Endpoint(config.operations.metrics_address, Collector(observer, self._view(agent, engine, recorder)))
        endpoint.start()
        server.start()
        house.write(config.operations.control.parent)
        log.info("taking calls", listen=list(config.sip.listen))

        await self._stopping.wait()
        await self._drain(server, agent)
        endpoint.stop()
        await door.close()
        server.stop()
        await recorder.close()
        engine.stop()
        await transport.close()
        ledger.close()
        log.info("ended")
        return 0

    def _house_line(self, sip: SocketAddress) -> HouseLine:
        """A fresh password each start; the simulated trunk listens beside us."""
        config = self._config
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(sip.host, sip.host)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        return HouseLine(
            sip=SocketAddress(host, sip.port),
            domain=config.sip.domain,
            password=secrets.token_urlsafe(24),
            trunk=SocketAddress(host, port),
            language=config.notice.language,
            recordings=str(config.recorder.folder),
        )

    def _agent(self, settings: Settings) -> Agent:
        token: Callable[[], str] = lambda: secrets.token_hex(8)  # noqa: E731
        return Agent(
            settings=settings,
            stack=Stack(token=token),
            policy=with_house_line(self._policy.decide, self._config.notice.language),
            token=token,
            new_id=new_id,
            authenticator=Authenticator(settings.domain, secrets.token_bytes(32)),
            prompts=self._prompts.known,
            random=random.SystemRandom(),
        )

    async def _drain(self, server: Server, agent: Agent) -> None:
        """No new calls; those that run may end by themselves, for `drain_timeout` seconds at most."""
        self._draining = True
        server.drain()
        log.info("draining", calls=len(agent.calls))
        deadline = clock.now() + self._config.operations.drain_timeout
        while agent.calls and clock.now() < deadline:
            await asyncio.sleep(0.1)
        for call in agent.calls:
            server.hang_up(call.id, "shutting down")
        deadline = clock.now() + _LAST_WORDS
        while (agent.calls or len(server.patchbay)) and clock.now() < deadline:
            await asyncio.sleep(0.02)


def new_id() -> str:
    """A UUID of version 7 in hex: time-ordered, random, nothing of the call in it (RFC 9562 §5.7)."""
    milliseconds = int(clock.at().timestamp() * 1000)
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (7 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return f"{value:032x}"


def _fault(what: str, error: BaseException) -> None:
    log.error("fault", what=what, exc_info=error)
