"""An emergency call with everything gone that it does not need: rules, recorder, database, prompts."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.support.baresip import until
from tests.support.proxy import Proxy
from tests.support.softphones import call_out

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]


async def test_112_connects_with_rules_recorder_and_database_gone(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path)
    proxy.write()
    (tmp_path / "rules.toml").unlink()
    text = proxy.config.read_text().replace("[operations]", '[operations]\ndatabase = "sqlite:////nowhere/at/all.db"')
    proxy.config.write_text(text)
    await proxy.start()
    try:
        recorder = proxy.children()["recorder"]
        os.kill(recorder, signal.SIGSTOP)  # there, but dead to the world
        async with call_out(proxy) as (carrier, caller):
            await caller.registered()
            await caller.dial(f"sip:112@{proxy.address}")
            await caller.wait("CALL_ESTABLISHED", timeout=5)
            await asyncio.sleep(1.0)
            await caller.hang_up()
            messages = await carrier.finished()
        os.kill(recorder, signal.SIGCONT)
        assert "INVITE sip:112@" in messages
        assert proxy.manifests() == [], "never recorded"
        assert await until(lambda: "notice" not in proxy.log().split("call started")[-1], timeout=5), "never announced"
    finally:
        await proxy.stop()
