"""The supervisor's and operator's door to the running proxy: a Unix socket that answers one JSON object a line.

Knows the words; what they do is given. Only the owner of the process may open the door (mode 0600).
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Answer = Mapping[str, Any]


class ControlDoor:
    """`words` maps the value of "op" to what answers it."""

    def __init__(self, path: Path, words: Mapping[str, Callable[[], Answer]]) -> None:
        self._path = path
        self._words = words
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._talk, self._path, limit=65536)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # a caller that went away, or a line beyond the limit
        finally:
            writer.close()

    def _answer(self, line: bytes) -> Answer:
        try:
            word = json.loads(line)["op"]
            return self._words[word]()
        except (ValueError, KeyError, TypeError):
            return {"error": f'say {{"op": …}} with one of {", ".join(sorted(self._words))}'}


def ask_door(path: Path, word: str, *, patience: float = 5.0) -> Answer:
    """What the process behind the door answers; blocks. OSError or ValueError if nobody does, or not in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(patience)
        client.connect(str(path))
        client.sendall(json.dumps({"op": word}).encode() + b"\n")
        with client.makefile("rb") as lines:
            answer: Answer = json.loads(lines.readline())
    return answer
