"""Processes are killed while a recording runs. What each death may cost stands in ARCHITECTURE.md."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba import clock
from skryba.codecs.tones import sweep
from skryba.recorder.link import RecorderLink
from skryba.recorder.spool import read_spool, reading_with
from skryba.recorder.verify import verify
from skryba.recorder.wav import read_header
from skryba.terms import Channel
from skryba.vault.container import Opener
from tests.support.evidence import read_wav
from tests.support.forking import FACTS, FORMATS, FRAME, Forker, RecorderProcess, keyring_in, linked, reports, until

pytestmark = pytest.mark.wire

ID = "0192f0c0aabb7ccc8ddd0000000000aa"
SLOT = 3
SOUND = {
    Channel.LEFT: sweep(300, 3000, 12.0, sample_rate=8000),
    Channel.RIGHT: sweep(3000, 300, 12.0, sample_rate=8000),
}
JITTER = 40  # ms; a test that shares two cores sends late at times
TERMINATION = {"result": "completed", "reason": "hung up", "side": "caller", "status": None}


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[RecorderProcess]:
    process = RecorderProcess(tmp_path, lost_grace=0.3, orphan_grace=1.0)
    process.start()
    yield process
    process.close()


@pytest.fixture
def forker(tmp_path: Path) -> Forker:
    return Forker(tmp_path / "ring", SLOT, SOUND)


def start(link: RecorderLink) -> int:
    from_ns = clock.now_ns()
    link.start(slot=SLOT, recording=ID, formats=FORMATS, manifest=FACTS, from_ns=from_ns)
    return from_ns


def stop(link: RecorderLink, forker: Forker) -> int:
    at_ns = clock.now_ns()
    link.stop(
        SLOT,
        at_ns=at_ns,
        until_ns=at_ns + 200_000_000,
        drain=[forker.head],
        termination=TERMINATION,
        ended_at=clock.at().isoformat(),
    )
    return at_ns


def place_of(samples: NDArray[np.int16], said: NDArray[np.int16]) -> int:
    """Where this sound stands in a channel, in samples; AssertionError if it is not there, sample by sample."""
    first = np.flatnonzero(samples)
    assert len(first), "the channel is silent"
    lead = int(np.flatnonzero(said)[0])
    begin = int(first[0]) - lead
    assert np.array_equal(samples[begin : begin + len(said)], said), "the channel is not what was said"
    return begin


def is_sealed(recorder: RecorderProcess) -> bool:
    return bool(list(recorder.recordings.rglob("*.json"))) and not list(recorder.spool.glob("*.spool"))


def read_only_recording(recorder: RecorderProcess) -> tuple[NDArray[np.int16], dict[str, Any]]:
    [audio] = recorder.recordings.rglob("*.wav")
    assert verify(recorder.recordings, recorder.verifier) == []
    assert list(recorder.spool.glob("*.spool")) == []
    rate, samples = read_wav(audio)
    assert rate == 8000
    return samples, json.loads(audio.with_suffix(".json").read_bytes())


async def test_a_whole_recording_without_accident(recorder: RecorderProcess, forker: Forker) -> None:
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        from_ns = start(link)
        await forker.talk(1.0)
        link.mark(SLOT, "hold", at_ns=clock.now_ns(), channel=Channel.LEFT)
        await forker.talk(0.5)
        at_ns = stop(link, forker)
        await until(lambda: reports(heard, "sealed"))
        [sealed] = reports(heard, "sealed")
        assert reports(heard, "started") == [{"op": "started", "slot": SLOT, "id": ID}]
        assert link.active == {}
    assert (sealed["state"], sealed["reasons"], sealed["id"], sealed["slot"]) == ("ok", [], ID, SLOT)
    samples, manifest = read_only_recording(recorder)
    assert Path(sealed["file"]).name == manifest["files"][0]["file"]
    left, right = (
        place_of(samples[:, column], forker.said(side)) for column, side in enumerate((Channel.LEFT, Channel.RIGHT))
    )
    assert abs(left - right) <= 8 * 5
    assert abs(len(samples) / 8 - (at_ns - from_ns) / 1e6) <= 40
    assert [mark["kind"] for mark in manifest["marks"]] == ["hold"]
    assert manifest["termination"] == TERMINATION


async def test_recorder_killed_and_started_again_loses_nothing(recorder: RecorderProcess, forker: Forker) -> None:
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(1.3)
        recorder.kill()
        await forker.talk(0.5)  # nobody drains: the ring keeps it
        recorder.start()
        await forker.talk(1.5)
        await until(lambda: link.connections == 2 and len(reports(heard, "started")) == 2)
        stop(link, forker)
        await until(lambda: reports(heard, "sealed"))
        [sealed] = reports(heard, "sealed")
    assert (sealed["state"], sealed["reasons"]) == ("ok", [])
    samples, manifest = read_only_recording(recorder)
    for column, side in enumerate((Channel.LEFT, Channel.RIGHT)):
        place_of(samples[:, column], forker.said(side))
        assert manifest["channels"][side]["packets"]["lost"] == 0
    assert manifest["restarts"] == 1


async def test_stop_told_while_the_recorder_is_dead_is_told_again(recorder: RecorderProcess, forker: Forker) -> None:
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.8)
        recorder.kill()
        await until(lambda: not link.connected)
        await forker.talk(0.4)
        stop(link, forker)
        assert list(link.active) == [ID]
        recorder.start()
        await until(lambda: reports(heard, "sealed"))
        assert link.active == {}
    samples, manifest = read_only_recording(recorder)
    assert manifest["state"] == "ok"
    place_of(samples[:, 0], forker.said(Channel.LEFT))


async def test_what_the_ring_could_not_hold_is_stated(tmp_path: Path, recorder: RecorderProcess) -> None:
    forker = Forker(tmp_path / "small-ring", SLOT, SOUND, octets=1 << 17)
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.6)
        recorder.signal(signal.SIGSTOP)
        begun = forker.frames
        forker.crowd(700)  # more than the ring holds
        await forker.talk(0.4)
        recorder.signal(signal.SIGCONT)
        await forker.talk(0.5)
        stop(link, forker)
        await until(lambda: reports(heard, "sealed"))
        [sealed] = reports(heard, "sealed")
    assert sealed["state"] == "degraded"
    assert any(reason.startswith("ring overflow: ") for reason in sealed["reasons"])
    samples, manifest = read_only_recording(recorder)
    assert manifest["ring"]["overflow"] >= 40
    [[_, length, cause]] = manifest["channels"]["left"]["gaps"]
    assert (length >= 380, cause) == (True, "overflow")
    place_of(samples[:, 0], forker.said(Channel.LEFT, begun))


async def test_signalling_gone_without_a_stop_is_sealed_incomplete(recorder: RecorderProcess, forker: Forker) -> None:
    async with linked(recorder.control, forker) as (link, _):
        await until(lambda: link.connected)
        from_ns = start(link)
        await forker.talk(2.0)
        gone = clock.now_ns()
    await until(lambda: is_sealed(recorder))
    samples, manifest = read_only_recording(recorder)
    assert (manifest["state"], manifest["reasons"]) == ("incomplete", ["signalling lost"])
    for column, side in enumerate((Channel.LEFT, Channel.RIGHT)):
        place_of(samples[:, column], forker.said(side))
    assert abs(len(samples) / 8 - (gone - from_ns) / 1e6) <= 1000
    assert manifest["termination"] is None


async def test_a_new_signalling_ends_what_it_does_not_know(
    tmp_path: Path, recorder: RecorderProcess, forker: Forker
) -> None:
    other = Forker(tmp_path / "other-ring", SLOT, SOUND)
    async with linked(recorder.control, forker) as (link, _):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.6)
    async with linked(recorder.control, other) as (_, heard):
        await until(lambda: reports(heard, "sealed"))
        assert (reports(heard, "sealed")[0]["state"], reports(heard, "sealed")[0]["id"]) == ("incomplete", ID)
    samples, _manifest = read_only_recording(recorder)
    place_of(samples[:, 0], forker.said(Channel.LEFT))


async def test_both_killed_the_spool_is_sealed_at_the_next_start(recorder: RecorderProcess, forker: Forker) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    async with linked(recorder.control, forker, pid=int(dead.stdout)) as (link, _):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(2.0)
        recorder.kill()
    spooled = list(recorder.spool.glob("*.spool"))
    assert len(spooled) == 1
    recorder.start()
    await until(lambda: is_sealed(recorder))
    samples, manifest = read_only_recording(recorder)
    assert (manifest["state"], manifest["reasons"]) == ("incomplete", ["recorder restarted"])
    place_of(samples[:, 0], forker.said(Channel.LEFT))  # the ring outlived both: nothing at all was lost


async def test_both_killed_and_the_ring_gone_costs_less_than_a_second(
    recorder: RecorderProcess, forker: Forker
) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    async with linked(recorder.control, forker, pid=int(dead.stdout)) as (link, _):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(2.5)
        recorder.kill()
    forker.path.unlink()
    [spool] = recorder.spool.glob("*.spool")
    with spool.open("ab") as torn:  # a block that the kill cut short
        torn.write(os.urandom(100))
    recorder.start()
    await until(lambda: is_sealed(recorder))
    samples, manifest = read_only_recording(recorder)
    assert manifest["state"] == "incomplete"
    assert manifest["spool"]["torn"]
    kept = np.flatnonzero(samples[:, 0])[-1] // FRAME
    assert kept >= forker.frames - 50 - JITTER // 20
    place_of(samples[:, 0], forker.said(Channel.LEFT, int(kept) - 4))


async def test_encrypted_it_loses_nothing_and_shows_nothing(tmp_path: Path, forker: Forker) -> None:
    recorder = RecorderProcess(tmp_path, encrypt=True, keep_spool=True)
    recorder.start()
    try:
        async with linked(recorder.control, forker) as (link, heard):
            await until(lambda: link.connected)
            start(link)
            await forker.talk(1.3)
            recorder.kill()
            recorder.start()
            await forker.talk(1.2)
            await until(lambda: len(reports(heard, "started")) == 2)
            stop(link, forker)
            await until(lambda: reports(heard, "sealed"))
            [sealed] = reports(heard, "sealed")
    finally:
        recorder.close()
    assert (sealed["state"], sealed["reasons"]) == ("ok", [])
    assert verify(recorder.recordings, recorder.verifier) == []
    spool = bytearray((recorder.spool / "kept" / f"{ID}.spool").read_bytes())
    audio = Path(sealed["file"]).read_bytes()
    key = keyring_in(tmp_path).get(ID)
    opener = Opener(key, Path(sealed["file"]).name.encode(), lambda at, length: audio[at : at + length], len(audio))
    plain = opener.read(0, opener.size)
    info = read_header(plain)
    assert info is not None
    samples = np.frombuffer(plain[info.data_offset :], np.int16).reshape(-1, 2)
    said = {side: forker.said(side) for side in Channel}
    for column, side in enumerate((Channel.LEFT, Channel.RIGHT)):
        place_of(samples[:, column], said[side])
    marker = forker.payload(Channel.LEFT, 20)
    for path in (*recorder.recordings.rglob("*"), *recorder.spool.rglob("*")):
        assert path.is_dir() or (
            marker not in path.read_bytes() and samples[1600:1700].tobytes() not in path.read_bytes()
        )
    found = read_spool(spool, reading_with(key))
    assert (found.altered, found.torn, found.keys) == (False, False, (ID,))
    assert marker in spool


async def test_asked_to_end_it_leaves_running_recordings_to_the_next(recorder: RecorderProcess, forker: Forker) -> None:
    async with linked(recorder.control, forker) as (link, heard):
        await until(lambda: link.connected)
        start(link)
        await forker.talk(0.7)
        recorder.signal(signal.SIGTERM)
        assert len(list(recorder.spool.glob("*.spool"))) == 1
        recorder.start()
        await forker.talk(1.5)
        await until(lambda: len(reports(heard, "started")) == 2)
        stop(link, forker)
        await until(lambda: reports(heard, "sealed"))
    samples, manifest = read_only_recording(recorder)
    assert manifest["state"] == "ok"
    place_of(samples[:, 1], forker.said(Channel.RIGHT))
