"""The house's own line: a station and a trunk that exist only for the self-test call, with a new password each start.

The running proxy writes them into a file that only its owner can read; `skryba selftest` reads it there. The line's
calls are always recorded and announced, whatever the rules say: a self-test must see the whole path.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from skryba.policy.model import CallFacts, Decision, Mode, Notice, NoticeMoment
from skryba.terms import SocketAddress

NAME = "skryba-selftest"  # the station's id and the trunk's
NUMBER = "skryba-selftest-call"  # what the station dials to reach the trunk
FILE = "selftest.json"


@dataclass(frozen=True, slots=True)
class HouseLine:
    """What a self-test needs to call through the running proxy."""

    sip: SocketAddress
    domain: str
    password: str
    trunk: SocketAddress  # where the simulated trunk must listen
    language: str
    recordings: str

    def write(self, folder: Path) -> Path:
        """Into `folder`/selftest.json, readable by the owner only."""
        path = folder / FILE
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)
        return path

    @classmethod
    def read(cls, folder: Path) -> "HouseLine | None":
        """None when no proxy has written one."""
        try:
            values = json.loads((folder / FILE).read_text())
        except (OSError, ValueError):
            return None
        return cls(
            sip=SocketAddress(*values.pop("sip")),
            trunk=SocketAddress(*values.pop("trunk")),
            **values,
        )


def with_house_line(decide: Callable[[CallFacts], Decision], language: str) -> Callable[[CallFacts], Decision]:
    """The same policy, but the house's own line is always recorded with the standard notice."""

    def decide_for_all(facts: CallFacts) -> Decision:
        if facts.station != NAME:
            return decide(facts)
        return Decision(
            mode=Mode.AUTOMATIC,
            rule="selftest",
            reason="the self-test call is always recorded",
            reason_pl="rozmowa testowa jest zawsze nagrywana",
            notice=Notice("standard", language, NoticeMoment.ANSWER),
            emergency=False,
            path=(),
            purpose="self-test",
            legal_basis=None,
            retention=None,
            version="selftest",
        )

    return decide_for_all
