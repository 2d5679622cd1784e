"""The patch-bay with an engine and a link that only write down what they are asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skryba.b2bua.commands import (
    Bridge,
    CloseMedia,
    MarkRecording,
    OpenMedia,
    PlayPrompt,
    PromptEvidence,
    StartRecording,
    StopRecording,
)
from skryba.b2bua.patchbay import LATE_PACKETS, Patchbay
from skryba.errors import ResourceError
from skryba.media.engine import DtmfSeen, PromptFinished
from skryba.media.prompt import PromptAudio
from skryba.sdp.description import RtpMap
from skryba.terms import Channel, Result, Side, SocketAddress, Termination

PCMA = RtpMap(8, "PCMA", 8000)
G729 = RtpMap(18, "G729", 8000)
CHANNELS = {Side.CALLER: Channel.LEFT, Side.CALLEE: Channel.RIGHT}
FORMATS = {side: {8: "PCMA/8000"} for side in Side}


@dataclass
class Notebook:
    """Any method call, written down; also the fake engine's ports."""

    lines: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    ports: int = 10
    rows: int = 0

    def open(self, beside: int | None = None) -> SimpleNamespace:
        if self.rows >= self.ports:
            raise ResourceError("no port is free")
        self.rows += 1
        return SimpleNamespace(row=self.rows, address=SocketAddress("127.0.0.1", 20000 + 2 * self.rows))

    def heads(self) -> list[int]:
        return [4096]

    def idle_for(self, row: int, now_ns: int) -> float:
        return float(row)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **words: self.lines.append((name, arguments, words))

    def said(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(arguments, words) for line, arguments, words in self.lines if line == name]


@dataclass
class World:
    """A patch-bay, what it asked for, what it answered."""

    engine: Notebook = field(default_factory=Notebook)
    recorder: Notebook = field(default_factory=Notebook)
    answers: Notebook = field(default_factory=Notebook)
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    advertise: str | None = None

    def __post_init__(self) -> None:
        prompt = SimpleNamespace(version="v1", sha256="ab" * 32, audio={"PCMA": PromptAudio("PCMA", bytes(320))})
        self.bay = Patchbay(
            engine=cast(Any, self.engine),
            recorder=cast(Any, self.recorder),
            prompts=lambda name, _: cast(Any, prompt) if name == "standard" else None,
            core=cast(Any, self.answers),
            later=lambda seconds, callback: self.later.append((seconds, callback)),
            now_ns=lambda: 7_000_000_000,
            at=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC),
            advertise=self.advertise,
        )

    def opened(self) -> "World":
        self.bay.carry_out(OpenMedia("c1", {}))
        return self

    def recording(self) -> "World":
        self.opened().bay.carry_out(StartRecording("c1", "r1", CHANNELS, FORMATS, {"call": "c1"}))
        return self


def test_open_lends_a_port_to_each_side_and_says_where() -> None:
    world = World().opened()
    ((call, addresses), _) = world.answers.said("media_opened")[0]
    assert call == "c1"
    assert addresses[Side.CALLER] != addresses[Side.CALLEE]


def test_the_advertised_host_is_what_peers_are_told() -> None:
    ((_, addresses), _) = World(advertise="192.0.2.7").opened().answers.said("media_opened")[0]
    assert {address.host for address in addresses.values()} == {"192.0.2.7"}


def test_one_port_alone_is_given_back() -> None:
    world = World(engine=Notebook(ports=1)).opened()
    assert world.answers.said("media_failed") == [(("c1", "no port is free"), {})]
    assert world.engine.said("close") == [((1,), {})]
    assert len(world.bay) == 0


def test_a_prompt_plays_to_each_side_and_its_evidence_comes_back() -> None:
    world = World().opened()
    world.bay.carry_out(PlayPrompt("c1", tuple(Side), "standard", "en", dict.fromkeys(Side, PCMA)))
    plays = world.engine.said("play")
    assert [arguments[0] for arguments, _ in plays] == [1, 2]
    assert [words["payload_type"] for _, words in plays] == [8, 8]
    world.bay.engine_event(PromptFinished(2, plays[1][1]["play_id"], True, 5, 9))
    evidence = PromptEvidence("standard", "v1", "en", "ab" * 32, 5, 9, True)
    assert world.answers.said("prompt_finished") == [(("c1", Side.CALLEE, evidence), {})]


@pytest.mark.parametrize(("name", "codec", "word"), [("absent", PCMA, "no prompt"), ("standard", G729, "G729")])
def test_a_prompt_that_cannot_be_played_is_answered_not_raised(name: str, codec: RtpMap, word: str) -> None:
    world = World().opened()
    world.bay.carry_out(PlayPrompt("c1", (Side.CALLER,), name, "en", {Side.CALLER: codec}))
    ((_, reason), _) = world.answers.said("prompt_failed")[0]
    assert word in reason
    assert world.engine.said("play") == []


def test_recording_is_announced_to_the_recorder_before_packets_are_forked() -> None:
    world = World().recording()
    (_, words) = world.recorder.said("start")[0]
    assert words["formats"] == {Channel.LEFT: {8: "PCMA/8000"}, Channel.RIGHT: {8: "PCMA/8000"}}
    assert [words["channel"] for _, words in world.engine.said("fork")] == [Channel.LEFT, Channel.RIGHT]
    assert {words["slot"] for _, words in world.engine.said("fork")} == {1}


def test_ports_stay_open_for_late_packets_and_no_longer() -> None:
    world = World().recording()
    world.bay.carry_out(StopRecording("c1", Termination(Result.COMPLETED, "hung up")))
    world.bay.carry_out(CloseMedia("c1"))
    assert world.engine.said("close") == []
    assert world.engine.said("unfork") == []
    ((seconds, stop),) = world.later
    assert seconds == LATE_PACKETS
    stop()
    ((slot,), words) = world.recorder.said("stop")[0]
    assert (slot, words["drain"], words["at_ns"], words["until_ns"]) == (1, [4096], 7_000_000_000, 7_200_000_000)
    assert world.engine.said("close") == [((1,), {}), ((2,), {})]


def test_an_unrecorded_call_closes_at_once() -> None:
    world = World().opened()
    world.bay.carry_out(CloseMedia("c1"))
    assert len(world.engine.said("close")) == 2


def test_a_digit_is_marked_but_never_named() -> None:
    world = World().recording()
    world.bay.engine_event(DtmfSeen(row=1, event=5, duration=800, timestamp=160))
    ((_, kind), words) = world.recorder.said("mark")[0]
    assert (kind, words["channel"]) == ("dtmf", Channel.LEFT)
    assert words["note"] == {"duration": 800}


def test_what_is_said_of_an_unknown_call_changes_nothing() -> None:
    world = World()
    words: Mapping[Side, Mapping[int, str]] = {}
    for command in (Bridge("c9"), MarkRecording("c9", "hold"), StartRecording("c9", "r", CHANNELS, words, {})):
        world.bay.carry_out(command)
    assert world.engine.lines == []
    assert world.recorder.lines == []


def test_silences_name_call_and_side() -> None:
    assert World().opened().bay.silences() == [("c1", Side.CALLER, 1.0), ("c1", Side.CALLEE, 2.0)]
