"""Every way in which a recording is not what was sealed is found, and located."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from skryba.codecs.tones import sweep
from skryba.recorder.notary import Notary
from skryba.recorder.publication import Making
from skryba.recorder.seal import seal
from skryba.recorder.sink import CHUNK
from skryba.recorder.storage import Storage
from skryba.recorder.verify import Trouble, report, verify
from skryba.vault.chain import Kind
from skryba.vault.journal import Journal
from skryba.vault.signing import Signer, Verifier
from tests.support.evidence import ID, Speaker, merge, spool, stop

SECONDS = 100  # four chunks of stereo
OTHER = ID[:-1] + "2"
AT = datetime(2026, 11, 24, tzinfo=UTC)
DAY = "2026/09/21"


class House:
    """Two sealed recordings and their chain."""

    def __init__(self, folder: Path, **making: Any) -> None:
        self.folder = folder / "recordings"
        storage = Storage(self.folder, folder / "spool")
        self.signer = Signer(Ed25519PrivateKey.generate())
        self.journal = Journal(self.folder / "chain", self.signer, lambda: AT)
        self.journal.start("new")
        notary = Notary(storage, self.journal, keep_spool=False)
        tone = np.tile(sweep(300, 3000, 10.0, sample_rate=8000), SECONDS // 10)
        for name, ssrc in ((ID, 1), (OTHER, 2)):
            data = spool(merge({0: Speaker(ssrc=ssrc).say(tone, 0)}), last=stop(SECONDS * 1000))
            storage.spool_path(name).write_bytes(data)
            notary.attest(seal(storage, name, making=Making(**making)))
        self.audio = next((self.folder / DAY).glob(f"{ID}.wav*"))
        self.manifest = self.folder / DAY / f"{ID}.json"
        self.seal = self.folder / DAY / f"{ID}.seal"
        self.day = next((self.folder / "chain").glob("*.jsonl"))

    @property
    def verifier(self) -> Verifier:
        return Verifier.from_pem(self.signer.public_pem())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(original: House, tmp_path: Path) -> House:
    """A copy that may be harmed."""
    copy = object.__new__(House)
    copy.folder = shutil.copytree(original.folder, tmp_path / "recordings")
    copy.signer, copy.journal = original.signer, original.journal
    for name in ("audio", "manifest", "seal", "day"):
        setattr(copy, name, copy.folder / getattr(original, name).relative_to(original.folder))
    return copy


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def swap(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[CHUNK : 2 * CHUNK] + data[:CHUNK] + data[2 * CHUNK :])


def edit(path: Path, **changes: Any) -> None:
    words = json.loads(path.read_bytes())
    path.write_text(json.dumps(words | changes))


def cut_lines(path: Path, *gone: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for number, line in enumerate(lines) if number not in gone))


def test_a_good_folder_by_any_of_its_names(house: House) -> None:
    for path in (house.audio, house.manifest, house.seal, house.manifest.parent, house.folder):
        found = report(path, house.verifier)
        assert found["findings"] == []
        assert found["ok"]
    assert report(house.folder)["checked"] == 2
    assert report(house.folder)["chain_entries"] == 3
    assert report(house.folder)["keys"] == "named by the chain itself"


@pytest.mark.parametrize(
    ("harm", "kind", "problem"),
    [
        (lambda house: flip(house.audio, 5000), Trouble.ALTERED, "octets 0 to 1048575: altered"),
        (lambda house: flip(house.audio, 2 * CHUNK + 7), Trouble.ALTERED, "octets 2097152 to 3145727: altered"),
        (lambda house: swap(house.audio), Trouble.REORDERED, "another part of this file"),
        (lambda house: house.audio.write_bytes(house.audio.read_bytes()[:-4]), Trouble.TRUNCATED, "were sealed"),
        (lambda house: house.audio.write_bytes(house.audio.read_bytes() + b"...."), Trouble.ALTERED, "were sealed"),
        (lambda house: house.audio.unlink(), Trouble.MISSING, "the file is missing"),
        (lambda house: house.manifest.unlink(), Trouble.STRAY, "there is no manifest beside it"),
        (lambda house: house.manifest.write_text("{"), Trouble.ALTERED, "the manifest cannot be read"),
        (lambda house: house.manifest.write_text("[]"), Trouble.ALTERED, "the manifest cannot be read"),
        (lambda house: edit(house.manifest, schema=9), Trouble.ALTERED, "schema 9 is not known"),
        (lambda house: edit(house.manifest, state="fine"), Trouble.ALTERED, "unknown state 'fine'"),
        (lambda house: edit(house.manifest, reasons=[]), Trouble.ALTERED, "not the one that was sealed"),
        (lambda house: edit(house.manifest, files=[{"file": "../../x"}]), Trouble.ALTERED, "it names the file"),
        (lambda house: house.seal.unlink(), Trouble.MISSING, "was never sealed"),
        (lambda house: flip(house.seal, 40), Trouble.ALTERED, "no entry of a chain"),
        (lambda house: (house.folder / DAY / "left.wav.part").write_bytes(b""), Trouble.STRAY, "never finished"),
        (lambda house: cut_lines(house.day, 1), Trouble.MISSING, "entry 2"),
        (lambda house: cut_lines(house.day, 2), Trouble.TRUNCATED, "entry 3"),
        (lambda house: flip(house.day, 30), Trouble.ALTERED, "entry 1"),
    ],
)  # fmt: skip
def test_every_harm_is_found(house: House, harm: Callable[[House], Any], kind: Trouble, problem: str) -> None:
    harm(house)
    found = report(house.folder, house.verifier)
    assert not found["ok"]
    assert any(each["kind"] == kind and problem in each["problem"] for each in found["findings"]), found["findings"]


def test_a_flipped_bit_names_its_octets(house: House) -> None:
    flip(house.audio, 3 * CHUNK + 99)
    [finding] = verify(house.audio, house.verifier)
    assert (finding.path, finding.offset) == (house.audio, 3 * CHUNK)


def test_a_manifest_sealed_again_by_somebody_else_is_found(house: House) -> None:
    """The thief has a key of his own, and rewrites manifest, seal and chain."""
    thief = Journal(house.folder / "forged", Signer(Ed25519PrivateKey.generate()), lambda: AT)
    thief.start("new")
    edit(house.manifest, reasons=["nothing"])
    import hashlib

    digest = hashlib.sha256(house.manifest.read_bytes()).hexdigest()
    entry = thief.append(Kind.SEAL, ID, digest, {"state": "ok", "folder": DAY})
    house.seal.write_bytes(entry.to_line() + b"\n")
    house.day.write_bytes(next((house.folder / "forged").glob("*.jsonl")).read_bytes())
    shutil.rmtree(house.folder / "forged")
    kinds = {finding.kind for finding in verify(house.folder, house.verifier)}
    assert Trouble.SIGNATURE in kinds


def test_a_recording_that_vanished_whole_is_missed_by_the_chain(house: House) -> None:
    for path in (house.folder / DAY).glob(f"{ID}*"):
        path.unlink()
    assert [(finding.kind, finding.problem) for finding in verify(house.folder, house.verifier)] == [
        (Trouble.MISSING, "sealed as entry 2, and not here")
    ]


def test_an_erased_recording_is_not_missed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.journal.append(Kind.ERASED, ID, "", {"reason": "art. 17"})
    for path in (house.folder / DAY).glob(f"{ID}*"):
        path.unlink()
    assert verify(house.folder, house.verifier) == []


def test_encrypted_files_are_proven_without_their_key(tmp_path: Path) -> None:
    house = House(tmp_path, key=bytes(32))
    assert house.audio.name.endswith(".wav.skv")
    assert verify(house.folder, house.verifier) == []
    flip(house.audio, CHUNK + 5)
    assert [finding.offset for finding in verify(house.folder, house.verifier)] == [CHUNK]


def test_one_file_that_is_not_there(house: House) -> None:
    assert [finding.problem for finding in verify(house.audio.with_name("no.wav"))] == ["there is no such file"]
    house.manifest.unlink()
    assert [finding.problem for finding in verify(house.audio)] == ["there is no manifest beside it"]
