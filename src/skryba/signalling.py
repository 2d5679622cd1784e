"""The signalling process: SIP, calls, policy, media engine, ledger, metrics — built, started, drained, stopped.

Holds no rule of any room; what it knows is who is told about what, and in which order things begin and end.
"""

import asyncio
import gc
import secrets
import shutil
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from skryba import clock
from skryba.archive.ledger import Ledger
from skryba.archive.observer import LedgerObserver
from skryba.b2bua.agent import Agent
from skryba.b2bua.notices import CallEnded, Notice
from skryba.b2bua.server import Server
from skryba.b2bua.settings import Binding, Settings
from skryba.config.model import Config
from skryba.control import ControlDoor
from skryba.directory import settings
from skryba.errors import ConfigError, ResourceError
from skryba.housecall import NAME, HouseLine, with_house_line
from skryba.log import log_notice
from skryba.media.engine import MediaEngine
from skryba.media.ring import ring_bytes_for
from skryba.media.stats import StreamStats
from skryba.metrics.collector import Collector
from skryba.metrics.endpoint import Endpoint
from skryba.metrics.heartbeat import Heartbeat
from skryba.metrics.observer import MetricsObserver
from skryba.metrics.snapshot import MediaCounts, Snapshot, Volume
from skryba.places import recorder_socket, ring_paths
from skryba.policy.book import RuleBook
from skryba.policy.e164 import normalise
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, Decision
from skryba.prompts import PromptLibrary
from skryba.recorder.link import RecorderLink
from skryba.rulebook import read_rules
from skryba.sip.digest import Authenticator
from skryba.sip.events import Flow
from skryba.sip.stack import Stack
from skryba.sip.transport import Transport
from skryba.terms import SocketAddress

_ROWS_PER_CALL = 2
_BEAT = 0.05
_CARRIED = 50_000  # ended calls that reconciliation can ask for
_WATCH = 0.5  # seconds between looks at the recorder
# Ended calls wait 32 s in their transactions: a full collection over thousands of them stops all calls for 60 ms, so it
# comes seldom (about twice a minute at 150 calls/s); the young are looked through often, 1 ms at a time.
_GC_THRESHOLDS = (10_000, 5, 40)
_GIL_SLICE = 0.0005  # seconds the ledger's or metrics' thread may keep the loop waiting at a time (else 0.005)
_LAST_WORDS = 2.0  # seconds given to the last BYEs, and to the link for its last stops

log = structlog.get_logger("signalling")


