import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select
from structlog.testing import capture_logs

from skryba.archive import database
from skryba.archive import ledger as module
from skryba.archive.database import connect
from skryba.archive.ledger import LOST, Ledger
from skryba.archive.model import RecordingRow
from skryba.archive.tables import CALLS
from tests.support.catalogue import BEGUN, ROW
from tests.support.postgres import Server

ENDED = replace(ROW, bridged_at=BEGUN, ended_at=BEGUN, result="completed", recording="r1", notice=[{"side": "caller"}])
SEALED = RecordingRow("r1", "ok", "/srv/r1.wav", [], 1500)

Opened = Callable[..., Ledger]


@pytest.fixture
def open_ledger(url: str) -> Iterator[Opened]:
    with opened(url) as make:
        yield make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep/skryba.db"


@pytest.fixture
def open_file(path: Path) -> Iterator[Opened]:
    """For what only a file can suffer."""
    with opened(f"sqlite:///{path}") as make:
        yield make


@contextmanager
def opened(url: str) -> Iterator[Opened]:
    made: list[Ledger] = []

    def make(**options: Any) -> Ledger:
        made.append(Ledger(url, back_off=(0.01,), **options))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.close(1.0)


def rows(url: str) -> list[Row[Any]]:
    engine = connect(url)
    with engine.begin() as connection:
        found = list(connection.execute(select(CALLS).order_by(CALLS.c.id)).all())
    engine.dispose()
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("did not happen within 5 s")


