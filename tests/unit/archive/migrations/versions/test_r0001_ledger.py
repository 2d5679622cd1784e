import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect

from skryba.archive import migrations

SCHEMA_1 = Path(__file__).parents[4] / "data/ledger-schema-1.sql"


def test_it_is_the_table_that_files_of_schema_1_have(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    config = Config()
    config.set_main_option("script_location", str(*migrations.__path__))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(SCHEMA_1.read_text("utf-8"))
    other = create_engine(f"sqlite:///{tmp_path}/old.db")
    for ask in ("get_columns", "get_indexes", "get_pk_constraint"):
        made, found = (repr(getattr(inspect(each), ask)("calls")) for each in (engine, other))
        assert made == found
    engine.dispose()
    other.dispose()
