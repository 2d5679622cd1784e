"""The relay with recording on: CPU per packet of engine and recorder, sealing included, and every file verified.

Floor, engine and generator are those of `relay`. The engine forks every packet into its ring; a recorder process drains
it, spools it, and when the calls end seals one stereo file per call. Each file is then held against what was sent:
identity (octet by octet, per channel), alignment (to 20 ms, against the moment of sending) and completeness (every
packet, nothing but silence around them). One bad file, or one lost packet, and the exit code is 1. With --encrypt half
of the time they are recorded encrypted; `encrypt_cost_ratio` is the CPU of that half over that of the plain half.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import generator
from bench.generator import Stream
from bench.options import parser
from bench.recorder_process import SIGNER, keyring
from bench.relay import Relay, end, expect, started, traffic
from skryba.codecs.g711 import PCMU_TO_LINEAR
from skryba.media.ring import RingReader
from skryba.recorder.link import RecorderLink
from skryba.recorder.verify import verify
from skryba.recorder.wav import read_header
from skryba.terms import Channel
from skryba.vault.container import SUFFIX, Opener
from skryba.vault.keyfile import public_path
from skryba.vault.signing import Verifier

RATE = 8000
ALIGNMENT = 0.020  # seconds that a channel may stand from where it was sent
_SEAL_WAIT = 600.0  # seconds for all seals
_FORMATS = {side: {0: "PCMU/8000"} for side in Channel}


def main(arguments: list[str]) -> int:
    """Parse, run, print; exit code 1 when a file is bad or a packet was lost."""
    options = parser("record", (__doc__ or "").splitlines()[0], calls=100, seconds=30.0)
    options.add_argument("--folder", type=Path, default=Path("/dev/shm"), help="where files are written (/dev/shm)")
    options.add_argument("--encrypt", action="store_true", help="also encrypted, and what that costs")
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="skryba-bench-", dir=asked.folder) as folder:
        result = asyncio.run(measure(asked.calls, asked.seconds, Path(folder), encrypt=asked.encrypt))
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))
    return 0 if not (result["files_bad"] or result["loss"] or result["corrupt"]) else 1


@dataclass(slots=True)
class Outcome:
    """What the recorder said of its work."""

    sealed: dict[str, dict[str, Any]] = field(default_factory=dict)
    stats: dict[str, Any] = field(default_factory=dict)
    worst_lag: float = 0.0

    def hear(self, message: dict[str, Any]) -> None:
        if message["op"] == "sealed":
            self.sealed[message["id"]] = message
        elif message["op"] == "stats":
            self.stats = message
            self.worst_lag = max(self.worst_lag, message["beat_lag_ms"])


@dataclass(slots=True)
class Take:
    """One recorder's work on one stretch of traffic. CPU in microseconds per packet, sealing included."""

    folder: Path
    packets: int
    engine_cpu: float
    recorder_cpu: float
    sealing: float  # seconds
    outcome: Outcome
    bad: dict[str, list[str]]

    @property
    def cpu_us(self) -> float:
        return (self.engine_cpu + self.recorder_cpu) / max(self.packets, 1) * 1e6


