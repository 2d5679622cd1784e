"""The measurement of recorded calls: it runs, and a file that is not what was sent does not get past it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import record
from bench.record import _find, main

SAID = np.arange(1, 8001, dtype=np.int16)


def channel(begin: int) -> NDArray[np.int16]:
    whole = np.zeros(10_000, np.int16)
    whole[begin : begin + len(SAID)] = SAID
    return whole


def test_what_was_sent_is_found_where_it_was_sent() -> None:
    assert _find(channel(800), SAID, 0.1) == 800
    assert _find(channel(900), SAID, 0.1) == 900


def test_planted_faults_are_found() -> None:
    assert _find(channel(1000), SAID, 0.1) is None  # 25 ms away
    assert _find(channel(800)[:8700], SAID, 0.1) is None  # the end is missing
    hole, click = channel(800), channel(800)
    hole[4000:4160], click[9500] = 0, 77
    assert _find(hole, SAID, 0.1) is None
    assert _find(click, SAID, 0.1) is None
    assert _find(np.zeros(10_000, np.int16), SAID, 0.1) is None


@pytest.mark.parametrize(("bad", "lost", "code"), [(0, 0, 0), (1, 0, 1), (0, 3, 1)])
def test_one_bad_file_or_one_lost_packet_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bad: int, lost: int, code: int
) -> None:
    async def measure(calls: int, seconds: float, folder: Path, *, encrypt: bool) -> dict[str, Any]:
        return {"files_bad": bad, "loss": lost, "corrupt": 0}

    monkeypatch.setattr(record, "measure", measure)
    assert main(["--json", "--folder", str(tmp_path)]) == code


@pytest.mark.wire
def test_a_small_measurement() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "record", "--calls", "3", "--seconds", "1", "--json"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["files_ok"], result["files_bad"], result["loss"], result["packets"]) == (3, 0, 0, 300)
    assert result["recorder_cpu_us_per_packet"] > 0
    assert set(result) >= {"cpu_us_per_packet", "floor_us_per_packet", "ratio", "added_delay_ms"}


@pytest.mark.wire
def test_a_small_measurement_of_encryption() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "record", "--calls", "2", "--seconds", "4", "--encrypt", "--json"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (result["files_ok"], result["files_bad"], result["loss"]) == (8, 0, 0)
    assert result["encrypt_cost_ratio"] == pytest.approx(
        result["encrypted_cpu_us_per_packet"] / result["cpu_us_per_packet"], abs=0.01
    )
