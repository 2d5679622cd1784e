import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from skryba.archive.database import HEAD, away, connect, reading, upsert
from skryba.archive.tables import POSITIONS
from skryba.errors import ConfigError
from tests.support.postgres import Server


def version(engine: Engine) -> str:
    with engine.begin() as connection:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def test_an_empty_database_is_lifted_once(empty_url: str) -> None:
    for _ in range(2):
        engine = connect(empty_url)
        assert version(engine) == HEAD
        engine.dispose()


def test_what_one_process_lifts_the_others_wait_for(empty_url: str) -> None:
    program = f"from skryba.archive.database import connect; connect({empty_url!r}).dispose()"
    processes = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 3
    engine = connect(empty_url)
    assert version(engine) == HEAD
    engine.dispose()


def test_a_newer_schema_is_left_alone(url: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match="9999"):
        connect(url)


def test_an_unknown_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "skryba.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="schema 99"):
        connect(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_the_file_is_private_and_set_up(tmp_path: Path) -> None:
    path = tmp_path / "deep/100%/skryba.db"
    engine = connect(f"sqlite:///{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    with engine.connect() as connection:
        wanted = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 5000}
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted} == wanted
    engine.dispose()


def test_who_reads_waits_for_no_writer_and_who_writes_begins_with_the_lock(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/skryba.db")
    with engine.begin() as writer:
        writer.execute(insert(POSITIONS).values(consumer="a", seq=1))
        with reading(engine).begin() as reader:
            assert reader.scalar(select(func.count()).select_from(POSITIONS)) == 0
        other = sqlite3.connect(tmp_path / "skryba.db", timeout=0)
        with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    engine.dispose()


def test_a_second_insert_can_be_an_update(engine: Engine) -> None:
    with engine.begin() as connection:
        for seq in (1, 2):
            statement = upsert(connection, POSITIONS).values(consumer="a", seq=seq)
            connection.execute(statement.on_conflict_do_update(index_elements=["consumer"], set_={"seq": seq}))
        assert connection.execute(select(POSITIONS)).all() == [("a", 2)]


def test_away_is_what_may_pass(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(POSITIONS).values(consumer="a", seq=1))
    with pytest.raises(IntegrityError) as refused, engine.begin() as connection:
        connection.execute(insert(POSITIONS).values(consumer="a", seq=1))
    assert not away(refused.value)
    assert not away(ValueError())
    assert away(OSError())


@pytest.mark.wire
def test_a_server_that_is_away_or_only_reads_is_away(postgres: Server) -> None:
    with pytest.raises(OperationalError) as nobody:
        connect("postgresql://nobody@/none?host=/nowhere")
    assert away(nobody.value)
    with postgres.database() as url:
        engine = connect(url)
        with pytest.raises(DBAPIError) as standby, engine.begin() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY; INSERT INTO positions VALUES ('a', 1)"))
        assert away(standby.value)
        with pytest.raises(ProgrammingError) as wrong, engine.begin() as connection:
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert not away(wrong.value)
        engine.dispose()


@pytest.mark.wire
def test_a_plain_address_of_postgresql_is_understood(postgres: Server) -> None:
    with postgres.database() as url:
        engine = connect(url.replace("postgresql+psycopg:", "postgresql:"))
        assert engine.dialect.driver == "psycopg"
        engine.dispose()
        other = create_engine(url)
        assert version(other) == HEAD
        other.dispose()
