"""The recorder's disk stands still, is full, read-only, broken or slow: the ring holds, the rest is told."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skryba import clock
from skryba.codecs.tones import sweep
from skryba.recorder.link import RecorderLink
from skryba.recorder.spool import Spool, read_spool
from skryba.recorder.verify import verify
from skryba.terms import Channel
from tests.support.forking import FACTS, FORMATS, Forker, RecorderProcess, linked, reports, until
from tests.support.media import Exchange, rtp

pytestmark = pytest.mark.wire

ID = "0192f0c0aabb7ccc8ddd0000000000ab"
OTHER = ID[:-1] + "c"
SLOT = 3
SOUND = {
    Channel.LEFT: sweep(300, 3000, 12.0, sample_rate=8000),
    Channel.RIGHT: sweep(3000, 300, 12.0, sample_rate=8000),
}


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[RecorderProcess]:
    process = RecorderProcess(tmp_path, keep_spool=True)
    process.start()
    yield process
    process.close()


def forker_of(folder: Path, octets: int) -> Forker:
    return Forker(folder / "ring", SLOT, SOUND, octets)


def start(link: RecorderLink, slot: int = SLOT, name: str = ID) -> None:
    link.start(slot=slot, recording=name, formats=FORMATS, manifest=FACTS, from_ns=clock.now_ns())


async def sealed(link: RecorderLink, forker: Forker, heard: list[Any]) -> dict[str, Any]:
    at_ns = clock.now_ns()
    link.stop(SLOT, at_ns=at_ns, until_ns=at_ns, drain=[forker.head], termination={}, ended_at=clock.at().isoformat())
    await until(lambda: reports(heard, "sealed"))
    found: dict[str, Any] = reports(heard, "sealed")[0]
    return found


def kept(recorder: RecorderProcess) -> Spool:
    found = read_spool((recorder.spool / "kept" / f"{ID}.spool").read_bytes())
    assert not found.torn
    assert not found.altered
    return found


async def test_a_disk_that_stands_still_delays_the_file_and_loses_nothing(
    tmp_path: Path, recorder: RecorderProcess
) -> None:
    forker = forker_of(tmp_path, 8 << 20)
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.5)
        recorder.disk("stall")
        await forker.talk(7.0)
        told = reports(heard, "stats")
        assert len(told) >= 6
        assert (told[-1]["ready"], told[-1]["stalled_s"] > 5, told[-1]["backlog"] > 0) == (False, True, True)
        assert told[-1]["why"].startswith("the disk has not answered for ")
        recorder.disk("")
        await forker.talk(0.5)
        report = await sealed(link, forker, heard)
        await until(lambda: reports(heard, "stats")[-1]["ready"])
    assert (report["state"], report["reasons"]) == ("ok", [])
    assert verify(recorder.recordings, recorder.verifier) == []
    assert kept(recorder).overflows == ()


@pytest.mark.parametrize(("fault", "state"), [("ENOSPC", "full"), ("EROFS", "failed"), ("EIO", "failed")])
async def test_a_disk_that_takes_nothing_for_a_moment_costs_nothing(
    tmp_path: Path, recorder: RecorderProcess, fault: str, state: str
) -> None:
    forker = forker_of(tmp_path, 8 << 20)
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.5)
        recorder.disk(fault)
        await forker.talk(1.6)
        start(link, SLOT + 1, OTHER)
        await forker.talk(0.6)
        told = reports(heard, "stats")[-1]
        assert (told["disk"]["state"], told["ready"], bool(told["why"])) == (state, False, True)
        assert reports(heard, "refused")[0]["reason"].startswith(("OSError: ", f"ResourceError: disk {state}"))
        recorder.disk("")
        await forker.talk(0.5)
        report = await sealed(link, forker, heard)
        await until(lambda: reports(heard, "stats")[-1]["ready"])
    assert (report["state"], report["reasons"], kept(recorder).overflows) == ("ok", [], ())
    assert [path.stem for path in recorder.recordings.rglob("*.wav")] == [ID]


async def test_what_a_full_disk_does_not_take_is_said_and_the_rest_is_in_its_place(
    tmp_path: Path, recorder: RecorderProcess
) -> None:
    forker = forker_of(tmp_path, 1 << 17)  # half of it is filled after 3 s
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.6)
        recorder.disk("ENOSPC")
        await forker.talk(5.0)
        recorder.disk("")
        await forker.talk(1.0)
        report = await sealed(link, forker, heard)
    assert report["state"] == "degraded"
    spool = kept(recorder)
    assert spool.stop is not None
    assert (len(spool.overflows), {words["cause"] for words in spool.overflows}) == (1, {"disk"})
    [missing] = spool.overflows
    assert 100 <= missing["packets"] == spool.stop["dropped"] <= 500
    assert 1.0 <= (missing["to_ns"] - missing["from_ns"]) / 1e9 <= 5.5
    assert missing["packets"] == pytest.approx((missing["to_ns"] - missing["from_ns"]) / 1e7, abs=4)


async def test_what_the_ring_could_not_hold_is_said_to_the_packet(tmp_path: Path, recorder: RecorderProcess) -> None:
    forker = forker_of(tmp_path, 1 << 17)
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.6)
        recorder.signal(signal.SIGSTOP)
        forker.crowd(700)
        await forker.talk(0.4)
        recorder.signal(signal.SIGCONT)
        await forker.talk(0.5)
        assert (await sealed(link, forker, heard))["state"] == "degraded"
    [missing] = kept(recorder).overflows
    assert (missing["cause"], missing["packets"]) == ("ring", 40)
    assert 0.36 <= (missing["to_ns"] - missing["from_ns"]) / 1e9 <= 0.6


async def test_a_slow_disk_is_written_to_in_larger_pieces(tmp_path: Path, recorder: RecorderProcess) -> None:
    forker = forker_of(tmp_path, 8 << 20)
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        recorder.disk("slow")
        start(link)
        await forker.talk(4.0)
        assert [stats["overflow"] for stats in reports(heard, "stats")][-1] == [0]
        report = await sealed(link, forker, heard)
    assert (report["state"], report["reasons"], kept(recorder).overflows) == ("ok", [], ())


async def test_a_recorder_that_stands_still_delays_no_packet(tmp_path: Path, recorder: RecorderProcess) -> None:
    exchange = Exchange(tmp_path / "ring", ring_bytes=1 << 17)
    try:
        caller, first, second, callee = exchange.pair()
        for row, channel in ((first.row, Channel.LEFT), (second.row, Channel.RIGHT)):
            exchange.engine.fork(row, slot=SLOT, channel=channel)
        caller.say(first, rtp(0))
        callee.hear()

        def relay(begin: int) -> list[float]:
            """Milliseconds that each of 2,000 packets needed."""
            needed = []
            for number in range(begin, begin + 2000):
                sent = clock.now()
                caller.say(first, rtp(number))
                assert callee.hear().sequence == number & 0xFFFF
                needed.append((clock.now() - sent) * 1000)
            return needed

        before = await asyncio.to_thread(relay, 1)
        exchange.readers[0].advance(exchange.readers[0].head)
        recorder.signal(signal.SIGSTOP)
        during = await asyncio.to_thread(relay, 2001)  # three times what the ring holds
        recorder.signal(signal.SIGCONT)
        lost = exchange.engine.totals().overflow
    finally:
        exchange.close()
    assert lost > 1000
    assert np.percentile(during, 95) <= 2 * np.percentile(before, 95) + 1.0
