"""⚡ The recorder process: one control socket, one beat, one sealing thread.

May not know SIP, calls or how a file is rendered. Signalling connects and speaks lines of JSON (hello, start, formats,
mark, stop); it is told what started, what was sealed, and once a second how things stand. One signalling at a time: a
new hello takes the place of the old one, and what the new one does not claim is sealed as incomplete.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from skryba import clock
from skryba.media.ring import RingReader
from skryba.recorder import demux, seal
from skryba.recorder.intake import Intake
from skryba.recorder.manifest import wall_clock
from skryba.recorder.recording import Recording
from skryba.recorder.seal import RESTARTED, Sealed, read_outcome
from skryba.recorder.sealer import Sealer
from skryba.recorder.spool import read_spool
from skryba.recorder.storage import Storage

LOST = "signalling lost"
LINE = 1 << 20  # octets of one message
UNTOLD = 10_000  # reports kept while nobody listens
BUSY = 0.25  # of a ring: from here on it is read on every beat

Words = dict[str, Any]
Log = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class RecorderConfig:
    """Where things lie, and how long to wait (seconds)."""

    recordings: Path
    spool: Path
    control: Path
    keep_spool: bool = False
    beat: float = 0.1
    flush: float = 0.4  # between two writes to the spools
    sync: float = 0.5  # between two syncs of the spool folder: with `flush`, what a power cut can cost
    lost_grace: float = 2.0  # for the same signalling to come back after its connection broke
    orphan_grace: float = 5.0  # for signalling to claim the spools found at the start
    orphan_limit: float = 45.0  # the same while the engine that filled them is seen alive
    niceness: int = 5  # media forward first: the ring waits for us, a packet waits for nobody


class Recorder:
    """The process's one object; `run` returns after `stop`."""

    def __init__(self, config: RecorderConfig, log: Log = lambda event, facts: None) -> None:
        self._config = config
        self._log = log
        self._storage = Storage(config.recordings, config.spool)
        self._intake = Intake(self._storage, RingReader.open)
        self._client: asyncio.StreamWriter | None = None
        self._left_at: int | None = None  # ns when the connection broke, until somebody is back
        self._orphans: dict[str, int] = {}  # spools found at the start → pid of the engine that filled them
        self._slots: dict[str, int] = {}  # of recordings not yet sealed, for the report
        self._untold: deque[Words] = deque(maxlen=UNTOLD)
        self._outcomes: Counter[str] = Counter()
        self._lag = 0.0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until `stop`; then finish what was told to end and leave open spools for the next recorder."""
        loop = asyncio.get_running_loop()
        if self._config.niceness:
            os.setpriority(os.PRIO_PROCESS, 0, self._config.niceness)
        demux.warm()
        seal.warm()
        self._sealer = Sealer(
            self._storage,
            keep_spool=self._config.keep_spool,
            on_sealed=lambda sealed: _post(loop, self._sealed, sealed),
        )
        self._born = clock.now()
        self._find_orphans()
        self._config.control.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._config.control, limit=LINE)
        self._config.control.chmod(0o600)
        self._log("recorder started", {"orphans": len(self._orphans)})
        try:
            async with asyncio.TaskGroup() as tasks:
                syncing = tasks.create_task(self._sync())
                await self._beat()
                syncing.cancel()
        finally:
            server.close()
            if self._client is not None:
                self._client.close()
            self._intake.beat()
            self._seal(self._intake.finish())
            await asyncio.to_thread(self._sealer.close)
            self._intake.close()
            self._config.control.unlink(missing_ok=True)
            self._log("recorder stopped", dict(self._outcomes))

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stopping.set()

    # --- the beat

    async def _beat(self) -> None:
        beats, due = 0, clock.now()
        while not self._stopping.is_set():
            due += self._config.beat
            now = clock.now()
            self._lag = max(self._lag, now - due)
            due = max(due, now)  # a beat that was missed is not made up for
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), due - now)
            beats += 1
            every = max(1, round(self._config.flush / self._config.beat))
            if beats % every == 0 or self._intake.roster.draining() or self._intake.backlog > BUSY:
                self._intake.beat()
                self._seal(self._intake.finish())
            else:
                self._intake.settle()
            self._check_absence()
            if beats % max(1, round(1.0 / self._config.beat)) == 0:
                self._tell(self._stats())
                self._catch_up()

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(self._config.sync)
            if len(self._intake.roster):
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(self._storage.sync_spools)

    def _check_absence(self) -> None:
        """Whom nobody claims in time is sealed without its end."""
        if self._left_at is not None and clock.now_ns() - self._left_at > self._config.lost_grace * 1e9:
            self._seal(self._intake.lose(frozenset(), self._left_at, LOST), LOST)
            self._left_at = None
        if self._orphans and self._client is None:
            age = clock.now() - self._born
            if age > self._config.orphan_limit:
                self._seal_orphans(frozenset())
            elif age > self._config.orphan_grace and not any(map(_is_alive, self._orphans.values())):
                self._seal(self._intake.adopt(list(self._orphans), clock.now_ns()))
                self._seal_orphans(frozenset())

    # --- spools

    def _find_orphans(self) -> None:
        for recording in self._storage.spools():
            with self._storage.map_spool(recording) as octets:
                spool = read_spool(octets.data)
            if spool.stop is not None or spool.meta is None:
                self._sealer.put(recording)
            else:
                self._orphans[recording] = int(spool.meta.get("pid", 0))
                self._slots[recording] = int(spool.meta["slot"])

    def _seal_orphans(self, claimed: frozenset[str]) -> None:
        for recording in [found for found in self._orphans if found not in claimed]:
            del self._orphans[recording]
            if self._intake.roster.find(recording) is None:
                self._sealer.put(recording, RESTARTED)

    def _seal(self, recordings: Iterable[Recording], lost: str = RESTARTED) -> None:
        for recording in recordings:
            self._orphans.pop(recording.id, None)
            self._slots[recording.id] = recording.slot
            self._sealer.put(recording.id, lost)

    def _sealed(self, sealed: Sealed) -> None:
        self._outcomes[sealed.state.value] += 1
        report = {
            "op": "sealed",
            "slot": self._slots.pop(sealed.recording, None),
            "id": sealed.recording,
            "state": sealed.state.value,
            "reasons": list(sealed.reasons),
            "file": str(sealed.audio) if sealed.audio else None,
            "manifest": str(sealed.manifest) if sealed.manifest else None,
            "duration_ms": sealed.duration_ms,
        }
        self._log("recording sealed", report)
        self._untold.append(report)
        self._catch_up()

    # --- the control socket

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._receive(line, writer)
        except (ConnectionError, ValueError) as error:  # ValueError: a line longer than LINE
            self._log("control connection broken", {"reason": str(error)})
        finally:
            writer.close()
            if self._client is writer:
                self._client = None
                self._left_at = clock.now_ns()
                self._log("signalling left", {"recordings": len(self._intake.roster)})

    def _receive(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            message = json.loads(line)
            if message["op"] == "hello":
                self._hello(message, writer)
            elif writer is self._client:
                self._obey(message)
        except (KeyError, TypeError, ValueError, OSError) as error:
            self._log("message refused", {"reason": f"{type(error).__name__}: {error}"})
            self._tell({"op": "refused", "reason": f"{type(error).__name__}: {error}"})

    def _hello(self, message: Words, writer: asyncio.StreamWriter) -> None:
        """Somebody takes over: what he does not claim ends here, then his rings are read."""
        claimed = frozenset(str(recording) for recording in message.get("active") or ())
        if self._client is not None and self._client is not writer:
            self._client.close()
        self._client = writer
        self._seal(self._intake.lose(claimed, self._left_at or clock.now_ns(), LOST), LOST)
        self._left_at = None
        self._intake.detach()
        unclaimed = [recording for recording in self._orphans if recording not in claimed]
        engines = (self._orphans[recording] for recording in unclaimed)
        if not len(self._intake.roster) and not any(map(_is_alive, engines)):
            self._seal(self._intake.adopt(unclaimed, clock.now_ns()))
        self._seal_orphans(claimed)
        missing = self._intake.attach(
            [str(path) for path in message["ring"]], int(message["epoch_ns"]), int(message.get("pid") or 0)
        )
        self._log("signalling connected", {"pid": message.get("pid"), "claimed": len(claimed), "missing": missing})
        for reason in missing:
            self._tell({"op": "refused", "reason": reason})
        self._catch_up()

    def _obey(self, message: Words) -> None:
        match message["op"]:
            case "start":
                self._start(message)
            case "formats":
                self._intake.formats(message)
            case "mark":
                self._intake.mark(message)
            case "stop":
                self._intake.stop(message)
            case unknown:
                self._tell({"op": "refused", "reason": f"unknown op {unknown!r}"})

    def _start(self, message: Words) -> None:
        recording = str(message["id"])
        if message.get("stopped") and not self._storage.spool_path(recording).exists():
            at = wall_clock(int(message["from_ns"]), self._intake.epoch_ns)
            if (place := self._storage.find(recording, at)) is not None:
                self._slots[recording] = int(message["slot"])
                self._sealed(read_outcome(recording, place))
                return
        self._orphans.pop(recording, None)
        holder = self._intake.roster.by_slot.get(int(message["slot"]))
        if holder is not None and holder.id != recording:  # its end was told, or its end is now: the slot is given anew
            self._intake.stop({"slot": holder.slot, "at_ns": clock.now_ns(), "lost": LOST})
            self._intake.drain(holder.drain)
            self._seal(self._intake.finish())
        if self._intake.start(message, clock.now_ns()) is not None:
            self._tell({"op": "started", "slot": int(message["slot"]), "id": recording})

    def _tell(self, message: Words) -> bool:
        """False if nobody listens or he does not read."""
        if self._client is None or self._client.transport.get_write_buffer_size() >= LINE:
            return False
        self._client.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        return True

    def _catch_up(self) -> None:
        while self._untold and self._tell(self._untold[0]):
            self._untold.popleft()

    def _stats(self) -> Words:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        lag, self._lag = self._lag, 0.0
        return {
            "op": "stats",
            "recordings": len(self._intake.roster),
            "sealing": self._sealer.waiting,
            "orphans": len(self._orphans),
            "packets": self._intake.packets,
            "octets": self._intake.octets,
            "unclaimed": self._intake.unclaimed,
            "overflow": self._intake.overflow,
            "broken": self._intake.broken,
            "backlog": round(self._intake.backlog, 4),
            "beat_lag_ms": round(lag * 1000, 1),
            "sealed": dict(self._outcomes),
            "spool_age_s": round(self._storage.spool_age(clock.at().timestamp()), 1),
            "disk_free_octets": self._storage.free_octets(),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 4),
        }


def run(config: RecorderConfig, log: Log = lambda event, facts: None) -> None:
    """The whole process: until SIGTERM or SIGINT."""

    async def serve() -> None:
        recorder = Recorder(config, log)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, recorder.stop)
        await recorder.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def _post(loop: asyncio.AbstractEventLoop, callback: Callable[[Sealed], None], sealed: Sealed) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        loop.call_soon_threadsafe(callback, sealed)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0
