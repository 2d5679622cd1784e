"""The process's object on a real Unix socket, rings in memory: who is told what, and who ends whose recording."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skryba import clock
from skryba.codecs.tones import sine
from skryba.media.ring import RingReader
from skryba.recorder.storage import Storage
from skryba.recorder.worker import Recorder, RecorderConfig
from tests.support.evidence import ID, MS, START, Arrival, Speaker, merge, meta, record, spool, stop
from tests.support.rings import Shelf

OTHER = ID[:-1] + "2"
DEAD = 4_000_000  # beyond the largest process id
TONE = sine(500, 0.4, sample_rate=8000)

NONSENSE = [
    b"not json",
    b"[]",
    b"{}",
    b'{"op":"dance"}',
    b'{"op":"start","slot":1}',
    b'{"op":"start","slot":1,"id":"../x","from_ns":1}',
    b'{"op":"mark"}',
]


class Signalling:
    """A hand on the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, **message: Any) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    def raw(self, line: bytes) -> None:
        self._writer.write(line + b"\n")

    def hello(self, shelf: Shelf, *active: str, pid: int = DEAD) -> None:
        self.say(op="hello", ring=shelf.paths, pid=pid, epoch_ns=10**18, active=list(active))

    def start(self, slot: int = 1, name: str = ID, **more: Any) -> None:
        formats = {"left": {"0": "PCMU/8000"}, "right": {}}
        self.say(op="start", slot=slot, id=name, from_ns=START, formats=formats, manifest={}, **more)

    async def hear(self, op: str) -> dict[str, Any]:
        """The next message of this kind."""
        async with asyncio.timeout(5):
            while True:
                message: dict[str, Any] = json.loads(await self._reader.readline())
                if message["op"] == op:
                    return message

    async def is_left_alone(self) -> bool:
        async with asyncio.timeout(5):
            while line := await self._reader.readline():
                assert line
            return True

    def leave(self) -> None:
        self._writer.close()


