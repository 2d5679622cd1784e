"""The commands on recordings that are there already, and on their keys; `cli` hangs them beside its own.

Holds no rule of any room.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from skryba.door import Config, Json, faults, finish, located, print_json

keys = typer.Typer(help="Master key and signing key.", no_args_is_help=True, rich_markup_mode=None)
hooks = typer.Typer(help="Deliveries of hooks that were given up.", no_args_is_help=True, rich_markup_mode=None)

_DAYS = ("%Y-%m-%d",)
Since = Annotated[datetime | None, typer.Option("--from", formats=_DAYS, help="First day (UTC) of their beginning.")]
Until = Annotated[datetime | None, typer.Option("--to", formats=_DAYS, help="Last day (UTC).")]
Number = Annotated[str, typer.Option(help="Number of either party, in any form.")]
Station = Annotated[str | None, typer.Option(help="Id of our station.")]
State = Annotated[str | None, typer.Option(help="ok, degraded, incomplete or failed.")]
Text = Annotated[str, typer.Option("--text", help="Id of a recording, call or conversation, or the end of a number.")]
Id = Annotated[str, typer.Argument(help="The recording's id.")]


def register(app: typer.Typer) -> None:
    """Add all of them to the street door."""
    app.add_typer(keys, name="keys")
    app.add_typer(hooks, name="hooks")
    app.command("find", short_help="Find recordings.")(find)
    app.command(short_help="Write recordings as one ZIP that proves itself.")(export)
    app.command(short_help="Make a recording's files again from its packets.")(render)
    app.command(short_help="Destroy a recording for good.")(erase)
    app.command(short_help="Do calls, chain, files and database agree?")(reconcile)
    app.command(short_help="What became of the calls of a day?")(assurance)


def find(
    text: Text = "",
    number: Number = "",
    station: Station = None,
    state: State = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many, the newest first.")] = 50,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Find recordings in the catalogue, newest first."""
    from skryba import commands

    question = _question(text, number, station, state, since, until)
    with faults():
        rows = commands.find(commands.read(located(config)), **question, limit=limit)
    finish({"ok": True, "recordings": rows}, *(map(_line, rows) if rows else ["none fits"]), as_json=as_json)


