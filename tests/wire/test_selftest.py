"""`skryba selftest` against a whole Skryba; and that it fails when the file that was really produced is made wrong."""

import asyncio
import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import skryba
from skryba.selftest.report import Evidence, SelftestReport, judge
from skryba.selftest.run import own_proxy, place, read_recording, run, running
from tests.support.golden import Stereo, cut_out, doubled, muted, shifted, silent, swapped
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

FIELDS = [
    *("ok", "setup_ms", "notice_completed", "bridged_after_notice", "left_ok", "right_ok", "skew_ms"),
    *("duration_error_ms", "file", "format", "channels", "sample_rate"),
]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """One real call through a proxy of the self-test's own."""
    report = asyncio.run(run())
    assert report.problems == ()
    assert report.evidence is not None
    return report.evidence


def rewritten(evidence: Evidence, samples: Stereo, folder: Path, *, rate: int | None = None) -> SelftestReport:
    """The same call, judged by a file with these samples instead of the one that was sealed."""
    path = folder / "wrong.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate or evidence.recording.sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return judge(replace(evidence, recording=read_recording(path)))


def test_the_recorded_call_is_right(evidence: Evidence) -> None:
    report = judge(evidence)
    told = report.as_json()
    assert list(told) == FIELDS
    assert told["ok"] is told["notice_completed"] is told["bridged_after_notice"] is True
    assert told["left_ok"] is told["right_ok"] is True
    assert (told["format"], told["channels"], told["sample_rate"]) == ("WAV PCM16", 2, 8000)
    assert report.verdict is not None
    assert abs(report.verdict.skew_ms or 99) < 10
    assert abs(report.verdict.duration_error_ms) < 100
    assert report.setup_ms is not None
    assert report.setup_ms < 1000
    assert Path(evidence.recording.path).is_file()
    assert Path(evidence.recording.path).with_suffix(".json").is_file()


def test_rewriting_alone_is_no_fault(evidence: Evidence, tmp_path: Path) -> None:
    assert rewritten(evidence, evidence.recording.samples, tmp_path).ok


@pytest.mark.parametrize(
    ("fault", "left_ok", "right_ok", "said"),
    [
        (swapped, False, False, "carries trunk instead of station"),
        (partial(silent, column=0), False, True, "left: silent"),
        (partial(silent, column=1), True, False, "right: silent"),
        (partial(shifted, column=1, samples=400), None, None, "ms apart"),
        (partial(shifted, column=0, samples=400), None, None, "ms apart"),
        (partial(muted, column=0, at=14000, samples=800), False, True, "ms missing at 1.7"),
        (partial(muted, column=1, at=14000, samples=160), True, False, "ms missing at 1.7"),
        (partial(cut_out, column=1, at=14000, samples=800), True, False, "100 ms cut out"),
        (partial(doubled, column=0, at=14000, samples=800), False, True, "100 ms put in"),
        (lambda stereo: stereo[:-4000], False, False, "off the conversation's length"),
        (lambda stereo: np.zeros_like(stereo), False, False, "silent"),
    ],
)
def test_planted_faults_are_found(
    evidence: Evidence,
    tmp_path: Path,
    fault: Callable[[Stereo], Stereo],
    left_ok: bool | None,
    right_ok: bool | None,
    said: str,
) -> None:
    report = rewritten(evidence, fault(evidence.recording.samples), tmp_path)
    assert not report.ok
    assert any(said in problem for problem in report.problems), report.problems
    told = report.as_json()
    assert told["ok"] is False
    if left_ok is not None:
        assert (told["left_ok"], told["right_ok"]) == (left_ok, right_ok)


def test_a_50_ms_shift_is_measured_as_such(evidence: Evidence, tmp_path: Path) -> None:
    right = judge(evidence).verdict
    late = rewritten(evidence, shifted(evidence.recording.samples, 1, 400), tmp_path).verdict
    assert right is not None
    assert late is not None
    assert late.skew_ms is not None
    assert right.skew_ms is not None
    assert late.skew_ms - right.skew_ms == pytest.approx(-50.0, abs=2.0)


def test_a_wrong_sample_rate_is_found(evidence: Evidence, tmp_path: Path) -> None:
    report = rewritten(evidence, evidence.recording.samples, tmp_path, rate=16000)
    assert any("wrong sample rate" in problem for problem in report.problems)


async def test_g722_is_recorded_at_16_khz() -> None:
    async with own_proxy() as line:
        report = await place(line, codec="G722", talk=2.0)
    assert report.problems == ()
    assert report.as_json()["sample_rate"] == 16000


async def test_a_running_proxy_is_used(tmp_path: Path) -> None:
    async with Proxy(tmp_path) as proxy:
        assert await running(proxy.config) is not None
        report = await run(proxy.config, talk=2.0)
        assert report.problems == ()
        assert str(report.as_json()["file"]).startswith(str(tmp_path))
        assert len(proxy.manifests()) == 1
    assert await running(proxy.config) is None


def test_the_command_prints_one_json_object_and_its_exit_code_tells(tmp_path: Path) -> None:
    source = Path(skryba.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "skryba", "selftest", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (0, True), done.stderr
    assert list(told) == FIELDS
    assert Path(told["file"]).is_file()
