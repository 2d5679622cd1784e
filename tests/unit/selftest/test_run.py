import wave
from pathlib import Path

import numpy as np
import pytest

from skryba.config.load import load
from skryba.selftest import run
from skryba.selftest.run import SelftestError, read_recording, write_config


def sealed(path: Path, *, channels: int = 2, width: int = 2, rate: int = 8000, frames: int = 80) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(range(256))[: frames * channels * width])
    return path


def test_a_stereo_file_is_read_by_frames(tmp_path: Path) -> None:
    found = read_recording(sealed(tmp_path / "x.wav", frames=20))
    assert found.samples.shape == (20, 2)
    assert found.samples[1].tolist() == [0x0504, 0x0706]
    assert (found.channels, found.sample_rate, found.path) == (2, 8000, str(tmp_path / "x.wav"))


def test_a_mono_file_keeps_its_one_channel(tmp_path: Path) -> None:
    assert read_recording(sealed(tmp_path / "x.wav", channels=1, rate=16000)).channels == 1


def test_other_widths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SelftestError, match="8 bit"):
        read_recording(sealed(tmp_path / "x.wav", width=1))


def test_the_configuration_of_its_own_proxy_is_valid_and_asks_for_nothing_outside(tmp_path: Path) -> None:
    config = load(write_config(tmp_path), {})
    assert {binding.address.host for binding in config.sip.bindings} == {config.media.host} == {"127.0.0.1"}
    assert config.operations.metrics_address.host == "127.0.0.1"
    assert config.operations.metrics_address.port != config.sip.bindings[0].address.port
    assert config.media.ports[1] <= 32767
    assert config.recorder.folder.is_relative_to(tmp_path)
    assert config.operations.control.is_relative_to(tmp_path)
    assert config.policy.rules_file.is_file()


def test_two_proxies_do_not_share_ports(tmp_path: Path) -> None:
    ports = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        ports.add(load(write_config(tmp_path / name), {}).sip.bindings[0].address.port)
    assert len(ports) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ('{"state": "ok", "reasons": []}', []),
        (
            '{"state": "degraded", "reasons": ["ring overflow: 3 packets", "both channels silent"]}',
            ["the recorder calls the recording degraded: ring overflow: 3 packets, both channels silent"],
        ),
        ("{}", ["the recorder calls the recording None: no reason given"]),
    ],
)
def test_what_the_recorder_doubts_is_told(tmp_path: Path, words: str, told: list[str]) -> None:
    manifest = tmp_path / "x.json"
    manifest.write_text(words)
    assert run.doubts(manifest) == told


def test_only_recordings_stay(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "recordings" / "2024").mkdir(parents=True)
    (folder / "recordings" / "2024" / "x.wav").write_bytes(b"x")
    (folder / "spool").mkdir()
    (folder / "skryba.toml").write_text("")
    run._tidy(folder)
    assert [path.name for path in folder.iterdir()] == ["recordings"]
    empty = tmp_path / "empty"
    (empty / "spool").mkdir(parents=True)
    run._tidy(empty)
    assert not empty.exists()


async def test_without_a_house_line_no_proxy_runs(tmp_path: Path) -> None:
    assert await run.running(write_config(tmp_path)) is None


def test_what_cannot_be_tested_is_a_report_and_not_an_exception(tmp_path: Path) -> None:
    report = run.selftest(tmp_path / "there-is-no-such.toml")
    assert not report.ok
    assert "no such file" in report.problems[0]
    assert np.all([value is None or value is False for value in report.as_json().values()])
