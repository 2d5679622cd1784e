"""A spool that nobody reads without its key: while written, after a restart, and by a recorder that only writes."""

import os
from pathlib import Path

import pytest

from skryba.errors import KeyUnavailable
from skryba.recorder.intake import Intake
from skryba.recorder.spool import Kind, read_spool, reading_with
from skryba.recorder.storage import Storage
from skryba.vault.block import BlockSeal
from tests.support.evidence import ID, Arrival, record
from tests.support.keys import Keyring
from tests.support.rings import Shelf

NOW = 1_000_000
START = {"op": "start", "slot": 1, "id": ID, "from_ns": 5, "formats": {}, "manifest": {"caller": "Kowalska"}}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def packets(*numbers: int) -> list[bytes]:
    return [record(Arrival(number, bytes([0x80]) + bytes(15) + bytes([number]))) for number in numbers]


def test_with_keys_nothing_is_written_in_the_clear(shelf: Shelf, storage: Storage) -> None:
    keys = Keyring()
    intake = Intake(storage, shelf.open, keys, os.urandom)
    intake.attach(shelf.paths, 77)
    recording = intake.start(START, NOW)
    assert recording is not None
    assert recording.key == keys.get(ID)
    shelf.first.put(*packets(1, 2))
    intake.stop({"slot": 1, "at_ns": 9})
    intake.settle()
    intake.beat(0.0)
    assert [found.key for found in intake.finish()] == [keys.get(ID)]
    data = bytearray(storage.spool_path(ID).read_bytes())
    assert b"Kowalska" not in data
    assert packets(1)[0] not in data
    found = read_spool(data, reading_with(keys.get(ID)))
    assert (found.altered, found.meta is None, found.stop is None, len(found.of(Kind.PACKETS))) == (False,) * 3 + (1,)


@pytest.mark.parametrize("readable", [True, False])
def test_an_encrypted_spool_goes_on_after_a_restart(shelf: Shelf, storage: Storage, readable: bool) -> None:
    keys = Keyring(readable=readable)
    for number in (1, 2):
        intake = Intake(storage, shelf.open, keys, os.urandom)
        intake.attach(shelf.paths, 77)
        intake.start(START, NOW)
        shelf.first.put(*packets(number))
        intake.settle()
        intake.beat(0.0)
        if number == 1:
            intake.close()
    intake.stop({"slot": 1, "at_ns": 9})
    [ended] = intake.finish()
    names = (ID,) if readable else (ID, f"{ID}-2")
    assert ended.key == keys.keys[names[-1]]
    data = bytearray(storage.spool_path(ID).read_bytes())
    found = read_spool(data, lambda name: BlockSeal(keys.keys[name], bytes(8)))
    assert (found.keys, found.torn, found.altered, len(found.of(Kind.PACKETS))) == (names, False, False, 2)
    assert [mark["kind"] for mark in found.marks] == ["recorder restarted"]


def test_an_encrypted_spool_is_not_continued_in_the_clear(shelf: Shelf, storage: Storage) -> None:
    first = Intake(storage, shelf.open, Keyring(), os.urandom)
    first.attach(shelf.paths, 77)
    first.start(START, NOW)
    first.close()
    second = Intake(storage, shelf.open)
    second.attach(shelf.paths, 77)
    with pytest.raises(KeyUnavailable):
        second.start(START, NOW)
    assert len(second.roster) == 0
