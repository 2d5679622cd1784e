import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from skryba.archive import ledger as module
from skryba.archive.ledger import LOST, Ledger
from skryba.archive.model import CallRow, RecordingRow

STARTED = datetime(2026, 11, 24, 10, tzinfo=UTC)
ROW = CallRow(
    id="c1",
    direction="inbound",
    station="101",
    trunk="carrier",
    caller="+48601234567",
    callee="+48221234567",
    started_at=STARTED,
    rule="record-all",
    mode="automatic",
    rules_version="v1",
    decision_reason="fits",
    decision_reason_pl="pasuje",
    emergency=False,
    decision_path=[{"rule": "record-all", "matched": True}],
)
ENDED = replace(ROW, ended_at=STARTED, result="completed", recording="r1", notice=[{"side": "caller"}])
SEALED = RecordingRow("r1", "ok", "/srv/r1.wav", [], 1500)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep/skryba.db"


@pytest.fixture
def open_ledger(path: Path) -> Iterator[Callable[..., Ledger]]:
    made: list[Ledger] = []

    def make(**options: Any) -> Ledger:
        made.append(Ledger(f"sqlite:///{path}", back_off=(0.01,), **options))
        return made[-1]

    yield make
    for each in made:
        each.close(1.0)


def rows(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM calls ORDER BY id")]


def test_a_call_is_one_row_however_often_it_is_written(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger()
    ledger.record_call(ROW)
    ledger.record_call(ENDED)
    ledger.record_recording(SEALED)
    ledger.close()
    (row,) = rows(path)
    assert (row["id"], row["result"], row["started_at"]) == ("c1", "completed", "2026-11-24T10:00:00.000000Z")
    assert (row["recording"], row["recording_state"], row["recording_file"], row["recording_ms"]) == (
        "r1",
        "ok",
        "/srv/r1.wav",
        1500,
    )
    assert (row["decision_path"], row["notice"]) == (
        '[{"rule": "record-all", "matched": true}]',
        '[{"side": "caller"}]',
    )
    assert (ledger.written, ledger.dropped) == (3, 0)


def test_writing_the_call_again_keeps_what_the_recorder_said(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger()
    ledger.record_call(replace(ROW, recording="r1"))
    ledger.record_recording(SEALED)
    ledger.record_call(ENDED)
    ledger.close()
    assert [row["recording_state"] for row in rows(path)] == ["ok"]


def test_a_recording_without_a_call_is_not_lost(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger()
    ledger.record_recording(SEALED)
    ledger.record_recording(replace(SEALED, recording_state="incomplete"))
    ledger.close()
    assert [(row["id"], row["recording"], row["recording_state"]) for row in rows(path)] == [("r1", "r1", "incomplete")]


def test_calls_left_open_by_a_dead_process_are_closed_as_unknown(
    path: Path, open_ledger: Callable[..., Ledger]
) -> None:
    for row in (ROW, replace(ENDED, id="c2")):
        ledger = open_ledger()
        ledger.record_call(row)
        ledger.close()
    ledger = open_ledger()
    ledger.record_call(replace(ROW, id="c3"))
    ledger.close()
    assert [(row["id"], row["result"], row["reason"]) for row in rows(path)] == [
        ("c1", "unknown", LOST),
        ("c2", "completed", None),
        ("c3", None, None),
    ]


def test_the_file_is_private_and_the_database_set_up(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    asked: list[str] = []
    ledger = open_ledger()
    ledger.record_call(ROW)
    ledger.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(path)) as connection:
        asked += [str(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("journal_mode", "user_version")]
    assert asked == ["wal", "1"]


def test_transactions_are_immediate_and_deletions_overwritten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    prepare = module._prepare

    def traced(connection: Any, record: object) -> None:
        connection.set_trace_callback(statements.append)
        prepare(connection, record)

    monkeypatch.setattr(module, "_prepare", traced)
    ledger = Ledger(f"sqlite:///{path}")
    ledger.record_call(ROW)
    ledger.close()
    begun = [statement for statement in statements if statement.startswith("BEGIN")]
    assert set(begun) == {"BEGIN IMMEDIATE"}
    assert len(begun) == 2
    assert "PRAGMA secure_delete = ON" in statements


def test_a_full_queue_drops_and_counts_and_the_caller_does_not_wait(
    path: Path, open_ledger: Callable[..., Ledger]
) -> None:
    path.parent.parent.mkdir(exist_ok=True)
    path.parent.write_text("a file stands where the folder should be")
    ledger = open_ledger(queue=5)
    for number in range(500):
        ledger.record_call(replace(ROW, id=str(number)))
    assert ledger.dropped >= 500 - 5 - module.BATCH
    ledger.close(0.05)
    assert (ledger.written, ledger.dropped, ledger.reachable) == (0, 500, False)


def test_rows_wait_for_a_database_that_comes_back(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    path.parent.write_text("in the way")
    ledger = open_ledger()
    ledger.record_call(ROW)
    wait_until(lambda: not ledger.reachable)
    path.parent.unlink()
    wait_until(lambda: ledger.written == 1)
    assert ledger.reachable
    ledger.close()
    assert [row["id"] for row in rows(path)] == ["c1"]
    assert ledger.dropped == 0


def test_rows_wait_for_another_writer(
    path: Path, open_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT", 0.01)
    ledger = open_ledger()
    ledger.record_call(ROW)
    wait_until(lambda: ledger.written == 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ledger.record_call(ENDED)
        wait_until(lambda: not ledger.reachable)
        other.execute("ROLLBACK")
    ledger.close()
    assert [row["result"] for row in rows(path)] == ["completed"]


def test_one_refused_row_does_not_take_its_neighbours_along(
    path: Path, open_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_rows = module._keep_rows

    def picky(connection: Any, batch: Any) -> None:
        if any(row.id == "bad" for row in batch):
            raise IntegrityError("INSERT", {}, Exception("refused"))
        keep_rows(connection, batch)

    monkeypatch.setattr(module, "_keep_rows", picky)
    ledger = open_ledger()
    for name in ("a", "bad", "z"):
        ledger.record_call(replace(ROW, id=name))
    ledger.close()
    assert [row["id"] for row in rows(path)] == ["a", "z"]
    assert (ledger.written, ledger.dropped) == (2, 1)


def test_a_row_that_cannot_be_bound_does_not_end_the_thread(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger()
    with capture_logs() as lines:
        ledger.record_call(replace(ROW, started_at=datetime(2026, 1, 1)))  # noqa: DTZ001
        wait_until(lambda: ledger.dropped == 1 and bool(lines))
    assert [line["error"] for line in lines] == ["a time without a zone does not belong in the ledger"]
    assert ROW.caller not in str(lines)
    ledger.record_call(ROW)
    ledger.close()
    assert [row["id"] for row in rows(path)] == ["c1"]


def test_a_ledger_of_another_schema_is_left_alone(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    ledger = open_ledger()
    ledger.record_call(ROW)
    ledger.close()
    assert (ledger.written, ledger.dropped, ledger.reachable) == (0, 1, False)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_close_writes_what_waits_and_ends_the_thread(path: Path, open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger()
    for number in range(1000):
        ledger.record_call(replace(ROW, id=str(number)))
    ledger.close()
    assert len(rows(path)) == 1000
    assert "ledger" not in {thread.name for thread in threading.enumerate()}


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("did not happen within 5 s")


def test_of_what_a_short_call_says_only_the_last_is_written(
    path: Path, open_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER", 30.0)  # ended by close
    kept: list[str] = []
    call_values = module._call_values

    def watched(row: CallRow) -> dict[str, Any]:
        kept.append(str(row.result))
        return call_values(row)

    monkeypatch.setattr(module, "_call_values", watched)
    ledger = open_ledger()
    for row in (ROW, replace(ROW, answered_at=STARTED), ENDED):
        ledger.record_call(row)
    ledger.close()
    assert kept == ["completed"]
    assert [row["result"] for row in rows(path)] == ["completed"]
    assert ledger.written == 3
