"""Erased is erased: key, files, copies; once told, again after a crash, again after a backup brought it back."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skryba.archive.erasure import Eraser
from skryba.errors import KeyDestroyed, StateError
from skryba.vault.chain import Kind
from skryba.vault.journal import Journal
from skryba.vault.keyring import Keyring
from skryba.vault.master import FileMaster
from tests.support.shelf import signer

AT = datetime(2026, 11, 24, tzinfo=UTC)
DAY = "2026/11/24"
MINE = ("aaaa.json", "aaaa.seal", "aaaa.wav.skv", "aaaa-p2.wav.skv", "aaaa.peaks.skv")
OTHERS = ("aaaa-2.json", "aaaa-2.wav.skv", "aaaab.wav.skv", "bbbb.wav.skv")


class Store:
    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, key: str) -> None:
        self.deleted.append(key)


class House:
    def __init__(self, folder: Path) -> None:
        self.recordings, self.kept, self.keys_folder = folder / "recordings", folder / "kept", folder / "ring"
        self.day = self.recordings / DAY
        self.day.mkdir(parents=True)
        self.kept.mkdir()
        for name in (*MINE, *OTHERS):
            (self.day / name).write_bytes(b"sound")
        (self.kept / "aaaa.spool").write_bytes(b"packets")
        self.journal = Journal(self.recordings / "chain", signer(), lambda: AT)
        self.journal.start("new")
        self.journal.append(Kind.SEAL, "aaaa", "11" * 32, {"folder": DAY})
        self.master = FileMaster.create(folder / "master.key") or FileMaster(folder / "master.key")
        self.keys = Keyring(self.keys_folder, self.master)
        for name in ("aaaa", "bbbb"):
            self.keys.new(name, AT)
        self.store = Store()
        self.eraser = Eraser(self.recordings, self.kept, keys=self.keys, copies=self.store)

    def files(self) -> set[str]:
        return {path.name for path in self.day.iterdir()}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_all_that_belongs_to_it_goes_and_nothing_else(house: House) -> None:
    tombstone = house.eraser.erase(house.journal, "aaaa", "art. 17", AT)
    assert (tombstone.kind, tombstone.id, tombstone.digest) == (Kind.ERASED, "aaaa", "11" * 32)
    assert tombstone.facts["reason"] == "art. 17"
    assert house.files() == set(OTHERS)
    assert list(house.kept.iterdir()) == []
    assert sorted(house.store.deleted) == sorted(f"{DAY}/{name}" for name in MINE)
    with pytest.raises(KeyDestroyed):
        house.keys.get("aaaa")
    assert house.keys.get("bbbb")


def test_what_the_chain_does_not_know_is_not_erased(house: House) -> None:
    with pytest.raises(StateError, match="knows no recording bbbb"):
        house.eraser.erase(house.journal, "bbbb", "why", AT)
    assert house.files() == {*MINE, *OTHERS}


def test_a_crash_after_the_tombstone_is_finished_by_whoever_reads_it(house: House) -> None:
    class CrashError(Exception):
        pass

    def crash(folder: str, file: str) -> str:
        raise CrashError

    dying = Eraser(house.recordings, house.kept, keys=house.keys, copies=house.store, key_of=crash)
    with pytest.raises(CrashError):
        dying.erase(house.journal, "aaaa", "art. 17", AT)
    [tombstone] = [entry for entry in house.journal.entries() if entry.kind is Kind.ERASED]
    house.eraser.carry_out(tombstone, AT)
    assert sorted(house.store.deleted) == sorted(f"{DAY}/{name}" for name in MINE)
    house.eraser.erase(house.journal, "aaaa", "again", AT)
    assert len([entry for entry in house.journal.entries() if entry.kind is Kind.ERASED]) == 1


def test_last_weeks_backup_brings_nothing_back(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.day, tmp_path / "backup/day")
    shutil.copytree(house.keys_folder, tmp_path / "backup/ring")
    tombstone = house.eraser.erase(house.journal, "aaaa", "art. 17", AT)
    assert not house.eraser.carry_out(tombstone, AT)
    shutil.copytree(tmp_path / "backup/day", house.day, dirs_exist_ok=True)
    shutil.rmtree(house.keys_folder)
    shutil.copytree(tmp_path / "backup/ring", house.keys_folder)
    restored = Keyring(house.keys_folder, house.master)
    assert restored.get("aaaa")
    eraser = Eraser(house.recordings, house.kept, keys=restored, copies=house.store)
    assert eraser.carry_out(tombstone, AT)
    assert house.files() == set(OTHERS)
    with pytest.raises(KeyDestroyed):
        restored.get("aaaa")
    assert restored.get("bbbb")


def test_audio_that_lies_in_the_store_only_goes_too(house: House) -> None:
    words = {"encryption": None, "files": [{"file": name} for name in MINE if name.endswith(".skv")]}
    (house.day / "aaaa.json").write_text(json.dumps(words))
    for name in MINE:
        if name.endswith(".skv"):
            (house.day / name).unlink()
    house.eraser.erase(house.journal, "aaaa", "why", AT)
    assert sorted(house.store.deleted) == sorted(f"{DAY}/{name}" for name in MINE)
    assert house.files() == set(OTHERS)


def test_a_manifest_names_nothing_of_others(house: House) -> None:
    foreign = ["bbbb.wav.skv", "../aaaa.wav", "aaaa.x/../../../etc", 7]
    (house.day / "aaaa.json").write_text(json.dumps({"files": [{"file": name} for name in foreign]}))
    house.eraser.erase(house.journal, "aaaa", "why", AT)
    assert sorted(house.store.deleted) == sorted(f"{DAY}/{name}" for name in MINE)
    assert house.files() == set(OTHERS)


def test_without_encryption_and_store_the_files_go(house: House) -> None:
    Eraser(house.recordings, house.kept, keys=None).erase(house.journal, "aaaa", "why", AT)
    assert house.files() == set(OTHERS)
    assert house.store.deleted == []