def test_a_call_is_one_row_however_often_it_is_written(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger()
    ledger.record_call(ROW)
    ledger.record_call(ENDED)
    ledger.record_recording(SEALED)
    ledger.close()
    (row,) = rows(url)
    assert (row.id, row.result, row.started_at, row.emergency) == ("c1", "completed", BEGUN, False)
    assert (row.recording, row.recording_state, row.recording_file) == ("r1", "ok", "/srv/r1.wav")
    assert (row.recording_ms, row.recording_reasons, row.terminal) == (1500, [], "recorded")
    assert (row.decision_path, row.notice) == ([{"rule": "record-all", "matched": True}], [{"side": "caller"}])
    assert (ledger.written, ledger.dropped) == (3, 0)


def test_writing_the_call_again_keeps_what_the_recorder_said(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger()
    ledger.record_call(replace(ROW, recording="r1"))
    ledger.record_recording(replace(SEALED, recording_state="degraded"))
    ledger.record_call(ENDED)
    ledger.close()
    assert [(row.recording_state, row.terminal, row.result) for row in rows(url)] == [
        ("degraded", "degraded", "completed")
    ]


def test_numbers_are_kept_as_heard_normalised_and_reversed(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger(number=lambda number: number.replace(" ", ""))
    ledger.record_call(ROW)
    ledger.close()
    (row,) = rows(url)
    assert (row.caller, row.caller_e164, row.caller_reversed) == ("601 234 567", "601234567", "765432106")
    assert (row.callee_e164, row.callee_reversed) == ("+48221234567", "76543212284+")


def test_a_call_that_ends_without_recording_has_its_state_at_once(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger()
    ledger.record_call(ROW)
    ledger.record_call(replace(ENDED, id="c2", recording=None, mode="never"))
    ledger.record_call(replace(ENDED, id="c3", recording=None, bridged_at=None))
    ledger.close()
    assert [row.terminal for row in rows(url)] == [None, "not_recorded", "unanswered"]


def test_calls_left_open_by_a_dead_process_are_closed_as_unknown(url: str, open_ledger: Opened) -> None:
    talking = replace(ROW, bridged_at=BEGUN)
    left = [
        ROW,
        replace(ENDED, id="c2"),
        replace(talking, id="c3", recording="r3"),
        replace(talking, id="c4", emergency=True),
    ]
    ledger = open_ledger()
    for row in left:
        ledger.record_call(row)
    ledger.close()
    ledger = open_ledger()
    ledger.record_call(replace(ROW, id="c5"))
    ledger.close()
    assert [(row.id, row.result, row.reason, row.terminal) for row in rows(url)] == [
        ("c1", "unknown", LOST, "unanswered"),
        ("c2", "completed", None, None),
        ("c3", "unknown", LOST, None),
        ("c4", "unknown", LOST, "not_recorded"),
        ("c5", None, None, None),
    ]


def test_a_full_queue_drops_and_counts_and_the_caller_does_not_wait(path: Path, open_file: Opened) -> None:
    path.parent.write_text("a file stands where the folder should be")
    ledger = open_file(queue=5)
    for number in range(500):
        ledger.record_call(replace(ROW, id=str(number)))
    assert ledger.dropped >= 500 - 5 - module.BATCH
    ledger.close(0.05)
    assert (ledger.written, ledger.dropped, ledger.reachable) == (0, 500, False)


def test_rows_wait_for_a_file_that_comes_back(path: Path, open_file: Opened) -> None:
    path.parent.write_text("in the way")
    ledger = open_file()
    ledger.record_call(ROW)
    wait_until(lambda: not ledger.reachable)
    path.parent.unlink()
    wait_until(lambda: ledger.written == 1 and ledger.reachable)
    ledger.close()
    assert [row.id for row in rows(f"sqlite:///{path}")] == ["c1"]
    assert ledger.dropped == 0


@pytest.mark.wire
def test_rows_wait_for_a_server_that_comes_back(postgres: Server) -> None:
    with postgres.database() as url, opened(url) as make:
        ledger = make()
        ledger.record_call(ROW)
        wait_until(lambda: ledger.written == 1)
        postgres.close(url)
        ledger.record_call(ENDED)
        wait_until(lambda: not ledger.reachable)
        postgres.open(url)
        wait_until(lambda: ledger.written == 2 and ledger.reachable)
        ledger.close()
        assert [row.result for row in rows(url)] == ["completed"]
        assert ledger.dropped == 0


def test_rows_wait_for_another_writer(path: Path, open_file: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.01)
    ledger = open_file()
    ledger.record_call(ROW)
    wait_until(lambda: ledger.written == 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ledger.record_call(ENDED)
        wait_until(lambda: not ledger.reachable)
        other.execute("ROLLBACK")
    ledger.close()
    assert [row.result for row in rows(f"sqlite:///{path}")] == ["completed"]


def test_one_refused_row_does_not_take_its_neighbours_along(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger()
    with capture_logs() as lines:
        for name, caller in (("a", "1"), ("bad", "601234567\udc80"), ("z", "2")):
            ledger.record_call(replace(ROW, id=name, caller=caller))
        ledger.close()
    assert [row.id for row in rows(url)] == ["a", "z"]
    assert (ledger.written, ledger.dropped, ledger.reachable) == (2, 1, True)
    assert [line["event"] for line in lines] == ["ledger rows refused"]
    assert "601234567" not in str(lines)


def test_a_row_that_cannot_be_bound_does_not_end_the_thread(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger()
    with capture_logs() as lines:
        ledger.record_call(replace(ROW, started_at=datetime(2026, 1, 1)))  # noqa: DTZ001
        wait_until(lambda: ledger.dropped == 1 and bool(lines))
    assert [line["error"] for line in lines] == ["a time without a zone does not belong in the ledger"]
    assert ROW.caller not in str(lines)
    ledger.record_call(ROW)
    ledger.close()
    assert [row.id for row in rows(url)] == ["c1"]


def test_a_ledger_of_another_schema_is_left_alone(path: Path, open_file: Opened) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    ledger = open_file()
    ledger.record_call(ROW)
    ledger.close()
    assert (ledger.written, ledger.dropped, ledger.reachable) == (0, 1, False)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_close_writes_what_waits_and_ends_the_thread(url: str, open_ledger: Opened) -> None:
    ledger = open_ledger()
    for number in range(1000):
        ledger.record_call(replace(ROW, id=str(number)))
    ledger.close()
    assert len(rows(url)) == 1000
    assert "ledger" not in {thread.name for thread in threading.enumerate()}


def test_of_what_a_short_call_says_only_the_last_is_written(
    path: Path, open_file: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER", 30.0)  # ended by close
    asked: list[str] = []

    def number(text: str) -> str:
        asked.append(text)
        return text

    ledger = open_file(number=number)
    for row in (ROW, replace(ROW, answered_at=BEGUN), ENDED):
        ledger.record_call(row)
    ledger.close()
    assert asked == [ROW.caller, ROW.callee]  # of one row
    assert [row.result for row in rows(f"sqlite:///{path}")] == ["completed"]
    assert ledger.written == 3
