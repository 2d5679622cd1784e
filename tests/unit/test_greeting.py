"""The words of the first start, with a readiness page and a self-test that are scripts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skryba import greeting
from skryba.config.model import Config, Operations, Station

GOOD = {"ok": True, "setup_ms": 12.0, "skew_ms": 0.1, "file": "/r/one.wav"}


@pytest.fixture
async def ready() -> AsyncIterator[Config]:
    """A configuration whose metrics address answers 200 to anything."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    station = Station(id="101", password="Correct-Horse-101")
    yield Config(operations=Operations(metrics=f"127.0.0.1:{port}"), station=(station,))
    server.close()
    await server.wait_closed()


def script(monkeypatch: pytest.MonkeyPatch, report: dict[str, object]) -> None:
    async def selftest(_: Path) -> dict[str, object]:
        return report

    monkeypatch.setattr(greeting, "_selftest", selftest)


async def test_a_good_start_tells_where_the_recording_lies_and_what_to_point_phones_at(
    ready: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(monkeypatch, GOOD)
    await greeting.greet(ready, Path("var/skryba.toml"))
    said = capsys.readouterr().out
    assert "Self-test call: ok" in said
    assert "/r/one.wav" in said
    assert "127.0.0.1:5060" in said
    assert "101" in said


async def test_a_failed_self_test_is_not_dressed_up(
    ready: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(monkeypatch, {"ok": False, "left_ok": False})
    await greeting.greet(ready, Path("var/skryba.toml"))
    said = capsys.readouterr().out
    assert "NOT ok" in said
    assert "left_ok" in said


async def test_a_proxy_that_does_not_come_up_is_not_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(greeting, "_START", 0.0)
    await greeting.greet(Config(), Path("var/skryba.toml"))
    assert "not ready" in capsys.readouterr().out
