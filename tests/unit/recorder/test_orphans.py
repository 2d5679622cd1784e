"""Spools without a recorder: sealed, waited for, or given what still lies in the ring."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skryba.recorder.intake import Intake
from skryba.recorder.orphans import Ended, Orphans
from skryba.recorder.storage import Storage
from tests.support.evidence import ID, Arrival, meta, record, spool, stop
from tests.support.keys import Keyring
from tests.support.rings import Shelf

OTHER = ID[:-1] + "2"
AT = datetime(2026, 11, 24, tzinfo=UTC)
ALIVE, DEAD = 11, 22


class Scene:
    def __init__(self, folder: Path, keys: Keyring | None = None) -> None:
        self.storage = Storage(folder / "recordings", folder / "spool")
        self.shelf = Shelf(folder)
        self.intake = Intake(self.storage, self.shelf.open, keys, os.urandom)
        self.orphans = Orphans(self.storage, self.intake, lambda pid: pid == ALIVE)

    def leave(self, name: str, *, pid: int, ended: bool = False) -> None:
        first = meta(id=name, pid=pid, slot=3, rings=self.shelf.paths, ring_epochs=[42])
        self.storage.spool_path(name).write_bytes(spool([], first=first, last=stop(1) if ended else None))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_spool_with_an_end_needs_nobody(scene: Scene) -> None:
    scene.leave(ID, pid=ALIVE, ended=True)
    assert scene.orphans.find(0.0) == [Ended(ID, 3)]
    assert len(scene.orphans) == 0


def test_a_spool_without_a_beginning_waits_for_whoever_begins_it_again(scene: Scene) -> None:
    scene.storage.spool_path(ID).write_bytes(b"garbage")
    scene.storage.spool_path(OTHER).write_bytes(b"")
    assert scene.orphans.find(0.0) == []
    assert scene.orphans.leave(frozenset([ID]), 0) == [Ended(OTHER)]
    scene.orphans.claim(ID)
    assert scene.orphans.give_up(99.0, 0, grace=5.0, limit=45.0) == []


def test_a_spool_that_cannot_be_looked_at_is_left_to_sealing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.leave(ID, pid=ALIVE)
    scene.storage.spool_path(OTHER).symlink_to("nowhere")
    scene.leave(OTHER[:-1] + "3", pid=ALIVE)
    monkeypatch.setattr(scene.storage, "spools", lambda: [OTHER, ID])
    assert scene.orphans.find(0.0) == [Ended(OTHER)]
    assert len(scene.orphans) == 1


def test_orphans_of_a_dead_engine_wait_for_the_grace_only(scene: Scene) -> None:
    scene.leave(ID, pid=DEAD)
    scene.shelf.first.put(record(Arrival(1, bytes(20)), slot=3))
    assert scene.orphans.find(10.0) == []
    assert scene.orphans.give_up(14.9, 0, grace=5.0, limit=45.0) == []
    assert scene.orphans.give_up(15.1, 0, grace=5.0, limit=45.0) == [Ended(ID, 3)]
    assert scene.intake.packets == 1
    assert scene.orphans.give_up(99.0, 0, grace=5.0, limit=45.0) == []


def test_orphans_of_a_living_engine_wait_longer(scene: Scene) -> None:
    scene.leave(ID, pid=ALIVE)
    scene.shelf.first.put(record(Arrival(1, bytes(20)), slot=3))
    scene.orphans.find(0.0)
    assert scene.orphans.give_up(44.0, 0, grace=5.0, limit=45.0) == []
    assert scene.orphans.give_up(46.0, 0, grace=5.0, limit=45.0) == [Ended(ID, 3)]
    assert scene.intake.packets == 0


def test_a_signalling_takes_what_it_claims_and_ends_the_others(scene: Scene) -> None:
    scene.leave(ID, pid=DEAD)
    scene.leave(OTHER, pid=DEAD)
    scene.orphans.find(0.0)
    assert scene.orphans.leave(frozenset({ID}), 0) == [Ended(OTHER, 3)]
    assert len(scene.orphans) == 1
    scene.orphans.claim(ID)
    assert len(scene.orphans) == 0


@pytest.mark.parametrize("ended", [True, False])
def test_its_key_goes_with_an_encrypted_spool(tmp_path: Path, ended: bool) -> None:
    keys = Keyring()
    keys.new(ID, AT)
    scene = Scene(tmp_path, keys)
    scene.intake.attach(scene.shelf.paths, 0)
    scene.intake.start({"id": ID, "slot": 1, "from_ns": 1}, 0)
    if ended:
        scene.intake.stop({"slot": 1, "at_ns": 5})
        scene.intake.finish()
    scene.intake.close()
    scene = Scene(tmp_path, keys)
    found = scene.orphans.find(0.0) + scene.orphans.give_up(6.0, 0, grace=5.0, limit=45.0)
    assert [each.key for each in found] == [keys.keys[f"{ID}-2"]]


def test_a_spool_that_cannot_be_read_here_still_waits(tmp_path: Path) -> None:
    keys = Keyring(readable=False)
    scene = Scene(tmp_path, keys)
    scene.intake.attach(scene.shelf.paths, 0)
    scene.intake.start({"id": ID, "slot": 1, "from_ns": 1}, 0)
    scene.intake.close()
    scene = Scene(tmp_path, keys)
    assert scene.orphans.find(0.0) == []
    assert len(scene.orphans) == 1
    assert scene.orphans.give_up(6.0, 0, grace=5.0, limit=45.0) == [Ended(ID, None)]
