"""The relay with recording on: CPU per packet of engine and recorder, sealing included, and every file verified.

Floor, engine and generator are those of `relay`. The engine forks every packet into its ring; a recorder process drains
it, spools it, and when the calls end seals one stereo file per call. Each file is then held against what was sent:
identity (octet by octet, per channel), alignment (to 20 ms, against the moment of sending) and completeness (every
packet, nothing but silence around them). One bad file, or one lost packet, and the exit code is 1.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import generator
from bench.generator import Stream
from bench.options import parser
from bench.relay import end, expect, started, traffic
from skryba.codecs.g711 import PCMU_TO_LINEAR
from skryba.media.ring import RingReader
from skryba.recorder.link import RecorderLink
from skryba.recorder.verify import verify
from skryba.recorder.wav import HEADER
from skryba.terms import Channel

RATE = 8000
ALIGNMENT = 0.020  # seconds that a channel may stand from where it was sent
_SEAL_WAIT = 600.0  # seconds for all seals
_FORMATS = {side: {0: "PCMU/8000"} for side in Channel}


def main(arguments: list[str]) -> int:
    """Parse, run, print; exit code 1 when a file is bad or a packet was lost."""
    options = parser("record", (__doc__ or "").splitlines()[0], calls=100, seconds=30.0)
    options.add_argument("--folder", type=Path, default=Path("/dev/shm"), help="where files are written (/dev/shm)")
    asked = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="skryba-bench-", dir=asked.folder) as folder:
        result = asyncio.run(measure(asked.calls, asked.seconds, Path(folder)))
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
    done: asyncio.Event = field(default_factory=asyncio.Event)
    expected: int = 0

    def hear(self, message: dict[str, Any]) -> None:
        if message["op"] == "sealed":
            self.sealed[message["id"]] = message
            if len(self.sealed) == self.expected:
                self.done.set()
        elif message["op"] == "stats":
            self.stats = message
            self.worst_lag = max(self.worst_lag, message["beat_lag_ms"])


async def measure(calls: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Half of the floor, all of the recorded calls, the other half of the floor."""
    ring = Path("/dev/shm", f"skryba-bench-{os.getpid()}.ring")
    outcome = Outcome(expected=calls)
    with contextlib.ExitStack() as stack:
        stack.callback(ring.unlink, missing_ok=True)
        programs = stack.enter_context(generator.built())
        streams = generator.conversations(calls)
        python = [sys.executable, "-m", "bench.engine_process", str(calls), str(ring)]
        floor = stack.enter_context(started([str(programs / "floor"), str(calls)], streams))
        engine = stack.enter_context(started(python, streams))
        expect(engine.process.stdout, "ready")
        recorder = stack.enter_context(_recorder(folder))
        reader = RingReader.open(ring)
        link = RecorderLink(folder / "control", [ring], outcome.hear, epoch_ns=reader.epoch_ns, pid=reader.pid)
        task = asyncio.ensure_future(link.run())
        async with asyncio.timeout(60):
            while not link.connected:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(traffic, floor, streams, seconds / 2, programs)
        used = generator.cpu_seconds(recorder.pid)
        from_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        for call in range(calls):
            link.start(
                slot=call + 1, recording=_identity(call), formats=_FORMATS, manifest={"call": call}, from_ns=from_ns
            )
        seen = await asyncio.to_thread(traffic, engine, streams, seconds, programs)
        at_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        for call in range(calls):
            link.stop(call + 1, at_ns=at_ns, until_ns=at_ns, drain=[reader.head], termination={}, ended_at="")
        sealing = time.monotonic()
        async with asyncio.timeout(_SEAL_WAIT):
            while not outcome.done.is_set():
                if recorder.poll() is not None:
                    raise RuntimeError("the recorder died")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(outcome.done.wait(), 0.2)
        sealing = time.monotonic() - sealing
        recorder_cpu = generator.cpu_seconds(recorder.pid) - used
        task.cancel()
        await asyncio.to_thread(traffic, floor, streams, seconds / 2, programs)
        totals = json.loads(end(engine.process))
        end(floor.process)
    bad = await asyncio.to_thread(_bad_files, streams, seen["streams"], outcome, from_ns)
    total = engine.cpu_us + recorder_cpu / max(engine.sent, 1) * 1e6
    return {
        "calls": calls,
        "seconds": seconds,
        "packets": engine.sent,
        "cpu_us_per_packet": round(total, 3),
        "engine_cpu_us_per_packet": round(engine.cpu_us, 3),
        "recorder_cpu_us_per_packet": round(recorder_cpu / max(engine.sent, 1) * 1e6, 3),
        "floor_us_per_packet": round(floor.cpu_us, 3),
        "ratio": round(total / floor.cpu_us, 3),
        "loss": engine.lost,
        "corrupt": engine.corrupt,
        "added_delay_ms": engine.delay(),
        "floor_delay_ms": floor.delay(),
        "ring_overflow": totals["overflow"],
        "recorder_beat_lag_ms": outcome.worst_lag,
        "seconds_to_seal_all": round(sealing, 2),
        "files_ok": calls - len(bad),
        "files_bad": len(bad),
        "bad": dict(list(bad.items())[:10]),
    }


@contextlib.contextmanager
def _recorder(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "bench.recorder_process", str(folder)])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _identity(call: int) -> str:
    return f"{call:032x}"


def _bad_files(
    streams: Sequence[Stream], seen: Sequence[dict[str, Any]], outcome: Outcome, from_ns: int
) -> dict[str, list[str]]:
    """Per call whose file is not what was said, what is wrong with it."""
    bad = {}
    for call in range(len(streams) // 2):
        name = _identity(call)
        faults = list(_faults(streams[2 * call : 2 * call + 2], seen[2 * call : 2 * call + 2], outcome, name, from_ns))
        if faults:
            bad[name] = faults
    return bad


def _faults(
    streams: Sequence[Stream], seen: Sequence[dict[str, Any]], outcome: Outcome, name: str, from_ns: int
) -> Iterator[str]:
    sealed = outcome.sealed[name]
    if sealed["state"] != "ok":
        yield f"state {sealed['state']}: {sealed['reasons']}"
    if not sealed["file"]:
        return
    path = Path(sealed["file"])
    for finding in verify(path):
        yield finding.problem
    samples = np.frombuffer(path.read_bytes()[HEADER.size :], np.int16).reshape(-1, 2)
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
