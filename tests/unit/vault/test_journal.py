"""The chain on the disk: numbered once, acknowledged when it is there, and whole after every crash."""

import errno
import os
import signal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from skryba.errors import ConfigError, IntegrityError, ResourceError, StateError
from skryba.vault.chain import Entry, Kind, line_digest
from skryba.vault.inquest import FaultKind, check
from skryba.vault.journal import Journal
from tests.support.crashes import kill_at_each_step
from tests.support.seals import signer, verifier

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Journal:
    return Journal(tmp_path / "chain", signer(), clock)


def fill(journal: Journal, *names: str, kind: Kind = Kind.SEAL) -> list[Entry]:
    return [journal.append(kind, name, "ab" * 32, {"state": "ok"}) for name in names]


def day_file(journal: Journal, day: str = "2026-11-24") -> Path:
    return journal.folder / f"{day}.jsonl"


def whole(journal: Journal, expected: int) -> bool:
    return len(list(journal.lines())) == expected and check(journal.lines(), verifier(), last=expected) == []


def test_what_is_appended_is_a_chain(journal: Journal) -> None:
    entries = fill(journal, "a", "b", "c")
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert entries[0].at == "2026-11-24T12:00:00.000+00:00"
    assert list(journal.entries()) == entries
    assert whole(journal, 3)
    assert day_file(journal).stat().st_mode & 0o007 == 0


def test_every_day_has_its_file(journal: Journal, clock: Clock) -> None:
    for number in range(4):
        fill(journal, f"r{number}")
        clock.at += timedelta(hours=9)
    assert [path.name for path in sorted(journal.folder.glob("*.jsonl"))] == ["2026-11-24.jsonl", "2026-11-25.jsonl"]
    assert whole(journal, 4)
    assert len(list(journal.lines(since=date(2026, 11, 25)))) == 2


def test_a_clock_set_back_does_not_reopen_an_older_day(journal: Journal, clock: Clock) -> None:
    fill(journal, "a")
    clock.at += timedelta(days=1)
    fill(journal, "b")
    clock.at -= timedelta(days=1)
    fill(journal, "c")
    assert day_file(journal).read_bytes().count(b"\n") == 1
    assert whole(journal, 3)


def test_several_journals_share_a_folder(journal: Journal, clock: Clock) -> None:
    another = Journal(journal.folder, signer(), clock)
    for number in range(6):
        fill((journal, another)[number % 2], f"r{number}")
    assert whole(journal, 6)
    assert [entry.id for entry in another.entries(3)] == ["r3", "r4", "r5"]


def test_a_consumer_goes_on_where_it_stopped(journal: Journal, clock: Clock) -> None:
    consumer = Journal(journal.folder, None, clock)
    assert list(consumer.entries()) == []
    position, seen = 0, []
    for number in range(5):
        fill(journal, f"a{number}", f"b{number}")
        for entry in consumer.entries(position):
            seen.append(entry.id)
            position = entry.seq
        clock.at += timedelta(hours=10)
    assert seen == [f"{letter}{number}" for number in range(5) for letter in "ab"]
    restarted = Journal(journal.folder, None, clock)
    assert [entry.seq for entry in restarted.entries(7)] == [8, 9, 10]
    assert next(entry.seq for entry in restarted.entries(2)) == 3
    assert list(restarted.entries(10)) == []


def test_a_torn_last_line_is_neither_read_nor_kept(journal: Journal, clock: Clock) -> None:
    fill(journal, "a", "b")
    with day_file(journal).open("ab") as file:
        file.write(b'{"at":"2026-11-24T12:00:00')
    again = Journal(journal.folder, signer(), clock)
    assert [entry.id for entry in again.entries()] == ["a", "b"]
    assert again.find("2026-11-24") is None
    fill(again, "c")
    assert whole(journal, 3)
    fill(journal, "d")  # the other one notices that the file changed
    assert whole(journal, 4)


def test_a_torn_first_line_of_a_day_is_overwritten(journal: Journal, clock: Clock) -> None:
    fill(journal, "a")
    day_file(journal, "2026-11-25").write_bytes(b'{"at"')
    fill(Journal(journal.folder, signer(), clock), "b")
    assert whole(journal, 2)


def test_a_broken_line_does_not_stop_sealing(journal: Journal, clock: Clock) -> None:
    fill(journal, "a", "b", "c")
    lines = day_file(journal).read_bytes().splitlines(keepends=True)
    day_file(journal).write_bytes(lines[0] + lines[1] + lines[2].replace(b"ok", b"OK") + b"broken\n")
    again = Journal(journal.folder, signer(), clock)
    (entry, _) = fill(again, "e", "f")
    assert (entry.seq, entry.previous) == (5, line_digest(b"broken"))
    assert [(fault.seq, fault.kind) for fault in check(again.lines(), verifier())] == [
        (3, FaultKind.ALTERED),
        (4, FaultKind.ALTERED),
    ]
    assert [entry.id for entry in again.entries()] == ["a", "b", "c", "e", "f"]


def test_an_unreadable_day_is_not_written_over(journal: Journal, clock: Clock) -> None:
    fill(journal, "a")
    day_file(journal).write_bytes(b"nothing readable\n" * 20_000)
    again = Journal(journal.folder, signer(), clock)
    with pytest.raises(IntegrityError, match=r"2026-11-24\.jsonl"):
        fill(again, "b")
    assert day_file(journal).read_bytes() == b"nothing readable\n" * 20_000


def test_the_end_of_a_long_day_is_found(journal: Journal, clock: Clock) -> None:
    for number in range(12):
        journal.append(Kind.SEAL, f"r{number}", "", {"text": "x" * 40_000})
    journal.append(Kind.SEAL, "long", "", {"text": "x" * 300_000})
    fill(Journal(journal.folder, signer(), clock), "last")
    assert whole(journal, 14)


