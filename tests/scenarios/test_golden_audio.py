"""Known voices through known troubles: what is sealed is what was said, each side in its place, of true length."""

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import truth
from skryba.selftest.scenarios import Scenario, long, short
from skryba.selftest.trial import run

SHORT = {scenario.name: scenario for scenario in short()}


@pytest.mark.parametrize("name", SHORT)
def test_a_call_is_recorded_as_it_was(name: str, tmp_path: Path) -> None:
    outcome = run(SHORT[name], tmp_path)
    assert outcome.problems == []
    assert outcome.duration_error_ms <= 40.0
    assert outcome.skew_ms <= (20.0 if outcome.scenario.with_reports else 60.0)


@pytest.mark.parametrize("scenario", long(1200.0), ids=lambda scenario: str(scenario.name))
def test_twenty_minutes_of_drift(scenario: Scenario, tmp_path: Path) -> None:
    assert run(scenario, tmp_path).problems == []


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_other_dice_other_networks(seed: int, tmp_path: Path) -> None:
    for number, name in enumerate(
        ("80 ms jitter, 5 % loss", "right clocks, left way longer by 300 ms", "bursts of loss")
    ):
        assert run(SHORT[name], tmp_path / str(number), seed=seed).problems == []


@pytest.mark.parametrize(
    ("name", "source", "ppm"),
    [
        ("right clocks", "sender reports", 100.0),
        ("foreign clocks", "sender reports", 100.0),
        ("clocks 400 ppm apart", "arrival envelope", 200.0),
        ("wall clocks unknown", "arrival envelope", 0.0),
        ("reports of no meaning", "arrival envelope", 0.0),
        ("runaway wall clocks", "arrival envelope", 0.0),
    ],
)
def test_the_manifest_tells_by_which_clock_and_how_far_it_was_off(
    name: str, source: str, ppm: float, tmp_path: Path
) -> None:
    clock = run(SHORT[name], tmp_path).manifest["clock"]
    assert [clock[side]["source"] for side in ("left", "right")] == [source, source]
    assert [clock[side]["skew_ppm"] for side in ("left", "right")] == [
        pytest.approx(ppm, abs=15.0),
        pytest.approx(-ppm, abs=15.0),
    ]


def test_a_way_that_is_longer_by_300_ms_is_flagged(tmp_path: Path) -> None:
    clock = run(SHORT["right clocks, left way longer by 300 ms"], tmp_path).manifest["clock"]
    assert max(clock[side]["disagreement_ms"] for side in ("left", "right")) == pytest.approx(290, abs=10)


def test_silence_in_is_silence_out_to_the_last_sample(tmp_path: Path) -> None:
    run(SHORT["silence at both ends"], tmp_path)  # complaint 5: a click at the end of every file
    samples = sealed(tmp_path)
    assert np.abs(samples[:7000]).max() == np.abs(samples[-7000:]).max() == 0
    assert np.abs(samples[9000:-9000]).max() > 5000


def test_what_comes_after_the_end_and_was_said_before_it_is_heard(tmp_path: Path) -> None:
    run(SHORT["the last packets come after the end"], tmp_path)  # complaint 24: tails vanish
    assert (np.abs(sealed(tmp_path)[-1600:].reshape(-1, 160, 2)).max(axis=1) > 1000).all()


def test_a_file_is_as_long_as_the_call_whatever_was_not_sent(tmp_path: Path) -> None:
    name = "hold + codec pauses + one-way + mutual silence"  # complaint 9: files of another length than the call
    outcome = run(SHORT[name], tmp_path)
    assert len(sealed(tmp_path)) / 8000 == pytest.approx(20.0, abs=0.04)
    assert outcome.manifest["time"]["duration_ms"] == pytest.approx(20_000, abs=40)


def test_a_stale_packet_makes_no_time(tmp_path: Path) -> None:
    outcome = run(SHORT["a stale packet after hold"], tmp_path)  # complaint 10: silence put in twice
    held = [gap for gap in outcome.manifest["channels"]["left"]["gaps"] if gap[1] > 1000]
    assert [length for _, length, _ in held] == [pytest.approx(5000, abs=45)]


def sealed(folder: Path) -> NDArray[np.int16]:
    """The frames of the only recording there."""
    (path,) = folder.rglob("*.wav")
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def measured(tmp_path: Path, *names: str) -> dict[str, Any]:
    return truth.summarise(truth.outcomes([SHORT[name] for name in names], tmp_path))


def test_the_benchmark_tells_the_worst_and_whose_it_is(tmp_path: Path) -> None:
    result = measured(tmp_path, "nothing special", "right clocks")
    assert set(result) == {"skew_ms", "duration_error_ms", "scenarios", "worst", "faulty"}
    assert result["worst"]["with_reports"] == "right clocks"
    assert result["worst"]["without_reports"] == "nothing special"
    assert result["scenarios"] == 2
    assert truth.reached(result)
    assert list(tmp_path.iterdir()) == []
    assert json.loads(json.dumps(result)) == result


def test_the_benchmark_prints_one_json_object_and_fails_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(truth, "short", lambda: [SHORT["right clocks"]])
    monkeypatch.setattr(truth, "long", lambda _seconds: [SHORT["one-way"]])
    assert truth.main(["--json", "--folder", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["scenarios"], result["faulty"]) == (2, {})
    monkeypatch.setitem(truth.TARGETS, "with_reports", 0.0)
    assert truth.main(["--folder", str(tmp_path)]) == 1
    assert "skew_ms:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        {"skew_ms": {"with_reports": 20.1, "without_reports": 1.0}},
        {"skew_ms": {"with_reports": 1.0, "without_reports": 60.1}},
        {"skew_ms": {"with_reports": None, "without_reports": 1.0}},
        {"duration_error_ms": 40.1},
        {"faulty": {"hold": ["a click"]}},
    ],
)
def test_a_missed_target_fails_the_benchmark(change: dict[str, Any]) -> None:
    good = {"skew_ms": {"with_reports": 20.0, "without_reports": 60.0}, "duration_error_ms": 40.0, "faulty": {}}
    assert truth.reached(good)
    assert not truth.reached(good | change)
