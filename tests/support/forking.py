"""The test in the place of signalling and its engine: a real ring, real time, a real recorder process beside it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba import clock
from skryba.codecs.g711 import PCMU_TO_LINEAR, PcmuEncoder
from skryba.media import ring
from skryba.recorder.link import RecorderLink
from skryba.terms import Channel
from skryba.vault.keyfile import public_path
from skryba.vault.keyring import Keyring
from skryba.vault.master import FileMaster
from skryba.vault.signing import Verifier
from tests.support.evidence import LEFT, RIGHT, Speaker

FORMATS = {side: {0: "PCMU/8000", 101: "telephone-event/8000"} for side in Channel}
FACTS = {"call_id": "1@test", "direction": "outbound", "decision": {"rule": "record-all"}, "notice": None}
FRAME = 160
_PROGRAM = """
import sys, json
from pathlib import Path
from skryba import clock
from skryba.recorder.verify import CHAIN
from skryba.recorder.worker import RecorderConfig, run
from skryba.vault.journal import Journal
from skryba.vault.keyfile import generate_signer, load_signer
from tests.support.faults import install
from tests.support.forking import keyring_in
words = json.loads(sys.argv[1])
folder = Path(words.pop("folder"))
keys = keyring_in(folder) if words.pop("encrypt") else None
signing = folder / "signing.pem"
signer = load_signer(signing) if signing.exists() else generate_signer(signing)
install(folder / "faults")
paths = {name: Path(words.pop(name)) for name in ("recordings", "spool", "control")}
run(RecorderConfig(**paths, **words), keys=keys, journal=Journal(paths["recordings"] / CHAIN, signer, clock.at))
"""


def keyring_in(folder: Path) -> Keyring:
    """The keys of an encrypting recorder in this folder."""
    path = folder / "master.key"
    return Keyring(folder / "keys", FileMaster(path) if path.exists() else FileMaster.create(path))


class RecorderProcess:
    """`skryba.recorder.worker` in a process of its own, to be killed and started again. It signs what it seals."""

    def __init__(self, folder: Path, *, encrypt: bool = False, **options: Any) -> None:
        self.folder = folder
        self._encrypt = encrypt
        self.recordings = folder / "recordings"
        self.spool = folder / "spool"
        self.control = folder / "recorder.sock"
        self._options = options
        self._faults = folder / "faults"
        self.disk("")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = {"recordings": str(self.recordings), "spool": str(self.spool), "control": str(self.control)}
        words |= {"folder": str(self.folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(words | self._options | {"encrypt": self._encrypt})],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def disk(self, fault: str) -> None:
        """How its disk behaves from now on: `stall`, `slow`, the name of an errno, or empty for well."""
        draft = self._faults.with_suffix(".new")
        draft.write_text(fault)
        draft.rename(self._faults)

    @property
    def verifier(self) -> Verifier:
        """Who trusts this recorder's signature."""
        return Verifier.from_pem(public_path(self.folder / "signing.pem").read_bytes())

    def signal(self, number: signal.Signals) -> None:
        """Send it and, if it is deadly, wait for the end."""
        assert self._process is not None
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait(timeout=20)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


class Forker:
    """Writes two speakers' packets into a ring, in real time, as the engine does."""

    def __init__(self, path: Path, slot: int, sound: dict[Channel, NDArray[np.int16]], octets: int = 1 << 22) -> None:
        self.path = path
        self.epoch_ns = int(clock.at().timestamp() * 1e9) - clock.now_ns()
        self.ring = ring.create(path, octets, epoch_ns=self.epoch_ns)
        self.slot = slot
        self._seen = np.zeros(1, np.int64)
        self._octets = {side: PcmuEncoder().encode(samples) for side, samples in sound.items()}
        self._speakers = {Channel.LEFT: Speaker(ssrc=1), Channel.RIGHT: Speaker(ssrc=2, sequence=7, timestamp=7)}
        self.frames = 0
        self.began = 0

    @property
    def head(self) -> int:
        return ring.head_of(self.ring)

    async def talk(self, seconds: float) -> None:
        """Both speak for so long, a packet each every 20 ms."""
        self.began = self.began or clock.now_ns()
        for _ in range(round(seconds * 50)):
            due = self.began + self.frames * 20_000_000
            await asyncio.sleep(max(0.0, (due - clock.now_ns()) / 1e9))
            for side, channel in ((Channel.LEFT, LEFT), (Channel.RIGHT, RIGHT)):
                payload = self._octets[side][self.frames * FRAME : (self.frames + 1) * FRAME]
                packet = np.frombuffer(self._speakers[side].packet(payload, 0).packet, np.uint8)
                ring.put(self.ring, self._seen, self.slot, channel, 0, clock.now_ns(), packet.ctypes.data, len(packet))
            self.frames += 1

    def payload(self, side: Channel, frame: int) -> bytes:
        """What one packet carried."""
        return self._octets[side][frame * FRAME : (frame + 1) * FRAME]

    def crowd(self, packets: int) -> None:
        """Another call's packets, all at once."""
        packet = np.zeros(172, np.uint8)
        for _ in range(packets):
            ring.put(self.ring, self._seen, self.slot + 1, LEFT, 0, clock.now_ns(), packet.ctypes.data, len(packet))

    def said(self, side: Channel, frames: int | None = None) -> NDArray[np.int16]:
        """What was sent, as it must be heard."""
        octets = self._octets[side][: (self.frames if frames is None else frames) * FRAME]
        return PCMU_TO_LINEAR[np.frombuffer(octets, np.uint8)]


@asynccontextmanager
async def linked(
    path: Path, forker: Forker, *, pid: int | None = None
) -> AsyncIterator[tuple[RecorderLink, list[Any]]]:
    """A link that runs, and all that the recorder said."""
    heard: list[Any] = []
    link = RecorderLink(
        path, [forker.path], heard.append, epoch_ns=forker.epoch_ns, pid=os.getpid() if pid is None else pid
    )
    task = asyncio.ensure_future(link.run())
    try:
        yield link, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    """Wait for something to become true; an assertion error if it does not."""
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing within {seconds} s")


def reports(heard: list[Any], op: str) -> list[Any]:
    return [message for message in heard if message["op"] == op]