async def measure(calls: int, seconds: float, folder: Path, *, encrypt: bool = False) -> dict[str, Any]:
    """Half of the floor, all of the recorded calls, the other half of the floor.

    With `encrypt` they are recorded plain, encrypted, encrypted, plain: a quarter of the time each.
    """
    ring = Path("/dev/shm", f"skryba-bench-{os.getpid()}.ring")
    with contextlib.ExitStack() as stack:
        stack.callback(ring.unlink, missing_ok=True)
        programs = stack.enter_context(generator.built())
        streams = generator.conversations(calls)
        python = [sys.executable, "-m", "bench.engine_process", str(calls), str(ring)]
        floor = stack.enter_context(started([str(programs / "floor"), str(calls)], streams))
        engine = stack.enter_context(started(python, streams))
        expect(engine.process.stdout, "ready")
        await asyncio.to_thread(traffic, floor, streams, seconds / 2, programs)
        bench = _Bench(engine, RingReader.open(ring), ring, streams, programs)
        modes = (False, True, True, False) if encrypt else (False,)
        takes = [
            await bench.record(folder / f"take-{number}", seconds / len(modes), encrypt=mode)
            for number, mode in enumerate(modes)
        ]
        await asyncio.to_thread(traffic, floor, streams, seconds / 2, programs)
        totals = json.loads(end(engine.process))
        end(floor.process)
    plain = [take for take, mode in zip(takes, modes, strict=True) if not mode]
    bad = {f"{take.folder.name}/{name}": faults for take in takes for name, faults in take.bad.items()}
    total, recorder = _mean(plain), sum(take.recorder_cpu for take in plain) / sum(take.packets for take in plain) * 1e6
    result = {
        "calls": calls,
        "seconds": seconds,
        "packets": engine.sent,
        "cpu_us_per_packet": round(total, 3),
        "engine_cpu_us_per_packet": round(total - recorder, 3),
        "recorder_cpu_us_per_packet": round(recorder, 3),
        "floor_us_per_packet": round(floor.cpu_us, 3),
        "ratio": round(total / floor.cpu_us, 3),
        "loss": engine.lost,
        "corrupt": engine.corrupt,
        "added_delay_ms": engine.delay(),
        "floor_delay_ms": floor.delay(),
        "ring_overflow": totals["overflow"],
        "recorder_beat_lag_ms": max(take.outcome.worst_lag for take in takes),
        "seconds_to_seal_all": round(max(take.sealing for take in takes), 2),
        "files_ok": calls * len(takes) - len(bad),
        "files_bad": len(bad),
        "bad": dict(list(bad.items())[:10]),
    }
    if encrypt:
        encrypted = _mean([take for take, mode in zip(takes, modes, strict=True) if mode])
        result["encrypted_cpu_us_per_packet"] = round(encrypted, 3)
        result["encrypt_cost_ratio"] = round(encrypted / total, 3)
    return result


def _mean(takes: Sequence[Take]) -> float:
    return sum(take.cpu_us * take.packets for take in takes) / sum(take.packets for take in takes)


@dataclass(frozen=True, slots=True)
class _Bench:
    engine: Relay
    reader: RingReader
    ring: Path
    streams: Sequence[Stream]
    programs: Path

    async def record(self, folder: Path, seconds: float, *, encrypt: bool) -> Take:
        """All calls for so long with a recorder of their own, until the last file is sealed."""
        calls = len(self.streams) // 2
        folder.mkdir()
        outcome = Outcome()
        with _recorder(folder, encrypt=encrypt) as recorder:
            link = RecorderLink(
                folder / "control", [self.ring], outcome.hear, epoch_ns=self.reader.epoch_ns, pid=self.reader.pid
            )
            task = asyncio.ensure_future(link.run())
            await _until(lambda: link.connected, recorder)
            self._start(link, calls, self._now())  # a recording of nothing: what is started late is started now
            self._stop(link, calls)
            await _until(lambda: bool(outcome.sealed), recorder)
            used, before, sent = _cpu_seconds(recorder.pid), self.engine.cpu, self.engine.sent
            outcome.sealed.clear()
            from_ns = self._now()
            for call in range(calls):
                self._start(link, call, from_ns)
            seen = await asyncio.to_thread(traffic, self.engine, self.streams, seconds, self.programs)
            for call in range(calls):
                self._stop(link, call)
            sealing = time.monotonic()
            await _until(lambda: len(outcome.sealed) == calls, recorder)
            sealing = time.monotonic() - sealing
            used = _cpu_seconds(recorder.pid) - used
            task.cancel()
        bad = await asyncio.to_thread(_bad_files, self.streams, seen["streams"], outcome, from_ns, folder)
        return Take(folder, self.engine.sent - sent, self.engine.cpu - before, used, sealing, outcome, bad)

    @staticmethod
    def _now() -> int:
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    @staticmethod
    def _start(link: RecorderLink, call: int, from_ns: int) -> None:
        link.start(slot=call + 1, recording=_identity(call), formats=_FORMATS, manifest={"call": call}, from_ns=from_ns)

    def _stop(self, link: RecorderLink, call: int) -> None:
        at_ns = self._now()
        link.stop(call + 1, at_ns=at_ns, until_ns=at_ns, drain=[self.reader.head], termination={}, ended_at="")


