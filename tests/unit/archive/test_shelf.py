import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from skryba.archive.books import FileEntry
from skryba.archive.reconciliation import Seal
from skryba.archive.shelf import Shelf, seals
from skryba.vault.chain import Kind
from skryba.vault.journal import Journal
from tests.support.shelf import signer

AT = datetime(2026, 11, 24, tzinfo=UTC)
DAY = "2026/11/24"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / DAY).mkdir(parents=True)
    return Shelf(tmp_path)


@pytest.fixture
def journal(shelf: Shelf) -> Journal:
    return Journal(shelf.recordings / "chain", signer(), lambda: AT)


def put(shelf: Shelf, stem: str, text: str | None = None) -> Path:
    path = shelf.recordings / DAY / f"{stem}.json"
    words = {"files": [{"file": f"{stem}.wav", "octets": 4, "sha256": "ab"}]}
    path.write_text(json.dumps(words) if text is None else text)
    return path


def test_a_manifest_is_found_by_its_entry(shelf: Shelf, journal: Journal) -> None:
    path = put(shelf, "aaaa")
    entry = journal.append(Kind.SEAL, "aaaa", "00", {"folder": DAY})
    assert shelf.manifest_path(entry) == path
    assert shelf.manifest(entry) == json.loads(path.read_bytes())


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_what_is_no_manifest_is_none(shelf: Shelf, journal: Journal, text: str) -> None:
    put(shelf, "aaaa", text)
    assert shelf.manifest(journal.append(Kind.SEAL, "aaaa", "00", {"folder": DAY})) is None
    assert shelf.manifest(journal.append(Kind.SEAL, "gone", "00", {"folder": DAY})) is None


def test_a_day_is_told_as_it_lies(shelf: Shelf) -> None:
    put(shelf, "aaaa")
    put(shelf, "bbbb", "{")
    for name in ("aaaa.wav", "aaaa.peaks", "aaaa.seal", "cccc.wav.part"):
        (shelf.recordings / DAY / name).write_bytes(b"1234")
    found = shelf.manifests(DAY)
    assert found["aaaa"].files == (FileEntry("aaaa.wav", 4, "ab"),)
    assert (found["bbbb"].digest, found["bbbb"].files) == ("", ())
    assert shelf.sizes(DAY) == {"aaaa.wav": 4, "aaaa.peaks": 4}
    assert shelf.sizes("1999/01/01") == {}


def test_days_between_two_dates(shelf: Shelf) -> None:
    for day in ("2026/11/22", "2026/11/25", "2026/12/01"):
        (shelf.recordings / day).mkdir(parents=True)
    assert shelf.days(date(2026, 11, 23), date(2026, 11, 25)) == ["2026/11/24", "2026/11/25"]


def test_the_chains_last_word_on_each_recording(journal: Journal) -> None:
    journal.start("new")
    journal.append(Kind.SEAL, "aaaa", "11", {"folder": DAY})
    journal.append(Kind.SEAL, "bbbb", "22", {"folder": DAY})
    journal.append(Kind.ERASED, "aaaa", "11", {"reason": "test"})
    journal.append(Kind.ERASED, "never", "00", {})
    assert seals(journal) == {DAY: {"aaaa": Seal("aaaa", "11", erased=True), "bbbb": Seal("bbbb", "22")}}
