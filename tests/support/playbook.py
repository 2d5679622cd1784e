"""A test that reads as a play: `>>` something happens, `<<` these commands follow, in this order, and no others.

    with Playbook(agent) as play:
        play >> invite >> "INVITE ..." << "SIP/2.0 100 Trying" << OpenMedia

An event is SIP text (received), a number (so many seconds pass) or a function of (agent, now). An expectation is the
beginning of a message that is sent, the class of a command, or a whole command. A script that ends with commands nobody
expected fails, and so does one that expects what does not come.
"""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType

from skryba.b2bua.agent import Agent
from skryba.b2bua.commands import Command, Transmit
from skryba.sip.events import Flow
from skryba.sip.message import parse_message

Event = str | bytes | float | Callable[[Agent, float], None]
Expectation = str | type[object] | Command
EPOCH = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


class Playbook:
    """`flow` is where received text comes from."""

    def __init__(self, agent: Agent, flow: Flow, *, now: float = 1000.0) -> None:
        self.agent = agent
        self.flow = flow
        self.now = now
        self.seen: list[Command] = []
        self._waiting: deque[Command] = deque()

    def __enter__(self) -> "Playbook":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            assert not self._waiting, f"nobody expected: {[show(command) for command in self._waiting]}"

    def __rshift__(self, event: Event) -> "Playbook":
        assert not self._waiting, f"nobody expected: {[show(command) for command in self._waiting]}"
        if callable(event):
            event(self.agent, self.now)
        elif isinstance(event, str | bytes):
            data = event.encode() if isinstance(event, str) else event
            self.agent.receive(data, self.flow, self.now, self._at)
        else:
            self._pass(event)
        self._collect()
        return self

    def __lshift__(self, expected: Expectation) -> "Playbook":
        assert self._waiting, f"expected {expected!r}, nothing came"
        command = self._waiting.popleft()
        if isinstance(expected, str):
            assert isinstance(command, Transmit), f"expected {expected!r}, came {show(command)}"
            assert show(command).startswith(expected), f"expected {expected!r}, came {show(command)}"
        elif isinstance(expected, type):
            assert isinstance(command, expected), f"expected {expected.__name__}, came {show(command)}"
        else:
            assert command == expected, f"expected {expected!r}, came {command!r}"
        return self

    @property
    def last(self) -> Command:
        """The command that was expected last, or the last that came."""
        return self.seen[-1 - len(self._waiting)]

    def sent(self, start: str) -> str:
        """The text of the last message sent that begins so."""
        for command in reversed(self.seen):
            if isinstance(command, Transmit) and show(command).startswith(start):
                return command.data.decode()
        raise AssertionError(f"no {start!r} was sent")

    def header(self, start: str, name: str) -> str:
        """A header of that message."""
        return parse_message(self.sent(start).encode()).headers.get(name) or ""

    @property
    def _at(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now - 1000.0)

    def _pass(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.agent.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.agent.handle_timeout(self.now, self._at)
        self.now = until

    def _collect(self) -> None:
        commands = self.agent.commands()
        self._waiting += commands
        self.seen += commands


def show(command: Command) -> str:
    """The start line of a message, the name of any other command."""
    if isinstance(command, Transmit):
        return command.data.partition(b"\r\n")[0].decode()
    return type(command).__name__
