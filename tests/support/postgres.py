"""A PostgreSQL server of our own, from Debian's package, for as long as the tests run."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

NOT_ROOT = "postgres"  # the server refuses to run as root; Debian's package makes this user
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "listen_addresses": ""}


class Server:
    """Running; reached by a Unix socket in `folder` only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://{NOT_ROOT}@/{database}?host={self.folder}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database: empty, or like another that nobody has open."""
        name = f"t{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self, url: str) -> None:
        """The database at `url` is away: nobody gets in, who is in is thrown out."""
        name = make_url(url).database
        self._execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def open(self, url: str) -> None:
        """It is back."""
        self._execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS true")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user=NOT_ROOT, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running() -> Iterator[Server]:
    """Made, started, and gone without a trace."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has 107 octets at most
    owner = pwd.getpwnam(NOT_ROOT) if os.geteuid() == 0 else None
    if owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", data, *arguments],
            check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60,
            user=owner.pw_uid if owner else None, group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )  # fmt: skip

    try:
        run(
            "initdb",
            "--username",
            NOT_ROOT,
            "--auth",
            "trust",
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
        )
        settings = "".join(f"{name} = '{value}'\n" for name, value in (QUICK | {"port": "5432"}).items())
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"{settings}unix_socket_directories = '{folder}'\n")
        run("pg_ctl", "--wait", "--log", str(folder / "log"), "start")
        try:
            yield Server(folder)
        finally:
            run("pg_ctl", "--mode", "immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder)
