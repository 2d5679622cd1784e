"""Every fault that an export can have is planted here, and found with the place where it is."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from skryba.archive.export import export, local_audio
from skryba.archive.offline import Finding, main, verify
from skryba.vault.chain import Kind
from tests.support.shelf import BEGIN, Shelf, signer

SOUND = bytes(range(256)) * 4100  # a little more than a MiB
FOLDER = "recordings/20261124_r1"
CHAIN = "chain/2026-11-24.jsonl"
KEY = signer().public_pem()


def exported(shelf: Shelf, *manifests: Path, decrypt: bool = False) -> bytes:
    out = io.BytesIO()
    source = local_audio(shelf.keys.__getitem__ if decrypt else None)
    export(
        manifests, out, open_audio=source, decrypt=decrypt, at=BEGIN, chain=shelf.chain, public_keys=[KEY],
        signer=shelf.signer,
    )  # fmt: skip
    return out.getvalue()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two recordings, sealed with two others before and between."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    shelf.journal.append(Kind.SEAL, "other", "", {})
    first = shelf.record("r1", SOUND)
    shelf.journal.append(Kind.ERASED, "other", "", {})
    return exported(shelf, first, shelf.record("r2", SOUND[:1000]))


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One recording, encrypted at rest, decrypted in the export."""
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    return exported(shelf, shelf.record("r1", SOUND, encrypted=True), decrypt=True)


Members = dict[str, bytes]


