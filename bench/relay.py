"""CPU per forwarded packet of the engine, beside the smallest C relay, in one run: the floor and the engine in turns.

Each is a process of its own pinned to the first core; the generator is pinned to the last. `added_delay_ms` is from
just before a packet is sent to its arrival at the other party, the kernel's two ways through the loopback included; the
floor's is beside it. CPU is what all threads of the relay's process used (schedstat), per packet sent.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bench import generator
from bench.generator import RELAY_CORE, Stream
from bench.options import parser
from skryba.media.ring import RingReader

ROUNDS = 4  # floor, engine, engine, floor, …: what the machine does meanwhile falls on both
_DRAIN_BEAT = 0.1  # seconds, as the recorder's


def main(arguments: list[str]) -> int:
    """Parse, run, print; exit code 1 when packets were lost or changed."""
    options = parser("relay", (__doc__ or "").splitlines()[0], calls=100)
    options.add_argument("--fork", action="store_true", help="also copy every packet into a ring that is emptied")
    asked = options.parse_args(arguments)
    result = measure(asked.calls, asked.seconds, fork=asked.fork)
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))
    return 0 if result["loss"] == 0 and result["corrupt"] == 0 else 1


@dataclass(slots=True)
class Relay:
    """A relay's process, and what was seen of it so far."""

    process: subprocess.Popen[str]
    ports: list[int]
    cpu: float = 0.0
    sent: int = 0
    lost: int = 0
    corrupt: int = 0
    delays: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def cpu_us(self) -> float:
        return self.cpu / max(self.sent, 1) * 1e6

    def delay(self) -> dict[str, float]:
        return generator.delay_ms(np.concatenate(self.delays))


def measure(calls: int, seconds: float, *, fork: bool) -> dict[str, Any]:
    """`seconds` of traffic through each relay, in turns."""
    with contextlib.ExitStack() as stack:
        programs = stack.enter_context(generator.built())
        ring = Path("/dev/shm", f"skryba-bench-{os.getpid()}.ring") if fork else None
        streams = generator.conversations(calls)
        python = [sys.executable, "-m", "bench.engine_process", str(calls), *([str(ring)] if ring else [])]
        floor = stack.enter_context(started([str(programs / "floor"), str(calls)], streams))
        engine = stack.enter_context(started(python, streams))
        expect(engine.process.stdout, "ready")
        if ring is not None:
            stack.enter_context(_emptied(ring))
        for turn in range(ROUNDS):
            for relay in (floor, engine) if turn % 2 == 0 else (engine, floor):
                traffic(relay, streams, seconds / ROUNDS, programs)
        totals = end(engine.process)
        end(floor.process)
    return {
        "calls": calls,
        "seconds": seconds,
        "fork": fork,
        "packets": engine.sent,
        "cpu_us_per_packet": round(engine.cpu_us, 3),
        "floor_us_per_packet": round(floor.cpu_us, 3),
        "ratio": round(engine.cpu_us / floor.cpu_us, 3),
        "loss": engine.lost,
        "corrupt": engine.corrupt,
        "added_delay_ms": engine.delay(),
        "floor_delay_ms": floor.delay(),
        "floor_loss": floor.lost,
        "ring_overflow": json.loads(totals)["overflow"],
    }


def traffic(relay: Relay, streams: Sequence[Stream], seconds: float, programs: Path) -> dict[str, Any]:
    """So many seconds through this relay; returns what the generator saw."""
    for stream, port in zip(streams, relay.ports, strict=True):
        stream.to = ("127.0.0.1", port)
    generator.drain(streams)
    before = generator.cpu_seconds(relay.process.pid)
    seen = generator.run(streams, seconds, programs)
    relay.cpu += generator.cpu_seconds(relay.process.pid) - before
    relay.sent += seen["sent"]
    relay.lost += seen["sent"] - seen["received"]
    relay.corrupt += seen["corrupt"] + seen["strange"] + seen["repeated"]
    relay.delays.append(seen["delays"])
    return seen


@contextlib.contextmanager
def started(command: list[str], streams: Sequence[Stream]) -> Iterator[Relay]:
    """Told where the parties are; it tells its ports."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {RELAY_CORE}),
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = [int(word) for word in process.stdout.readline().split()]
        print(*(stream.address[1] for stream in streams), file=process.stdin, flush=True)
        yield Relay(process, ports)
    finally:
        process.kill()
        process.wait()


def expect(output: IO[str] | None, word: str) -> None:
    said = output.readline().strip() if output is not None else ""
    if said != word:
        raise RuntimeError(f"expected {word!r}, the relay said {said!r}")


def end(process: subprocess.Popen[str]) -> str:
    """Its last words."""
    return process.communicate()[0]


@contextlib.contextmanager
def _emptied(path: Path) -> Iterator[None]:
    """Something that keeps up with the ring, as the recorder does, and looks at nothing."""
    reader = RingReader.open(path)
    over = threading.Event()

    def empty() -> None:
        while not over.wait(_DRAIN_BEAT):
            reader.advance(reader.head - reader.tail)

    thread = threading.Thread(target=empty)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        path.unlink(missing_ok=True)
