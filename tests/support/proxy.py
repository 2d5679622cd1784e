"""A whole Skryba as users start it, for wire tests: its own folder, ports and configuration; `skryba run` as a process.

Also the sounds that peers say, and what must be found of them in a recording.
"""

import asyncio
import json
import os
import signal
import sys
import urllib.request
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from skryba.codecs.g711 import PcmaEncoder
from tests.support.baresip import free_port, until

SOURCE = Path(__file__).parents[2] / "src"

Samples = npt.NDArray[np.float64]

RECORD_ALL = """
[[rule]]
id = "record-all"
station = ["*"]
direction = ["outbound", "inbound", "internal"]
mode = "automatic"
purpose = "test"
legal_basis = "art. 6(1)(f) GDPR"
retention = "1d"
notice = "standard"
language = "en"
notice_moment = "{moment}"
"""

RECORD_ALL_SILENTLY = RECORD_ALL.replace(
    'notice = "standard"', 'notice = "none"\nnotice_reason = "test without a notice"'
)

STATION_PASSWORDS = {"101": "Correct-Horse-101-Battery", "102": "Correct-Horse-102-Battery"}


@dataclass
class Proxy:
    """`async with Proxy(tmp_path, rules=…) as proxy:` runs `skryba run` until the block ends, then SIGTERMs it."""

    folder: Path
    rules: str = RECORD_ALL.format(moment="answer")
    trunk_port: int = field(default_factory=free_port)
    sip_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    keeper_port: int = field(default_factory=free_port)
    trunk_options: str = ""
    extra: str = ""
    answer_timeout: int = 30
    modules: Path | None = None  # a folder put in front of the interpreter's own
    process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.sip_port}"

    @property
    def config(self) -> Path:
        return self.folder / "skryba.toml"

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        base = 10000 + (self.sip_port * 7) % 10000 // 2 * 2
        (self.folder / "rules.toml").write_text(self.rules)
        self.config.write_text(
            f"""
[sip]
listen = ["udp:{self.address}", "tcp:{self.address}"]
domain = "skryba.test"
[media]
host = "127.0.0.1"
ports = [{base}, {base + 399}]
quarantine = 1.0
[recorder]
ring_megabytes = 16
[policy]
rules_file = "rules.toml"
[notice]
language = "en"
[limits]
answer_timeout = {self.answer_timeout}
[operations]
metrics = "127.0.0.1:{self.metrics_port}"
keeper_metrics = "127.0.0.1:{self.keeper_port}"
log_level = "info"
drain_timeout = 5
[numbers]
"+48221234567" = "101"
[[station]]
id = "101"
password = "{STATION_PASSWORDS["101"]}"
name = "Reception"
groups = ["sales"]
[[station]]
id = "102"
password = "{STATION_PASSWORDS["102"]}"
name = "Sales"
[[trunk]]
id = "carrier"
host = "127.0.0.1"
port = {self.trunk_port}
accept = ["127.0.0.1"]
options_interval = 0
{self.trunk_options}
{self.extra}
"""
        )

    async def __aenter__(self) -> Self:
        self.write()
        await self.start()
        return self

    async def start(self) -> None:
        with (self.folder / "skryba.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "skryba", "run", "--config", str(self.config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*filter(None, [self.modules]), SOURCE]))},
            )
        try:
            await until(self.is_ready, timeout=40)
        except TimeoutError:
            raise AssertionError(f"skryba did not become ready\n{self.log()[-4000:]}") from None

    def is_ready(self) -> bool:
        """Does it take calls? AssertionError when it has ended."""
        assert self.process is not None
        if self.process.returncode is not None:
            raise AssertionError(f"skryba ended with {self.process.returncode}\n{self.log()[-4000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), 30)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
                raise AssertionError(f"skryba did not stop on SIGTERM\n{self.log()[-4000:]}") from None
        assert self.process.returncode is not None
        return self.process.returncode

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def log(self) -> str:
        path = self.folder / "skryba.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def manifests(self) -> list[dict[str, Any]]:
        """All sealed recordings, oldest first, each manifest with its audio file's path under "path"."""
        found = []
        for seal in sorted((self.folder / "recordings").rglob("*.seal")):
            manifest = json.loads(seal.with_suffix(".json").read_text())
            manifest["path"] = str(seal.with_name(manifest["files"][0]["file"]))
            found.append(manifest)
        return found

    async def sealed(self, count: int = 1, *, timeout: float = 20.0) -> list[dict[str, Any]]:
        try:
            return await until(lambda: self.manifests() if len(self.manifests()) >= count else None, timeout=timeout)
        except TimeoutError:
            raise AssertionError(
                f"{len(self.manifests())} of {count} recordings sealed\n{self.log()[-4000:]}"
            ) from None

    def children(self) -> dict[str, int]:
        """Role → process id of the supervisor's children, from their command lines."""
        assert self.process is not None
        roles: dict[str, int] = {}
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in map(int, listing):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--role" in words:
                roles[words[words.index(b"--role") + 1].decode()] = pid
        return roles


def notice_heard(manifest: dict[str, Any]) -> bool:
    """Did each side to whom the notice was owed hear the whole of it, and is it known which?"""
    notice = manifest["notice"]
    played = notice["played"]
    return (
        notice["outcome"] == "completed"
        and bool(played)
        and all(each["completed"] and len(each["sha256"]) == 64 for each in played)
    )


def tone(frequency: float, seconds: float, *, rate: int = 8000, level: float = 8000.0) -> npt.NDArray[np.int16]:
    """A sine of the given peak level, int16 (n,)."""
    return np.round(level * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def write_wav(path: Path, samples: npt.NDArray[np.int16], rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def write_alaw(path: Path, samples: npt.NDArray[np.int16]) -> Path:
    """Raw A-law, as SIPp's rtp_stream wants it."""
    path.write_bytes(PcmaEncoder().encode(samples))
    return path


def read_stereo(path: str | Path) -> tuple[int, Samples, Samples]:
    """Rate, left, right of a stereo PCM16 WAV as float64."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2).astype(np.float64)
        return file.getframerate(), frames[:, 0], frames[:, 1]


def level_at(samples: Samples, rate: int, frequency: float) -> float:
    """Peak level of one frequency over the whole of `samples` (Goertzel)."""
    if len(samples) == 0:
        return 0.0
    phase = np.exp(-2j * np.pi * frequency * np.arange(len(samples)) / rate)
    return float(2 * abs(np.sum(samples * phase)) / len(samples))


def onset(
    samples: Samples, rate: int, frequency: float, *, window_ms: int = 20, threshold: float = 2000.0
) -> float | None:
    """Seconds until `frequency` is first heard, by windows of `window_ms`; None if never."""
    size = rate * window_ms // 1000
    for start in range(0, len(samples) - size + 1, size // 4):
        if level_at(samples[start : start + size], rate, frequency) > threshold:
            return start / rate
    return None
