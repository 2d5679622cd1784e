"""A spool begins with all it needs or not at all, and goes on where it was whole."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from skryba.errors import KeyUnavailable
from skryba.recorder.opening import Opening
from skryba.recorder.recording import Recording, read_start
from skryba.recorder.spool import Kind, read_spool
from skryba.recorder.storage import SpoolFile, Storage
from tests.support.evidence import ID, Arrival, record
from tests.support.keys import Keyring

AT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


def recording() -> Recording:
    return read_start({"id": ID, "slot": 1, "from_ns": 5})


def test_the_first_block_is_what_is_known(storage: Storage) -> None:
    writing = Opening(storage).open(recording(), 7, AT)
    assert writing is not None
    found = Opening(storage).look(ID)
    assert (found.meta, [block.kind for block in found.blocks]) == (recording().meta, [Kind.META])


def test_the_digest_goes_on_after_a_restart(storage: Storage) -> None:
    for last in (False, False, True):
        writing = Opening(storage).open(recording(), 7, AT)
        assert writing is not None
        assert writing.take(np.frombuffer(record(Arrival(1, bytes(20))), np.uint8), 1)
        assert not last or writing.say(Kind.STOP, {})
    data = storage.spool_path(ID).read_bytes()
    found = read_spool(data)
    assert found.stop == {"sha256": hashlib.sha256(data[: found.blocks[-1].start - 16]).hexdigest()}
    assert not found.altered
    assert Opening(storage).open(recording(), 7, AT) is None


def test_nothing_begins_where_the_first_words_cannot_be_written(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpoolFile, "append", lambda *_: False)
    with pytest.raises(OSError, match="cannot be written"):
        Opening(storage).open(recording(), 7, AT)
    assert storage.spools() == []


def test_the_key_is_made_before_the_spool(storage: Storage) -> None:
    keys = Keyring()
    made = recording()
    Opening(storage, keys, os.urandom).open(made, 7, AT)
    assert made.key == keys.keys[ID]
    assert made.key.hex() not in repr(made)
    assert Opening(storage).look(ID).keys == (ID,)
    assert Opening(storage, keys, os.urandom).look(ID).meta == recording().meta
    with pytest.raises(KeyUnavailable):
        Opening(storage).open(recording(), 7, AT)


def test_a_name_that_has_a_key_is_not_used_again(storage: Storage) -> None:
    keys = Keyring()
    keys.new(ID, AT)
    Opening(storage, keys, os.urandom).open(recording(), 7, AT)
    assert Opening(storage, keys, os.urandom).look(ID).keys == (f"{ID}-2",)


def test_keys_without_chance_are_refused(storage: Storage) -> None:
    with pytest.raises(ValueError, match="random"):
        Opening(storage, Keyring()).open(recording(), 7, AT)
    assert storage.spools() == []


def test_a_plain_spool_goes_on_encrypted_once_there_are_keys(storage: Storage) -> None:
    Opening(storage).open(recording(), 7, AT)
    keys = Keyring()
    Opening(storage, keys, os.urandom).open(recording(), 8, AT)
    found = Opening(storage, keys, os.urandom).look(ID)
    assert ([block.kind for block in found.blocks], found.altered) == ([Kind.META, Kind.KEY, Kind.MARK], False)


def test_the_names_of_keys_are_read_without_them(storage: Storage) -> None:
    keys = Keyring()
    keys.new(ID, AT)
    Opening(storage, keys, os.urandom).open(recording(), 7, AT)
    assert Opening(storage).names_of(ID) == (f"{ID}-2",)
    storage.spool_path(ID).unlink()
    Opening(storage).open(recording(), 7, AT)
    assert Opening(storage, keys, os.urandom).names_of(ID) == ()
