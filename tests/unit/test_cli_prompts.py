"""What the commands on announcements say and leave with; what they do is tested with `announcements`."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner, Result

from skryba import cli_prompts
from skryba.announcements import store
from skryba.announcements.sound_files import Sound
from skryba.announcements.versions import Signature
from skryba.cli_prompts import register

_app = typer.Typer(rich_markup_mode=None)
register(_app)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose prompts lie here, and a voice."""

    def speak(text: str, language: str) -> tuple[Sound, int]:
        return np.asarray(0.1 * np.sin(np.arange(8000) * (0.2 + len(text) / 1000)), dtype=np.float64), 16000

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKRYBA_NOTICE__PROMPTS", str(tmp_path / "prompts"))
    monkeypatch.delenv("SKRYBA_CONFIG", raising=False)
    monkeypatch.setattr(store.Store.__init__, "__kwdefaults__", {"voice": speak, "voice_name": lambda: "voice 1"})
    (tmp_path / "prompts").mkdir()
    return tmp_path / "prompts"


def say(*words: str) -> Result:
    return CliRunner().invoke(_app, ["prompts", *words], catch_exceptions=False)


def told(*words: str) -> dict[str, Any]:
    done = say(*words, "--json")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == (0 if found["ok"] else 1)
    return found


def person(monkeypatch: pytest.MonkeyPatch, login: str) -> None:
    before = cli_prompts._signature("")
    monkeypatch.setattr(cli_prompts, "_signature", lambda by: Signature(by or login, login, before.at))


def test_b8_from_a_value_to_what_callers_hear(folder: Path) -> None:
    drafts = told("set", "pl", "--controller", "Firma Przykład", "--address", "firma.pl")["versions"]
    assert len(drafts) == 6
    assert told("list")["drafts"] == drafts
    assert not [each for each in told("list")["prompts"] if "Firma" in each["text"]]
    assert len(told("activate", "--drafts")["versions"]) == 6
    heard = {(each["id"], each["language"]): each for each in told("list")["prompts"]}
    assert heard["standard", "pl"]["text"].startswith("Dzień dobry, tu Firma Przykład.")
    assert heard["standard", "pl"]["version"] in {each["version"] for each in drafts}
    assert len(heard) == 48
    assert told("list")["drafts"] == []


def test_people_read_lines(folder: Path) -> None:
    done = say("text", "sales", "en", "We record.[ Press {key}.]")
    assert done.stdout.startswith(told("list")["drafts"][0]["version"] + " sales en 0.6 s: We record.\n")
    assert "unrecorded uk" in say("list").stdout
    assert "sales en" in say("list").stdout
    assert say("activate").stdout == "nothing to do\n"
    assert len(told("speak", "en", "--only", "sales")["versions"]) == 1


def test_b8_a_recording_is_added_and_its_warnings_are_told(folder: Path, tmp_path: Path) -> None:
    made = io.BytesIO()
    soundfile.write(made, 0.2 * np.sin(np.arange(16000 * 11) * 0.1), 16000, format="FLAC")
    (tmp_path / "notice.flac").write_bytes(made.getvalue())
    done = say("add", "opt-out", "pl", str(tmp_path / "notice.flac"), "--text", "Nagrywamy. Nie? Dwa.", "--key", "2")
    assert done.exit_code == 0
    assert "  warning: lasts 11.1 s" in done.stdout
    (tmp_path / "junk.mp3").write_bytes(b"junk")
    done = say("add", "opt-out", "pl", str(tmp_path / "junk.mp3"), "--text", "Nagrywamy.")
    assert (done.exit_code, "no sound file" in done.stderr) == (2, True)


def test_b8_two_persons(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person(monkeypatch, "anna")
    assert told("two-persons", "true")["two_persons"]
    name = told("speak", "pl", "--only", "short")["versions"][0]["version"]
    done = say("activate", name)
    assert (done.exit_code, "waits for the approval" in done.stderr) == (2, True)
    assert say("approve", name, "--by", "Bartek").exit_code == 2  # the same login under another name
    person(monkeypatch, "bartek")
    assert told("approve", name)["versions"][0]["seconded"]
    assert say("activate", name).exit_code == 0
    assert say("two-persons", "false").exit_code == 1
    assert "two-person activation is on" in say("two-persons", "false").stdout


def test_b6_the_history_of_a_version_is_shown(folder: Path) -> None:
    name = told("speak", "de", "--only", "blocked")["versions"][0]["version"]
    say("activate", name, "--by", "Anna  Nowak")
    evidence = told("show", name[:8])
    assert (evidence["version"], evidence["verified"], len(evidence["active"])) == (name, True, 1)
    assert "text: Diese Verbindung ist nicht möglich." in say("show", name).stdout
    assert say("withdraw", "blocked", "de").exit_code == 0
    assert say("withdraw", "blocked", "de").exit_code == 2
    assert '"by": "Anna Nowak"' in (folder / "history/journal.jsonl").read_text(encoding="utf-8")


def test_who_acts_is_known_to_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert cli_prompts._signature("").login != "somebody"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "anna")
    assert (cli_prompts._signature("").by, cli_prompts._signature("A B").login) == ("anna", "anna")
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setattr("os.getuid", lambda: 54321)
    assert cli_prompts._signature("").login == "uid 54321"


def test_without_a_folder_it_says_which_option_to_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKRYBA_NOTICE__PROMPTS", "")
    done = say("speak", "pl")
    assert (done.exit_code, "notice.prompts is empty" in done.stderr) == (2, True)
    assert len(told("list")["prompts"]) == 48
