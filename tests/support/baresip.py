"""A real softphone for wire tests: baresip 1.0 from Debian, headless, driven over its ctrl_tcp socket.

Knows nothing of Skryba: a registrar address, an account, a sound to say, a folder for what it hears.
"""

import asyncio
import json
import random
import re
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

_T = TypeVar("_T")

MODULES = Path("/usr/lib/baresip/modules")


def free_port() -> int:
    """An even port of 127.0.0.1 that nobody uses at this moment, nor the next one, UDP or TCP; not ephemeral."""
    for _ in range(1000):
        port = 2 * random.randrange(10_500, 15_500)
        if port in _HANDED_OUT:
            continue
        try:
            for each in (port, port + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
                    udp.bind(("127.0.0.1", each))
                    tcp.bind(("127.0.0.1", each))
        except OSError:
            continue
        _HANDED_OUT.add(port)
        return port
    raise RuntimeError("no free port between 21000 and 31000")


_HANDED_OUT: set[int] = set()


@dataclass
class Baresip:
    """One baresip process. `async with Baresip(...) as phone:` starts and ends it."""

    folder: Path
    user: str
    password: str
    server: str  # "127.0.0.1:5060"
    speech: Path  # WAV, 8 kHz mono PCM16, played from the start of each call
    transport: str = "udp"
    codecs: str = "PCMA/8000/1,PCMU/8000/1"
    register: bool = True
    answer: str = "auto"  # "auto", "manual" or "early"
    sip_port: int = field(default_factory=free_port)
    control_port: int = field(default_factory=free_port)
    events: list[dict[str, Any]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        rtp = free_port()
        (self.folder / "config").write_text(
            "\n".join(
                [
                    "poll_method epoll",
                    f"sip_listen 127.0.0.1:{self.sip_port}",
                    "call_local_timeout 60",
                    "call_max_calls 4",
                    f"audio_source aufile,{self.speech}",
                    f"audio_player aufile,{self.folder / 'player.wav'}",
                    f"audio_alert aufile,{self.folder / 'alert.wav'}",
                    "audio_buffer 20-160",
                    "net_interface 127.0.0.1",
                    f"rtp_ports {rtp}-{rtp + 40}",
                    f"module_path {MODULES}",
                    "module g711.so",
                    "module g722.so",
                    "module aufile.so",
                    "module sndfile.so",
                    f"snd_path {self.folder}",
                    "module_tmp uuid.so",
                    "module_tmp account.so",
                    "module_app menu.so",
                    "module_app ctrl_tcp.so",
                    f"ctrl_tcp_listen 127.0.0.1:{self.control_port}",
                    "",
                ]
            )
        )
        interval = 60 if self.register else 0
        (self.folder / "accounts").write_text(
            f"<sip:{self.user}@{self.server};transport={self.transport}>;auth_pass={self.password};regint={interval};"
            f"answermode={self.answer};audio_codecs={self.codecs};dtmfmode=rtpevent\n"
        )
        (self.folder / "contacts").write_text("")
        self._log = (self.folder / "baresip.log").open("wb")
        self._process = await asyncio.create_subprocess_exec(
            "baresip",
            "-4",
            "-f",
            str(self.folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        for _ in range(100):
            try:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.control_port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        else:
            raise RuntimeError(f"baresip did not start: {self.log()}")
        self._listener = asyncio.ensure_future(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.cancel()
        self._writer.close()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._log.close()

    def log(self) -> str:
        return (self.folder / "baresip.log").read_text(errors="replace")

    async def _listen(self) -> None:
        """Netstrings of JSON: `123:{…},`."""
        while True:
            head = await self._reader.readuntil(b":")
            payload = await self._reader.readexactly(int(head[:-1]) + 1)
            self.events.append(json.loads(payload[:-1]))

    async def command(self, name: str, params: str = "") -> None:
        text = json.dumps({"command": name, "params": params, "token": name}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        await self._writer.drain()

    async def wait(self, kind: str, *, timeout: float = 15.0) -> dict[str, Any]:
        """Until an event of this type ("REGISTER_OK", "CALL_CLOSED", …) has come; it is consumed."""

        def found() -> dict[str, Any] | None:
            for index, event in enumerate(self.events):
                if event.get("type") == kind:
                    return self.events.pop(index)
            return None

        try:
            return await until(found, timeout=timeout)
        except TimeoutError:
            raise AssertionError(f"{self.user}: no {kind}; seen {self.events}\n{self.log()[-2000:]}") from None

    async def registered(self, *, timeout: float = 15.0) -> None:
        """Until the registrar has said 200. Read from the log: it may come before anybody listens for events."""
        try:
            await until(lambda: re.search(r"200 OK .*binding", self.log()) is not None, timeout=timeout)
        except TimeoutError:
            raise AssertionError(f"{self.user} was not registered\n{self.log()[-2000:]}") from None

    async def dial(self, target: str) -> None:
        await self.command("dial", target)

    async def accept(self) -> None:
        await self.command("accept")

    async def hang_up(self) -> None:
        await self.command("hangup")

    async def hold(self) -> None:
        await self.command("hold")

    async def resume(self) -> None:
        await self.command("resume")

    async def digits(self, text: str) -> None:
        await self.command("sndcode", text)

    def heard(self) -> list[Path]:
        """Recordings of what this phone decoded ("dec" in the name), oldest first."""
        return sorted(path for path in self.folder.glob("dump*.wav") if re.search(r"dec", path.name))


async def until(probe: Callable[[], _T | None], *, timeout: float = 15.0, step: float = 0.05) -> _T:
    """The first truthy value `probe` gives; TimeoutError after `timeout` seconds."""
    async with asyncio.timeout(timeout):
        while True:
            value = probe()
            if value:
                return value
            await asyncio.sleep(step)
