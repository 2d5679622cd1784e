"""Processes that are there to be killed: a recorder and a signalling with many short calls, forked from a warm process.

Knows the recorder as the wiring does. What a signalling told and sent is noted in shared memory as it happens: it is
known to the frame after its death.
"""

import asyncio
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import uvloop
from numpy.typing import NDArray

from skryba import clock
from skryba.media import ring
from skryba.recorder import sealing
from skryba.recorder.link import RecorderLink
from skryba.recorder.sealer import PROGRAM
from skryba.recorder.worker import RecorderConfig, run
from skryba.terms import Channel
from skryba.vault.journal import Journal
from skryba.vault.keyring import Keyring
from skryba.vault.master import FileMaster
from tests.support.evidence import LEFT, RIGHT, Speaker
from tests.support.forking import FACTS, FORMATS, FRAME
from tests.support.seals import signer

SLOTS = 8  # calls at a time
CALLS = 4096  # of one signalling's life
SHORTEST, LONGEST = 15, 110  # frames of 20 ms
STARTED, STOPPED, SEALED = 1, 2, 4  # what was told of a call, and by whom: SEALED by the recorder
_FRAMES, _TOLD, _HEADS = 0, 1, 2  # columns of a call's notes: frames sent, what was told, the ring's head after each
_LEAD = 60_000_000  # ns before the first packet: what comes late later may move it forward
_RING = 1 << 22
_SOUND = np.array([octet for octet in range(256) if octet & 0x7F != 0x7F], np.uint8)  # µ-law without its two zeros


@dataclass(frozen=True, slots=True)
class House:
    """Where everything lies."""

    folder: Path

    @property
    def recordings(self) -> Path:
        return self.folder / "recordings"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def ring(self) -> Path:
        return self.folder / "ring"

    @property
    def master(self) -> Path:
        return self.folder / "master.key"

    def journal(self) -> Journal:
        return Journal(self.recordings / "chain", signer(), clock.at)

    def keyring(self) -> Keyring:
        return Keyring(self.folder / "keys", FileMaster(self.master))

    def notes(self, engine: int) -> NDArray[np.int64]:
        """Of all calls of one signalling; shared with it while it lives."""
        path = self.folder / f"engine-{engine}"
        shape = (CALLS, _HEADS + LONGEST)
        return np.memmap(path, np.int64, "r+" if path.exists() else "w+", shape=shape)


@dataclass(frozen=True, slots=True)
class Call:
    """What became known of one call: `heads` are the ring's positions after each frame that was sent."""

    recording: str
    told: int
    heads: tuple[int, ...]


def calls(house: House, engine: int) -> list[Call]:
    """All that one signalling began."""
    return [
        Call(recording_id(engine, number), int(row[_TOLD]), tuple(row[_HEADS : _HEADS + row[_FRAMES]].tolist()))
        for number, row in enumerate(house.notes(engine))
        if row[_TOLD]
    ]


def recording_id(engine: int, number: int) -> str:
    return f"{engine:08x}-{number:04x}"


def sound(recording: str, side: Channel) -> bytes:
    """What this side says in this call, as it is sent: noise, nowhere silent."""
    drawn = np.random.default_rng(list(f"{recording} {side}".encode()))
    return drawn.choice(_SOUND, LONGEST * FRAME).tobytes()


def fork(work: Callable[[], object]) -> int:
    """Do it in a child, which then ends; the child's pid."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Forked:
    """In the place of `subprocess.Popen`: a sealing process that is forked from the warm recorder, not started."""

    def __init__(self, program: Sequence[str], *, start_new_session: bool, **_: Any) -> None:
        assert tuple(program[: len(PROGRAM)]) == PROGRAM
        assert start_new_session
        jobs, ours = os.pipe()
        theirs, answers = os.pipe()
        self._status: int | None = None

        def work() -> None:
            os.setsid()
            os.dup2(jobs, 0)
            os.dup2(answers, 1)
            os.closerange(3, 1024)  # nothing of the recorder's stays open when the recorder dies
            sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
            with suppress(BrokenPipeError):  # the recorder died a moment ago, and the signal is on its way
                sealing.main(list(program[len(PROGRAM) :]))

        self.pid = fork(work)
        os.close(jobs)
        os.close(answers)
        self.stdin, self.stdout = os.fdopen(ours, "w"), os.fdopen(theirs)

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def wait(self) -> int | None:
        return self._reap(0)

    def _reap(self, how: int) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, how)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status


def warm(folder: Path) -> None:
    """Have compiled what a signalling needs: its first packet must not wait."""
    made = ring.create(folder / "warm", 1, epoch_ns=0)
    packet = np.zeros(172, np.uint8)
    assert ring.put(made, np.zeros(1, np.int64), 1, LEFT, 0, 0, packet.ctypes.data, len(packet))
    assert ring.head_of(made) > 0
    (folder / "warm").unlink()
    assert sound("warm", Channel.LEFT)


def record(house: House, control: Path, *, encrypt: bool) -> None:
    """The recorder's whole life."""
    subprocess.Popen = Forked  # type: ignore[assignment, misc]
    config = RecorderConfig(
        house.recordings, house.spool, control, sealers=2, lost_grace=0.3, orphan_grace=1.0, orphan_limit=30.0
    )

    def log(event: str, facts: Any) -> None:
        if event == "message refused":
            print(event, dict(facts), file=sys.stderr, flush=True)

    run(config, log, keys=house.keyring() if encrypt else None, journal=house.journal())


