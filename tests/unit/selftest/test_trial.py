from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skryba.recorder.spool import BlockWriter
from skryba.selftest import trial
from skryba.selftest.impairments import Route
from skryba.selftest.scenarios import BEGIN, STATION, TRUNK, Scenario, Side
from skryba.selftest.sender import Sender, Spell
from skryba.selftest.trial import run

LOSSY = Route(loss=0.1)


def call(left: Route | None = None, right: Route | None = None) -> Scenario:
    station, trunk = (Spell(BEGIN - 1.0, BEGIN + 6.5, voice) for voice in (STATION, TRUNK))
    return Scenario(
        "test", 6.0, Side(Sender((station,)), left or Route()), Side(Sender((trunk,), ssrc=2), right or Route())
    )


def test_a_plain_call_is_recorded_whole_and_in_step(tmp_path: Path) -> None:
    outcome = run(call(), tmp_path)
    assert outcome.problems == []
    assert outcome.skew_ms < 1.0
    assert outcome.duration_error_ms <= 40.0
    assert outcome.manifest["state"] == "ok"
    assert outcome.verdict.left.identity == "station"


def test_losses_are_known_and_must_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = run(call(LOSSY), tmp_path)
    assert honest.problems == []
    assert honest.manifest["channels"]["left"]["packets"]["lost"] > 10

    monkeypatch.setattr(trial, "_gaps", lambda _channel, _cause=None: [])
    monkeypatch.setattr(trial, "_concealed", lambda _channel: [])
    hidden = run(call(LOSSY), tmp_path / "hidden")
    assert len(hidden.untold) > 10
    assert "not told" in hidden.problems[0]


def test_what_is_told_and_never_was_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_gaps", lambda _channel, _cause=None: [(3.0, 3.02)])
    outcome = run(call(), tmp_path)
    assert outcome.invented == ((3.0, 3.02), (3.0, 3.02))
    assert outcome.problems[0] == "20 ms at 3.00 s told lost, but sent"


def test_sound_in_the_place_of_lost_sound_must_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = trial._read

    def humming(path: Path) -> tuple[int, Any]:
        rate, samples = read(path)
        samples = samples.copy()
        samples[samples == 0] = 400
        return rate, samples

    monkeypatch.setattr(trial, "_read", humming)
    monkeypatch.setattr(trial, "_concealed", lambda _channel: [])
    outcome = run(call(LOSSY), tmp_path)
    assert len(outcome.untold) > 10
    assert len(outcome.verdict.left.concealed) > 10
    monkeypatch.setattr(
        trial, "_concealed", lambda channel: [(gap[0] / 1000, sum(gap[:2]) / 1000) for gap in channel["gaps"]]
    )
    assert run(call(LOSSY), tmp_path / "told").untold == ()


def test_a_lost_packet_that_the_network_did_not_lose_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets = BlockWriter.packets

    def careless(self: BlockWriter, records: bytes) -> tuple[bytes, Any]:
        words = np.frombuffer(records, "<u4")
        size = int(words[0])
        return packets(self, records[: 300 * size] + records[310 * size :])

    monkeypatch.setattr(BlockWriter, "packets", careless)
    problems = run(call(), tmp_path).problems
    assert any(problem.startswith("left: ") and "missing" in problem for problem in problems)
    assert any(problem.startswith("right: ") and "missing" in problem for problem in problems)


def test_without_right_clocks_a_longer_way_is_no_skew(tmp_path: Path) -> None:
    outcome = run(call(Route(), Route(delay=0.2)), tmp_path)
    assert outcome.problems == []
    assert outcome.skew_ms < 1.0


def test_who_says_nothing_has_no_skew_and_who_is_not_found_an_endless_one(tmp_path: Path) -> None:
    alone = replace(call(), right=Side(Sender(())))
    outcome = run(alone, tmp_path)
    assert outcome.problems == []
    assert outcome.skew_ms == 0.0
    lost = run(call(right=Route(loss=1.0)), tmp_path / "lost")
    assert lost.problems == ["right: silent (-120 dBFS)"]
    assert lost.skew_ms == float("inf")


def test_the_same_seed_is_the_same_call(tmp_path: Path) -> None:
    first, second, other = (
        run(call(LOSSY), tmp_path / str(number), seed=seed) for number, seed in enumerate((1, 1, 2))
    )
    assert first.manifest["channels"] == second.manifest["channels"] != other.manifest["channels"]


def test_of_which_there_is_nothing_to_keep_is_an_error(tmp_path: Path) -> None:
    nobody = replace(call(), left=Side(Sender(())), right=Side(Sender(())), seconds=0.0)
    with pytest.raises(ValueError, match="nothing to record"):
        run(nobody, tmp_path)