def unpacked(octets: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return path


def findings(path: Path, *keys: bytes) -> list[Finding]:
    return verify(path, keys or [KEY]).findings


def told(octets: bytes, tmp_path: Path, change: Callable[[Members], object]) -> list[tuple[str, str, str]]:
    """What is found after a change that a careful forger made: in a ZIP that is whole."""
    members = unpacked(octets)
    change(members)
    return [(each.path, each.problem, each.where) for each in findings(packed(members, tmp_path / "e.zip"))]


def flip(name: str, at: int) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        octets = bytearray(members[name])
        octets[at] ^= 1
        members[name] = bytes(octets)

    return change


def test_a_whole_export_has_no_findings_packed_or_unpacked(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(whole)
    report = verify(tmp_path / "e.zip", [KEY])
    assert (report.recordings, report.findings) == (2, [])
    shutil.unpack_archive(tmp_path / "e.zip", tmp_path / "out")
    assert verify(tmp_path / "out", [KEY]) == report


@pytest.mark.parametrize("at", [0, (1 << 20) - 1, 1 << 20, -1])
def test_a_flipped_bit_is_located_by_the_mebibyte(whole: bytes, tmp_path: Path, at: int) -> None:
    name = f"{FOLDER}/r1.wav"
    length = len(unpacked(whole)[name])
    place = "MiB 1, octets 0 to 1048575" if 0 <= at < 1 << 20 else f"MiB 2, octets 1048576 to {length - 1}"
    assert told(whole, tmp_path, flip(name, at)) == [(name, "altered", place)]


def test_a_bit_flipped_on_the_medium_is_found_under_the_zips_own_checksum(whole: bytes, tmp_path: Path) -> None:
    octets = bytearray(whole)
    start = octets.index(b"RIFF")
    for at, place in (
        (start + 50, "MiB 1, octets 0 to 1048575"),
        (start + len(SOUND) - 9, "in or after octet 1048576"),
    ):
        octets[at] ^= 1
        (tmp_path / "e.zip").write_bytes(octets)
        octets[at] ^= 1
        found = findings(tmp_path / "e.zip")
        assert [(each.path, each.problem) for each in found] == [(f"{FOLDER}/r1.wav", "altered")]
        assert found[0].where.startswith(place)


def test_a_zip_that_was_cut_off(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(whole[:-100])
    assert [(each.path, each.problem) for each in findings(tmp_path / "e.zip")] == [("e.zip", "truncated")]


def test_a_file_that_was_cut_off(whole: bytes, tmp_path: Path) -> None:
    name = f"{FOLDER}/r1.wav"

    def cut(members: Members) -> None:
        members[name] = members[name][: 1 << 20]

    length = len(unpacked(whole)[name])
    assert told(whole, tmp_path, cut) == [(name, "truncated", f"1048576 octets of {length}")]


@pytest.mark.parametrize("name", ["r1.wav", "r1.flac", "r1.xml"])
def test_a_missing_file(whole: bytes, tmp_path: Path, name: str) -> None:
    found = told(whole, tmp_path, lambda members: members.pop(f"{FOLDER}/{name}"))
    assert found == [(f"{FOLDER}/{name}", "missing", "the list of contents names it")]


@pytest.mark.parametrize("name", ["r1.json", "r1.seal"])
def test_a_missing_proof(whole: bytes, tmp_path: Path, name: str) -> None:
    found = told(whole, tmp_path, lambda members: members.pop(f"{FOLDER}/{name}"))
    assert [each[:2] for each in found] == [(f"{FOLDER}/{name}", "missing")]


def forge_contents(members: Members, change: Callable[[dict[str, list[dict[str, object]]]], object]) -> None:
    words = json.loads(members["contents.json"])
    change(words)
    members["contents.json"] = json.dumps(words).encode()


def test_a_recording_taken_away_with_all_that_names_it(whole: bytes, tmp_path: Path) -> None:
    def take(members: Members) -> None:
        for name in [name for name in members if "r2" in name]:
            del members[name]
        forge_contents(members, lambda words: words["recordings"].pop())
        forge_contents(
            members,
            lambda words: words.update(members=[each for each in words["members"] if "r2" not in str(each["name"])]),
        )

    assert [each[:2] for each in told(whole, tmp_path, take)] == [("contents.json", "signature")]


def test_the_audio_of_another_recording(whole: bytes, tmp_path: Path) -> None:
    """The forger corrects the unsigned list as well: the manifest still knows better."""

    def swap(members: Members) -> None:
        members[f"{FOLDER}/r1.wav"] = members["recordings/20261124_r2/r2.wav"]

        def correct(words: dict[str, list[dict[str, object]]]) -> None:
            named = {str(each["name"]): each for each in words["members"]}
            named[f"{FOLDER}/r1.wav"].update(named["recordings/20261124_r2/r2.wav"], name=f"{FOLDER}/r1.wav")
            named[f"{FOLDER}/r1.wav"].pop("chunks", None)

        forge_contents(members, correct)

    assert [each[:2] for each in told(whole, tmp_path, swap)] == [
        ("contents.json", "signature"),
        (f"{FOLDER}/r1.wav", "altered"),
    ]


def test_a_changed_manifest(whole: bytes, tmp_path: Path) -> None:
    found = told(whole, tmp_path, flip(f"{FOLDER}/r1.json", 40))
    assert {each[:2] for each in found} == {(f"{FOLDER}/r1.json", "altered")}


def test_a_manifest_under_another_ones_seal(whole: bytes, tmp_path: Path) -> None:
    def change(members: Members) -> None:
        members[f"{FOLDER}/r1.seal"] = members["recordings/20261124_r2/r2.seal"]

    found = {each[:2] for each in told(whole, tmp_path, change)}
    assert found == {(f"{FOLDER}/r1.seal", "altered"), (f"{FOLDER}/r1.json", "altered")}


def test_signed_again_by_somebody_else(whole: bytes, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "forger")
    shelf.journal = type(shelf.journal)(shelf.chain, signer(9), lambda: BEGIN)
    shelf.signer = signer(9)
    (tmp_path / "e.zip").write_bytes(exported(shelf, shelf.record("r1", SOUND)))
    found = findings(tmp_path / "e.zip")
    assert [(each.path, each.problem) for each in found] == [
        ("contents.json", "signature"),
        (f"{CHAIN}:1", "signature"),
        (f"{FOLDER}/r1.seal", "signature"),
    ]


def lines(change: Callable[[list[bytes]], object]) -> Callable[[Members], None]:
    def apply(members: Members) -> None:
        each = members[CHAIN].split(b"\n")[:-1]
        change(each)
        members[CHAIN] = b"".join(line + b"\n" for line in each)

    return apply


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda each: each.pop(2), ("missing", "line 3: entries 3 to 3")),
        (lambda each: each.insert(1, each.pop(2)), ("missing", "line 2: entries 2 to 2")),
        (lambda each: each.insert(1, each.pop(2)), ("reordered", "line 3: entry 2 after entry 3")),
    ],
)
def test_lines_of_the_chain_missing_or_reordered(
    whole: bytes, tmp_path: Path, change: Callable[[list[bytes]], object], expected: tuple[str, str]
) -> None:
    assert (CHAIN, *expected) in told(whole, tmp_path, lines(change))


def test_an_altered_line_of_the_chain(whole: bytes, tmp_path: Path) -> None:
    def change(each: list[bytes]) -> None:
        each[2] = each[2].replace(b'"erased"', b'"erasee"')

    assert (f"{CHAIN}:3", "signature") in [each[:2] for each in told(whole, tmp_path, lines(change))]

    def spoil(each: list[bytes]) -> None:
        each[2] = each[2].replace(b'"kind"', b'"kind" ')

    assert (f"{CHAIN}:3", "altered") in [each[:2] for each in told(whole, tmp_path, lines(spoil))]


def test_a_seal_that_the_chain_does_not_know(whole: bytes, tmp_path: Path) -> None:
    found = told(whole, tmp_path, lines(lambda each: each.pop()))
    assert ("recordings/20261124_r2/r2.seal", "missing", "entry 4 does not stand in the chain") in found


def test_a_chain_that_forks_is_altered(tmp_path: Path, whole: bytes) -> None:
    """Two good signatures, but the later line follows another one than stands before it."""
    shelf = Shelf(tmp_path / "fork")
    shelf.journal.append(Kind.SEAL, "other fate", "", {})
    other = shelf.journal.append(Kind.SEAL, "r1", "", {}).to_line()

    def change(each: list[bytes]) -> None:
        each[1] = other

    found = told(whole, tmp_path, lines(change))
    assert (CHAIN, "altered", "line 2: entry 2 follows another line than the one before") in found


