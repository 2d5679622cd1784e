"""⚡ The database, SQLite or PostgreSQL: opened with its settings, lifted to today's tables.

Knows no row. Whoever opens it first lifts it; others wait for that, whatever process they are.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from skryba.errors import ConfigError

HEAD: Final = "0002"  # the newest step in `migrations`
BUSY_TIMEOUT: Final = 5.0  # seconds SQLite waits for another writer
_BEFORE_ALEMBIC: Final = {0: None, 1: "0001"}  # SQLite's user_version → the step it stands for
_LOCK: Final = 0x736B72796261  # "skryba": PostgreSQL's advisory lock while tables change
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "secure_delete = ON",  # deleted rows are overwritten
)
_POSTGRESQL: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms; a server that fell off the network is noticed
    "application_name": "skryba",
}
_READS: Final = "skryba_reads"
_UNWRITABLE: Final = "25006"  # SQLSTATE read_only_sql_transaction: a standby, or a fail-over under way


def connect(url: str) -> Engine:
    """A database ready for use. ConfigError: its tables are of another, newer program."""
    address = make_url(url)
    engine = _sqlite(address) if address.get_backend_name() == "sqlite" else _postgresql(address)
    try:
        with engine.begin() as connection:
            _lift(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def away(error: BaseException) -> bool:
    """Is the database out of reach, so that the same words may be accepted later?"""
    if isinstance(error, OperationalError | InterfaceError | OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _UNWRITABLE


def reading(engine: Engine) -> Engine:
    """The same database for transactions that only read: in SQLite they take no lock from writers."""
    return engine.execution_options(**{_READS: True})


def upsert(connection: Connection | Engine, table: Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT … ON CONFLICT, which both databases spell alike and SQLAlchemy does not."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _sqlite(address: URL) -> Engine:
    if address.database:
        path = Path(address.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _postgresql(address: URL) -> Engine:
    address = address.set(drivername="postgresql+psycopg")
    return create_engine(address, connect_args=dict(_POSTGRESQL), pool_pre_ping=True)


def _prepare(connection: Any, _record: object) -> None:
    """We begin transactions ourselves, the driver must not."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # Who reads first and writes then would be refused as soon as another writes in between, however long it waits.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _lift(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":  # there BEGIN IMMEDIATE is the lock
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = _revision(connection)
    if found == HEAD:
        return
    from alembic import command  # here, because nearly no start needs it
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        if found is not None:
            command.stamp(config, found)
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise ConfigError(f"the database has schema {found}, this program writes {HEAD}: {error}") from error


def _revision(connection: Connection) -> str | None:
    """The step the tables stand at; None if there are none."""
    if inspect(connection).has_table("alembic_version"):
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if connection.dialect.name != "sqlite":
        return None
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version not in _BEFORE_ALEMBIC:
        raise ConfigError(f"the ledger has schema {version}, this program writes {HEAD}")
    return _BEFORE_ALEMBIC[version]
