"""The uploader against a store in memory that fails as stores fail. Nothing local may go unproven."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from skryba.archive.books import Backlog, Location
from skryba.archive.objects import Objects, StoreError
from skryba.archive.upload import SMALL, Outcome, Stored
from skryba.archive.uploader import Attempt, Uploader
from tests.support.uploads import FOLDER, MemoryUploadBook, recording_on_disk

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LONG = b"sound" * (SMALL // 5 + 10_000)
KEY = f"calls/{FOLDER}/one.wav"


class Faulty(Objects):
    """A store of which each way to fail can be planted."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        super().__init__(self.store, self.store)
        self.away = False
        self.forgets_hashes = False
        self.rots = False
        self.before_create: Callable[[], None] = lambda: None
        self.before_stream: Callable[[], None] = lambda: None
        self.puts: list[str] = []

    def head(self, key: str) -> Stored | None:
        if self.away:
            raise StoreError("connection refused")
        found = super().head(key)
        return replace(found, sha256=None) if found and self.forgets_hashes else found

    def create(self, key: str, data: bytes, sha256: str) -> bool:
        self.before_create()
        self.puts.append(key)
        return super().create(key, b"\0" + data[1:] if self.rots else data, sha256)

    def stream(self, key: str, pieces: Iterator[bytes], sha256: str) -> None:
        self.before_stream()
        self.puts.append(key)
        super().stream(key, pieces, sha256)

    def overwrite(self, key: str, data: bytes, sha256: str | None) -> None:
        obstore.put(self.store, key, data, attributes={"sha256": sha256} if sha256 else {})

    def data(self, key: str) -> bytes:
        return bytes(obstore.get(self.store, key).bytes())


@dataclass
class Scene:
    objects: Faulty
    book: MemoryUploadBook
    recordings: Path
    at: datetime = AT

    def uploader(self, *, keep_days: float = 30, read_back: bool = True, rate: float = 0.0) -> Uploader:
        return Uploader(
            self.book,
            self.objects,
            self.recordings,
            prefix="calls",
            dice=lambda: 1.0,
            keep_local=timedelta(days=keep_days),
            read_back=read_back,
            rate=rate,
            at=lambda: self.at,
        )

    def add(self, recording: str, audio: bytes = b"sound") -> None:
        self.book.enqueue(recording, FOLDER, recording_on_disk(self.recordings, recording, audio), self.at)

    def local(self, recording: str = "one") -> set[str]:
        return {path.suffix for path in (self.recordings / FOLDER).glob(f"{recording}.*")}

    def remote(self) -> set[str]:
        return {found.key.rpartition("/")[2] for found in self.objects.listing("calls")}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(Faulty(), MemoryUploadBook(), tmp_path)


def test_a_recording_is_copied_proven_and_kept_here(scene: Scene) -> None:
    scene.add("one")
    uploader = scene.uploader()
    assert uploader.round() == [Attempt("one", Outcome.UPLOADED)]
    assert [key.rpartition(".")[2] for key in scene.objects.puts] == ["json", "wav", "seal"]
    assert scene.objects.data(KEY) == b"sound"
    assert scene.book.lines["one"].location is Location.BOTH
    assert scene.local() == {".wav", ".json", ".seal"}
    assert scene.book.backlog() == Backlog(0, 0, None)
    assert (uploader.counts.files, uploader.counts.failures, uploader.away) == (3, 0, "")
    assert uploader.round() == []


def test_a_long_file_goes_in_parts(scene: Scene) -> None:
    scene.add("one", LONG)
    assert scene.uploader().round() == [Attempt("one", Outcome.UPLOADED)]
    assert scene.objects.data(KEY) == LONG


