import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from skryba.archive.export import Exported, export, local_audio
from skryba.archive.offline import verify
from skryba.errors import IntegrityError, ResourceError
from skryba.vault.chain import Kind
from tests.support.shelf import BEGIN, Shelf, signer, wav

AT = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
SOUND = bytes(range(256)) * 16


class Pipe(io.RawIOBase):
    """What a socket is: it can be written to and nothing else."""

    def __init__(self) -> None:
        self.octets = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.octets += bytes(data)
        return len(data)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "recordings")


def pack(shelf: Shelf, *manifests: Path, decrypt: bool = False, **options: Any) -> tuple[bytes, Exported]:
    pipe = Pipe()
    given: dict[str, Any] = {
        "open_audio": local_audio(shelf.keys.__getitem__ if decrypt else None),
        "chain": shelf.chain,
        "signer": shelf.signer,
        "public_keys": [shelf.signer.public_pem()],
    }
    done = export(manifests, cast(BinaryIO, pipe), decrypt=decrypt, at=AT, **given | options)
    return bytes(pipe.octets), done


def members(octets: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_is_streamed_to_what_cannot_seek_and_proves_itself(shelf: Shelf, tmp_path: Path) -> None:
    first, second = shelf.record("r1", SOUND), shelf.record("r2", SOUND[::-1])
    octets, done = pack(shelf, first, second, reason="skarga 7")
    found = members(octets)
    folder = "recordings/20261124_r1"
    assert [name for name in found if name.startswith(folder)] == [
        f"{folder}/r1.{suffix}" for suffix in ("json", "xml", "seal", "wav", "flac", "peaks")
    ]
    assert found[f"{folder}/r1.json"] == first.read_bytes()
    assert found[f"{folder}/r1.seal"] == first.with_suffix(".seal").read_bytes()
    assert found[f"{folder}/r1.wav"] == wav(SOUND)
    assert b"urn:ietf:params:xml:ns:recording:1" in found[f"{folder}/r1.xml"]
    assert found["key.pem"] == shelf.signer.public_pem()
    assert "skarga 7" in found["index.html"].decode()
    assert found["index.csv"].startswith(b"\xef\xbb\xbf")
    assert b"skryba verify EXPORT.zip --public-key key.pem" in found["VERIFY.txt"]
    assert done == Exported(2, done.octets, ())
    assert done.octets == sum(map(len, found.values()))
    path = tmp_path / "EXPORT.zip"
    path.write_bytes(octets)
    report = verify(path, [shelf.signer.public_pem()])
    assert (report.recordings, report.findings) == (2, [])


def test_the_list_of_contents_names_every_octet_and_why_it_was_made(shelf: Shelf) -> None:
    octets, _ = pack(shelf, shelf.record("r1", SOUND * 300), reason="DSAR 12")
    found = members(octets)
    contents = json.loads(found["contents.json"])
    assert (contents["made_at"], contents["reason"], contents["decrypted"]) == (
        "2026-11-25T12:30:00Z",
        "DSAR 12",
        False,
    )
    listed = {each["name"]: each for each in contents["members"]}
    assert set(listed) == set(found) - {"contents.json", "contents.sig"}
    for name, each in listed.items():
        assert (each["octets"], each["sha256"]) == (len(found[name]), hashlib.sha256(found[name]).hexdigest())
    name = "recordings/20261124_r1/r1.wav"
    parts = [found[name][at : at + (1 << 20)] for at in range(0, len(found[name]), 1 << 20)]
    assert len(parts) == 2
    assert listed[name]["chunks"] == [hashlib.sha256(part).hexdigest() for part in parts]
    assert "chunks" not in listed["VERIFY.txt"]


def test_encrypted_recordings_leave_as_they_lie(shelf: Shelf, tmp_path: Path) -> None:
    manifest = shelf.record("r1", SOUND, encrypted=True)
    octets, _ = pack(shelf, manifest)
    assert SOUND[:64] not in octets
    assert members(octets)["recordings/20261124_r1/r1.wav.skv"] == manifest.with_name("r1.wav.skv").read_bytes()
    (tmp_path / "e.zip").write_bytes(octets)
    assert verify(tmp_path / "e.zip", [shelf.signer.public_pem()]).findings == []


def test_decrypted_they_can_be_heard_and_are_proven(shelf: Shelf, tmp_path: Path) -> None:
    octets, _ = pack(shelf, shelf.record("r1", SOUND * 300, encrypted=True), decrypt=True)
    found = members(octets)
    folder = "recordings/20261124_r1"
    assert found[f"{folder}/r1.wav"] == wav(SOUND * 300)
    assert found[f"{folder}/r1.flac"] == b"fLaC" + SOUND * 300
    assert found[f"{folder}/r1.peaks"] == SOUND[:10]
    assert [name for name in found if "skv" in name] == []
    (tmp_path / "e.zip").write_bytes(octets)
    assert verify(tmp_path / "e.zip", [shelf.signer.public_pem()]).findings == []


def test_what_cannot_be_had_is_said_and_the_rest_leaves(shelf: Shelf) -> None:
    first, second = shelf.record("r1", SOUND), shelf.record("r2", SOUND)
    first.with_name("r1.wav").unlink()
    second.with_suffix(".seal").unlink()

    def source(manifest: Path, entry: Mapping[str, Any], /) -> Iterator[bytes]:
        if entry["file"] == "r2.flac":
            raise ResourceError("the store is away")
        yield from local_audio()(manifest, entry)

    octets, done = pack(shelf, first, second, open_audio=source)
    assert done.recordings == 2
    assert done.absent == (
        ("recordings/20261124_r1/r1.wav", "No such file or directory"),
        ("recordings/20261124_r2/r2.seal", "No such file or directory"),
        ("recordings/20261124_r2/r2.flac", "the store is away"),
    )
    found = members(octets)
    assert "recordings/20261124_r2/r2.wav" in found
    assert "recordings/20261124_r1/r1.wav" not in found
    assert str(shelf.folder).encode() not in octets, "where it lay is nobody's business"


def test_audio_that_breaks_off_makes_no_export(shelf: Shelf, tmp_path: Path) -> None:
    manifest = shelf.record("r1", SOUND * 600, encrypted=True)
    damaged = manifest.with_name("r1.wav.skv")
    octets = bytearray(damaged.read_bytes())
    octets[-100] ^= 1
    damaged.write_bytes(octets)
    pipe = Pipe()
    with pytest.raises(IntegrityError, match="chunk"):
        export([manifest], cast(BinaryIO, pipe), open_audio=local_audio(shelf.keys.__getitem__), decrypt=True, at=AT)
    (tmp_path / "e.zip").write_bytes(pipe.octets)
    report = verify(tmp_path / "e.zip", [shelf.signer.public_pem()])
    assert [(each.path, each.problem) for each in report.findings] == [("contents.json", "missing")]


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "/etc/passwd", "..", "....//..", "C:\\x", "a/../../b", "\u202etxt.exe", "", " "]
)
def test_no_name_leads_out_of_the_zip(shelf: Shelf, name: str) -> None:
    octets, _ = pack(shelf, shelf.record("r1", SOUND, name=name))
    for member in members(octets):
        parts = member.split("/")
        assert all(part and part.strip(".") and not set(part) & set('\\:*?"<>|\n') for part in parts)
        assert member.isascii()
    assert sum(member.startswith("recordings/") for member in members(octets)) == 6


