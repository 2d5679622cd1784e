"""Every way in which a recording is not what its manifest says is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skryba.codecs.tones import sine
from skryba.recorder.seal import seal
from skryba.recorder.storage import Storage
from skryba.recorder.verify import report, verify
from tests.support.evidence import ID, Speaker, merge, spool, stop

TONE = sine(500, 0.2, sample_rate=8000)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    storage.spool_path(ID).write_bytes(spool(merge({0: Speaker().say(TONE, 0)}), last=stop(200)))
    path = seal(storage, ID).audio
    assert path is not None
    return path


def edit(path: Path, **changes: Any) -> None:
    manifest = path.with_suffix(".json")
    words = json.loads(manifest.read_bytes())
    for name, value in changes.items():
        target = words["audio"] if name in words["audio"] else words
        target[name] = value
    manifest.write_text(json.dumps(words))


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_good_recording_by_any_of_its_names(audio: Path, tmp_path: Path) -> None:
    for path in (audio, audio.with_suffix(".json"), audio.parent, tmp_path / "recordings"):
        assert report(path) == {"ok": True, "checked": 1, "findings": []}


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda path: flip(path, 1000), "SHA-256 differs"),
        (lambda path: flip(path, 24), "sample rate: 8001, stated 8000"),
        (lambda path: flip(path, 0), "its header is not"),
        (lambda path: flip(path, 22), "channels: 3, stated 2"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), "octets: "),
        (lambda path: path.write_bytes(path.read_bytes() + b"...."), "octets: "),
        (lambda path: path.unlink(), "the audio is missing"),
        (lambda path: path.with_suffix(".json").unlink(), "there is no manifest beside it"),
        (lambda path: path.with_suffix(".json").write_text("{"), "the manifest cannot be read"),
        (lambda path: path.with_suffix(".json").write_text("[]"), "the manifest cannot be read"),
        (lambda path: edit(path, schema=2), "schema 2 is not known"),
        (lambda path: edit(path, state="fine"), "unknown state 'fine'"),
        (lambda path: edit(path, frames=7), "stated 7"),
        (lambda path: edit(path, channels=1), "the manifest states 1"),
        (lambda path: edit(path, file="../../etc/passwd"), "it names the audio"),
        (lambda path: path.with_name("left.wav.part").write_bytes(b""), "never finished"),
    ],
)
def test_every_harm_is_found(audio: Path, harm: Callable[[Path], Any], problem: str) -> None:
    harm(audio)
    found = report(audio.parent)
    assert not found["ok"]
    assert any(problem in finding["problem"] for finding in found["findings"])


def test_one_file_that_is_not_there(audio: Path) -> None:
    assert [finding.problem for finding in verify(audio.with_name("no.wav"))] == ["there is no such file"]
    audio.with_suffix(".json").unlink()
    assert [finding.problem for finding in verify(audio)] == ["there is no manifest beside it"]


def test_a_pair_of_harms_is_two_findings(audio: Path) -> None:
    flip(audio, 24)
    assert len(verify(audio)) == 2
