"""The server's turn, with an agent that is a script."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skryba import clock
from skryba.b2bua.commands import OpenMedia, Transmit
from skryba.b2bua.server import Server
from skryba.sip.events import Flow
from skryba.terms import Side, SocketAddress

FLOW = Flow("udp", SocketAddress("127.0.0.1", 5060), SocketAddress("127.0.0.1", 5070))


class Agent:
    """Answers `receive` with prepared commands and notices; opening media makes one more command."""

    def __init__(self) -> None:
        self.out: list[Any] = []
        self.told: list[Any] = []
        self.timeouts = 0
        self.due: float | None = None
        self.silent: list[tuple[str, Side]] = []
        self.unrecordable: list[tuple[str, bool | str]] = []

    def receive(self, data: bytes, flow: Flow, now: float, at: object) -> None:
        if data == b"bug":
            raise RuntimeError("bug")
        self.out += [OpenMedia("c1", {}), Transmit(flow, b"first")]

    def media_opened(self, call: str, ports: object, now: float) -> None:
        self.out.append(Transmit(FLOW, b"opened"))

    def handle_timeout(self, now: float, at: object) -> None:
        self.timeouts += 1
        self.due = None

    def next_timeout(self) -> float | None:
        return self.due

    def commands(self) -> list[Any]:
        self.out, out = [], self.out
        return out

    def notices(self) -> list[Any]:
        self.told, told = [], self.told
        return told

    def media_silent(self, call: str, side: Side, now: float) -> None:
        self.silent.append((call, side))

    def recorder_changed(self, unrecordable: str, now: float, *, running: bool) -> None:
        self.unrecordable.append((unrecordable, running))
        self.out.append(Transmit(FLOW, b"BYE"))

    def recording_refused(self, recording: str, reason: str, now: float) -> None:
        self.unrecordable.append((recording, reason))
        self.out.append(Transmit(FLOW, b"BYE"))

    def start_trunks(self, now: float) -> None:
        self.out.append(Transmit(FLOW, b"REGISTER"))


class World:
    def __init__(self, observers: tuple[Callable[[Any], None], ...] = ()) -> None:
        self.agent = Agent()
        self.sent: list[bytes] = []
        self.faults: list[str] = []
        rows = iter(range(1, 99))
        engine = SimpleNamespace(
            open=lambda beside=None: SimpleNamespace(row=next(rows), address=SocketAddress("127.0.0.1", 20000)),
            idle_for=lambda row, now: 400.0,
        )
        self.server = Server(
            agent=cast(Any, self.agent),
            transport=cast(Any, SimpleNamespace(send=lambda flow, data: self.sent.append(data))),
            engine=cast(Any, engine),
            recorder=None,
            prompts=lambda name, language: None,
            observers=observers,
            on_fault=lambda what, error: self.faults.append(f"{what}: {error}"),
            silence_limit=300.0,
        )


async def test_commands_made_by_commands_belong_to_the_same_turn_and_keep_their_order() -> None:
    world = World()
    world.server.receive(b"INVITE", FLOW)
    assert world.sent == [b"first", b"opened"]
    assert len(world.server.patchbay) == 1


async def test_a_bug_is_reported_and_the_next_message_is_served() -> None:
    world = World()
    world.server.receive(b"bug", FLOW)
    world.server.receive(b"INVITE", FLOW)
    assert world.faults == ["turn: bug"]
    assert world.sent == [b"first", b"opened"]


async def test_an_observer_that_raises_does_not_keep_others_from_hearing() -> None:
    heard: list[object] = []

    def faulty(notice: object) -> None:
        raise ValueError("observer")

    world = World((faulty, heard.append))
    world.agent.told = ["one", "two"]
    world.server.receive(b"INVITE", FLOW)
    assert heard == ["one", "two"]
    assert world.faults == ["str: observer", "str: observer"]


async def test_the_one_timer_rings_when_the_core_says_and_not_again() -> None:
    world = World()
    world.agent.due = clock.now() + 0.02
    world.server.receive(b"INVITE", FLOW)
    await asyncio.sleep(0.08)
    assert world.agent.timeouts == 1
    world.server.stop()


async def test_streams_that_fell_silent_are_told_to_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skryba.b2bua.server._SILENCE_BEAT", 0.01)
    world = World()
    world.server.receive(b"INVITE", FLOW)
    world.server.start()
    await asyncio.sleep(0.05)
    world.server.stop()
    assert world.agent.silent[:2] == [("c1", Side.CALLER), ("c1", Side.CALLEE)]
    assert world.sent[-1] == b"REGISTER"


async def test_an_ill_recorder_is_told_to_the_core_in_a_turn() -> None:
    world = World()
    world.server.recorder_changed("disk full", running=True)
    assert world.agent.unrecordable == [("disk full", True)]
    world.server.recording_refused("id7", "no key")
    assert world.agent.unrecordable[1:] == [("id7", "no key")]
    assert world.sent == [b"BYE", b"BYE"]
