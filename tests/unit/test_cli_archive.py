"""What the commands on recordings say and leave with; what they do is tested with `commands`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from skryba import commands, keeper
from skryba.cli import app
from skryba.config.model import Config
from skryba.keeper import Keeper
from skryba.locksmith import journal_of
from skryba.vault.chain import Kind
from tests.support.office import FIRST, FOLDER, SECOND, Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKRYBA_CONFIG", raising=False)
    monkeypatch.setattr(keeper, "_SECOND_LOOK", 0.0)
    made = Office(tmp_path, monkeypatch)
    for recording, station in ((FIRST, "101"), (SECOND, "102")):
        made.call(recording)
        made.seal(recording, station=station)
    Keeper(made.config).follow()
    return made


def say(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, words, input=answer, catch_exceptions=False)


def told(*words: str) -> dict[str, Any]:
    done = say(*words, "--json")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == (0 if found["ok"] else 1)
    return found


def test_find_prints_a_line_for_each(office: Office) -> None:
    done = say("find", "--station", "101")
    name = f"2026-09-21_15-36-40_inbound_101_{FIRST}"
    assert (done.exit_code, done.stdout) == (0, f"2026-09-21 15:36:40       1.0 s  ok          {FIRST}  {name}\n")
    assert (say("find", "--station", "9").exit_code, say("find", "--station", "9").stdout) == (0, "none fits\n")
    assert [each["id"] for each in told("find", "--number", "22 123 45 67", "--limit", "1")["recordings"]] == [SECOND]


@pytest.mark.parametrize(
    ("words", "question"),
    [
        ((), {}),
        (("--text", "ab"), {"text": "ab"}),
        (("--number", "12"), {"number": "12"}),
        (("--station", "9", "--state", "failed"), {"station": "9", "state": "failed"}),
        (("--from", "2026-09-21"), {"since": datetime(2026, 9, 21, tzinfo=UTC)}),
        (("--to", "2026-09-21"), {"until": datetime(2026, 9, 22, tzinfo=UTC)}),
    ],
)
def test_find_and_export_ask_the_same_question(
    office: Office, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], question: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = []
    done = {"ok": True, "recordings": 0, "octets": 0, "file": "x", "absent": []}

    def find(_: Config, *, limit: int, **each: Any) -> list[Any]:
        asked.append(each)
        return []

    def export(*_: Any, question: dict[str, Any], **__: Any) -> dict[str, Any]:
        asked.append(question)
        return done

    monkeypatch.setattr(commands, "find", find)
    monkeypatch.setattr(commands, "export", export)
    assert say("find", *words).exit_code == 0
    assert say("export", "-o", "x", *words).exit_code == 0
    everything = {"text": "", "number": "", "station": None, "state": None, "since": None, "until": None}
    assert asked == [everything | question] * 2


def test_days_are_whole(office: Office) -> None:
    def found(*words: str) -> int:
        return len(told("find", *words)["recordings"])

    assert found("--from", "2026-09-21", "--to", "2026-09-21") == 2
    assert found("--from", "2026-09-22") == 0
    assert found("--to", "2026-09-20") == 0
    assert say("find", "--from", "yesterday").exit_code == 2


def test_export_says_what_it_wrote_and_what_it_could_not(office: Office) -> None:
    done = say("export", "-o", "x.zip", "--station", "101", "--reason", "case 7")
    assert done.exit_code == 0
    assert done.stdout.startswith("1 recordings, ")
    assert done.stdout.endswith(" octets: x.zip\n")
    assert say("verify", "x.zip").stdout == "1 checked, 0 findings\n"
    again = say("export", "-o", "x.zip")
    assert (again.exit_code, "x.zip" in again.stderr) == (1, True)
    assert say("export", "-o", "y.zip", "--station", "9").stderr == "no recording fits: nothing was written\n"
    (office.day / f"{FIRST}.wav").unlink()
    found = told("export", "-o", "z.zip")
    assert (found["ok"], len(found["absent"])) == (False, 1)
    assert f"{FIRST}.wav" in say("export", "-o", "w.zip").stdout.splitlines()[1]


def test_render_gives_a_verdict(office: Office) -> None:
    done = say("render", FIRST, "-o", "out")
    assert (done.exit_code, done.stdout) == (0, f"out/{FIRST}.wav\nout/{FIRST}.peaks\nidentical\n")
    (office.kept / f"{SECOND}.spool").rename(office.kept / f"{FIRST}.spool")
    done = say("render", FIRST, "-o", "out")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "NOT the same")
    (office.day / f"{FIRST}.json").unlink()
    assert say("render", FIRST).stdout.splitlines()[-1] == "nothing to compare with"
    done = say("render", SECOND)
    assert (done.exit_code, done.stderr.startswith(f"there are no packets of {SECOND}")) == (1, True)


def test_erase_asks_first(office: Office) -> None:
    assert say("erase", FIRST).exit_code == 2
    done = say("erase", FIRST, "--reason", "art. 17", answer="n\n")
    assert done.exit_code == 1
    assert (office.day / f"{FIRST}.wav").exists()
    done = say("erase", FIRST, "--reason", "art. 17", answer="y\n")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "erased; entry 4 of the chain says so"
    assert list(office.day.glob(f"{FIRST}*")) == []
    found = told("erase", SECOND, "--reason", "art. 17", "--yes")
    assert (found["id"], found["entry"]) == (SECOND, 5)
    assert say("erase", "ffff", "--reason", "x", "--yes").stderr == "the chain knows no recording ffff\n"


def test_reconcile_says_what_differs(office: Office) -> None:
    done = say("reconcile")
    assert (done.exit_code, done.stdout) == (0, "nothing differs\n")
    (office.day / f"{FIRST}.wav").unlink()
    done = say("reconcile")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith(f"file_missing: {FOLDER}/{FIRST}.wav: ")
    [found] = told("reconcile")["findings"]
    assert found["category"] == "file_missing"


def test_assurance_is_about_yesterday_unless_told(office: Office) -> None:
    done = say("assurance", "--day", "2026-09-21")
    assert (done.exit_code, done.stdout) == (0, "2026-09-21: 100.0% recorded as expected\n")
    assert say("assurance").stdout == "2026-09-20: nothing was to be recorded\n"
    office.now += timedelta(days=1)
    found = told("assurance")
    assert (found["day"], found["recorded"]) == ("2026-09-21", 2)


def test_keys_are_made_and_rotated(office: Office) -> None:
    done = say("keys", "init")
    assert done.exit_code == 0
    assert "keys/master.key: the master key" in done.stdout
    assert say("keys", "init").exit_code != 0
    done = say("keys", "rotate", "new.key")
    assert (done.exit_code, done.stderr) == (2, "nothing is encrypted here: encryption.mode is off\n")
    office.options = '[encryption]\nmode = "master"\n'
    office.seal(FIRST[:-1] + "3")
    done = say("keys", "rotate", "new.key")
    assert done.stdout.startswith('1 days of keys wrapped anew. Now: encryption.master_key = "new.key"')
    done = say("keys", "rotate-signing", "new.pem")
    assert done.stdout.endswith(' signs now: evidence.signing_key = "new.pem"\n')
    last = list(journal_of(office.config, None).entries())[-1]
    assert (last.kind, done.stdout.startswith(f"{last.id} ")) == (Kind.KEY, True)


def test_a_pair_of_keys_is_made_too(office: Office) -> None:
    done = say("keys", "init", "--public")
    assert done.exit_code == 0
    assert (office.folder / "keys/master.key.pub").read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")


def test_start_signing_names_the_new_key(office: Office) -> None:
    office.config.evidence.signing_key.unlink()
    done = say("keys", "start-signing", "--reason", "burnt")
    entry = list(journal_of(office.config, None).entries())[-1]
    assert (entry.kind, entry.facts["reason"]) == (Kind.START, "burnt")
    assert done.stdout == f"{entry.id} signs now\n"


def test_replay_names_what_had_come_back(office: Office) -> None:
    octets = (office.day / f"{FIRST}.wav").read_bytes()
    say("erase", FIRST, "--reason", "art. 17", "--yes")
    assert say("keys", "replay").stdout == "0 had come back\n"
    (office.day / f"{FIRST}.wav").write_bytes(octets)
    assert say("keys", "replay").stdout == f"{FIRST}\n1 had come back\n"
    assert not (office.day / f"{FIRST}.wav").exists()


def test_dead_letters_are_listed_and_revived(office: Office) -> None:
    office.options = '[[hook]]\nid = "crm"\nurl = "http://127.0.0.1:9/x"\nsecret = "sixteen characters"\n'
    third = FIRST[:-1] + "3"
    office.seal(third)
    made = Keeper(office.config)
    made.follow()
    assert say("hooks", "dead").stdout == "none\n"
    [delivery] = made.deliveries.due(office.now, 1)
    made.deliveries.dead(delivery.id, "HTTP status 410", office.now)
    assert say("hooks", "dead").stdout == f"{delivery.id}  crm  {third}  HTTP status 410\n"
    [found] = json.loads(say("hooks", "dead", "--json").stdout)["dead"]
    assert found["recording"] == third
    done = say("hooks", "revive", str(delivery.id))
    assert (done.exit_code, done.stdout) == (0, "tried again soon\n")
    done = say("hooks", "revive", str(delivery.id))
    assert (done.exit_code, done.stdout) == (1, "there is none of that number\n")


@pytest.mark.parametrize(
    "words", [("find",), ("export", "-o", "x"), ("render", "ab"), ("reconcile",), ("keys", "init"), ("hooks", "dead")]
)
def test_a_faulty_configuration_is_told(office: Office, words: tuple[str, ...]) -> None:
    office.path.write_text("[extra]\n")
    done = say(*words)
    assert done.exit_code == 2
    assert "skryba.toml:1: extra: there is no such option" in done.stderr


@pytest.mark.parametrize("command", ["init", "rotate", "replay", "rotate-signing", "start-signing"])
def test_every_key_command_explains_itself(command: str) -> None:
    assert say("keys", command, "--help").stdout.startswith(f"Usage: root keys {command} ")
