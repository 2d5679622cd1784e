"""The street door: words in, exit code out. Everything heavy is imported by the command that needs it.

Holds no rule of any room. Exit codes: 0 it held, 1 it did not, 2 the command line or the configuration is at fault.
"""

import os
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from skryba import __version__, cli_archive, cli_prompts
from skryba.door import DID_NOT_HOLD, FAULT, HELD, Config, Json, faults, located, print_json
from skryba.terms import Direction

_TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
OWN_FOLDER = Path("var")  # what `run` makes for itself when there is no configuration at all

app = typer.Typer(
    help="Skryba, a SIP recording proxy: notice first, then one aligned stereo file per call.",
    epilog="Exit codes: 0 it held, 1 it did not hold, 2 the command line or the configuration is at fault.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Role(StrEnum):
    """What one process does; `all` supervises the others."""

    ALL = "all"
    SIGNALLING = "signalling"
    RECORDER = "recorder"
    KEEPER = "keeper"


@app.command(short_help="Start Skryba.")
def run(
    config: Config = None,
    role: Annotated[Role, typer.Option(help="all: every process, restarted when it dies.")] = Role.ALL,
) -> None:
    """Start Skryba and stay until SIGTERM; running calls are given operations.drain_timeout to end.

    Without any configuration, a first one is made in ./var and the stations' passwords are printed, once. What runs
    from ./var places one self-test call through itself when it is up.
    """
    from skryba import app as house

    with faults():
        path = located(config)
        if path is None:
            path = _generate(OWN_FOLDER)
    at_home = role is Role.ALL and path.parent == OWN_FOLDER
    raise typer.Exit(house.run(path, role.value, greet=at_home))


@app.command("check-config", short_help="Name every fault of the configuration.")
def check_config(config: Config = None, as_json: Json = False) -> None:
    """Name every fault of configuration and rules, each with its line and the remedy; 0 if there is none, else 2."""
    from skryba.inspection import inspect

    found = inspect(located(config), os.environ)
    if as_json:
        print_json(found.as_json())
    else:
        for warning in found.warnings:
            typer.echo(f"warning: {warning}", err=True)
        for fault in found.faults:
            typer.echo(fault, err=True)
        if found.ok:
            typer.echo(f"{found.path or 'the defaults'}: no fault")
    raise typer.Exit(HELD if found.ok else FAULT)


@app.command(short_help="Would this call be recorded, and why?")
def explain(
    caller: Annotated[str, typer.Option("--from", help="Who calls: a station's id or a number; empty: withheld.")],
    callee: Annotated[str, typer.Option("--to", help="Who is called: a station's id or a number.")],
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=[*_TIMES, *(f"{form}%z" for form in _TIMES)],
            metavar="YYYY-MM-DDTHH:MM",
            help="When; without a zone: this machine's. Default: now.",
        ),
    ] = None,
    direction: Annotated[Direction | None, typer.Option(help="Default: told from the two numbers.")] = None,
    station: Annotated[
        str | None, typer.Option(help="Our station in the call. Default: told from the numbers.")
    ] = None,
    trunk: Annotated[str | None, typer.Option(help="The trunk it takes. Default: the first that fits.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Would this call be recorded, and why? Prints the decision, its reason and every rule on the way to it."""
    from skryba import clock
    from skryba.config.load import load
    from skryba.explanation import explain as put

    with faults():
        answer = put(
            load(located(config), os.environ),
            caller=caller,
            callee=callee,
            at=(at or clock.at()).astimezone(),
            direction=direction,
            station=station,
            trunk=trunk,
        )
    if as_json:
        print_json(answer.as_json())
    else:
        typer.echo("\n".join(answer.lines()))


@app.command(short_help="Place a call and verify its recording.")
def selftest(config: Config = None, as_json: Json = False) -> None:
    """Place one call through the running proxy, or through one started for it, and verify the recording; 0 or 1."""
    from skryba.selftest.run import selftest as place

    with faults():
        report = place(located(config))
    if as_json:
        print_json(report.as_json())
    else:
        typer.echo("\n".join(report.lines()))
    raise typer.Exit(HELD if report.ok else DID_NOT_HOLD)


@app.command(short_help="Are recordings what was sealed?")
def verify(
    path: Annotated[Path, typer.Argument(help="A recording, a folder of recordings, or an export.", exists=True)],
    public_key: Annotated[
        list[Path] | None, typer.Option("--public-key", help="Who is trusted to have signed; may be given repeatedly.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Are recordings what was sealed? Names and locates what is altered, missing, reordered or cut off; 0 or 1.

    Trusted are the keys given, else that of the configuration, else those that the chain of seals itself names.
    """
    from skryba import commands

    with faults():
        found = commands.verify(path, public_key or [], located(config))
    if as_json:
        print_json(found)
    else:
        for finding in found["findings"]:
            typer.echo(f"{finding['path']}: {finding['problem']}")
        typer.echo(f"{found['checked']} checked, {len(found['findings'])} findings")
    raise typer.Exit(HELD if found["ok"] else DID_NOT_HOLD)


@app.command(short_help="Is the running proxy well?")
def health(config: Config = None, as_json: Json = False) -> None:
    """Ask the running proxy's /healthz and name its problems; 0 when it is well, else 1.

    For health checks of containers and services, without curl.
    """
    from skryba.config.load import load
    from skryba.health import ask

    with faults():
        found = ask(load(located(config), os.environ).operations.metrics_address)
    if as_json:
        print_json(found)
    else:
        typer.echo("\n".join(found["problems"]) or "healthy")
    raise typer.Exit(HELD if found["healthy"] else DID_NOT_HOLD)


@app.command()
def version(as_json: Json = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"skryba": __version__, "python": sys.version.split()[0]})
    else:
        typer.echo(__version__)


@app.command(short_help="Write a first configuration.")
def init(
    folder: Annotated[Path, typer.Argument(help="The folder for skryba.toml and rules.toml; made if need be.")],
) -> None:
    """Write a first configuration with two stations and strong passwords, and one rule that records every call."""
    with faults():
        path = _generate(folder)
    typer.echo(f"Start: skryba run --config {path}")


def _generate(folder: Path) -> Path:
    import secrets

    from skryba.config.generate import generate

    made = generate(folder, secrets.SystemRandom())
    typer.echo(f"Made {made.path} and {made.rules_path}. Passwords of the stations, shown this once:")
    for station, password in made.passwords.items():
        typer.echo(f"  {station}  {password}")
    typer.echo(f"Every call is announced and recorded until you change {made.rules_path}.")
    return made.path


cli_archive.register(app)
cli_prompts.register(app)


def main() -> None:
    """The `skryba` command."""
    app(prog_name="skryba")
