"""What all commands share: options, exit codes, how faults are told and JSON is printed.

Knows no command.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from skryba.errors import ConfigError, SkrybaError

HELD, DID_NOT_HOLD, FAULT = 0, 1, 2

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="SKRYBA_CONFIG",
        help="The configuration. Else the first of ./skryba.toml, ./var/skryba.toml, /etc/skryba/skryba.toml.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for machines.")]


def located(named: Path | None) -> Path | None:
    """The configuration that is meant; None: there is none."""
    from skryba.config.load import locate

    return named or locate(os.environ, Path())


@contextmanager
def faults() -> Iterator[None]:
    """What a person can mend is told without a traceback."""
    try:
        yield
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAULT) from None
    except (SkrybaError, FileExistsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(DID_NOT_HOLD) from None


def print_json(value: dict[str, Any]) -> None:
    """One line: the last one is what machines read."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def finish(value: dict[str, Any], *lines: str, as_json: bool) -> None:
    """Say it, and leave with the code that fits `value["ok"]`."""
    if as_json:
        print_json(value)
    else:
        typer.echo("\n".join(lines))
    raise typer.Exit(HELD if value["ok"] else DID_NOT_HOLD)