def export(
    out: Annotated[Path, typer.Option("-o", "--output", help="The ZIP; it must not exist.")],
    text: Text = "",
    number: Number = "",
    station: Station = None,
    state: State = None,
    since: Since = None,
    until: Until = None,
    decrypt: Annotated[bool, typer.Option("--decrypt", help="Encrypted files go in readable.")] = False,
    reason: Annotated[str, typer.Option(help="Why; stands in the export.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Write all recordings that fit as one ZIP: audio, manifests, a readable index, and what proves them offline."""
    from skryba import commands

    question = _question(text, number, station, state, since, until)
    with faults():
        done = commands.export(commands.read(located(config)), out, decrypt=decrypt, reason=reason, question=question)
    lines = [f"{done['recordings']} recordings, {done['octets']} octets: {done['file']}", *done["absent"]]
    finish(done, *lines, as_json=as_json)


def render(
    recording: Id,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the files, not encrypted.")] = Path(
        "rendered"
    ),
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a recording's files again from the packets kept of it; 0 if they are those of the first time, else 1."""
    from skryba import commands

    with faults():
        made = commands.render(commands.read(located(config)), recording, output)
    verdict = {True: "identical", False: "NOT the same", None: "nothing to compare with"}[made["identical"]]
    finish(made, *made["files"], verdict, as_json=as_json)


def erase(
    recording: Id,
    reason: Annotated[str, typer.Option(help="Why; stands in the chain of seals for ever. No names, no numbers.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Destroy a recording for good: its key, its files, its copies in the store. The chain keeps a tombstone."""
    from skryba import commands

    if not yes:
        typer.confirm(f"Erase {recording}? Nobody can bring it back", abort=True)
    with faults():
        done = commands.erase(commands.read(located(config)), recording, reason)
    finish(done, f"erased; entry {done['entry']} of the chain says so", as_json=as_json)


def reconcile(config: Config = None, as_json: Json = False) -> None:
    """Compare calls, chain of seals, catalogue, disk and object store now; 0 if nothing differs, else 1."""
    from skryba import commands

    with faults():
        found = commands.reconcile(commands.read(located(config)))
    lines = [f"{each['category']}: {each['subject']}: {each['detail']}" for each in found["findings"]]
    finish(found, *(lines or ["nothing differs"]), as_json=as_json)


def assurance(
    day: Annotated[datetime | None, typer.Option(formats=_DAYS, help="UTC; default: yesterday.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """What became of the calls of a day: recorded as expected, silent, one-way, missing."""
    from skryba import clock, commands

    wanted: date = day.date() if day is not None else clock.at().date() - timedelta(days=1)
    with faults():
        found = commands.assurance(commands.read(located(config)), wanted)
    share = "nothing was to be recorded" if found["share"] is None else f"{found['share']:.1%} recorded as expected"
    finish({"ok": True, **found}, f"{found['day']}: {share}", *found["concerns"], as_json=as_json)


@keys.command("init")
def init_keys(
    public: Annotated[
        bool, typer.Option("--public", help="A pair: the recorder encrypts, another machine reads.")
    ] = False,
    config: Config = None,
) -> None:
    """Make the master key that encryption.master_key names; never overwrites."""
    from skryba import commands

    with faults():
        typer.echo("\n".join(commands.init_keys(commands.read(located(config)), public=public)))


@keys.command("rotate")
def rotate_keys(
    new: Annotated[Path, typer.Argument(help="File of the new master key; made if it is not there.")],
    config: Config = None,
) -> None:
    """Wrap all keys by a new master key; no audio is touched. Then name it in the configuration and restart."""
    from skryba import commands

    with faults():
        count = commands.rotate_keys(commands.read(located(config)), new)
    typer.echo(f'{count} days of keys wrapped anew. Now: encryption.master_key = "{new}", restart, destroy the old one')


@keys.command("replay")
def replay(config: Config = None) -> None:
    """After a restore: erase again what the backup brought back. The keeper does the same at its start."""
    from skryba import commands

    with faults():
        found = commands.replay_erasures(commands.read(located(config)))
    typer.echo("\n".join([*found, f"{len(found)} had come back"]))


@keys.command("rotate-signing")
def rotate_signing(
    new: Annotated[Path, typer.Argument(help="File of the new signing key; it must not exist.")], config: Config = None
) -> None:
    """Sign with a new key from here on; the old key vouches for it. Then name it in the configuration and restart."""
    from skryba import commands

    with faults():
        typer.echo(
            f'{commands.rotate_signing(commands.read(located(config)), new)} signs now: evidence.signing_key = "{new}"'
        )


@keys.command("start-signing")
def start_signing(
    reason: Annotated[str, typer.Option(help="Why; stands in the chain.")] = "the old key is lost",
    config: Config = None,
) -> None:
    """Go on signing with a new key where the old one is lost. Verifiers must be given both public keys."""
    from skryba import commands

    with faults():
        typer.echo(f"{commands.start_signing(commands.read(located(config)), reason)} signs now")


@hooks.command("dead")
def dead(config: Config = None, as_json: Json = False) -> None:
    """List what was given up."""
    from skryba import commands

    with faults():
        found = commands.dead_letters(commands.read(located(config)))
    if as_json:
        print_json({"dead": found})
    else:
        typer.echo(
            "\n".join(f"{each['id']}  {each['hook']}  {each['recording']}  {each['error']}" for each in found) or "none"
        )


@hooks.command("revive")
def revive(delivery: Annotated[int, typer.Argument(help="Its number.")], config: Config = None) -> None:
    """Try one again."""
    from skryba import commands

    with faults():
        found = commands.revive(commands.read(located(config)), delivery)
    finish({"ok": found}, "tried again soon" if found else "there is none of that number", as_json=False)


def _line(row: dict[str, Any]) -> str:
    seconds = row["duration_ms"] / 1000
    begin = f"{row['begin_at']:%Y-%m-%d %H:%M:%S}"
    return f"{begin}  {seconds:8.1f} s  {row['state']:<10}  {row['id']}  {row['name'] or ''}"


def _question(
    text: str, number: str, station: str | None, state: str | None, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    return {
        "text": text,
        "number": number,
        "station": station,
        "state": state,
        "since": since.replace(tzinfo=UTC) if since else None,
        "until": until.replace(tzinfo=UTC) + timedelta(days=1) if until else None,
    }
