import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from skryba.archive import migrations
from skryba.archive.database import HEAD, connect
from skryba.archive.tables import METADATA


def differences(engine: Engine) -> object:
    with engine.begin() as connection:
        return compare_metadata(MigrationContext.configure(connection), METADATA)


def test_the_steps_make_the_tables_of_today(engine: Engine) -> None:
    assert differences(engine) == []


def test_a_difference_would_be_seen(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX recordings_facet"))
    assert differences(engine) != []


def test_the_newest_step_is_the_one_that_databases_are_lifted_to() -> None:
    config = Config()
    config.set_main_option("script_location", str(*migrations.__path__))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_step_that_breaks_leaves_nothing_behind(url: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        connection.execute(text("ALTER TABLE calls DROP COLUMN bridged_at"))
    with pytest.raises(DBAPIError, match="wish"):  # the second new column is there already
        connect(url)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"
        assert "bridged_at" not in {column["name"] for column in inspect(connection).get_columns("calls")}
    engine.dispose()
