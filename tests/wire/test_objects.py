"""Uploads to a real S3 server: Ceph's gateway, which refuses, goes and comes back; and uploaders that are killed."""

import hashlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from skryba.archive.books import Location, UploadBook
from skryba.archive.database import connect
from skryba.archive.objects import Account, Objects, StoreError
from skryba.archive.upload import SMALL, Outcome, Stored
from skryba.archive.upload_book import Uploads
from skryba.archive.uploader import Attempt, Uploader
from skryba.vault.container import CHUNK, PREFIX, Opener, Sealer
from tests.support.baresip import free_port
from tests.support.radosgw import Radosgw
from tests.support.uploads import FOLDER, MemoryUploadBook, recording_on_disk

pytestmark = pytest.mark.wire

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
BUCKET = "calls"
DICE = random.Random(36)
LONG = DICE.randbytes(3 * SMALL + 1000)
TWO_HOURS = 2 * 3600 * 8000 * 4  # octets of stereo at 8 kHz


@pytest.fixture(scope="module")
def server() -> Iterator[Radosgw]:
    with Radosgw() as started:
        started.make_bucket(BUCKET)
        yield started


def account(server: Radosgw, *, bucket: str = BUCKET, secret: str = Radosgw.secret_key, port: int = 0) -> Account:
    endpoint = f"http://127.0.0.1:{port}" if port else server.endpoint
    return Account(endpoint, bucket, server.access_key, secret)