def test_local_audio_goes_after_its_days_and_the_proof_stays(scene: Scene) -> None:
    scene.add("one")
    scene.uploader(keep_days=30).round()
    scene.at = AT + timedelta(days=29, hours=23)
    scene.uploader(keep_days=30).round()
    assert scene.local() == {".wav", ".json", ".seal"}
    scene.at = AT + timedelta(days=30)
    uploader = scene.uploader(keep_days=30)
    uploader.round()
    assert scene.local() == {".json", ".seal", ".remote"}
    assert scene.book.lines["one"].location is Location.REMOTE
    assert uploader.counts.removed == 1


def test_no_days_remove_it_in_the_same_round(scene: Scene) -> None:
    scene.add("one")
    scene.uploader(keep_days=0).round()
    assert scene.local() == {".json", ".seal", ".remote"}
    assert scene.remote() == {"one.json", "one.seal", "one.wav"}


def test_a_crash_between_removal_and_mark_is_made_good(scene: Scene) -> None:
    scene.add("one")
    scene.uploader().round()
    (scene.recordings / FOLDER / "one.wav").unlink()
    assert scene.uploader(keep_days=0).round() == []
    assert scene.book.lines["one"].location is Location.REMOTE
    assert scene.local() == {".json", ".seal", ".remote"}


def test_a_crash_between_upload_and_mark_sends_nothing_again(scene: Scene) -> None:
    scene.add("one", LONG)
    scene.uploader().round()
    scene.book.lines["one"].location = Location.LOCAL  # the mark never reached the disk
    scene.objects.puts.clear()
    assert scene.uploader().round() == [Attempt("one", Outcome.UPLOADED)]
    assert scene.objects.puts == []


def test_an_upload_that_died_before_it_was_proven_is_proven_now(scene: Scene) -> None:
    scene.add("one")
    digest = next(entry.sha256 for entry in scene.book.lines["one"].job.files if entry.file == "one.wav")
    scene.objects.overwrite(KEY, b"s0und", digest)
    (attempt,) = scene.uploader(keep_days=0).round()
    assert attempt == Attempt("one", Outcome.CONFLICT, "one.wav: what the store gave back has another hash")
    assert ".wav" in scene.local()


def test_only_what_is_missing_is_sent(scene: Scene) -> None:
    scene.add("one")
    scene.uploader().round()
    scene.book.lines["one"].location = Location.LOCAL
    scene.objects.delete(KEY)
    scene.objects.puts.clear()
    scene.uploader().round()
    assert scene.objects.puts == [KEY]


@pytest.mark.parametrize("read_back", [True, False])
def test_another_recordings_object_is_never_overwritten(scene: Scene, read_back: bool) -> None:
    scene.add("one")
    scene.objects.overwrite(KEY, b"other", "aa")
    (attempt,) = scene.uploader(keep_days=0, read_back=read_back).round()
    assert attempt == Attempt("one", Outcome.CONFLICT, "one.wav: the store has another object of that name")
    assert scene.objects.data(KEY) == b"other"
    assert ".wav" in scene.local()
    line = scene.book.lines["one"]
    assert (line.next_at, line.error) == (AT + timedelta(hours=1), f"conflict: {attempt.detail}")


@pytest.mark.parametrize("read_back", [True, False])
def test_a_strangers_object_of_the_same_size_is_read_before_it_is_believed(scene: Scene, read_back: bool) -> None:
    scene.add("one")
    scene.objects.overwrite(KEY, b"0ther", None)
    (attempt,) = scene.uploader(keep_days=0, read_back=read_back).round()
    assert attempt == Attempt("one", Outcome.CONFLICT, "one.wav: what the store gave back has another hash")
    assert ".wav" in scene.local()
    scene.objects.overwrite(KEY, b"sound", None)
    scene.at += timedelta(hours=1)
    assert scene.uploader(keep_days=0, read_back=read_back).round() == [Attempt("one", Outcome.UPLOADED)]


