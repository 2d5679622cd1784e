"""The control door on a real Unix socket."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from skryba.control import ControlDoor, ask_door


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b'{"op":"status"}\n', {"calls": 0}),
        (b'{"op":"sing"}\n', {"error": 'say {"op": …} with one of status'}),
        (b"no json\n", {"error": 'say {"op": …} with one of status'}),
    ],
)
async def test_one_line_one_answer(tmp_path: Path, line: bytes, answer: dict[str, object]) -> None:
    path = tmp_path / "control.sock"
    door = ControlDoor(path, {"status": lambda: {"calls": 0}})
    await door.open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    assert json.loads(await reader.readline()) == answer
    writer.close()
    await writer.wait_closed()
    await door.close()
    assert not path.exists()


async def test_another_process_asks_at_the_door(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    door = ControlDoor(path, {"status": lambda: {"calls": 3}})
    await door.open()
    assert await asyncio.to_thread(ask_door, path, "status") == {"calls": 3}
    await door.close()
    with pytest.raises(OSError, match="No such file"):
        ask_door(path, "status")