class Desk:
    """One recorder and its folders."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)
        self.config = RecorderConfig(
            recordings=folder / "recordings",
            spool=folder / "spool",
            control=folder / "control",
            beat=0.01,
            flush=0.01,
            sync=0.02,
            lost_grace=0.05,
            orphan_grace=0.05,
            niceness=0,
        )
        self.storage = Storage(self.config.recordings, self.config.spool)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Recorder]:
        recorder = Recorder(self.config)
        task = asyncio.ensure_future(recorder.run())
        try:
            await until(lambda: self.config.control.exists() or task.done())
            yield recorder
        finally:
            recorder.stop()
            await task

    @asynccontextmanager
    async def signalling(self) -> AsyncIterator[Signalling]:
        reader, writer = await asyncio.open_unix_connection(self.config.control)
        made = Signalling(reader, writer)
        try:
            yield made
        finally:
            made.leave()

    def talk(self, slot: int = 1) -> None:
        self.shelf.first.put(*merge({0: Speaker().say(TONE, 0)}, slot=slot))

    def manifests(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_bytes()) for path in sorted(self.config.recordings.rglob("*.json"))]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path)
    monkeypatch.setattr(RingReader, "open", made.shelf.open)
    return made


async def test_a_recording_from_start_to_seal(desk: Desk) -> None:
    async with desk.running(), desk.signalling() as hand:
        hand.hello(desk.shelf)
        hand.start()
        assert await hand.hear("started") == {"op": "started", "slot": 1, "id": ID}
        desk.talk()
        hand.say(op="mark", slot=1, kind="hold", channel="left", at_ns=START + 100 * MS)
        hand.say(op="formats", slot=1, channel="right", at_ns=START, formats={"8": "PCMA/8000"})
        hand.say(
            op="stop", slot=1, id=ID, at_ns=START + 400 * MS, until_ns=START + 600 * MS, drain=[desk.shelf.first.head]
        )
        sealed = await hand.hear("sealed")
    [manifest] = desk.manifests()
    assert (sealed["slot"], sealed["id"], sealed["state"]) == (1, ID, "degraded")
    assert (sealed["reasons"], sealed["duration_ms"]) == (["one channel silent: right"], 400)
    assert Path(sealed["file"]).exists()
    assert json.loads(Path(sealed["manifest"]).read_bytes()) == manifest
    assert manifest["marks"][0]["at_ms"] == 100
    assert desk.storage.spools() == []
    assert not desk.config.control.exists()


async def test_how_things_stand_is_told(desk: Desk) -> None:
    async with desk.running(), desk.signalling() as hand:
        hand.hello(desk.shelf)
        hand.start()
        await hand.hear("started")
        desk.talk()
        desk.shelf.first.overflow = 3
        async with asyncio.timeout(5):
            while (stats := await hand.hear("stats"))["packets"] < 20:
                pass
    assert (stats["recordings"], stats["overflow"], stats["orphans"], stats["sealing"]) == (1, [3], 0, 0)
    assert (stats["disk"]["state"] in ("ok", "low"), stats["disk"]["free"] > 0) == (True, True)
    assert (stats["ready"], stats["stalled_s"], stats["dropped"]) == (True, 0.0, 0)
    assert stats["cpu_seconds"] > 0
    assert stats["beat_lag_ms"] >= 0


@pytest.mark.parametrize("line", NONSENSE)
async def test_what_cannot_be_obeyed_is_refused_and_changes_nothing(desk: Desk, line: bytes) -> None:
    async with desk.running(), desk.signalling() as hand:
        hand.hello(desk.shelf)
        hand.raw(line)
        assert (await hand.hear("refused"))["reason"]
        hand.start()
        assert (await hand.hear("started"))["id"] == ID


async def test_rings_that_are_not_there_are_told(desk: Desk) -> None:
    async with desk.running(), desk.signalling() as hand:
        hand.say(op="hello", ring=["/nowhere"], pid=1, epoch_ns=5)
        assert (await hand.hear("refused"))["reason"].startswith("/nowhere")


async def test_who_said_no_hello_is_not_obeyed(desk: Desk) -> None:
    async with desk.running() as recorder, desk.signalling() as stranger, desk.signalling() as hand:
        hand.hello(desk.shelf)
        stranger.start(name=OTHER)
        hand.start()
        await hand.hear("started")
        assert recorder is not None
        assert desk.storage.spools() == [ID]


async def test_signalling_that_does_not_come_back_loses_its_recordings(desk: Desk) -> None:
    async with desk.running():
        async with desk.signalling() as hand:
            hand.hello(desk.shelf)
            hand.start()
            await hand.hear("started")
            desk.talk()
        await until(desk.manifests)
        async with desk.signalling() as hand:
            hand.hello(desk.shelf)
            assert (await hand.hear("sealed"))["state"] == "incomplete"
    assert desk.manifests()[0]["reasons"][0] == "signalling lost"


async def test_signalling_that_comes_back_goes_on(desk: Desk) -> None:
    async with desk.running():
        async with desk.signalling() as hand:
            hand.hello(desk.shelf)
            hand.start()
            await hand.hear("started")
        async with desk.signalling() as hand:
            hand.hello(desk.shelf, ID)
            hand.start()
            await hand.hear("started")
            desk.talk()
            await asyncio.sleep(0.1)
            hand.say(op="stop", slot=1, id=ID, at_ns=START + 400 * MS)
            assert (await hand.hear("sealed"))["duration_ms"] == 400
    assert len(desk.manifests()) == 1


async def test_a_new_signalling_takes_over_and_the_unclaimed_end(desk: Desk) -> None:
    async with desk.running(), desk.signalling() as old, desk.signalling() as new:
        old.hello(desk.shelf)
        old.start()
        old.start(2, OTHER)
        await old.hear("started")
        await old.hear("started")
        desk.talk()
        new.hello(desk.shelf, OTHER)
        sealed = await new.hear("sealed")
        assert (sealed["id"], sealed["state"], sealed["slot"]) == (ID, "incomplete", 1)
        assert await old.is_left_alone()


async def test_a_slot_given_anew_ends_who_held_it(desk: Desk) -> None:
    async with desk.running(), desk.signalling() as hand:
        hand.hello(desk.shelf)
        hand.start()
        await hand.hear("started")
        desk.talk()
        hand.say(op="stop", slot=1, id=ID, at_ns=START + 400 * MS, drain=[desk.shelf.first.head])
        hand.start(1, OTHER)
        desk.talk()
        assert (await hand.hear("started"))["id"] == OTHER
        assert (await hand.hear("sealed"))["id"] == ID
        hand.say(op="stop", slot=1, id=OTHER, at_ns=START + 400 * MS, drain=[desk.shelf.first.head])
        assert (await hand.hear("sealed"))["id"] == OTHER
    assert [manifest["channels"]["left"]["packets"]["packets"] for manifest in desk.manifests()] == [20, 20]


async def test_orphans_that_ended_are_sealed_at_once_and_others_after_the_grace(desk: Desk) -> None:
    records = [
        record(Arrival(number * 20 * MS, arrival.packet)) for number, arrival in enumerate(Speaker().say(TONE, 0))
    ]
    desk.storage.spool_path(ID).write_bytes(spool(records, last=stop(400)))
    desk.storage.spool_path(OTHER).write_bytes(spool(records, first=meta(id=OTHER, pid=DEAD, rings=[])))
    async with desk.running():
        await until(lambda: len(desk.manifests()) == 2)
        async with desk.signalling() as hand:
            hand.hello(desk.shelf)
            assert {(await hand.hear("sealed"))["id"] for _ in range(2)} == {ID, OTHER}
    assert [manifest["state"] for manifest in desk.manifests()] == ["degraded", "incomplete"]


async def test_orphans_of_a_living_engine_wait_for_their_signalling(desk: Desk) -> None:
    first = meta(pid=os.getpid(), rings=desk.shelf.paths, ring_epochs=[42])
    desk.storage.spool_path(ID).write_bytes(spool(merge({0: Speaker().say(TONE, 0)}), first=first))
    async with desk.running():
        await asyncio.sleep(0.15)
        assert desk.manifests() == []
        async with desk.signalling() as hand:
            hand.hello(desk.shelf, ID, pid=os.getpid())
            hand.start()
            await hand.hear("started")
            hand.say(op="stop", slot=1, id=ID, at_ns=START + 400 * MS)
            await hand.hear("sealed")
    [manifest] = desk.manifests()
    assert (manifest["restarts"], manifest["channels"]["left"]["packets"]["sound"]) == (1, 20)


async def test_orphans_that_a_new_signalling_does_not_claim_are_sealed(desk: Desk) -> None:
    first = meta(pid=os.getpid(), rings=[], ring_epochs=[])
    desk.storage.spool_path(ID).write_bytes(spool(merge({0: Speaker().say(TONE, 0)}), first=first))
    async with desk.running(), desk.signalling() as hand:
        hand.hello(desk.shelf)
        assert (await hand.hear("sealed"))["state"] == "incomplete"


async def test_orphans_get_what_waits_in_the_ring_of_a_dead_engine(desk: Desk) -> None:
    first = meta(pid=DEAD, rings=desk.shelf.paths, ring_epochs=[42])
    desk.storage.spool_path(ID).write_bytes(spool([], first=first))
    desk.talk()
    async with desk.running():
        await until(desk.manifests)
    assert desk.manifests()[0]["channels"]["left"]["packets"]["sound"] == 20


async def test_a_stop_told_again_after_the_seal_is_answered_with_its_outcome(desk: Desk) -> None:
    async with desk.running():
        async with desk.signalling() as hand:
            hand.hello(desk.shelf)
            hand.start()
            desk.talk()
            await asyncio.sleep(0.1)
            hand.say(op="stop", slot=1, id=ID, at_ns=START + 400 * MS)
            first = await hand.hear("sealed")
        async with desk.signalling() as hand:
            hand.hello(desk.shelf, ID)
            hand.start(stopped=True)
            hand.say(op="stop", slot=1, id=ID, at_ns=START + 400 * MS)
            again = await hand.hear("sealed")
    assert again == first
    assert len(desk.manifests()) == 1


async def test_the_beat_does_not_wait_for_sealing(desk: Desk) -> None:
    sound = np.tile(TONE, 600)
    desk.storage.spool_path(ID).write_bytes(spool(merge({0: Speaker().say(sound, 0)}), last=stop(240_000)))
    async with desk.running(), desk.signalling() as hand:
        hand.hello(desk.shelf)
        began = clock.now()
        await hand.hear("sealed")
        stats = await hand.hear("stats")
    assert stats["beat_lag_ms"] < 1000
    assert clock.now() - began < 5
