"""The sealing thread: one after the other, a broken spool in nobody's way."""

from pathlib import Path

import pytest

from skryba.codecs.tones import sine
from skryba.recorder import sealer as module
from skryba.recorder.manifest import State
from skryba.recorder.seal import Sealed, seal
from skryba.recorder.sealer import Sealer
from skryba.recorder.storage import Storage
from tests.support.evidence import ID, Speaker, merge, spool, stop

DATA = spool(merge({0: Speaker().say(sine(500, 0.2, sample_rate=8000), 0)}), last=stop(200))


def run(storage: Storage, *names: str, keep_spool: bool = False) -> list[Sealed]:
    outcomes: list[Sealed] = []
    sealer = Sealer(storage, keep_spool=keep_spool, on_sealed=outcomes.append)
    for name in names:
        sealer.put(name)
        sealer.put(name)
    sealer.close()
    assert (sealer.waiting, sealer.has(ID)) == (0, False)
    return outcomes


def test_spools_are_sealed_in_turn_and_once(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    for name in ("aaaa", "bbbb"):
        storage.spool_path(name).write_bytes(DATA)
    outcomes = run(storage, "aaaa", "bbbb")
    assert [outcome.recording for outcome in outcomes] == ["aaaa", "bbbb"]
    assert storage.spools() == []


def test_kept_spools_stay(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    storage.spool_path(ID).write_bytes(DATA)
    run(storage, ID, keep_spool=True)
    assert storage.spools() == [ID]


def test_a_full_disk_leaves_the_spool_for_another_time(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    storage.spool_path(ID).write_bytes(DATA)
    storage.recordings.rmdir()
    storage.recordings.write_text("in the way")
    [outcome] = run(storage, ID)
    assert (outcome.state, outcome.audio) == (State.FAILED, None)
    assert outcome.reasons[0].startswith("not sealed yet: ")
    assert storage.spools() == [ID]
    storage.recordings.unlink()
    assert run(storage, ID)[0].audio is not None


def test_a_spool_that_cannot_be_sealed_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")
    for name in ("aaaa", "bbbb"):
        storage.spool_path(name).write_bytes(DATA)
    monkeypatch.setattr(
        module, "seal", lambda storage, name, **options: 1 / 0 if name == "aaaa" else seal(storage, name, **options)
    )
    broken, good = run(storage, "aaaa", "bbbb")
    assert (broken.state, broken.reasons) == (State.FAILED, ("cannot be sealed: division by zero",))
    assert good.audio is not None
    assert [path.name for path in storage.spool.iterdir()] == ["aaaa.broken"]
