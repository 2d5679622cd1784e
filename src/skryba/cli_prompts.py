"""The commands on announcements: texts, values, uploads, approval, history; `cli` hangs them beside its own.

Holds no rule of any room. Whom the machine knows is written beside the name that a person gives.
"""

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skryba.door import Config, Json, faults, finish, located

if TYPE_CHECKING:
    from skryba.announcements.store import Store
    from skryba.announcements.versions import Signature, Version

prompts = typer.Typer(help="What callers are told.", no_args_is_help=True, rich_markup_mode=None)

By = Annotated[str, typer.Option(help="Your name, for the record. Else the one you are logged in with.")]
Prompt = Annotated[str, typer.Argument(help="Its id: standard, opt-out …")]
Language = Annotated[str, typer.Argument(help="pl, en, uk or de.")]
Only = Annotated[str, typer.Option(help="For this prompt alone.")]
Name = Annotated[str, typer.Argument(help="A version, or the beginning of its name.")]
Value = Annotated[str | None, typer.Option(help='"" takes it back.')]


def register(app: typer.Typer) -> None:
    """Add all of them to the street door."""
    app.add_typer(prompts, name="prompts")


@prompts.command("list")
def list_(config: Config = None, as_json: Json = False) -> None:
    """All that can be played, and the drafts."""
    from skryba.prompts import PromptLibrary

    with faults():
        folder = _folder(config)
        library = PromptLibrary(folder)
        drafts = _store(config).read().drafts if folder is not None else []
    playable = [prompt for each in sorted(library.known) if (prompt := library.get(*each)) is not None]
    value = {
        "ok": not library.problems,
        "prompts": [
            {name: getattr(prompt, name) for name in ("id", "language", "version", "duration_ms", "key", "text")}
            for prompt in playable
        ],
        "drafts": [_facts(version) for version in drafts],
        "problems": library.problems,
    }
    lines = [
        f"{each.id} {each.language} {each.version} {each.duration_ms / 1000:.1f} s: {each.text}" for each in playable
    ]
    finish(value, *lines, *_lines(drafts), *library.problems, as_json=as_json)


@prompts.command("set")
def set_(
    language: Language,
    controller: Value = None,
    purpose: Value = None,
    address: Value = None,
    key: Value = None,
    only: Only = "",
    by: By = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Fill in the placeholders of a language, or of one prompt; what changes is spoken and becomes drafts."""
    given = {"controller": controller, "purpose": purpose, "address": address, "key": key}
    values = {name: value for name, value in given.items() if value is not None}
    with faults():
        drafts = _store(config).set_values(language, values, _signature(by), prompt=only)
    _finish(drafts, as_json)


@prompts.command()
def text(
    prompt: Prompt,
    language: Language,
    words: Annotated[str, typer.Argument(help="With {controller}, {purpose}, {address}, {key}.")],
    by: By = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Your own words for a prompt; they are spoken and become a draft."""
    with faults():
        draft = _store(config).set_text(prompt, language, words, _signature(by))
    _finish([draft], as_json)


@prompts.command()
def speak(language: Language, only: Only = "", by: By = "", config: Config = None, as_json: Json = False) -> None:
    """Speak the texts of a language again; what comes out differently becomes a draft."""
    with faults():
        drafts = _store(config).speak(language, _signature(by), prompt=only)
    _finish(drafts, as_json)


@prompts.command()
def add(
    prompt: Prompt,
    language: Language,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="WAV, MP3, Ogg (Opus, Vorbis) or FLAC.")],
    words: Annotated[str, typer.Option("--text", help="What it says, word for word.")],
    key: Annotated[str | None, typer.Option(help="The key that it asks for.")] = None,
    by: By = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take a recorded sound; it is checked, levelled and becomes a draft."""
    with faults():
        draft = _store(config).upload(prompt, language, file.read_bytes(), words, _signature(by), key=key)
    _finish([draft], as_json)


@prompts.command()
def approve(version: Name, by: By = "", config: Config = None, as_json: Json = False) -> None:
    """Say that callers may hear it; not for its author."""
    with faults():
        found = _store(config).approve(version, _signature(by))
    _finish([found], as_json)


@prompts.command()
def activate(
    versions: Annotated[list[str] | None, typer.Argument(help="Versions, or the beginnings of their names.")] = None,
    drafts: Annotated[bool, typer.Option("--drafts", help="All drafts.")] = False,
    by: By = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Let callers hear them, once the proxy has read its prompts again."""
    with faults():
        store = _store(config)
        wanted = [*(versions or ()), *(each.version for each in (store.read().drafts if drafts else ()))]
        found = [store.activate(version, _signature(by)) for version in wanted]
    _finish(found, as_json)


@prompts.command()
def withdraw(prompt: Prompt, language: Language, by: By = "", config: Config = None, as_json: Json = False) -> None:
    """Back to what ships under that name."""
    with faults():
        found = _store(config).withdraw(prompt, language, _signature(by))
    _finish([found], as_json)


@prompts.command("two-persons")
def two_persons(
    on: Annotated[bool, typer.Argument(help="true or false. It takes two persons to say false.")],
    by: By = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """From now on nobody activates a version alone that he saved himself."""
    with faults():
        holds = _store(config).two_persons(on, _signature(by))
    told = f"two-person activation is {'on' if holds else 'off'}"
    finish({"ok": holds == on, "two_persons": holds}, told, as_json=as_json)


@prompts.command()
def show(version: Name, config: Config = None, as_json: Json = False) -> None:
    """Text, sound, author, approvals of a version, and when callers heard it."""
    with faults():
        evidence = _store(config).evidence(version)
    finish({"ok": True, **evidence}, *(f"{name}: {value}" for name, value in evidence.items()), as_json=as_json)


def _store(config: Path | None) -> "Store":
    from skryba.announcements.store import Store
    from skryba.errors import ConfigError

    folder = _folder(config)
    if folder is None:
        raise ConfigError(
            'notice.prompts is empty: name the folder that keeps your announcements, as prompts = "prompts"'
        )
    return Store(folder)


def _folder(config: Path | None) -> Path | None:
    from skryba import commands

    return commands.read(located(config)).notice.prompts


def _signature(by: str) -> "Signature":
    from skryba import clock
    from skryba.announcements.versions import Signature

    login = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    if not login:
        try:
            login = pwd.getpwuid(os.getuid()).pw_name  # not $LOGNAME: that says what one likes
        except KeyError:  # a container's user has no name
            login = f"uid {os.getuid()}"
    return Signature(" ".join(by.split()) or login, login, clock.at())


def _facts(version: "Version") -> dict[str, Any]:
    names = ("version", "prompt", "language", "duration_ms", "loudness", "key", "text", "warnings", "seconded")
    return {name: getattr(version, name) for name in names}


def _lines(versions: "list[Version]") -> list[str]:
    lines = []
    for each in versions:
        lines.append(f"{each.version} {each.prompt} {each.language} {each.duration_ms / 1000:.1f} s: {each.text}")
        lines += [f"  warning: {warning}" for warning in each.warnings]
    return lines


def _finish(versions: "list[Version]", as_json: bool) -> None:
    value = {"ok": True, "versions": [_facts(each) for each in versions]}
    finish(value, *(_lines(versions) or ["nothing to do"]), as_json=as_json)