def test_other_files_in_the_folder_are_left_alone(journal: Journal) -> None:
    for name in ("notes.jsonl", "20261125.jsonl", "2026-11-25.jsonl.bak", "2026-11-24.tsr"):
        (journal.folder / name).write_bytes(b"something else\n")
    fill(journal, "a", "b")
    assert whole(journal, 2)
    assert (journal.folder / "20261125.jsonl").read_bytes() == b"something else\n"


def test_finds_the_newest_entry_about_a_name(journal: Journal, clock: Clock) -> None:
    (sealed,) = fill(journal, "a")
    journal.append(Kind.SEAL, "b", "", {"id": "a"})
    clock.at += timedelta(days=1)
    (erased,) = fill(journal, "a", kind=Kind.ERASED)
    fill(journal, "aa", 'quo"ted')
    assert journal.find("a") == erased
    assert journal.find("a", Kind.SEAL) == sealed
    assert journal.find("a", Kind.SEAL, since=date(2026, 11, 25)) is None
    assert journal.find('quo"ted') is not None
    assert journal.find("nobody") is None


def test_a_finished_day_is_named_once(journal: Journal, clock: Clock) -> None:
    fill(journal, "a", "b")
    head = journal.head_of_day(NOON.date())
    assert head is not None
    assert (head.seq, head.digest) == (2, line_digest(list(journal.lines())[-1]))
    clock.at += timedelta(days=1)
    entry = journal.append_head(NOON.date())
    assert entry is not None
    assert (entry.kind, entry.id, entry.digest) == (Kind.HEAD, "2026-11-24", head.digest)
    assert journal.append_head(NOON.date()) is None
    assert journal.append_head(date(2026, 11, 1)) is None
    assert journal.head_of_day(date(2026, 11, 1)) is None
    assert whole(journal, 3)


def test_the_signing_key_changes(journal: Journal, clock: Clock) -> None:
    behind = Journal(journal.folder, signer(), clock)
    fill(behind, "a")
    fill(journal, "b")
    journal.change_signer(signer(2))
    fill(journal, "c")
    with pytest.raises(ConfigError, match=signer(2).key_id):
        fill(behind, "d")
    with pytest.raises(ConfigError, match=signer(2).key_id):
        fill(Journal(journal.folder, signer(), clock), "d")
    fill(Journal(journal.folder, signer(2), clock), "d")
    assert whole(journal, 5)


def test_a_lost_signing_key_is_replaced_with_a_word(journal: Journal, clock: Clock) -> None:
    fill(journal, "a")
    new = Journal(journal.folder, signer(2), clock)
    new.start("the key was lost")
    fill(new, "b")
    assert check(new.lines(), verifier(1, 2)) == []
    assert [fault.kind for fault in check(new.lines(), verifier(1))] == [FaultKind.SIGNATURE] * 2


def test_without_a_signing_key_it_is_read_only(journal: Journal, clock: Clock) -> None:
    reader = Journal(journal.folder, None, clock)
    for attempt in (lambda: fill(reader, "a"), lambda: reader.start("")):
        with pytest.raises(StateError):
            attempt()


def test_facts_that_json_changes_are_refused(journal: Journal) -> None:
    for facts in ({"t": (1, 2)}, {"n": float("nan")}, {"k": {1: 2}}):
        with pytest.raises(ValueError):
            journal.append(Kind.SEAL, "a", "", facts)
    assert list(journal.lines()) == []


@pytest.mark.parametrize("fault", ["no space", "half a line", "fsync fails"])
def test_what_the_disk_does_not_take_is_not_in_the_chain(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    fill(journal, "a")
    real = os.pwrite

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def half(descriptor: int, data: bytes, offset: int) -> int:
        return real(descriptor, data[: len(data) // 2], offset)

    with monkeypatch.context() as patch:
        if fault == "fsync fails":
            patch.setattr(os, "fsync", refuse)
        else:
            patch.setattr(os, "pwrite", refuse if fault == "no space" else half)
        with pytest.raises(ResourceError):
            fill(journal, "b")
    assert whole(journal, 1)
    fill(journal, "c")
    assert whole(journal, 2)


def in_a_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked child; its process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child


def test_killed_at_every_step_of_appending(journal: Journal, clock: Clock) -> None:
    steps = []
    for step in kill_at_each_step(lambda: fill(Journal(journal.folder, signer(), clock), "x")):
        steps.append(step)
        known = len(list(journal.entries()))
        fill(journal, "after")
        assert whole(journal, known + 1)
        clock.at += timedelta(days=1)
    assert len(steps) > 5


def test_kills_and_rivals_leave_a_whole_chain(journal: Journal, clock: Clock) -> None:
    """Children append as fast as they can and tell what was acknowledged; each is killed at some instant."""
    acknowledged: set[str] = set()
    for run in range(12):
        reading, writing = os.pipe()

        def work(run: int = run, writing: int = writing) -> None:
            own = Journal(journal.folder, signer(), clock)
            for number in range(100_000):
                fill(own, f"{run}.{number}")
                os.write(writing, f"{run}.{number}\n".encode())

        children = [in_a_child(work) for _ in range(2)]
        os.close(writing)
        told = b""
        while told.count(b"\n") < 3 + run:
            told += os.read(reading, 4096)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        while more := os.read(reading, 4096):
            told += more
        os.close(reading)
        acknowledged |= set(told.decode().split())
    lines = list(journal.lines())
    assert whole(journal, len(lines))
    assert acknowledged <= {Entry.parse(line).id for line in lines}
