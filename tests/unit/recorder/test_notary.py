"""Each recording stands in the chain once, whatever interrupted its sealing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from skryba.codecs.tones import sine
from skryba.recorder.manifest import State
from skryba.recorder.notary import Notary
from skryba.recorder.seal import Sealed, seal
from skryba.recorder.storage import Storage
from skryba.vault.chain import Entry, Kind
from skryba.vault.journal import Journal
from skryba.vault.signing import Signer
from tests.support.evidence import ID, Speaker, merge, spool, stop

DATA = spool(merge({0: Speaker().say(sine(500, 0.2, sample_rate=8000), 0)}), last=stop(200))
AT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "recordings", tmp_path / "spool")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "recordings/chain", Signer(Ed25519PrivateKey.generate()), lambda: AT)


def sealed(storage: Storage) -> Sealed:
    storage.spool_path(ID).write_bytes(DATA)
    return seal(storage, ID)


def test_a_sealed_recording_is_entered_its_entry_lies_beside_it_and_its_spool_goes(
    storage: Storage, journal: Journal
) -> None:
    entry = Notary(storage, journal, keep_spool=False).attest(sealed(storage))
    assert entry is not None
    assert (entry.kind, entry.id, entry.facts["folder"]) == (Kind.SEAL, ID, "2026/09/21")
    beside = storage.recordings / "2026/09/21" / f"{ID}.seal"
    assert Entry.parse(beside.read_bytes().rstrip()) == entry
    assert storage.spools() == []
    assert not (storage.spool / "kept").exists()


def test_a_kept_spool_lies_apart(storage: Storage, journal: Journal) -> None:
    Notary(storage, journal, keep_spool=True).attest(sealed(storage))
    assert storage.spools() == []
    assert [path.name for path in storage.kept.iterdir()] == [f"{ID}.spool"]


def test_done_again_after_a_crash_it_enters_nothing_twice(storage: Storage, journal: Journal) -> None:
    notary = Notary(storage, journal, keep_spool=False)
    first = notary.attest(sealed(storage))
    (storage.recordings / "2026/09/21" / f"{ID}.seal").unlink()
    again = notary.attest(sealed(storage))
    assert again == first
    assert (storage.recordings / "2026/09/21" / f"{ID}.seal").exists()
    assert [entry.id for entry in journal.entries()] == [ID]


def test_nothing_published_is_not_entered_and_leaves_no_spool(storage: Storage, journal: Journal) -> None:
    storage.spool_path(ID).write_bytes(spool([]))
    outcome = seal(storage, ID)
    assert outcome.state is State.FAILED
    assert Notary(storage, journal, keep_spool=True).attest(outcome) is None
    assert list(journal.entries()) == []
    assert storage.spools() == []
