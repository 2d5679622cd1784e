"""Signalling's side: told at once when the recorder is there, told the whole story when it comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from skryba import clock
from skryba.recorder import link as module
from skryba.recorder.link import RecorderLink
from skryba.terms import Channel

FORMATS = {Channel.LEFT: {0: "PCMU/8000"}, Channel.RIGHT: {8: "PCMA/8000"}}


class Ear:
    """A recorder that only listens, and says what it is told to say."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.heard: list[dict[str, Any]] = []
        self.reads = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        while self.reads and (line := await reader.readline()):
            self.heard.append(json.loads(line))

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()
        await asyncio.sleep(0)

    def say(self, **message: Any) -> None:
        self.raw(json.dumps(message).encode())

    def raw(self, line: bytes) -> None:
        self._writers[-1].write(line + b"\n")

    def ops(self) -> list[str]:
        return [message["op"] for message in self.heard]


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(link: RecorderLink) -> AsyncIterator[None]:
    task = asyncio.ensure_future(link.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def ear(tmp_path: Path) -> Ear:
    return Ear(tmp_path / "control")


@pytest.fixture
def said() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def link(tmp_path: Path, said: list[dict[str, Any]]) -> RecorderLink:
    return RecorderLink(tmp_path / "control", [Path("/ring")], said.append, epoch_ns=5, pid=7)


def start(link: RecorderLink, slot: int = 1, recording: str = "aaaa") -> None:
    link.start(slot=slot, recording=recording, formats=FORMATS, manifest={"caller": "x"}, from_ns=100)


def stop(link: RecorderLink, slot: int = 1) -> None:
    link.stop(slot, at_ns=900, until_ns=1100, drain=[64], termination={"result": "completed"}, ended_at="now")


async def test_words_of_a_recording(ear: Ear, link: RecorderLink, said: list[dict[str, Any]]) -> None:
    await ear.open()
    async with running(link):
        await until(lambda: link.connected)
        start(link)
        link.formats(1, Channel.LEFT, {9: "G722/8000"}, at_ns=200)
        link.mark(1, "hold", at_ns=300, channel=Channel.RIGHT, note={"by": "re-INVITE"})
        link.mark(1, "notice", at_ns=301)
        stop(link)
        await until(lambda: len(ear.heard) == 6)
        assert ear.heard == [
            {"op": "hello", "ring": ["/ring"], "pid": 7, "epoch_ns": 5, "active": []},
            {
                "op": "start",
                "slot": 1,
                "id": "aaaa",
                "formats": {"left": {"0": "PCMU/8000"}, "right": {"8": "PCMA/8000"}},
                "manifest": {"caller": "x"},
                "from_ns": 100,
            },
            {"op": "formats", "slot": 1, "channel": "left", "formats": {"9": "G722/8000"}, "at_ns": 200},
            {"op": "mark", "slot": 1, "kind": "hold", "channel": "right", "at_ns": 300, "note": {"by": "re-INVITE"}},
            {"op": "mark", "slot": 1, "kind": "notice", "channel": None, "at_ns": 301, "note": {}},
            {
                "op": "stop",
                "slot": 1,
                "id": "aaaa",
                "at_ns": 900,
                "until_ns": 1100,
                "drain": [64],
                "termination": {"result": "completed"},
                "ended_at": "now",
            },
        ]
        ear.say(op="started", slot=1)
        ear.say(op="sealed", id="aaaa", state="ok")
        await until(lambda: len(said) == 2)
        assert link.active == {}
        await ear.close()
        await until(lambda: not link.connected)


async def test_the_whole_story_again_after_the_recorder_came_back(ear: Ear, link: RecorderLink) -> None:
    start(link)  # nobody is there yet: it is kept
    start(link, 2, "bbbb")
    stop(link, 2)
    await ear.open()
    async with running(link):
        await until(lambda: len(ear.heard) == 4)
        assert ear.heard[0]["active"] == ["aaaa", "bbbb"]
        assert [message.get("stopped") for message in ear.heard] == [None, None, True, None]
        link.mark(1, "hold", at_ns=1)
        await until(lambda: len(ear.heard) == 5)
        ear.say(op="sealed", id="bbbb", state="ok")
        await until(lambda: list(link.active) == ["aaaa"])
        await ear.close()
        await until(lambda: not link.connected)
        stop(link)
        ear.heard.clear()
        await ear.open()
        await until(lambda: len(ear.heard) == 4)
        assert ear.ops() == ["hello", "start", "mark", "stop"]
        assert link.connections == 2
        await ear.close()


async def test_a_seal_of_a_recording_that_goes_on_does_not_make_it_forgotten(
    ear: Ear, link: RecorderLink, said: list[dict[str, Any]]
) -> None:
    await ear.open()
    async with running(link):
        await until(lambda: link.connected)
        start(link)
        ear.say(op="sealed", id="aaaa", state="incomplete")
        ear.say(op="sealed", id=None, state="ok")
        await until(lambda: len(said) == 2)
        assert list(link.active) == ["aaaa"]
        await ear.close()


def test_slots_that_record_nothing_say_nothing(link: RecorderLink) -> None:
    link.mark(3, "hold", at_ns=1)
    link.formats(3, Channel.LEFT, {}, at_ns=1)
    stop(link, 3)
    assert link.active == {}
    start(link)
    stop(link)
    link.mark(1, "late", at_ns=1)
    assert link.active["aaaa"].story == []


def test_memory_is_bounded(link: RecorderLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    monkeypatch.setattr(module, "STORY", 2)
    for number in range(4):
        start(link, number, f"aaa{number}")
        for _ in range(5):
            link.mark(number, "hold", at_ns=1)
        if number:
            stop(link, number)
    start(link, 9, "aaa9")
    assert list(link.active) == ["aaa0", "aaa3", "aaa9"]
    assert link.forgotten == 2
    assert len(link.active["aaa0"].story) == 2


def test_words_to_a_recorder_that_was_killed_a_moment_ago_wait_for_the_next_one(
    link: RecorderLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        """A connection whose end nobody has read yet; uvloop's transport raises."""

        def is_closing(self) -> bool:
            return True

        def write(self, data: bytes) -> None:
            raise RuntimeError("the handler is closed")

    monkeypatch.setattr(link, "_writer", Closed())
    start(link)
    stop(link)
    assert [told["op"] for told in link.active["aaaa"].lines] == ["start", "stop"]


async def test_a_recorder_that_does_not_read_never_blocks_and_is_dropped(
    ear: Ear, link: RecorderLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNREAD", 100_000)
    ear.reads = False
    await ear.open()
    async with running(link):
        await until(lambda: link.connected)
        start(link)
        for _ in range(200):
            link.mark(1, "x" * 10_000, at_ns=1)
        await until(lambda: not link.connected or link.connections > 1)
        await ear.close()


async def test_nonsense_from_the_recorder_ends_the_connection_not_the_link(ear: Ear, link: RecorderLink) -> None:
    await ear.open()
    async with running(link):
        await until(lambda: len(ear.heard) == 1)
        ear.raw(b"nonsense")
        await until(lambda: link.connections == 2)
        await ear.close()


def test_process_and_clock_are_our_own_unless_told(tmp_path: Path) -> None:
    made = RecorderLink(tmp_path / "control", [], lambda message: None)
    assert not made.connected
    assert made.active == {}


async def test_a_recording_that_was_refused_is_forgotten_unless_it_had_begun(
    ear: Ear, link: RecorderLink, said: list[dict[str, Any]]
) -> None:
    await ear.open()
    async with running(link):
        await until(lambda: link.connected)
        start(link, 1, "aaaa")
        start(link, 2, "bbbb")
        ear.say(op="started", slot=1, id="aaaa")
        for slot, recording in enumerate(("aaaa", "bbbb"), 1):
            ear.say(op="refused", slot=slot, id=recording, reason="full")
        ear.say(op="refused", reason="nonsense")
        await until(lambda: len(said) == 3)
        assert [message.get("id") for message in said] == ["aaaa", "bbbb", None]
        assert [message["op"] for message in said] == ["started", "refused", "refused"]
        assert list(link.active) == ["aaaa"]
        stop(link, 2)
        stop(link, 1)
        await until(lambda: ear.ops().count("stop") == 1)
        assert ear.heard[-1]["id"] == "aaaa"
        await ear.close()


async def test_what_suffers_is_told_apart_from_what_cannot_begin(ear: Ear, link: RecorderLink) -> None:
    assert link.failing(clock.now())
    await ear.open()
    async with running(link):
        await until(lambda: link.connected)
        assert not link.failing(clock.now())
        ear.say(op="stats", ready=False, failing=False, why="the reserve is reached")
        await until(lambda: link.unrecordable(clock.now()))
        assert not link.failing(clock.now())
        ear.say(op="stats", ready=False, failing=True, why="the disk is full")
        await until(lambda: link.failing(clock.now()))
        await ear.close()


async def test_recording_is_possible_while_the_recorder_is_there_and_well(ear: Ear, link: RecorderLink) -> None:
    assert link.unrecordable(clock.now()) == "the recorder is not there"
    await ear.open()
    async with running(link):
        await until(lambda: link.connected)
        assert link.unrecordable(clock.now()) == ""
        assert link.unrecordable(clock.now() + module.ABSENCE + 1) == "the recorder does not answer"
        assert link.failing(clock.now() + module.ABSENCE + 1)
        ear.say(op="stats", ready=False, why="the disk is full")
        await until(lambda: link.unrecordable(clock.now()) == "the disk is full")
        ear.say(op="stats", ready=True)
        await until(lambda: link.unrecordable(clock.now()) == "")
        await ear.close()
        await until(lambda: not link.connected)
        assert link.unrecordable(clock.now()) == ""
        assert link.unrecordable(clock.now() + module.ABSENCE + 1) == "the recorder is not there"