class Signalling:
    """Calls in all slots, one after the other, until SIGTERM; then the last ones, and it waits for their seals."""

    def __init__(self, house: House, control: Path, engine: int, seed: int) -> None:
        self._random = Random(seed)
        self._engine = engine
        self._notes = house.notes(engine)
        self._count = 0
        self._numbers: dict[str, int] = {}
        self._epoch_ns = int(clock.at().timestamp() * 1e9) - clock.now_ns()
        self._ring = ring.create(house.ring, _RING, epoch_ns=self._epoch_ns)
        self._seen = np.zeros(1, np.int64)
        self._link = RecorderLink(control, [house.ring], self._hear, epoch_ns=self._epoch_ns)
        self._ending = False

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        link = asyncio.ensure_future(self._link.run())
        await asyncio.gather(*(self._slot(slot) for slot in range(1, SLOTS + 1)))
        while self._link.active:
            await asyncio.sleep(0.02)
        link.cancel()

    def _end(self) -> None:
        self._ending = True

    def _hear(self, message: dict[str, Any]) -> None:
        number = self._numbers.get(str(message.get("id")))
        if message["op"] == "sealed" and number is not None:
            self._notes[number, _TOLD] |= SEALED

    async def _slot(self, slot: int) -> None:
        while not self._ending:
            await asyncio.sleep(self._random.choice((0.0, 0.01, 0.2)))
            await self._call(slot, self._random.randint(SHORTEST, LONGEST))

    async def _call(self, slot: int, frames: int) -> None:
        recording = recording_id(self._engine, self._count)
        notes = self._notes[self._count]
        self._numbers[recording] = self._count
        self._count += 1
        speakers = ((LEFT, Speaker(ssrc=1), sound(recording, Channel.LEFT)),
                    (RIGHT, Speaker(ssrc=2, sequence=7, timestamp=7), sound(recording, Channel.RIGHT)))  # fmt: skip
        notes[_TOLD] = STARTED
        begun = clock.now_ns()
        self._link.start(slot=slot, recording=recording, formats=FORMATS, manifest=FACTS, from_ns=begun)
        for frame in range(frames):
            await asyncio.sleep(max(0.0, (begun + _LEAD + frame * 20_000_000 - clock.now_ns()) / 1e9))
            for channel, speaker, octets in speakers:
                self._put(slot, channel, speaker.packet(octets[frame * FRAME : (frame + 1) * FRAME], 0).packet)
            notes[_HEADS + frame] = ring.head_of(self._ring)
            notes[_FRAMES] = frame + 1
        at_ns = clock.now_ns()
        self._link.stop(
            slot,
            at_ns=at_ns,
            until_ns=at_ns + 200_000_000,
            drain=[ring.head_of(self._ring)],
            termination={"result": "completed", "reason": "hung up", "side": "caller", "status": None},
            ended_at=clock.at().isoformat(),
        )
        notes[_TOLD] |= STOPPED

    def _put(self, slot: int, channel: int, packet: bytes) -> None:
        octets = np.frombuffer(packet, np.uint8)
        put = ring.put(self._ring, self._seen, slot, channel, 0, clock.now_ns(), octets.ctypes.data, len(octets))
        assert put, "the ring is full"


def talk(house: House, control: Path, engine: int, seed: int) -> None:
    """The signalling's whole life."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Signalling(house, control, engine, seed).run())
