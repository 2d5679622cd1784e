"""The client of the object store against the library's own store in memory; a real server is in tests/wire."""

import hashlib
from collections.abc import Iterator

import pytest
from obstore.store import MemoryStore

from skryba.archive.objects import BLOCK, Account, Objects, StoreError
from skryba.archive.upload import SMALL, Stored

DATA = bytes(range(256)) * (2 * SMALL // 256) + b"end"
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def objects() -> Objects:
    store = MemoryStore()
    return Objects(store, store)


def pieces() -> Iterator[bytes]:
    for start in range(0, len(DATA), 100_000):
        yield DATA[start : start + 100_000]


def test_what_is_created_is_never_created_again(objects: Objects) -> None:
    assert objects.create("a/b.json", b"first", "aa")
    assert not objects.create("a/b.json", b"other", "bb")
    assert objects.head("a/b.json") == Stored("a/b.json", 5, "aa")


def test_a_stream_arrives_whole_with_its_hash(objects: Objects) -> None:
    objects.stream("a/b.wav", pieces(), HASH)
    assert objects.head("a/b.wav") == Stored("a/b.wav", len(DATA), HASH)
    told: list[int] = []
    assert objects.read_back("a/b.wav", len(DATA), told.append) == HASH
    assert sum(told) == len(DATA)
    assert max(told) == BLOCK


def test_a_stream_that_breaks_leaves_nothing(objects: Objects) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA[: SMALL + 1]
        raise RuntimeError("the disk went away")

    with pytest.raises(RuntimeError, match="the disk went away"):
        objects.stream("a/b.wav", broken(), HASH)
    assert objects.head("a/b.wav") is None


def test_nothing_there_is_no_failure(objects: Objects) -> None:
    assert objects.head("a/b.wav") is None
    assert objects.open_remote("a/b.wav") is None
    objects.delete("a/b.wav")
    objects.check()


def test_a_remote_file_is_read_where_one_likes(objects: Objects) -> None:
    objects.stream("a/b.wav", pieces(), HASH)
    remote = objects.open_remote("a/b.wav")
    assert remote is not None
    assert remote.octets == len(DATA)
    assert remote.read_at(1_000_000, 7) == DATA[1_000_000:1_000_007]
    assert remote.read_at(len(DATA) - 3, 64) == b"end"
    assert remote.read_at(len(DATA), 64) == remote.read_at(len(DATA) + 9, 1) == remote.read_at(0, 0) == b""


def test_a_listing_names_what_is_below_a_folder(objects: Objects) -> None:
    for key in ("calls/2026/11/24/a.wav", "calls/2026/11/24/b.wav", "calls/2026/11/25/c.wav"):
        objects.create(key, b"xx", "aa")
    assert {found.key for found in objects.listing("calls/2026/11/24")} == {
        "calls/2026/11/24/a.wav",
        "calls/2026/11/24/b.wav",
    }
    objects.delete("calls/2026/11/24/a.wav")
    assert list(objects.listing("calls/2026/11/24")) == [Stored("calls/2026/11/24/b.wav", 2)]


def test_what_is_gone_while_it_is_read_is_one_line_in_the_stores_words(objects: Objects) -> None:
    with pytest.raises(StoreError, match="not found") as told:
        objects.read_back("a/b.wav", 10, lambda octets: None)
    assert "\n" not in str(told.value)
    assert "Debug" not in str(told.value)


def test_the_secret_is_not_printed() -> None:
    account = Account("https://s3.example.net", "calls", "AK", "very-secret")
    assert "very-secret" not in repr(account)
    Objects.connect(account)  # nothing is sent
