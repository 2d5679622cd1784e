"""Paced RTP for a bench: sockets and content are made here, sending, comparing and timing is `generator.c`'s.

A stream is a socket of ours; what it sends is `content`, over and over. `hears` names the stream whose packets come
back on its socket: they are compared octet by octet and timed.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
RELAY_CORE, GENERATOR_CORE = CORES[0], CORES[-1]
_BUFFER = 1 << 20


def compile_c(name: str, folder: Path) -> Path:
    """`NAME.c` of this folder as a program in `folder`, by the machine's C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("no C compiler: apt-get install gcc libc6-dev")
    program = folder / name
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), str(FOLDER / f"{name}.c")], check=True)
    return program


@dataclass(slots=True)
class Stream:
    """`content` is whole frames. `to` is where it sends; set it before the run."""

    content: bytes
    hears: int = -1  # index of the stream that comes back on this one's socket
    to: tuple[str, int] = ("", 0)
    host: str = "127.0.0.1"
    payload_type: int = 0
    ssrc: int = 1
    sequence: int = 0
    timestamp: int = 0
    frame: int = 160
    step: int = 160
    period_us: int = 20_000
    bound: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        if not self.content or len(self.content) % self.frame:
            raise ValueError(f"content is whole frames of {self.frame} octets")
        self.bound = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        self.bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self.bound.bind((self.host, 0))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.bound.getsockname()[:2]
        return host, port


def conversations(calls: int, seconds: float = 1.0) -> list[Stream]:
    """Two streams a call that hear each other, all different; `seconds` of content each."""
    frames = max(1, round(seconds * 50))
    noise = os.urandom(160 * (frames + 2 * calls))
    return [
        Stream(
            noise[160 * index : 160 * (index + frames)],
            hears=index ^ 1,
            ssrc=0x5B000000 + index,
            sequence=(index * 977) & 0xFFFF,
            timestamp=index * 16_000_001 & 0xFFFFFFFF,
        )
        for index in range(2 * calls)
    ]


@contextmanager
def built() -> Iterator[Path]:
    """A folder with the compiled programs `generator` and `floor`."""
    with tempfile.TemporaryDirectory(prefix="skryba-bench-") as name:
        folder = Path(name)
        for program in ("generator", "floor"):
            compile_c(program, folder)
        yield folder


def run(streams: Sequence[Stream], seconds: float, programs: Path, *, core: int = GENERATOR_CORE) -> dict[str, Any]:
    """Send for so many seconds on that core and wait for the last packets. Blocks; returns what `generator.c` prints.

    `sent`, `received`, `corrupt`, `strange`, `repeated`, `not_sent`, and `streams`: the same for each; beside it
    `delays`, an array of ms, one entry for each packet that came back where its sequence number was understood.
    """
    if len({stream.period_us for stream in streams}) > 1:
        raise ValueError("all streams of a run have one period")
    with tempfile.TemporaryDirectory(prefix="plan-", dir=programs) as name:
        plan, blob, delays = Path(name, "plan"), Path(name, "content"), Path(name, "delays")
        lines = []
        with blob.open("wb") as contents:
            for index, stream in enumerate(streams):
                phase = index * stream.period_us // len(streams)
                lines.append(
                    f"{stream.bound.fileno()} {stream.to[0]} {stream.to[1]} {stream.payload_type} {stream.ssrc} "
                    f"{stream.sequence} {stream.timestamp} {stream.step} {stream.frame} {stream.period_us} {phase} "
                    f"{contents.tell()} {len(stream.content) // stream.frame} {stream.hears}\n"
                )
                contents.write(stream.content)
        plan.write_text("".join(lines))
        ended = subprocess.run(
            [str(programs / "generator"), str(plan), str(blob), str(delays), str(seconds)],
            pass_fds=[stream.bound.fileno() for stream in streams],
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seen: dict[str, Any] = json.loads(ended.stdout)
        seen["delays"] = np.fromfile(delays, np.uint32) / 1e4
    return seen


def delay_ms(delays: NDArray[np.float64]) -> dict[str, float]:
    """The figures that a budget speaks of."""
    if not len(delays):
        return {}
    p50, p99 = np.percentile(delays, (50, 99))
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "max": round(float(delays.max()), 3)}


def drain(streams: Sequence[Stream]) -> None:
    """Forget what still lies in the sockets, between two runs."""
    for stream in streams:
        stream.bound.setblocking(False)
        while True:
            try:
                stream.bound.recv(2048)
            except BlockingIOError:
                break


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used, to the nanosecond (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