def test_another_manifest_of_that_id_stops_everything_else(scene: Scene, tmp_path: Path) -> None:
    scene.add("one", LONG)
    other = Scene(scene.objects, MemoryUploadBook(), tmp_path / "other")
    other.book.enqueue("one", FOLDER, recording_on_disk(other.recordings, "one", LONG[::-1], tag="other"), AT)
    other.uploader().round()
    scene.objects.delete(KEY)  # the other one has not come so far
    (attempt,) = scene.uploader().round()
    assert attempt.outcome is Outcome.CONFLICT
    assert "one.json" in attempt.detail
    assert "one.wav" not in scene.remote()


def test_who_loses_the_race_for_a_name_looks_who_won(scene: Scene) -> None:
    scene.add("one")
    manifest = (scene.recordings / FOLDER / "one.json").read_bytes()
    digest = next(entry.sha256 for entry in scene.book.lines["one"].job.files if entry.file == "one.json")
    key = f"calls/{FOLDER}/one.json"
    scene.objects.before_create = lambda: scene.objects.overwrite(key, b"x" * len(manifest), "aa")
    assert scene.uploader().round() == [Attempt("one", Outcome.CONFLICT, "one.json: another object came first")]
    scene.objects.before_create = lambda: None
    scene.objects.delete(key)
    # the answer to our own first request was lost, and the library asked a second time
    scene.objects.before_create = lambda: scene.objects.overwrite(key, manifest, digest)
    scene.at += timedelta(hours=1)
    assert scene.uploader().round() == [Attempt("one", Outcome.UPLOADED)]


def test_a_store_that_changes_what_it_was_given_is_found_out(scene: Scene) -> None:
    scene.add("one")
    scene.objects.rots = True
    (attempt,) = scene.uploader(keep_days=0).round()
    assert attempt == Attempt("one", Outcome.CONFLICT, "one.json: what the store gave back has another hash")
    assert scene.local() == {".wav", ".json", ".seal"}


def test_a_store_without_metadata_does_for_no_removal_on_its_word(scene: Scene) -> None:
    scene.add("one")
    scene.objects.forgets_hashes = True
    (attempt,) = scene.uploader(keep_days=0, read_back=False).round()
    assert attempt == Attempt("one", Outcome.CONFLICT, "one.json: the store has not what it was given")
    assert ".wav" in scene.local()
    scene.at += timedelta(hours=1)
    assert scene.uploader(keep_days=0, read_back=True).round() == [Attempt("one", Outcome.UPLOADED)]
    assert ".wav" not in scene.local()  # read back, a second time for want of a hash


def test_a_damaged_file_does_not_become_the_copy(scene: Scene) -> None:
    scene.add("one")
    (scene.recordings / FOLDER / "one.wav").write_bytes(b"s0und")
    (attempt,) = scene.uploader().round()
    assert attempt == Attempt("one", Outcome.DAMAGED, "one.wav: not what its manifest says")
    assert "one.wav" not in scene.remote()
    assert "one.seal" not in scene.remote()  # nobody takes it for whole


def test_a_missing_or_unreadable_file_is_told(scene: Scene) -> None:
    for name in ("one", "two", "three"):
        scene.add(name)
    (scene.recordings / FOLDER / "one.wav").unlink()
    (scene.recordings / FOLDER / "two.wav").unlink()
    (scene.recordings / FOLDER / "two.wav").mkdir()
    attempts = {attempt.recording: attempt for attempt in scene.uploader().round()}
    assert attempts["one"] == Attempt("one", Outcome.MISSING, "one.wav: neither here nor in the store")
    assert attempts["two"] == Attempt("two", Outcome.DAMAGED, "Is a directory: two.wav")
    assert attempts["three"].outcome is Outcome.UPLOADED


def test_a_name_that_leads_elsewhere_goes_nowhere(scene: Scene) -> None:
    entries = recording_on_disk(scene.recordings, "one", b"sound")
    scene.book.enqueue("one", "../../etc", entries, AT)
    (attempt,) = scene.uploader().round()
    assert (attempt.outcome, attempt.detail) == (Outcome.DAMAGED, "not safe in an object's name: '..'")
    assert scene.remote() == set()