@pytest.fixture
def objects(server: Radosgw) -> Objects:
    return Objects.connect(account(server))


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Each test its own names in the one bucket."""
    return request.node.name.partition("[")[0]  # type: ignore[no-any-return]


def book_of(recordings: Path, audio: bytes) -> MemoryUploadBook:
    book = MemoryUploadBook()
    book.enqueue("one", FOLDER, recording_on_disk(recordings, "one", audio), AT)
    return book


def uploader(
    book: UploadBook, objects: Objects, recordings: Path, prefix: str, *, rate: float = 0.0, keep_days: int = 30
) -> Uploader:
    return Uploader(
        *(book, objects, recordings),
        dice=lambda: 0.0,
        prefix=prefix,
        rate=rate,
        keep_local=timedelta(days=keep_days),
        at=lambda: AT,
    )


# --- the store --------------------------------------------------------------------------------------------------------


def test_what_was_put_is_read_back_also_in_ranges(objects: Objects, prefix: str) -> None:
    objects.check()
    key = f"{prefix}/long.wav"
    objects.stream(key, (LONG[at : at + 70_000] for at in range(0, len(LONG), 70_000)), "aa")
    assert objects.head(key) == Stored(key, len(LONG), "aa")
    assert objects.read_back(key, len(LONG), lambda octets: None) == hashlib.sha256(LONG).hexdigest()
    remote = objects.open_remote(key)
    assert remote is not None
    for offset, length in ((0, 1), (SMALL - 5, 10), (len(LONG) - 7, 64), (len(LONG), 1)):
        assert remote.read_at(offset, length) == LONG[offset : offset + length]
    assert [found.octets for found in objects.listing(prefix)] == [len(LONG)]
    objects.delete(key)
    assert objects.head(key) is None


def test_a_name_is_given_once(objects: Objects, prefix: str) -> None:
    key = f"{prefix}/a.json"
    assert objects.create(key, b"first", "aa")
    assert not objects.create(key, b"other", "bb")
    assert objects.head(key) == Stored(key, 5, "aa")


@pytest.mark.parametrize("act", ["check", "head", "create", "stream", "listing"])
def test_a_wrong_secret_is_refused_in_clear_words(server: Radosgw, act: str, prefix: str) -> None:
    refused = Objects.connect(account(server, secret="mistyped"))
    acts: dict[str, Callable[[], object]] = {
        "check": refused.check,
        "head": lambda: refused.head(f"{prefix}/a"),
        "create": lambda: refused.create(f"{prefix}/a", b"x", "aa"),
        "stream": lambda: refused.stream(f"{prefix}/a", iter([b"x"]), "aa"),
        "listing": lambda: list(refused.listing(prefix)),
    }
    with pytest.raises(StoreError, match=r"403 Forbidden: SignatureDoesNotMatch$|HEAD .* 403 Forbidden:$") as told:
        acts[act]()
    assert "mistyped" not in str(told.value)


def test_a_bucket_that_is_not_there_and_a_server_that_is_not_there(server: Radosgw, prefix: str) -> None:
    nowhere = Objects.connect(account(server, bucket="nobody"))
    with pytest.raises(StoreError, match=r"404 Not Found: NoSuchBucket$"):
        nowhere.check()
    with pytest.raises(StoreError, match=r"404 Not Found: NoSuchBucket$"):
        nowhere.create(f"{prefix}/a", b"x", "aa")
    begin = time.monotonic()
    with pytest.raises(StoreError, match=r"^GET http://127.0.0.1:\S+: HTTP error: error sending request$"):
        Objects.connect(account(server, port=free_port())).check()
    assert time.monotonic() - begin < 6  # the library by itself would try for three minutes


# --- the uploader -----------------------------------------------------------------------------------------------------


def test_a_recording_leaves_for_the_store_and_its_proof_stays(objects: Objects, prefix: str, tmp_path: Path) -> None:
    book = book_of(tmp_path, LONG)
    assert uploader(book, objects, tmp_path, prefix, keep_days=0).round() == [Attempt("one", Outcome.UPLOADED)]
    assert book.lines["one"].location is Location.REMOTE
    assert sorted(path.suffix for path in (tmp_path / FOLDER).iterdir()) == [".json", ".remote", ".seal"]
    remote = objects.open_remote(f"{prefix}/{FOLDER}/one.wav")
    assert remote is not None
    assert remote.read_at(SMALL, 1000) == LONG[SMALL : SMALL + 1000]


def test_the_bandwidth_is_kept(objects: Objects, prefix: str, tmp_path: Path) -> None:
    rate = 4 * 1024 * 1024
    made = uploader(book_of(tmp_path, LONG), objects, tmp_path, prefix, rate=rate)
    begin = time.monotonic()
    assert made.round() == [Attempt("one", Outcome.UPLOADED)]
    taken = time.monotonic() - begin
    expected = 2 * (made.counts.octets - 256 * 1024) / rate  # there and back
    assert expected * 0.99 <= taken < expected * 2


def test_a_server_that_goes_and_comes_back_costs_time_only(
    server: Radosgw, objects: Objects, prefix: str, tmp_path: Path
) -> None:
    book = book_of(tmp_path, LONG)
    made = uploader(book, objects, tmp_path, prefix, keep_days=0)
    server.stop_gateway()
    try:
        (attempt,) = made.round()
    finally:
        server.start_gateway()
    assert attempt.outcome is Outcome.WAITING
    assert made.away == attempt.detail
    assert (tmp_path / FOLDER / "one.wav").read_bytes() == LONG
    book.lines["one"].next_at = AT
    assert made.round() == [Attempt("one", Outcome.UPLOADED)]
    assert made.away == ""


@contextmanager
def kept_book(recordings: Path) -> Iterator[Uploads]:
    """The real one, in a file: what a killed uploader leaves behind."""
    engine = connect(f"sqlite:///{recordings / 'catalogue.db'}")
    try:
        yield Uploads(engine)
    finally:
        engine.dispose()


def run_uploader(store: Account, recordings: Path, prefix: str, rate: float, dies_before_mark: bool) -> None:
    """In a process of its own, that is going to be killed."""
    with kept_book(recordings) as book:
        if dies_before_mark:
            book.done = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        uploader(book, Objects.connect(store), recordings, prefix, rate=rate).round()


def started(target: Callable[[], None]) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=target)
    process.start()
    return process


def test_killed_in_the_middle_nothing_half_is_seen_and_the_next_one_ends_it(
    server: Radosgw, objects: Objects, prefix: str, tmp_path: Path
) -> None:
    with kept_book(tmp_path) as book:
        book.enqueue("one", FOLDER, recording_on_disk(tmp_path, "one", LONG), AT)
        process = started(partial(run_uploader, account(server), tmp_path, prefix, SMALL / 2, False))
        end = time.monotonic() + 30
        while objects.head(f"{prefix}/{FOLDER}/one.json") is None:  # the audio comes next, for six seconds
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(2.5)  # the first part is there
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert [found.key.rpartition("/")[2] for found in objects.listing(prefix)] == ["one.json"]
        assert book.backlog().count == 1
        made = uploader(book, objects, tmp_path, prefix)
        assert made.round() == [Attempt("one", Outcome.UPLOADED)]
        assert made.counts.files == 2  # the manifest was there
        assert book.backlog().count == 0


def test_killed_before_the_mark_nothing_is_sent_twice(
    server: Radosgw, objects: Objects, prefix: str, tmp_path: Path
) -> None:
    with kept_book(tmp_path) as book:
        book.enqueue("one", FOLDER, recording_on_disk(tmp_path, "one", LONG), AT)
        process = started(partial(run_uploader, account(server), tmp_path, prefix, 0.0, True))
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
        made = uploader(book, objects, tmp_path, prefix, keep_days=0)
        assert made.round() == [Attempt("one", Outcome.UPLOADED)]
        assert (made.counts.files, made.counts.octets, made.counts.removed) == (0, 0, 1)
        assert book.removable(AT, 10) == []


def test_a_listener_seeks_in_two_encrypted_hours(objects: Objects, prefix: str) -> None:
    key, name, file = bytes(range(32)), b"one", f"{prefix}/one.wav.skv"
    sealer = Sealer(key, name, bytes(PREFIX))
    second = bytes(range(256)) * 125  # 32,000 octets

    def container() -> Iterator[bytes]:
        yield sealer.begin()
        for number in range(TWO_HOURS // len(second)):
            yield sealer.update(number.to_bytes(4, "big") + second[4:])
        yield sealer.finish()

    objects.stream(file, container(), "aa")
    stored = objects.head(file)
    assert stored is not None
    assert stored.octets > TWO_HOURS + TWO_HOURS // CHUNK * 16
    slowest = 0.0
    for number in [0, 7199, *(DICE.randrange(7200) for _ in range(18))]:
        begin = time.perf_counter()
        remote = objects.open_remote(file)
        assert remote is not None
        opener = Opener(key, name, remote.read_at, remote.octets)
        piece = opener.read(number * len(second), 8)
        slowest = max(slowest, time.perf_counter() - begin)
        assert piece == number.to_bytes(4, "big") + second[4:8]
    assert slowest < 0.1
