"""Scripted SIP peers for wire tests: SIPp 3.6 from Debian, one process a scenario.

Knows nothing of Skryba: a scenario file, an address to speak to, a port of its own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.baresip import free_port

SCENARIOS = Path(__file__).parent.parent / "wire" / "sipp"


@dataclass
class Sipp:
    """`async with Sipp("uas-answers.xml", folder, target="127.0.0.1:5060") as peer: await peer.finished()`.

    `keys` fill the places written `@name@` in the scenario (SIPp expands its own `[keys]` in messages only).
    """

    scenario: str
    folder: Path
    target: str
    user: str = "service"
    password: str = ""
    calls: int = 1
    transport: str = "u1"  # u1: one UDP socket; t1: one TCP connection
    keys: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    media_port: int = field(default_factory=free_port)
    timeout: int = 60

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = Path(self.scenario).stem
        self._messages = self.folder / f"{stem}.messages"
        self._errors = self.folder / f"{stem}.errors"
        self._screen = (self.folder / f"{stem}.screen").open("wb")
        text = (SCENARIOS / self.scenario).read_text()
        for name, value in self.keys.items():
            text = text.replace(f"@{name}@", value)
        filled = self.folder / self.scenario
        filled.write_text(text)
        self._process = await asyncio.create_subprocess_exec(
            *("sipp", self.target, "-sf", str(filled), "-s", self.user, "-ap", self.password),
            *("-i", self.host, "-p", str(self.port), "-mi", self.host, "-mp", str(self.media_port)),
            *("-t", self.transport, "-m", str(self.calls), "-r", "50", "-nostdin", "-timeout", f"{self.timeout}s"),
            *("-timeout_error", "-trace_msg", "-message_file", str(self._messages)),
            *("-trace_err", "-error_file", str(self._errors), "-recv_timeout", "30000", "-cid_str", f"%u-{stem}-%p@%s"),
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._screen,
            stderr=self._screen,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._screen.close()

    def messages(self) -> str:
        """Everything sent and received, SIPp's own trace."""
        return self._messages.read_text(errors="replace") if self._messages.exists() else ""

    async def finished(self, timeout: float = 60.0) -> str:
        """Until all calls went as the scenario says; AssertionError with SIPp's trace otherwise. Returns the trace."""
        try:
            code = await asyncio.wait_for(self._process.wait(), timeout)
        except TimeoutError:
            raise AssertionError(f"{self.scenario} did not finish\n{self.messages()[-6000:]}") from None
        if code != 0:
            errors = self._errors.read_text(errors="replace") if self._errors.exists() else ""
            screen = Path(self._screen.name).read_text(errors="replace")[-1500:]
            raise AssertionError(f"{self.scenario} ended with {code}\n{errors}\n{self.messages()[-6000:]}\n{screen}")
        return self.messages()
