"""Sealing processes: one spool after the other, a broken or deadly one in nobody's way."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from skryba.codecs.tones import sine
from skryba.errors import KeyDestroyed, KeyUnavailable, ResourceError
from skryba.recorder.seal import Sealed
from skryba.recorder.sealer import Sealer, key_word
from skryba.recorder.storage import Storage
from tests.support.evidence import ID, Speaker, merge, spool, stop

DATA = spool(merge({0: Speaker().say(sine(500, 0.2, sample_rate=8000), 0)}), last=stop(200))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


@contextmanager
def sealing(storage: Storage, outcomes: list[Sealed], **changes: Any) -> Iterator[Sealer]:
    given: dict[str, Any] = {"wishes": {}, "key_of": lambda _: None, "conclude": lambda _: None, "processes": 1}
    sealer = Sealer(storage, on_sealed=outcomes.append, **given | changes)
    yield sealer
    sealer.close()


def deadly(folder: Path) -> list[str]:
    """A sealing process that dies over a spool named dead…, of SIGKILL if it is dead-9, and seals the others."""
    program = folder / "deadly.py"
    program.write_text(
        "import json, os, signal, sys\n"
        "from pathlib import Path\n"
        "from skryba.recorder.sealing import answer\n"
        "for line in sys.stdin:\n"
        "    job = json.loads(line)\n"
        "    if job['id'].startswith('dead'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL if job['id'] == 'dead-9' else signal.SIGSEGV)\n"
        "    print(json.dumps(answer(job, Path(sys.argv[1]), Path(sys.argv[2]))), flush=True)\n"
    )
    return [sys.executable, str(program)]


def test_spools_are_sealed_in_turn_and_once_and_concluded_before_they_are_told(storage: Storage) -> None:
    for name in ("aaaa", "bbbb"):
        storage.spool_path(name).write_bytes(DATA)
    told: list[str] = []
    outcomes: list[Sealed] = []
    with sealing(storage, outcomes, conclude=lambda sealed: told.append(sealed.recording)) as sealer:
        for name in ("aaaa", "aaaa", "bbbb"):
            sealer.put(name)
        assert sealer.has("aaaa")
    assert told == ["aaaa", "bbbb"]
    assert all(outcome.audio is not None for outcome in outcomes)
    assert sealer.waiting == 0


def test_a_full_disk_postpones_and_the_next_attempt_seals(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(DATA)
    storage.recordings.rmdir()
    storage.recordings.write_text("in the way")
    outcomes: list[Sealed] = []
    with sealing(storage, outcomes) as sealer:
        sealer.put(ID)
    assert outcomes == []
    assert list(sealer.postponed) == [ID]
    storage.recordings.unlink()
    with sealing(storage, outcomes) as sealer:
        sealer.put(ID)
    assert [outcome.recording for outcome in outcomes] == [ID]


def test_what_was_postponed_comes_back_when_asked(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(DATA)
    answers = iter([KeyUnavailable("the token is not plugged in"), None])

    def key_of(_: str) -> None:
        if (error := next(answers)) is not None:
            raise error

    outcomes: list[Sealed] = []
    with sealing(storage, outcomes, key_of=key_of) as sealer:
        sealer.put(ID)
        while not sealer.postponed:
            assert sealer.waiting == 1
        sealer.try_again()
    assert [outcome.recording for outcome in outcomes] == [ID]
    assert sealer.waiting == 0


def test_a_chain_that_cannot_be_written_postpones(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(DATA)

    def full(_: Sealed) -> None:
        raise ResourceError("No space left on device")

    outcomes: list[Sealed] = []
    with sealing(storage, outcomes, conclude=full) as sealer:
        sealer.put(ID)
    assert outcomes == []
    assert sealer.postponed == {ID: "No space left on device"}
    assert storage.spools() == [ID]


def test_a_spool_whose_key_was_destroyed_is_set_aside(storage: Storage) -> None:
    storage.spool_path(ID).write_bytes(DATA)

    def destroyed(_: str) -> bytes:
        raise KeyDestroyed("erased")

    outcomes: list[Sealed] = []
    with sealing(storage, outcomes, key_of=destroyed) as sealer:
        sealer.put(ID)
    assert [outcome.reasons for outcome in outcomes] == [("its key was destroyed",)]
    assert storage.spools() == []


def test_a_spool_that_kills_its_process_twice_is_set_aside_and_the_next_is_sealed(
    storage: Storage, tmp_path: Path
) -> None:
    for name in ("dead", "bbbb"):
        storage.spool_path(name).write_bytes(DATA)
    outcomes: list[Sealed] = []
    with sealing(storage, outcomes, program=deadly(tmp_path)) as sealer:
        sealer.put("dead")
        sealer.put("bbbb")
    assert [(outcome.recording, outcome.audio is None) for outcome in outcomes] == [("dead", True), ("bbbb", False)]
    assert "ends the sealing process" in outcomes[0].reasons[0]
    assert (storage.spool / "dead.broken").exists()


def test_a_spool_whose_process_is_killed_again_and_again_is_kept_for_later(storage: Storage, tmp_path: Path) -> None:
    storage.spool_path("dead-9").write_bytes(DATA)
    outcomes: list[Sealed] = []
    with sealing(storage, outcomes, program=deadly(tmp_path)) as sealer:
        sealer.put("dead-9")
    assert sealer.postponed == {"dead-9": "its sealing process was killed"}
    assert (outcomes, storage.spools()) == ([], ["dead-9"])


def test_a_process_killed_between_two_jobs_is_started_again(storage: Storage) -> None:
    for name in ("aaaa", "bbbb"):
        storage.spool_path(name).write_bytes(DATA)
    outcomes: list[Sealed] = []
    with sealing(storage, outcomes) as sealer:
        sealer.put("aaaa")
        while not outcomes:
            time.sleep(0.01)
        for pid in sealer.processes:
            os.kill(pid, signal.SIGKILL)
        sealer.put("bbbb")
    assert [outcome.recording for outcome in outcomes] == ["aaaa", "bbbb"]


def test_key_travels_as_text() -> None:
    assert key_word(None) == {}
    assert key_word(b"\x00\xff") == {"key": "AP8="}
