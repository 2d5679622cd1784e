"""Jobs in, answers out; a disk or key that is not to be had postpones, a broken spool is set aside."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skryba.codecs.tones import sine
from skryba.recorder import seal
from skryba.recorder.manifest import State
from skryba.recorder.sealing import answer, from_words, serve, to_words
from skryba.recorder.storage import Storage
from tests.support.evidence import ID, Speaker, merge, spool, stop

DATA = spool(merge({0: Speaker().say(sine(500, 0.2, sample_rate=8000), 0)}), last=stop(200))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(tmp_path / "recordings", tmp_path / "spool")
    made.spool_path(ID).write_bytes(DATA)
    return made


def job(**changes: Any) -> dict[str, Any]:
    return {"id": ID, "lost": "recorder restarted", **changes}


def test_one_job_one_answer_in_order(storage: Storage) -> None:
    storage.spool_path("bbbb").write_bytes(DATA)
    jobs = io.StringIO(json.dumps(job()) + "\n" + json.dumps(job(id="bbbb")) + "\n")
    answers = io.StringIO()
    serve(jobs, answers, storage.recordings, storage.spool)
    outcomes = [from_words(json.loads(line)) for line in answers.getvalue().splitlines()]
    assert [(outcome.recording, outcome.audio is not None) for outcome in outcomes] == [(ID, True), ("bbbb", True)]
    assert to_words(outcomes[0]) == json.loads(answers.getvalue().splitlines()[0])


def test_what_the_job_asks_for_is_made(storage: Storage) -> None:
    key = base64.b64encode(bytes(32)).decode()
    sealed = from_words(answer(job(key=key, renditions=["flac"], split_minutes=1), storage.recordings, storage.spool))
    assert sealed.audio is not None
    assert {path.name for path in sealed.audio.parent.iterdir()} == {
        f"{ID}.wav.skv", f"{ID}.flac.skv", f"{ID}.peaks.skv", f"{ID}.json",
    }  # fmt: skip


def test_a_disk_that_does_not_take_it_postpones(storage: Storage) -> None:
    storage.recordings.rmdir()
    storage.recordings.write_text("in the way")
    words = answer(job(), storage.recordings, storage.spool)
    assert words["postponed"]
    assert words["reasons"][0].startswith("not sealed yet: ")
    assert storage.spools() == [ID]


def test_a_spool_that_cannot_be_sealed_is_set_aside(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "seal", lambda *_, **__: 1 / 0)
    sealed = from_words(answer(job(), storage.recordings, storage.spool))
    assert (sealed.state, sealed.reasons) == (
        State.FAILED,
        ("cannot be sealed: ZeroDivisionError: division by zero",),
    )
    assert [path.name for path in storage.spool.iterdir()] == [f"{ID}.broken"]


def test_a_process_whose_parent_is_gone_does_nothing(storage: Storage) -> None:
    arguments = [str(storage.recordings), str(storage.spool), "1"]
    done = subprocess.run(
        [sys.executable, "-m", "skryba.recorder.sealing", *arguments],
        input=json.dumps(job()) + "\n", capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == ""
    assert storage.spools() == [ID]
