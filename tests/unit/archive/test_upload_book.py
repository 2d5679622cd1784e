from datetime import timedelta

import pytest
from sqlalchemy import Engine

from skryba.archive.books import Backlog, FileEntry, Location, UploadJob
from skryba.archive.catalogue import Catalogue
from skryba.archive.upload_book import Uploads
from tests.support.catalogue import BEGUN, entry, manifest

FILES = (FileEntry("r1.wav", 1000, "aa"), FileEntry("r1.peaks", 24, "bb"))
SOON = BEGUN + timedelta(minutes=1)
LATER = BEGUN + timedelta(hours=1)


@pytest.fixture
def book(engine: Engine) -> Uploads:
    made = Uploads(engine)
    assert made.enqueue("r1", "2026/11/24", FILES, BEGUN)
    return made


def test_what_is_enqueued_is_due_with_all_its_files(book: Uploads) -> None:
    assert book.due(BEGUN, 10) == [UploadJob("r1", "2026/11/24", FILES, 0)]
    assert book.due(BEGUN - timedelta(seconds=1), 10) == []


def test_nothing_is_enqueued_twice(book: Uploads) -> None:
    assert not book.enqueue("r1", "elsewhere", (), SOON)
    book.done("r1", Location.BOTH, SOON)
    assert not book.enqueue("r1", "elsewhere", (), SOON)
    assert book.due(LATER, 10) == []


def test_the_oldest_comes_first_and_no_more_than_asked_for(book: Uploads) -> None:
    for number in (3, 2):
        book.enqueue(f"r{number}", "2026/11/24", (), BEGUN + timedelta(seconds=number))
    assert [job.recording for job in book.due(LATER, 10)] == ["r1", "r2", "r3"]
    assert [job.recording for job in book.due(LATER, 2)] == ["r1", "r2"]


def test_what_failed_waits_and_is_counted(book: Uploads) -> None:
    for _ in range(2):
        book.failed("r1", "the store is away", SOON)
    assert book.due(BEGUN, 10) == []
    assert [job.attempts for job in book.due(SOON, 10)] == [2]


def test_the_backlog_is_all_that_is_not_uploaded(book: Uploads) -> None:
    book.enqueue("r2", "2026/11/24", (FileEntry("r2.wav", 5, "cc"),), SOON)
    book.failed("r1", "away", LATER)
    assert book.backlog() == Backlog(2, 1029, BEGUN)
    book.done("r1", Location.BOTH, LATER)
    assert book.backlog() == Backlog(1, 5, SOON)
    book.done("r2", Location.BOTH, LATER)
    assert book.backlog() == Backlog(0, 0, None)


def test_local_audio_may_go_some_time_after_it_was_uploaded_and_goes_once(book: Uploads) -> None:
    assert book.removable(LATER, 10) == []
    book.done("r1", Location.BOTH, SOON)
    assert book.removable(BEGUN, 10) == []
    assert [job.recording for job in book.removable(SOON, 10)] == ["r1"]
    book.done("r1", Location.REMOTE, LATER)
    assert book.removable(LATER, 10) == []


def test_the_catalogue_says_where_the_audio_is(book: Uploads, engine: Engine) -> None:
    catalogue = Catalogue(engine)
    catalogue.follow(entry(), manifest())
    places = []
    for location in (None, Location.BOTH, Location.REMOTE):
        if location is not None:
            book.done("r1", location, SOON)
        recording = catalogue.recording("r1")
        assert recording is not None
        places.append(recording.location)
    assert places == ["local", "both", "remote"]
    catalogue.mark_erased("r1", LATER)
    book.done("r1", Location.BOTH, LATER)  # an upload that was under way
    recording = catalogue.recording("r1")
    assert recording is not None
    assert recording.location == "gone"