async def _until(condition: Callable[[], bool], recorder: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(_SEAL_WAIT):
        while not condition():
            if recorder.poll() is not None:
                raise RuntimeError("the recorder died")
            await asyncio.sleep(0.05)


def _cpu_seconds(pid: int) -> float:
    """Of a process and its children."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return generator.cpu_seconds(pid) + sum(_cpu_seconds(child) for child in children)


@contextlib.contextmanager
def _recorder(folder: Path, *, encrypt: bool) -> Iterator[subprocess.Popen[bytes]]:
    mode = ["encrypt"] if encrypt else []
    process = subprocess.Popen([sys.executable, "-m", "bench.recorder_process", str(folder), *mode])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _identity(call: int) -> str:
    return f"{call:032x}"


def _bad_files(
    streams: Sequence[Stream], seen: Sequence[dict[str, Any]], outcome: Outcome, from_ns: int, folder: Path
) -> dict[str, list[str]]:
    """Per call whose file is not what was said, what is wrong with it."""
    bad = {}
    for call in range(len(streams) // 2):
        name = _identity(call)
        faults = list(
            _faults(
                streams[2 * call : 2 * call + 2], seen[2 * call : 2 * call + 2], outcome.sealed[name], from_ns, folder
            )
        )
        if faults:
            bad[name] = faults
    return bad


def _faults(
    streams: Sequence[Stream], seen: Sequence[dict[str, Any]], sealed: dict[str, Any], from_ns: int, folder: Path
) -> Iterator[str]:
    if sealed["state"] != "ok":
        yield f"state {sealed['state']}: {sealed['reasons']}"
    if not sealed["file"]:
        return
    path = Path(sealed["file"])
    trusted = Verifier.from_pem(public_path(folder / SIGNER).read_bytes())
    for finding in verify(path, trusted):
        yield finding.problem
    data = _plain(path, sealed["id"], folder)
    info = read_header(data)
    if info is None or info.sample_rate != RATE:
        yield "no WAV of the rate that was sent"
        return
    samples = np.frombuffer(data[info.data_offset :], np.int16).reshape(-1, 2)
    late = []
    for column, (side, stream, sent) in enumerate(zip(Channel, streams, seen, strict=True)):
        frames = np.frombuffer(stream.content, np.uint8).reshape(-1, stream.frame)
        wanted = PCMU_TO_LINEAR[frames[np.arange(sent["sent"]) % len(frames)].reshape(-1)]
        due = (sent["first_ns"] - from_ns) / 1e9
        place = _find(samples[:, column], wanted, due)
        if place is None:
            yield f"{side}: not what was sent, whole and within {ALIGNMENT * 1000:g} ms of its place"
        else:
            late.append(place / RATE - due)
    if len(late) == 2 and abs(late[0] - late[1]) > ALIGNMENT:
        yield f"channels apart by {abs(late[0] - late[1]) * 1000:.1f} ms"


def _plain(path: Path, recording: str, folder: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != SUFFIX:
        return data
    key = keyring(folder).get(recording)
    opener = Opener(key, path.name.encode(), lambda offset, length: data[offset : offset + length], len(data))
    return opener.read(0, opener.size)


def _find(
    channel: np.ndarray[Any, np.dtype[np.int16]], wanted: np.ndarray[Any, np.dtype[np.int16]], due: float
) -> int | None:
    """The place nearest to `due` (seconds) where `wanted` stands, all of it, and nothing else is in the channel."""
    first = round((due - ALIGNMENT) * RATE)
    for place in range(max(0, first), round((due + ALIGNMENT) * RATE) + 1):
        found = channel[place : place + len(wanted)]
        if np.array_equal(found[:64], wanted[:64]) and np.array_equal(found, wanted):
            return None if channel[:place].any() or channel[place + len(wanted) :].any() else place
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
