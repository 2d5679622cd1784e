"""Processes killed in the middle of a call: the other process goes on, and what was said is in a playable file."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from skryba.recorder.verify import verify
from tests.support.baresip import until
from tests.support.proxy import RECORD_ALL_SILENTLY, Proxy, level_at, read_stereo
from tests.support.softphones import STATION_TONE, TRUNK_TONE, call_out, dialled

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

SILENT = RECORD_ALL_SILENTLY.format(moment="answer")


def playable(path: str, *, at_least: float) -> None:
    """Whole, in step with its manifest, and with both voices in its last second but one."""
    assert verify(Path(path)) == []
    rate, left, right = read_stereo(path)
    seconds = len(left) / rate
    assert seconds >= at_least
    span = slice(int(rate * (at_least - 1.0)), int(rate * (at_least - 0.2)))
    assert level_at(left[span], rate, STATION_TONE) > 6000
    assert level_at(right[span], rate, TRUNK_TONE) > 6000


async def test_a_killed_recorder_costs_the_recording_nothing_that_the_ring_could_hold(tmp_path: Path) -> None:
    async with Proxy(tmp_path, rules=SILENT) as proxy, call_out(proxy) as (carrier, caller):
        await dialled(proxy, caller)
        await asyncio.sleep(2.0)
        os.kill(proxy.children()["recorder"], signal.SIGKILL)
        await asyncio.sleep(4.0)
        await caller.hang_up()
        await carrier.finished()
        (manifest,) = await proxy.sealed()
        playable(manifest["path"], at_least=5.5)
    rate, left, _ = read_stereo(manifest["path"])
    whole = level_at(left[int(rate * 0.5) : int(rate * 5.5)], rate, STATION_TONE)
    assert whole == pytest.approx(8000, rel=0.1), "no hole where the recorder was away"


async def test_a_killed_signalling_leaves_an_incomplete_but_playable_file(tmp_path: Path) -> None:
    async with Proxy(tmp_path, rules=SILENT) as proxy, call_out(proxy) as (_, caller):
        await dialled(proxy, caller)
        await asyncio.sleep(4.0)
        os.kill(proxy.children()["signalling"], signal.SIGKILL)
        (manifest,) = await proxy.sealed(timeout=30)
        assert manifest["state"] == "incomplete"
        playable(manifest["path"], at_least=3.0)
        await until(proxy.is_ready, timeout=30)


async def test_both_killed_the_next_start_seals_what_was_said(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, rules=SILENT)
    async with proxy, call_out(proxy) as (_, caller):
        await dialled(proxy, caller)
        await asyncio.sleep(4.0)
        assert proxy.process is not None
        victims = [*proxy.children().values(), proxy.process.pid]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        await proxy.process.wait()
        assert proxy.manifests() == []
        await proxy.start()
        (manifest,) = await proxy.sealed(timeout=30)
    assert manifest["state"] == "incomplete"
    playable(manifest["path"], at_least=3.0)