class Policy:
    """The rules in force. A bad file changes nothing; at the start it means that nothing is recorded."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._emergency = frozenset(config.policy.emergency)
        self._engine = Engine(None, emergency=self._emergency)
        self._book: RuleBook | None = None
        self.loaded = self.reload()

    def reload(self) -> bool:
        """Read the rules anew; False, and a line in the log, when they cannot be used."""
        file = str(self._config.policy.rules_file)
        try:
            book = read_rules(self._config, replacing=self._book)
        except ConfigError as error:
            log.error("rules not loaded, those in force stay", file=file, error=str(error))
            return False
        self._engine, self._book = Engine(book, emergency=self._emergency), book
        log.info("rules loaded", file=file, version=book.version)
        return True

    def decide(self, facts: CallFacts) -> Decision:
        """By the rules in force now; a running call keeps what it was told."""
        return self._engine.decide(facts)


class Signalling:
    """One run of the process. `run()` returns its exit code."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._policy = Policy(config)
        self._prompts = PromptLibrary(config.notice.prompts)
        for problem in self._prompts.problems:
            log.error("prompt left out", problem=problem)
        self._server: Server
        self._stopping = asyncio.Event()
        self._carried: deque[tuple[str, str, str]] = deque(maxlen=_CARRIED)
        self._draining = False
        self._recorder_seen = ("", False)  # why nothing can be recorded, and whether what runs suffers

    async def run(self) -> int:
        """Start, take calls until SIGTERM, drain, stop. ResourceError when an address is not to be had."""
        config = self._config
        sys.setswitchinterval(_GIL_SLICE)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._policy.reload)
        config.operations.control.parent.mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger(
            config.operations.database, number=lambda text: normalise(text, country=config.policy.country)
        )
        self._counts = MetricsObserver()
        self._heartbeat = Heartbeat(on_lag=self._counts.loop_lag, later=loop.call_later, now=clock.now)
        self._entries = LedgerObserver(self._ledger)
        rings = ring_paths(config)
        self._recorder = RecorderLink(recorder_socket(config), rings, self._recorder_message)
        self._engine = MediaEngine(
            ring_paths=rings,
            ring_bytes=(config.recorder.ring_megabytes << 20) or ring_bytes_for(config.limits.calls),
            rows=_ROWS_PER_CALL * config.limits.calls,
            host=config.media.host,
            port_range=config.media.ports,
            quarantine=config.media.quarantine,
            threads=config.media.threads,
            on_event=lambda event: self._server.patchbay.engine_event(event),
        )
        self._transport = Transport(
            on_data=self._receive,
            on_failed=lambda flow: self._server.transport_failed(flow),
        )
        async with asyncio.TaskGroup() as group:
            linking = group.create_task(self._recorder.run(), name="recorder link")
            watching = group.create_task(self._watch_recorder(), name="recorder watch")
            try:
                await self._open(loop)
                await self._stopping.wait()
                await self._drain()
            except OSError as error:
                raise ResourceError(f"cannot take calls: {error}") from error
            finally:
                watching.cancel()
                linking.cancel()
                await self._close()
        log.info("ended")
        return 0

    async def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        config = self._config
        self._engine.start(loop)
        bound = await self._transport.start([(each.transport, *each.address) for each in config.sip.bindings])
        bindings = tuple(
            Binding(
                "udp" if each.transport == "udp" else "tcp",
                local,
                SocketAddress(config.sip.advertise or local.host, local.port),
            )
            for each, local in zip(config.sip.bindings, bound, strict=True)
        )
        house = self._house_line(bindings[0].local)
        self._agent = self._make_agent(await settings(config, bindings, house))
        self._server = Server(
            agent=self._agent,
            transport=self._transport,
            engine=self._engine,
            recorder=self._recorder,
            prompts=self._prompts.get,
            observers=(log_notice, self._counts.receive, self._entries.receive, self._remember),
            on_fault=lambda what, error: log.error("fault", what=what, exc_info=error),
            silence_limit=config.media.silence_limit,
            latch_window=config.media.latch_window,
            advertise=config.media.advertise or None,
            on_stream_ended=self._stream_ended,
        )
        self._door = ControlDoor(
            config.operations.control, {"status": self._status, "drain": self._stop, "carried": self._tell_carried}
        )
        await self._door.open()
        self._endpoint = Endpoint(config.operations.metrics_address, Collector(self._counts, self._snapshot))
        self._endpoint.start()
        self._heartbeat.start()
        self._server.start()
        gc.collect()
        gc.set_threshold(*_GC_THRESHOLDS)
        gc.freeze()  # modules and compiled code stay: looking through them again would stop all calls for 0.1 s
        house.write(config.operations.control.parent)
        log.info("taking calls", listen=list(config.sip.listen))

    async def _drain(self) -> None:
        """No new calls; those that run may end by themselves, for `drain_timeout` seconds at most."""
        self._draining = True
        self._server.drain()
        log.info("draining", calls=len(self._agent.calls))
        deadline = clock.now() + self._config.operations.drain_timeout
        while self._agent.calls and clock.now() < deadline:  # noqa: ASYNC110 - once a process, at its end
            await asyncio.sleep(_BEAT)
        for call in self._agent.calls:
            self._server.hang_up(call.id, "shutting down")
        deadline = clock.now() + _LAST_WORDS
        while (self._agent.calls or len(self._server.patchbay)) and clock.now() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_BEAT)

    async def _close(self) -> None:
        """Whatever was opened, in the opposite order; what never opened is not there."""
        self._heartbeat.stop()
        for name in ("_endpoint", "_server"):
            if (part := getattr(self, name, None)) is not None:
                part.stop()
        if (door := getattr(self, "_door", None)) is not None:
            await door.close()
        self._engine.stop()
        await self._transport.close()
        self._ledger.close()

    def _receive(self, data: bytes, flow: Flow) -> None:
        """What comes before the calls are there is lost, as before the socket was; who means it says it again."""
        if hasattr(self, "_server"):
            self._server.receive(data, flow)

    async def _watch_recorder(self) -> None:
        """A recorder that is silent or gone says nothing about it."""
        while True:
            self._look_at_recorder()
            await asyncio.sleep(_WATCH)

    def _look_at_recorder(self) -> None:
        """Calls that must be recorded are refused or ended while nothing can be."""
        now = clock.now()
        why, running = seen = self._recorder.unrecordable(now), self._recorder.failing(now)
        if seen != self._recorder_seen and hasattr(self, "_server"):
            if bool(why) != bool(self._recorder_seen[0]):
                log.warning("recording not possible", reason=why) if why else log.info("recording possible again")
            self._recorder_seen = seen
            self._server.recorder_changed(why, running=running)

    # --- answers ------------------------------------------------------------------------------------------------------

    def _recorder_message(self, message: Mapping[str, Any]) -> None:
        self._entries.recorder_message(message)
        self._counts.recorder_message(message)
        if message.get("op") == "stats":
            self._look_at_recorder()
        if message.get("op") == "refused" and "id" in message:
            self._server.recording_refused(str(message["id"]), str(message["reason"]))

    def _stream_ended(self, stats: StreamStats) -> None:
        self._counts.stream_ended(received=stats.packets, lost=stats.lost, jitter=stats.jitter_ms / 1000)

    def _remember(self, notice: Notice) -> None:
        if isinstance(notice, CallEnded):
            self._carried.append((notice.call.id, notice.call.started_at.isoformat(), clock.at().isoformat()))

    def _tell_carried(self) -> Mapping[str, Any]:
        """Calls that ended in this run, for reconciliation: id, beginning, end. The last ones, if there were many."""
        return {"calls": list(self._carried)}

    def _stop(self) -> Mapping[str, Any]:
        self._stopping.set()
        return {"draining": True}

    def _status(self) -> Mapping[str, Any]:
        return {
            "calls": [
                {"id": call.id, "state": call.state, "direction": call.direction, "recorded": call.recorded_now}
                for call in self._agent.calls
            ],
            "stations": {
                station: [str(contact.source) for contact in contacts]
                for station, contacts in self._agent.registrations(clock.now()).items()
            },
            "trunks": {trunk.id: trunk.up for trunk in self._agent.trunks},
            "recorder": self._recorder.connected,
            "draining": self._draining,
        }

    def _snapshot(self) -> Snapshot:
        """For the metrics thread: reads what the loop's objects show, changes nothing."""
        config = self._config
        connected = self._recorder.connected
        return Snapshot(
            calls=tuple(self._agent.calls),
            calls_limit=config.limits.calls,
            trunks=tuple(trunk for trunk in self._agent.trunks if trunk.id != NAME),
            sip=self._stack.counters,
            media=self._media_counts(),
            recorder_up=connected,
            recorder_ready=not self._recorder.unrecordable(clock.now()),
            volumes=tuple(
                _volume(name, path)
                for name, path in (("recordings", config.recorder.folder), ("spool", config.recorder.spool))
                if path.exists()
            ),
            ledger_dropped=self._ledger.dropped,
            draining=self._draining,
            problems=tuple(self._problems(connected)),
        )

    def _problems(self, connected: bool) -> Iterator[str]:
        if not connected:
            yield "the recorder is not connected: calls go on unrecorded until it is back"
        elif why := self._recorder.unrecordable(clock.now()):
            yield f"nothing can be recorded: {why}"
        if postponed := self._counts.postponed:
            yield f"{postponed} recordings cannot be sealed now, for want of disk or key: the recorder's log says which"
        if not self._policy.loaded:
            yield "the rules could not be loaded: nothing new is decided"
        if stuck := self._heartbeat.problem():
            yield stuck

    def _media_counts(self) -> MediaCounts:
        totals = self._engine.totals()
        return MediaCounts(
            packets_received=totals.packets,
            bytes_received=totals.octets,
            packets_sent=totals.sent,
            bytes_sent=totals.sent_octets,
            lost=totals.lost,
            late=totals.late,
            foreign=totals.foreign,
            send_errors=totals.send_errors,
            ring_overflow=totals.overflow,
            ports_in_use=2 * (totals.ports_lent + totals.ports_resting),
            ports_limit=2 * totals.ports_total,
        )

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

    def _make_agent(self, settings: Settings) -> Agent:
        self._stack = Stack(token=_token)
        return Agent(
            settings=settings,
            stack=self._stack,
            policy=with_house_line(self._policy.decide, self._config.notice.language),
            token=_token,
            new_id=new_id,
            authenticator=Authenticator(settings.domain, secrets.token_bytes(32), algorithms=self._config.sip.digest),
            prompts=self._prompts.known,
        )


def _token() -> str:
    return secrets.token_hex(8)


def new_id() -> str:
    """A UUID of version 7 in hex: time-ordered, random, nothing of the call in it (RFC 9562 §5.7)."""
    value = (int(clock.at().timestamp() * 1000) << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (7 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return f"{value:032x}"


def _volume(name: str, path: Path) -> Volume:
    usage = shutil.disk_usage(path)
    return Volume(name, usage.free, usage.total)
