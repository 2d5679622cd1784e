"""⚡ The recorder process: one control socket, one drain thread, one sealing thread.

May not know SIP, calls, spools or how a file is rendered. Signalling connects and speaks lines of JSON (hello, start,
formats, mark, stop); it is told what started, what was sealed, and once a second how things stand, also while a disk
stands still. One signalling at a time: a new hello takes the place of the old one, and what the new one does not claim
is sealed as incomplete.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from skryba import clock
from skryba.errors import StateError
from skryba.media.ring import RingReader
from skryba.recorder import demux, seal
from skryba.recorder.intake import Intake
from skryba.recorder.notary import Notary
from skryba.recorder.opening import Keys
from skryba.recorder.orphans import Ended
from skryba.recorder.seal import Sealed, read_outcome
from skryba.recorder.sealer import Sealer
from skryba.recorder.spooling import Pace, Spooling
from skryba.recorder.storage import Storage
from skryba.recorder.watermarks import STALL, Watermarks
from skryba.vault.journal import Journal

LINE = 1 << 20  # octets of one message
PATIENCE = 20.0  # seconds before what disk or key postponed is tried again
UNTOLD = 10_000  # reports kept while nobody listens

Words = dict[str, Any]
Log = Callable[[str, Mapping[str, Any]], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RecorderConfig:
    """Where things lie, and how long to wait (seconds)."""

    recordings: Path
    spool: Path
    control: Path
    keep_spool: bool = False  # set apart once sealed, instead of removed
    sealers: int = 1  # processes
    renditions: tuple[str, ...] = ()  # of recordings whose rule names none
    split_minutes: int = 0
    beat: float = 0.1
    flush: float = 0.4  # between two writes to the spools
    sync: float = 0.5  # between two syncs of the spool folder: with `flush`, what a power cut can cost
    lost_grace: float = 2.0  # for the same signalling to come back after its connection broke
    orphan_grace: float = 5.0  # for signalling to claim the spools found at the start
    orphan_limit: float = 45.0  # the same while the engine that filled them is seen alive
    min_free: int = 256 << 20  # octets on the spool's disk below which nothing new begins
    niceness: int = 5  # media forward first: the ring waits for us, a packet waits for nobody


class Recorder:
    """The process's one object; `run` returns after `stop`."""

    def __init__(
        self,
        config: RecorderConfig,
        log: Log = lambda event, facts: None,
        *,
        keys: Keys | None = None,
        journal: Journal | None = None,
        forget: Callable[[str], None] = lambda recording: None,
    ) -> None:
        """With `keys` spools and recordings are encrypted; into `journal` every seal is entered. `forget` is told of
        each recording that is sealed and whose key is needed no more."""
        self._forget = forget
        self._keys = keys
        self._journal = journal
        self._config = config
        self._log = log
        self._storage = Storage(config.recordings, config.spool)
        self._intake = Intake(self._storage, RingReader.open, keys, os.urandom)
        self._client: asyncio.StreamWriter | None = None
        self._slots: dict[str, int] = {}  # of recordings not yet sealed, for the report
        self._untold: deque[Words] = deque(maxlen=UNTOLD)
        self._outcomes: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._death: BaseException | None = None

    async def run(self) -> None:
        """Serve until `stop`; then finish what was told to end and leave open spools for the next recorder."""
        loop = asyncio.get_running_loop()
        if self._config.niceness:
            os.setpriority(os.PRIO_PROCESS, 0, self._config.niceness)
        demux.warm()
        seal.warm()
        self._storage.sweep(clock.at())
        notary = Notary(self._storage, self._journal, keep_spool=self._config.keep_spool)
        self._sealer = Sealer(
            self._storage,
            processes=self._config.sealers,
            wishes={"renditions": self._config.renditions, "split_minutes": self._config.split_minutes},
            key_of=self._key_of,
            conclude=lambda sealed: self._conclude(notary, sealed),
            on_sealed=lambda sealed: _post(loop, self._sealed, sealed),
        )
        self._spooling = Spooling(
            self._storage,
            self._intake,
            _pace(self._config),
            Watermarks(self._config.min_free),
            on_word=lambda word: _post(loop, self._pass_on, word),
            on_ended=lambda ended: _post(loop, self._ended, ended),
            on_death=lambda error: _post(loop, self._died, error),
        )
        self._spooling.start()
        self._config.control.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._config.control, limit=LINE)
        self._config.control.chmod(0o600)
        self._log("recorder started", {})
        try:
            async with asyncio.TaskGroup() as tasks:
                chores = [tasks.create_task(self._sync()), tasks.create_task(self._report())]
                await self._stopping.wait()
                for chore in chores:
                    chore.cancel()
        finally:
            server.close()
            if self._client is not None:
                self._client.close()
            self._spooling.close()
            await asyncio.to_thread(self._spooling.join)
            await asyncio.sleep(0)  # its last words are heard
            await asyncio.to_thread(self._sealer.close)
            self._config.control.unlink(missing_ok=True)
            self._log("recorder stopped", dict(self._outcomes))
        if self._death is not None:
            raise StateError("the drain thread died") from self._death

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stopping.set()

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(self._config.sync)
            if len(self._intake.roster):
                try:
                    await asyncio.to_thread(self._storage.sync_spools)
                except OSError as error:
                    self._spooling.synced(error)
                else:
                    self._spooling.synced(None)

    async def _report(self) -> None:
        again, well = clock.now() + PATIENCE, True
        while True:
            await asyncio.sleep(1.0)
            stats = self._stats()
            self._tell(stats)
            self._catch_up()
            ill, well = not well, bool(stats["ready"])
            if clock.now() >= again or (ill and well):
                again = clock.now() + PATIENCE
                self._sealer.try_again()

    # --- what the drain thread says

    def _pass_on(self, word: Words) -> None:
        if word["op"] == "refused":
            self._log("message refused", word)
        self._tell(word)

    def _ended(self, ended: Ended) -> None:
        if ended.slot is not None:
            self._slots[ended.recording] = ended.slot
        if ended.published is not None:
            self._sealed(read_outcome(ended.recording, ended.published))
        else:
            self._sealer.put(ended.recording, ended.lost, ended.key)

    def _key_of(self, recording: str) -> bytes | None:
        """For a spool that came without its key: that is not to be had, or there is none, for it was begun before
        encryption was switched on; the recording is encrypted all the same."""
        if self._keys is None:
            return None
        if names := self._intake.opening.names_of(recording):
            return self._keys.get(names[-1])
        return self._keys.get(recording) if self._keys.has(recording) else self._keys.new(recording, clock.at())

    def _died(self, error: BaseException) -> None:
        self._death = error
        self.stop()

    # --- sealing

    def _conclude(self, notary: Notary, sealed: Sealed) -> None:
        notary.attest(sealed)
        self._forget(sealed.recording)

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
            "alarms": list(sealed.alarms),
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
                self._spooling.left(clock.now_ns())
                self._log("signalling left", {"recordings": len(self._intake.roster)})

    def _receive(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            message = json.loads(line)
            if message["op"] == "hello":
                self._hello(message, writer)
            elif writer is self._client:
                self._spooling.obey(message)
        except (KeyError, TypeError, ValueError) as error:
            self._pass_on({"op": "refused", "reason": f"{type(error).__name__}: {error}"})

    def _hello(self, message: Words, writer: asyncio.StreamWriter) -> None:
        if self._client is not None and self._client is not writer:
            self._client.close()
        self._client = writer
        self._spooling.hello(message)
        self._log("signalling connected", {"pid": message.get("pid"), "claimed": len(message.get("active") or ())})
        self._catch_up()

    def _tell(self, message: Words) -> bool:
        """False if nobody listens or he does not read."""
        if self._client is None or self._client.is_closing():
            return False
        if self._client.transport.get_write_buffer_size() >= LINE:
            return False
        self._client.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        return True

    def _catch_up(self) -> None:
        while self._untold and self._tell(self._untold[0]):
            self._untold.popleft()

    def _stats(self) -> Words:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        spooling, disk = self._spooling, self._spooling.disk
        lag, spooling.lag = spooling.lag, 0.0
        stalled = spooling.stalled
        why = f"the disk has not answered for {stalled:.0f} s" if stalled >= STALL else disk.why
        return {
            "op": "stats",
            "recordings": len(self._intake.roster),
            "sealing": self._sealer.waiting,
            "postponed": len(self._sealer.postponed),
            "orphans": spooling.orphans,
            "packets": self._intake.packets,
            "octets": self._intake.octets,
            "unclaimed": self._intake.unclaimed,
            "overflow": self._intake.overflow,
            "dropped": self._intake.dropped,
            "broken": self._intake.broken,
            "backlog": round(self._intake.backlog, 4),
            "beat_lag_ms": round(lag * 1000, 1),
            "sealed": dict(self._outcomes),
            "stalled_s": round(stalled, 1),
            "spool_age_s": round(spooling.spool_age, 1),
            "disk": {
                "state": disk.state.value,
                "free": disk.free,
                "used_ratio": disk.used_ratio,
                "level": disk.level,
                "days_left": disk.days_left,
            },
            "ready": disk.ready and stalled < STALL,
            "failing": spooling.failing or stalled >= STALL,
            "why": why,
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 4),
        }


def run(
    config: RecorderConfig,
    log: Log = lambda event, facts: None,
    *,
    keys: Keys | None = None,
    journal: Journal | None = None,
) -> None:
    """The whole process: until SIGTERM or SIGINT."""

    async def serve() -> None:
        recorder = Recorder(config, log, keys=keys, journal=journal)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, recorder.stop)
        await recorder.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


def _pace(config: RecorderConfig) -> Pace:
    return Pace(
        beat=config.beat,
        flush=config.flush,
        lost_grace=config.lost_grace,
        orphan_grace=config.orphan_grace,
        orphan_limit=config.orphan_limit,
    )


def _post(loop: asyncio.AbstractEventLoop, callback: Callable[[_T], None], word: _T) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        loop.call_soon_threadsafe(callback, word)
