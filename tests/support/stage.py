"""A stage for scenarios: the agent, phones and trunks around it, a network, media that obeys, and a virtual clock.

Each message that leaves is looked at: nothing of one party may cross to another. `settle` checks that nothing is left.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TypeVar

from skryba.b2bua.agent import Agent
from skryba.b2bua.commands import (
    AimStream,
    Bridge,
    CloseMedia,
    Command,
    OpenMedia,
    PlayPrompt,
    PromptEvidence,
    StartRecording,
    StopPrompt,
    StopRecording,
    Transmit,
    Unbridge,
)
from skryba.b2bua.notices import CallEnded, CallStarted, Notice
from skryba.b2bua.settings import Binding, Limits, Settings, Station, TrunkSettings
from skryba.policy.model import CallFacts, Decision, Mode, NoticeMoment
from skryba.policy.model import Notice as Announcement
from skryba.sip.digest import Authenticator
from skryba.sip.events import Flow
from skryba.sip.stack import Stack
from skryba.terms import Side, SocketAddress, Termination
from tests.support.phone import PROXY, Phone

ALICE = SocketAddress("198.51.100.11", 5062)
BOB = SocketAddress("198.51.100.12", 5062)
CARRIER = SocketAddress("203.0.113.5", 5060)
MEDIA_HOST = "192.0.2.1"
EPOCH = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PROMPT = 3.0  # seconds
T = TypeVar("T")

RECORD = Decision(Mode.AUTOMATIC, "record-all", "recorded because of rule record-all", "nagrywane", purpose="quality")
NEVER = Decision(Mode.NEVER, "default", "no rule", "brak reguły")
EMERGENCY = Decision(Mode.NEVER, "emergency", "emergency", "alarm", emergency=True)


def announced(moment: NoticeMoment = NoticeMoment.ANSWER, prompt: str = "standard") -> Decision:
    return replace(RECORD, notice=Announcement(prompt, "pl", moment))


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "domain": "skryba.test",
        "bindings": (Binding("udp", PROXY, PROXY), Binding("tcp", PROXY, PROXY)),
        "stations": {
            "101": Station("101", "secret101", "Alice", frozenset({"sales"}), "+48221110101"),
            "102": Station("102", "secret102", "Bob"),
        },
        "trunks": (
            TrunkSettings("carrier", "carrier.example", CARRIER, accept=frozenset({CARRIER.host}), options_interval=0),
        ),
        "numbers": {"+48221110101": "101", "+48221110102": "102"},
        "limits": Limits(calls=50),
    }
    values.update(changes)
    return Settings(**values)  # type: ignore[arg-type]


@dataclass
class Network:
    """`fate` says when copies of a datagram arrive (seconds from now); [] = lost."""

    fate: Callable[[bytes], list[float]] = lambda data: [0.01]


class Stage:
    """`run(seconds)` lets time pass. `commands`, `notices`, `wire` hold all that happened, with its time."""

    def __init__(
        self,
        policy: Callable[[CallFacts], Decision] | Decision = NEVER,
        *,
        configured: Settings | None = None,
        prompts: frozenset[tuple[str, str]] = frozenset({("standard", "pl"), ("unrecorded", "pl")}),
    ) -> None:
        self.now = 1000.0
        self.network = Network()
        self.settings = configured or settings()
        self._numbers = count(1)
        self._sequence = count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        decide = policy if callable(policy) else lambda facts: policy
        self.facts: list[CallFacts] = []

        def remembered(facts: CallFacts) -> Decision:
            self.facts.append(facts)
            return decide(facts)

        self.stack = Stack(token=self.token)
        self.agent = Agent(
            settings=self.settings,
            stack=self.stack,
            policy=remembered,
            token=self.token,
            new_id=lambda: f"id{next(self._numbers)}",
            authenticator=Authenticator("skryba.test", b"key"),
            prompts=prompts,
        )
        self.phones: dict[SocketAddress, Phone] = {}
        self.commands: list[tuple[float, Command]] = []
        self.notices: list[Notice] = []
        self.wire: list[tuple[float, SocketAddress, bytes]] = []
        self.media_available = True
        self.check_hiding = True
        self.forgive_faults = False
        self.prompt_outcome = "completed"  # "failed", "silence", "interrupted"
        self.open_media: dict[str, bool] = {}
        self.recordings: dict[str, bool] = {}
        self._ports = count(20000, 4)
        self._playing: dict[str, set[Side]] = {}
        self.alice = self.add(Phone("101", ALICE, password="secret101"))
        self.bob = self.add(Phone("102", BOB, password="secret102"))
        self.carrier = self.add(Phone("carrier", CARRIER))

    def token(self) -> str:
        return f"own{next(self._numbers)}"

    @property
    def at(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now - 1000.0)

    def add(self, phone: Phone) -> Phone:
        phone.now = self.now
        self.phones[phone.address] = phone
        return phone

    def registered(self) -> "Stage":
        """Alice and Bob register first."""
        self.alice.register()
        self.bob.register()
        self.run(1)
        assert [answer.status for answer in (*self.alice.answers, *self.bob.answers)] == [200, 200]
        return self

    # --- time ---------------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let so much time pass, event by event."""
        until = self.now + seconds
        self.flush()
        while (due := self._next()) is not None and due <= until:
            self.now = max(self.now, due)
            self._step()
            self.flush()
        self.now = until
        for phone in self.phones.values():
            phone.now = until

    def settle(self, seconds: float = 200.0) -> None:
        """Everything ends; then nothing may be left."""
        self.run(seconds)
        held = self.agent.held
        assert held == dict.fromkeys(held, 0), held
        assert not any(self.open_media.values()), self.open_media
        assert not any(self.recordings.values()), self.recordings
        counters = self.stack.counters
        alive = (counters.invite_clients, counters.invite_servers, counters.other_clients, counters.other_servers)
        assert alive == (0, 0, 0, 0), alive
        registered = self.agent.registrar.next_timeout()
        assert self.agent.next_timeout() == registered
        ended = [notice.call.id for notice in self.notices if isinstance(notice, CallEnded)]
        started = [notice.call.id for notice in self.notices if isinstance(notice, CallStarted)]
        if not self.forgive_faults:
            assert sorted(ended) == sorted(started)
            assert not self.of_notice("CallFaulted"), self.of_notice("CallFaulted")

    def _next(self) -> float | None:
        times = [self._queue[0][0]] if self._queue else []
        times += [t for p in self.phones.values() if (t := p.stack.next_timeout()) is not None]
        if (due := self.agent.next_timeout()) is not None:
            times.append(due)
        return min(times, default=None)

    def _step(self) -> None:
        while self._queue and self._queue[0][0] <= self.now:
            heapq.heappop(self._queue)[2]()
        for phone in self.phones.values():
            phone.now = self.now
            due = phone.stack.next_timeout()
            if due is not None and due <= self.now:
                phone.handle_timeout(self.now)
        due = self.agent.next_timeout()
        if due is not None and due <= self.now:
            self.agent.handle_timeout(self.now, self.at)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._sequence), action))

    def flush(self) -> None:
        """Carry out all commands and put all datagrams under way."""
        for phone in self.phones.values():
            phone.digest()
            for send in phone.stack.sends():
                self._post(send.data, partial(self._to_agent, phone))
        while commands := self.agent.commands():
            for command in commands:
                self.commands.append((self.now, command))
                self._carry_out(command)
        self.notices += self.agent.notices()

    def _post(self, data: bytes, deliver: Callable[[bytes], None]) -> None:
        for delay in self.network.fate(data):
            self.later(delay, lambda: deliver(data))

    def _to_agent(self, phone: Phone, data: bytes) -> None:
        self.agent.receive(data, Flow(phone.flow.transport, PROXY, phone.address), self.now, self.at)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Transmit(flow, data):
                self._check_hiding(flow, data)
                self.wire.append((self.now, flow.remote, data))
                receiver = self.phones.get(flow.remote)
                if receiver is not None:
                    self._post(data, lambda data: receiver.receive(data, self.now))
            case OpenMedia(call):
                if not self.media_available:
                    self.agent.media_failed(call, "no ports", self.now)
                    return
                assert call not in self.open_media
                self.open_media[call] = True
                ports = {side: SocketAddress(MEDIA_HOST, next(self._ports)) for side in Side}
                self.agent.media_opened(call, ports, self.now)
            case CloseMedia(call):
                assert self.open_media[call], "closed twice"
                self.open_media[call] = False
            case PlayPrompt():
                assert self.open_media[command.call]
                self._play(command)
            case StopPrompt(call):
                for side in self._playing.pop(call, set()):
                    self._finished(call, side, completed=False)
            case StartRecording():
                assert self.open_media[command.call]
                self.recordings[command.call] = True
            case StopRecording(call, _):
                assert self.recordings[call]
                self.recordings[call] = False
            case AimStream(call) | Bridge(call) | Unbridge(call):
                assert self.open_media[call]
            case _:
                pass

    def _play(self, command: PlayPrompt) -> None:
        if self.prompt_outcome == "failed":
            self.agent.prompt_failed(command.call, "no such file", self.now)
            return
        if self.prompt_outcome == "silence":
            return
        self._playing[command.call] = set(command.sides)
        for side in command.sides:
            completed = self.prompt_outcome == "completed"

            def end(side: Side = side, completed: bool = completed) -> None:
                if side in self._playing.get(command.call, set()):
                    self._playing[command.call].discard(side)
                    self._finished(command.call, side, completed=completed, prompt=command.prompt)

            self.later(PROMPT, end)

    def _finished(self, call: str, side: Side, *, completed: bool, prompt: str = "standard") -> None:
        start = int((self.now - PROMPT) * 1e9)
        evidence = PromptEvidence(prompt, "1", "pl", "ab" * 32, start, int(self.now * 1e9), completed)
        self.agent.prompt_finished(call, side, evidence, self.now)

    # --- topology hiding ----------------------------------------------------------------------------------------------

    def _check_hiding(self, flow: Flow, data: bytes) -> None:
        """No name or address that another party made up may be in what leaves (R-S8, R-S18)."""
        if not self.check_hiding:
            return
        receiver = self.phones[flow.remote].name if flow.remote in self.phones else ""
        for address, phone in self.phones.items():
            if phone.name == receiver:
                continue
            for secret in (f"{phone.name}zz", address.host, f"phone {phone.name}"):
                assert secret.encode() not in data, (
                    f"{secret} of {phone.name} crosses to {flow.remote}:\n{data.decode()}"
                )

    # --- looking ------------------------------------------------------------------------------------------------------

    def of(self, kind: type[T]) -> list[T]:
        """All commands of this kind."""
        return [command for _, command in self.commands if isinstance(command, kind)]

    def times(self, kind: type[object]) -> list[float]:
        return [when for when, command in self.commands if isinstance(command, kind)]

    def of_notice(self, name: str) -> list[Notice]:
        return [notice for notice in self.notices if type(notice).__name__ == name]

    @property
    def termination(self) -> Termination:
        ended = [notice for notice in self.notices if isinstance(notice, CallEnded)]
        assert len(ended) == 1
        return ended[0].termination


def lossy(seed: int, *, loss: float, duplicate: float, jitter: float) -> Callable[[bytes], list[float]]:
    """A bad network: seeded, so that a failure can be seen again."""
    dice = random.Random(seed)

    def fate(data: bytes) -> list[float]:
        copies = 1 + (dice.random() < duplicate)
        return [0.01 + dice.random() * jitter for _ in range(copies) if dice.random() >= loss]

    return fate