def test_recordings_of_one_name_get_folders_of_their_own(shelf: Shelf) -> None:
    paths = [shelf.record(f"r{number}", SOUND, name=name) for number, name in enumerate(["Anna", "anna", "Anna", "x"])]
    octets, _ = pack(shelf, *paths)
    folders = {name.split("/")[1] for name in members(octets) if name.startswith("recordings/")}
    assert folders == {"Anna", "anna_2", "Anna_3", "x"}


@pytest.mark.parametrize(
    "name", ["../r1.wav", "/etc/passwd", "r1/../../x", ".hidden", "a\\b", "r1\n.wav", "", "x" * 201]
)
def test_a_manifest_that_names_foreign_files_is_refused(shelf: Shelf, name: str) -> None:
    files = [{"role": "audio", "file": name, "octets": 1, "sha256": ""}]
    with pytest.raises(IntegrityError, match="it names the file"):
        pack(shelf, shelf.record("r1", SOUND, files=files))


def test_only_the_days_of_the_selection_leave_with_stamps_and_key_changes(shelf: Shelf, tmp_path: Path) -> None:
    old, shelf.signer = shelf.signer, signer(2)
    shelf.now = BEGIN - timedelta(days=2)
    shelf.journal.append(Kind.SEAL, "before", "", {})
    change = shelf.journal.change_signer(shelf.signer)
    shelf.now = BEGIN
    manifest = shelf.record("r1", SOUND)
    shelf.now = BEGIN + timedelta(days=1)
    shelf.journal.append(Kind.SEAL, "later", "", {})
    (shelf.chain / "2026-11-24.tsr").write_bytes(b"stamp")
    (shelf.chain / "2026-11-25.tsr").write_bytes(b"another day's")
    octets, _ = pack(shelf, manifest, public_keys=[old.public_pem(), shelf.signer.public_pem()])
    found = {name: octets for name, octets in members(octets).items() if name.startswith("chain/")}
    assert found == {
        "chain/keys.jsonl": change.to_line() + b"\n",
        "chain/2026-11-24.jsonl": manifest.with_suffix(".seal").read_bytes(),
        "chain/2026-11-24.tsr": b"stamp",
    }
    assert members(octets)["key-2.pem"] == shelf.signer.public_pem()
    (tmp_path / "e.zip").write_bytes(octets)
    assert verify(tmp_path / "e.zip", [old.public_pem()]).findings == [], "the old key vouches for the new one"


def test_without_chain_keys_and_signer_it_is_still_a_zip(shelf: Shelf) -> None:
    octets, _ = pack(shelf, shelf.record("r1", SOUND), chain=None, public_keys=(), signer=None)
    found = members(octets)
    assert "contents.json" in found
    assert not {"contents.sig", "key.pem"} & set(found)
    assert not [name for name in found if name.startswith("chain/")]


def test_very_long_audio_is_written_with_64_bit_lengths(shelf: Shelf) -> None:
    octets, _ = pack(shelf, shelf.record("r1", SOUND))
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        assert archive.getinfo("recordings/20261124_r1/r1.wav").extract_version >= zipfile.ZIP64_VERSION


def test_the_exported_program_runs_alone(shelf: Shelf, tmp_path: Path) -> None:
    octets, _ = pack(shelf, shelf.record("r1", SOUND))
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        archive.extractall(tmp_path / "out")
    command = [sys.executable, "-I", "verify.py", ".", "--public-key", "key.pem"]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 recordings: everything is what was sealed\n"