def test_strangers_in_the_zip(whole: bytes, tmp_path: Path) -> None:
    def change(members: Members) -> None:
        members |= {"recordings/extra.wav": b"", "../../etc/passwd": b""}

    assert [each[:2] for each in told(whole, tmp_path, change)] == [
        ("../../etc/passwd", "unlisted"),
        ("recordings/extra.wav", "unlisted"),
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(whole)
    with zipfile.ZipFile(tmp_path / "e.zip", "a") as archive:
        archive.writestr("VERIFY.txt", unpacked(whole)["VERIFY.txt"])
    assert [tuple(each)[:2] for each in findings(tmp_path / "e.zip")] == [("VERIFY.txt", "unlisted")]


@pytest.mark.parametrize("octets", [b"", b"{}", b"[]", b'{"members":[1],"recordings":[]}', b"\xff"])
def test_a_list_of_contents_that_is_none(whole: bytes, tmp_path: Path, octets: bytes) -> None:
    found = told(whole, tmp_path, lambda members: members.update({"contents.json": octets}))
    assert [each[:2] for each in found] in ([("contents.json", "altered")], [("contents.json", "missing")])


def test_an_unsigned_list_of_contents(whole: bytes, tmp_path: Path) -> None:
    found = told(whole, tmp_path, lambda members: members.pop("contents.sig"))
    assert [each[:2] for each in found] == [("contents.sig", "missing")]


@pytest.mark.parametrize("name", [f"{FOLDER}/r1.wav", f"{FOLDER}/r1.flac"])
def test_what_was_decrypted_is_proven_by_the_seal_whatever_the_exporter_says(
    heard: bytes, tmp_path: Path, name: str
) -> None:
    (tmp_path / "e.zip").write_bytes(heard)
    assert findings(tmp_path / "e.zip") == []
    found = told(heard, tmp_path, flip(name, -1))
    assert [each[:2] for each in found] == [(name, "altered")]

    def dishonest(members: Members) -> None:
        flip(name, -1)(members)

        def correct(words: dict[str, list[dict[str, object]]]) -> None:
            member = next(each for each in words["members"] if each["name"] == name)
            member["sha256"] = hashlib.sha256(members[name]).hexdigest()
            member.pop("chunks")

        forge_contents(members, correct)

    found = told(heard, tmp_path, dishonest)
    assert (name, "altered", "the manifest names another digest") in found


def test_what_was_left_out_when_it_was_made_is_missing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    manifest = shelf.record("r1", SOUND)
    manifest.with_name("r1.wav").unlink()
    (tmp_path / "e.zip").write_bytes(exported(shelf, manifest))
    reason = "left out when the export was made: No such file or directory"
    assert findings(tmp_path / "e.zip") == [(f"{FOLDER}/r1.wav", "missing", reason)]
    manifest.with_suffix(".seal").unlink()
    (tmp_path / "e.zip").write_bytes(exported(shelf, manifest))
    assert [each[:2] for each in findings(tmp_path / "e.zip")] == [(f"{FOLDER}/r1.seal", "missing")]


def test_a_key_change_that_the_old_key_did_not_sign_is_worth_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.now = BEGIN - timedelta(days=1)
    shelf.journal = type(shelf.journal)(shelf.chain, signer(9), lambda: shelf.now)
    shelf.journal.append(Kind.SEAL, "x", "", {})
    shelf.journal.change_signer(signer(8))
    shelf.now, shelf.signer = BEGIN, signer(8)
    octets = exported(shelf, shelf.record("r1", SOUND))
    (tmp_path / "e.zip").write_bytes(octets)
    assert ("contents.json", "signature") in [each[:2] for each in findings(tmp_path / "e.zip")]
    assert findings(tmp_path / "e.zip", signer(9).public_pem()) == []


def test_the_command(whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, key = tmp_path / "e.zip", tmp_path / "key.pem"
    path.write_bytes(whole)
    key.write_bytes(KEY)
    assert main([str(path), "--public-key", str(key)]) == 0
    assert capsys.readouterr().out == "2 recordings: everything is what was sealed\n"
    members = unpacked(whole)
    flip(f"{FOLDER}/r1.flac", 3)(members)
    packed(members, path)
    assert main([str(path), "--public-key", str(key), "--json"]) == 1
    words = json.loads(capsys.readouterr().out)
    assert (words["ok"], words["recordings"], words["findings"][0]["path"]) == (False, 2, f"{FOLDER}/r1.flac")
    assert main([str(path), "--public-key", str(key)]) == 1
    assert "2 recordings: NOT what was sealed" in capsys.readouterr().out
    assert main([str(tmp_path / "none.zip"), "--public-key", str(key)]) == 2
    key.write_bytes(b"no key")
    assert main([str(path), "--public-key", str(key)]) == 2