def test_a_store_that_is_away_is_left_in_peace_and_nothing_is_lost(scene: Scene) -> None:
    names = [f"call-{number}" for number in range(40)]
    for name in names:
        scene.add(name)
    scene.objects.away = True
    uploader = scene.uploader(keep_days=0)
    first = uploader.round()
    assert {attempt.outcome for attempt in first} == {Outcome.WAITING}
    assert len(first) <= 4  # the others were not even tried
    assert uploader.away == "connection refused"
    assert uploader.wait == 5.0
    scene.at += timedelta(hours=1)
    uploader.round()
    assert uploader.wait == 10.0
    assert scene.book.backlog().count == 40
    scene.objects.away = False
    scene.at += timedelta(hours=1)
    assert {attempt.recording for attempt in uploader.round()} == set(names)
    assert (uploader.away, uploader.wait) == ("", 1.0)
    assert scene.book.backlog().count == 0


def test_a_copy_that_vanished_is_made_again_before_anything_goes(scene: Scene) -> None:
    scene.add("one")
    scene.uploader().round()
    scene.objects.delete(KEY)
    scene.uploader(keep_days=0).round()
    assert scene.objects.data(KEY) == b"sound"
    assert ".wav" not in scene.local()


@pytest.mark.parametrize("change", ["conflict", "away"])
def test_local_audio_stays_when_the_copy_cannot_be_shown(scene: Scene, change: str) -> None:
    scene.add("one")
    scene.uploader().round()
    if change == "away":
        scene.objects.away = True
    else:
        scene.objects.overwrite(KEY, b"other", "bb")
    uploader = scene.uploader(keep_days=0)
    attempts = uploader.round()
    assert [attempt.outcome for attempt in attempts] == [Outcome.WAITING if change == "away" else Outcome.CONFLICT]
    assert (uploader.away, uploader.wait) == (("connection refused", 5.0) if change == "away" else ("", 1.0))
    assert ".wav" in scene.local()
    assert scene.book.lines["one"].location is Location.BOTH


def test_what_is_stuck_neither_blocks_the_others_nor_is_told_every_round(scene: Scene) -> None:
    names = [f"call-{number:03}" for number in range(40)]  # more than a round looks at
    for name in names:
        scene.add(name)
    scene.uploader().round()
    for name in names[:35]:
        scene.objects.overwrite(f"calls/{FOLDER}/{name}.wav", b"other", "bb")
    uploader = scene.uploader(keep_days=0)
    assert [attempt.recording for attempt in uploader.round()] == names[:32]
    assert [attempt.recording for attempt in uploader.round()] == names[32:35]
    assert uploader.round() == []
    gone = [name for name in names if scene.book.lines[name].location is Location.REMOTE]
    assert gone == names[35:]
    scene.objects.overwrite(f"calls/{FOLDER}/call-000.wav", b"sound", None)  # a person mended it
    scene.at += timedelta(hours=1)
    uploader.round()
    assert scene.book.lines["call-000"].location is Location.REMOTE


def test_the_store_is_back_when_it_answers_about_a_removal(scene: Scene) -> None:
    scene.add("one")
    scene.uploader().round()
    uploader = scene.uploader(keep_days=0)
    scene.objects.away = True
    uploader.round()
    scene.objects.away = False
    assert uploader.round() == []
    assert (uploader.away, uploader.wait) == ("", 1.0)
    assert ".wav" not in scene.local()


def test_stop_ends_a_slow_upload_at_once(scene: Scene) -> None:
    scene.add("one", LONG)
    uploader = scene.uploader(rate=1000.0)  # an hour and a half
    scene.objects.before_stream = uploader.stop
    assert uploader.round() == [Attempt("one", Outcome.STOPPED, "shutting down")]
    assert scene.book.lines["one"].job.attempts == 0  # not its fault
    assert scene.remote() == {"one.json"}
    assert uploader.round() == []
