"""A database for whoever asks: of SQLite, and with the wire tests of a real PostgreSQL too.

`empty_url` names one without tables, `url` one with today's; `engine` is connected to the latter.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from skryba.archive.database import connect
from tests.support.postgres import Server, running

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.wire)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_tables(postgres: Server) -> Iterator[str]:
    """Name of a database to copy: the tables are made once."""
    with postgres.database() as url:
        connect(url).dispose()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to copy."""
    path = tmp_path_factory.mktemp("archive") / "tables.db"
    connect(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/skryba.db"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as made:
        yield made


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_tables"), tmp_path / "skryba.db")
        yield f"sqlite:///{tmp_path}/skryba.db"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database(request.getfixturevalue("postgres_tables")) as made:
        yield made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = connect(url)
    yield made
    made.dispose()
