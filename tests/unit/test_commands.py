"""Commands on recordings that were really sealed, plain and encrypted: words in, facts out."""

import json
import shutil
import wave
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from skryba import commands, keeper
from skryba.errors import ConfigError, IntegrityError, KeyDestroyed, KeyUnavailable, StateError
from skryba.keeper import Keeper
from skryba.locksmith import journal_of, keyring_of, signer_of
from skryba.recorder.verify import verify
from skryba.vault.chain import Kind
from skryba.vault.keyfile import public_path
from skryba.vault.master import FileMaster
from tests.support.office import BEGUN, FIRST, FOLDER, SECOND, Office

ENCRYPTED = '[encryption]\nmode = "master"\n'
THIRD = FIRST[:-1] + "3"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(keeper, "_SECOND_LOOK", 0.0)
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def vault(office: Office) -> Office:
    """The same with two encrypted recordings that are in the catalogue."""
    office.options = ENCRYPTED
    commands.init_keys(office.config, public=False)
    for recording in (FIRST, SECOND):
        office.call(recording)
        office.seal(recording)
    follow(office)
    return office


def follow(office: Office) -> Keeper:
    made = Keeper(office.config)
    made.follow()
    return made


def everything(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_master_key_is_made_once(office: Office) -> None:
    told = " ".join(commands.init_keys(office.config, public=False))
    path = office.config.encryption.master_key
    assert str(path) in told
    assert 'encryption.mode = "master"' in told
    assert path.stat().st_mode & 0o777 == 0o600
    assert FileMaster(path).id
    before = path.read_bytes()
    with pytest.raises((ConfigError, FileExistsError)):
        commands.init_keys(office.config, public=False)
    assert path.read_bytes() == before


def test_a_pair_of_keys_is_for_a_recorder_that_cannot_read(office: Office) -> None:
    told = commands.init_keys(office.config, public=True)
    private = office.config.encryption.master_key
    assert str(private) in told[0]
    assert str(public_path(private)) in told[1]
    office.options = f'[encryption]\nmode = "public"\npublic_key = "{public_path(private)}"\n'
    office.seal()
    with pytest.raises(KeyUnavailable):
        commands.render(office.config, FIRST, office.folder / "out")


def test_after_a_rotation_the_new_master_opens_and_the_old_one_does_not(vault: Office) -> None:
    new = vault.folder / "keys/new.key"
    assert commands.rotate_keys(vault.config, new) == 1
    assert commands.rotate_keys(vault.config, new) == 0
    keyring = keyring_of(vault.config)
    assert keyring is not None
    with pytest.raises(KeyUnavailable):
        keyring.get(FIRST)
    vault.options = ENCRYPTED + 'master_key = "keys/new.key"\n'
    assert commands.render(vault.config, FIRST, vault.folder / "out")["identical"]


def test_keys_are_rotated_only_where_there_are_any(office: Office) -> None:
    with pytest.raises(ConfigError, match="nothing is encrypted"):
        commands.rotate_keys(office.config, office.folder / "new.key")
    assert not (office.folder / "new.key").exists()


def test_what_was_signed_before_and_after_a_change_of_keys_is_proven(office: Office) -> None:
    office.seal()
    before = signer_of(office.config).key_id
    commands.rotate_signing(office.config, office.folder / "keys/second.pem")
    office.options = '[evidence]\nsigning_key = "keys/second.pem"\n'
    assert office.seal(SECOND).key_id == signer_of(office.config).key_id != before
    follow(office)
    found = commands.verify(office.config.recorder.folder, [], office.path)
    assert (found["ok"], found["checked"], found["findings"]) == (True, 2, [])
    done = commands.export(office.config, office.folder / "x.zip", decrypt=False, reason="", question={})
    assert done["recordings"] == 2
    assert commands.verify(office.folder / "x.zip", [], office.path)["findings"] == []
    with ZipFile(office.folder / "x.zip") as archive:  # one key is enough: the first vouches for the second
        (office.folder / "first.pem").write_bytes(archive.read("key.pem"))
    assert commands.verify(office.folder / "x.zip", [office.folder / "first.pem"], None)["findings"] == []
    office.options = ""
    with pytest.raises(ConfigError, match="signed by the key"):
        office.seal(THIRD)


def test_a_lost_signing_key_is_replaced_and_verifiers_need_both(office: Office) -> None:
    office.seal()
    old = public_path(office.config.evidence.signing_key)
    kept = old.rename(office.folder / "old.pub")
    office.config.evidence.signing_key.unlink()
    new = commands.start_signing(office.config, "the disk broke")
    office.seal(SECOND)
    entry = journal_of(office.config, None).find(new, Kind.START)
    assert entry is not None
    assert entry.facts["reason"] == "the disk broke"
    folder, both = office.config.recorder.folder, [kept, public_path(office.config.evidence.signing_key)]
    assert commands.verify(folder, both, office.path)["findings"] == []
    assert {each["kind"] for each in commands.verify(folder, both[1:], office.path)["findings"]} == {"signature"}


def test_of_a_lost_signing_key_the_public_half_is_not_forgotten(office: Office) -> None:
    office.seal()
    office.config.evidence.signing_key.unlink()
    for reason in ("the disk broke", "and again, to be sure"):
        commands.start_signing(office.config, reason)
    office.seal(SECOND)
    follow(office)
    assert commands.verify(office.config.recorder.folder, [], office.path)["findings"] == []
    assert public_path(office.config.evidence.signing_key).read_bytes().count(b"BEGIN") == 2
    commands.export(office.config, office.folder / "x.zip", decrypt=False, reason="", question={})
    assert commands.verify(office.folder / "x.zip", [], office.path)["findings"] == []


# --- listening again --------------------------------------------------------------------------------------------------


def test_rendered_again_it_is_the_same(vault: Office) -> None:
    out = vault.folder / "out"
    made = commands.render(vault.config, FIRST, out)
    assert (made["ok"], made["identical"], made["id"]) == (True, True, FIRST)
    assert made["files"] == [str(out / f"{FIRST}.wav"), str(out / f"{FIRST}.peaks")]
    sealed = json.loads((vault.day / f"{FIRST}.json").read_bytes())
    assert made["sha256_pcm"] == sealed["audio"]["sha256_pcm"]
    with wave.open(str(out / f"{FIRST}.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 8000)
    assert verify(vault.config.recorder.folder) == []


def test_packets_of_something_else_are_found_out(office: Office) -> None:
    office.seal()
    office.seal(SECOND)
    shutil.copy(office.kept / f"{SECOND}.spool", office.kept / f"{FIRST}.spool")
    made = commands.render(office.config, FIRST, office.folder / "out")
    assert (made["ok"], made["identical"]) == (False, False)


def test_without_a_manifest_there_is_nothing_to_compare_with(office: Office) -> None:
    office.seal()
    (office.day / f"{FIRST}.json").unlink()
    made = commands.render(office.config, FIRST, office.folder / "out")
    assert (made["ok"], made["identical"]) == (False, None)


@pytest.mark.parametrize(
    ("recording", "why"), [("../../etc", "is no recording's id"), (THIRD, "there are no packets of")]
)
def test_what_cannot_be_rendered_is_told(office: Office, recording: str, why: str) -> None:
    with pytest.raises(StateError, match=why):
        commands.render(office.config, recording, office.folder / "out")


def test_a_second_recording_of_an_id_is_rendered_with_its_own_key(office: Office) -> None:
    office.options = ENCRYPTED
    commands.init_keys(office.config, public=False)
    keyring = keyring_of(office.config)
    assert keyring is not None
    keyring.new(FIRST, office.now)  # of a spool that never began
    office.seal(FIRST, key_name=f"{FIRST}-2")
    assert commands.render(office.config, FIRST, office.folder / "out")["identical"]


# --- finding and taking along -----------------------------------------------------------------------------------------


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_recordings_are_found_by_what_people_know(office: Office) -> None:
    office.seal()
    office.seal(SECOND, station="102", caller="601 234 567", caller_name="x")
    follow(office)
    config = office.config
    assert sorted(ids(commands.find(config))) == [FIRST, SECOND]
    assert ids(commands.find(config, number="22 123 45 67")) == [FIRST]
    assert ids(commands.find(config, station="102")) == [SECOND]
    assert ids(commands.find(config, text=SECOND)) == [SECOND]
    assert ids(commands.find(config, state="failed")) == []
    assert ids(commands.find(config, since=BEGUN + timedelta(days=1))) == []
    assert len(commands.find(config, limit=1)) == 1


def test_an_export_is_proven_offline_and_changes_are_seen(vault: Office) -> None:
    out = vault.folder / "x.zip"
    done = commands.export(vault.config, out, decrypt=False, reason="case 7", question={"text": FIRST})
    assert (done["ok"], done["recordings"], done["file"], done["absent"]) == (True, 1, str(out), [])
    key = public_path(vault.config.evidence.signing_key)
    found = commands.verify(out, [key], None)
    assert (found["ok"], found["checked"], found["findings"]) == (True, 1, [])
    assert commands.verify(out, [], vault.path)["ok"]
    with ZipFile(out) as archive:
        names = archive.namelist()
        assert [Path(name).name for name in names if name.endswith(".wav.skv")] == [f"{FIRST}.wav.skv"]
        archive.extractall(vault.folder / "open")
    assert commands.verify(vault.folder / "open", [key], None)["ok"]
    [audio] = (vault.folder / "open").rglob("*.wav.skv")
    octets = bytearray(audio.read_bytes())
    octets[5000] ^= 1
    audio.write_bytes(octets)
    [told] = commands.verify(vault.folder / "open", [key], None)["findings"]
    assert told["path"].endswith(f"{FIRST}.wav.skv")


def test_a_decrypted_export_can_be_heard_and_is_proven_too(vault: Office) -> None:
    out = vault.folder / "x.zip"
    assert commands.export(vault.config, out, decrypt=True, reason="", question={})["recordings"] == 2
    assert commands.verify(out, [], vault.path)["findings"] == []
    commands.render(vault.config, FIRST, vault.folder / "out")
    with ZipFile(out) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(f"{FIRST}.wav")]
        assert archive.read(name) == (vault.folder / "out" / f"{FIRST}.wav").read_bytes()


def test_what_cannot_go_into_an_export_is_named(vault: Office) -> None:
    (vault.day / f"{FIRST}.wav.skv").unlink()
    out = vault.folder / "x.zip"
    done = commands.export(vault.config, out, decrypt=False, reason="", question={})
    assert (done["ok"], done["recordings"]) == (False, 2)
    [absent] = done["absent"]
    assert f"{FIRST}.wav.skv: " in absent


def test_an_export_of_nothing_writes_nothing_and_none_is_overwritten(vault: Office) -> None:
    out = vault.folder / "x.zip"
    with pytest.raises(StateError, match="no recording fits"):
        commands.export(vault.config, out, decrypt=False, reason="", question={"station": "999"})
    assert not out.exists()
    out.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        commands.export(vault.config, out, decrypt=False, reason="", question={})
    assert out.read_bytes() == b"mine"


def test_an_export_takes_more_than_a_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skryba.archive.search.LARGEST_PAGE", 1)
    office.seal()
    office.seal(SECOND)
    follow(office)
    assert (
        commands.export(office.config, office.folder / "x.zip", decrypt=False, reason="", question={})["recordings"]
        == 2
    )


def test_an_export_is_not_believed_without_a_key(vault: Office, tmp_path: Path) -> None:
    commands.export(vault.config, vault.folder / "x.zip", decrypt=False, reason="", question={})
    with pytest.raises(ConfigError, match="--public-key"):
        commands.verify(vault.folder / "x.zip", [], None)
    wrong = vault.folder / "wrong.pem"
    wrong.write_bytes(b"no key")
    with pytest.raises(IntegrityError):
        commands.verify(vault.folder / "x.zip", [wrong], None)


# --- erasure ----------------------------------------------------------------------------------------------------------


def test_erased_is_erased(vault: Office) -> None:
    done = commands.erase(vault.config, FIRST, "art. 17")
    entry = journal_of(vault.config, None).find(FIRST, Kind.ERASED)
    assert entry is not None
    assert (done["ok"], done["entry"], entry.facts["reason"]) == (True, entry.seq, "art. 17")
    keyring = keyring_of(vault.config)
    assert keyring is not None
    with pytest.raises(KeyDestroyed):
        keyring.get(FIRST)
    assert {path.name.partition(".")[0] for path in vault.day.iterdir()} == {SECOND}
    assert [path.stem for path in vault.kept.iterdir()] == [SECOND]
    row = next(row for row in commands.find(vault.config) if row["id"] == FIRST)
    assert (row["caller"], row["location"]) == (None, "gone")
    assert ids(commands.find(vault.config, number="+48221234567")) == [SECOND]
    assert verify(vault.config.recorder.folder) == []
    with pytest.raises(StateError):
        commands.render(vault.config, FIRST, vault.folder / "out")
    done = commands.export(vault.config, vault.folder / "x.zip", decrypt=True, reason="", question={})
    assert (done["ok"], done["recordings"]) == (True, 1)


def test_what_nobody_knows_cannot_be_erased(office: Office) -> None:
    with pytest.raises(StateError, match="knows no recording"):
        commands.erase(office.config, THIRD, "why")


def test_a_backup_brings_nothing_back(vault: Office) -> None:
    folders = (vault.day, vault.config.encryption.keys)
    for folder in folders:
        shutil.copytree(folder, vault.folder / "backup" / folder.name)
    commands.erase(vault.config, FIRST, "art. 17")
    assert commands.replay_erasures(vault.config) == []
    for folder in folders:
        shutil.rmtree(folder)
        shutil.copytree(vault.folder / "backup" / folder.name, folder)
    assert commands.replay_erasures(vault.config) == [FIRST]
    keyring = keyring_of(vault.config)
    assert keyring is not None
    assert (keyring.has(FIRST), keyring.has(SECOND)) == (False, True)
    assert list(vault.day.glob(f"{FIRST}*")) == []


# --- do all agree -----------------------------------------------------------------------------------------------------


def test_differences_are_found_at_once(vault: Office) -> None:
    assert commands.reconcile(vault.config) == {"ok": True, "findings": []}
    (vault.day / f"{FIRST}.wav.skv").unlink()
    found = commands.reconcile(vault.config)
    assert not found["ok"]
    [told] = found["findings"]
    assert (told["category"], told["subject"]) == ("file_missing", f"{FOLDER}/{FIRST}.wav.skv")


def test_what_was_sealed_since_the_keeper_died_is_no_difference(vault: Office) -> None:
    vault.call(THIRD)
    vault.seal(THIRD)
    assert commands.reconcile(vault.config) == {"ok": True, "findings": []}
    assert len(commands.find(vault.config)) == 3


def test_a_day_is_summed_up(vault: Office) -> None:
    told = commands.assurance(vault.config, BEGUN.date())
    assert (told["expected"], told["recorded"], told["share"], told["concerns"]) == (2, 2, 1.0, [])
    assert commands.assurance(vault.config, BEGUN.date() - timedelta(days=1))["share"] is None


def test_what_hooks_did_not_take_is_listed_and_revived(office: Office) -> None:
    office.options = '[[hook]]\nid = "crm"\nurl = "http://127.0.0.1:9/x"\nsecret = "sixteen characters"\n'
    office.seal()
    book = follow(office).deliveries
    [delivery] = book.due(office.now, 1)
    assert commands.dead_letters(office.config) == []
    book.dead(delivery.id, "HTTP status 410", office.now)
    assert commands.dead_letters(office.config) == [
        {
            "id": delivery.id,
            "hook": "crm",
            "recording": FIRST,
            "error": "HTTP status 410",
            "at": office.now.isoformat(),
        }
    ]
    assert not commands.revive(office.config, delivery.id + 1)
    assert commands.revive(office.config, delivery.id)
    assert not commands.revive(office.config, delivery.id)
    assert [each.id for each in book.due(office.now, 1)] == [delivery.id]


# --- verify -----------------------------------------------------------------------------------------------------------


def test_a_folder_is_verified_by_the_key_of_the_configuration(vault: Office) -> None:
    folder = vault.config.recorder.folder
    found = commands.verify(folder, [], vault.path)
    assert (found["ok"], found["checked"], found["keys"]) == (True, 2, "given")
    assert commands.verify(folder, [], None)["keys"] == "named by the chain itself"
    stranger = vault.folder / "stranger"
    stranger.mkdir()
    other = vault.folder / "other.toml"
    other.write_text(f'[evidence]\nsigning_key = "{stranger}/key.pem"\n')
    signer_of(commands.read(other))
    assert {each["kind"] for each in commands.verify(folder, [], other)["findings"]} == {"signature"}


def test_nothing_readable_lies_on_the_disk(vault: Office) -> None:
    commands.render(vault.config, FIRST, vault.folder / "out")
    with wave.open(str(vault.folder / "out" / f"{FIRST}.wav")) as file:
        file.setpos(2000)
        sound = file.readframes(200)
    assert any(sound in octets for octets in everything(vault.folder / "out"))
    shutil.rmtree(vault.folder / "out")
    assert not any(sound in octets for octets in everything(vault.folder))
