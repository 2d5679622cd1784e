import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from skryba.archive.database import HEAD, connect
from skryba.archive.migrations.versions import r0002_catalogue as module
from skryba.archive.tables import CALLS

SCHEMA_1 = Path(__file__).parents[4] / "data/ledger-schema-1.sql"


def test_old_calls_keep_what_they_said_and_are_given_numbers_and_states(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "skryba.db")) as old:
        old.executescript(SCHEMA_1.read_text("utf-8"))
    engine = connect(f"sqlite:///{tmp_path}/skryba.db")
    with engine.begin() as connection:
        rows = connection.execute(select(CALLS).order_by(CALLS.c.id)).all()
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == HEAD
    engine.dispose()
    assert [(row.id, row.terminal) for row in rows] == [
        ("c1", "degraded"),
        ("c2", None),  # reconciliation will say
        ("c3", "not_recorded"),
        ("c4", "unanswered"),
        ("c5", "not_recordable"),
    ]
    assert {(row.caller, row.caller_e164, row.caller_reversed) for row in rows} == {
        ("601 234 567", "+48601234567", "76543210684+")
    }
    assert {row.callee_reversed for row in rows} == {"76543212284+"}
    assert (rows[0].recording_reasons, rows[0].recording_file, rows[0].recording_ms) == (["loss"], "/x/r1.wav", 60_000)


def test_more_rows_than_a_batch_are_all_filled(tmp_path: Path) -> None:
    count = module._BATCH + 3
    with closing(sqlite3.connect(tmp_path / "skryba.db")) as old:
        old.executescript(SCHEMA_1.read_text("utf-8"))
        old.execute("DELETE FROM calls")
        old.executemany("INSERT INTO calls (id, caller) VALUES (?, '601234567')", [(str(n),) for n in range(count)])
        old.commit()
    engine = connect(f"sqlite:///{tmp_path}/skryba.db")
    with engine.begin() as connection:
        numbers = connection.scalars(select(CALLS.c.caller_e164)).all()
    engine.dispose()
    assert numbers == ["+48601234567"] * count
