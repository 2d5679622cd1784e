import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import skryba.app
import skryba.health
import skryba.selftest.run
from skryba import __version__
from skryba.cli import app
from skryba.selftest.report import SelftestReport
from skryba.terms import SocketAddress

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(skryba.__file__).parents[1])}
COMMANDS = [
    *("run", "check-config", "explain", "selftest", "verify", "health", "version", "init"),
    *("find", "export", "render", "erase", "reconcile", "assurance", "keys", "hooks"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SKRYBA_CONFIG", raising=False)
    return tmp_path


def say(*words: str) -> Result:
    return CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str, bool]]:
    """What `run` handed to the house (file, role, greet); the house answers 7."""
    calls: list[tuple[Path, str, bool]] = []

    def run(path: Path, role: str = "all", *, greet: bool = False) -> int:
        calls.append((path, role, greet))
        return 7

    monkeypatch.setattr(skryba.app, "run", run)
    return calls


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    text = say("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command}\s+\S", text, re.MULTILINE), command
    assert "0 it held, 1 it did not hold, 2 the command line" in " ".join(text.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = say(command, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: root {command} ")


def test_unknown_words_are_a_fault_of_the_command_line() -> None:
    assert say("record").exit_code == 2
    assert say("explain", "--from", "101").exit_code == 2
    assert say("run", "--role", "panel").exit_code == 2


def test_version() -> None:
    assert say("version").stdout == f"{__version__}\n"
    assert json.loads(say("version", "--json").stdout)["skryba"] == __version__


def test_init_makes_a_configuration_and_shows_the_passwords_once(folder: Path) -> None:
    done = say("init", "office")
    assert done.exit_code == 0
    assert re.search(r"^  101  \S{20,}$", done.stdout, re.MULTILINE)
    assert "skryba run --config office/skryba.toml" in done.stdout
    again = say("init", "office")
    assert again.exit_code == 2
    assert "exists and is not overwritten" in again.stderr
    assert "  101  " not in again.stdout


def test_run_makes_its_own_configuration_when_there_is_none(
    folder: Path, started: list[tuple[Path, str, bool]]
) -> None:
    first = say("run")
    assert first.exit_code == 7
    assert "Passwords of the stations" in first.stdout
    second = say("run", "--role", "recorder")
    assert "Passwords" not in second.stdout
    assert started == [(Path("var/skryba.toml"), "all", True), (Path("var/skryba.toml"), "recorder", False)]


def test_run_takes_the_file_it_is_given(
    folder: Path, started: list[tuple[Path, str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    say("run", "--config", "mine.toml")
    monkeypatch.setenv("SKRYBA_CONFIG", "env.toml")
    say("run")
    assert [(path, greet) for path, _, greet in started] == [(Path("mine.toml"), False), (Path("env.toml"), False)]
    assert not (folder / "var").exists()


def test_check_config_says_all_is_well(folder: Path) -> None:
    say("init", "var")
    done = say("check-config")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "var/skryba.toml: no fault\n", "")
    assert json.loads(say("check-config", "--json").stdout) == {
        "ok": True,
        "file": "var/skryba.toml",
        "faults": [],
        "warnings": [],
    }


def test_check_config_names_faults_and_warnings(folder: Path) -> None:
    say("init", "var")
    config = folder / "var/skryba.toml"
    config.write_text(config.read_text(encoding="utf-8") + "[extra]\n", encoding="utf-8")
    config.chmod(0o644)
    done = say("check-config")
    assert done.exit_code == 2
    assert re.search(r"^var/skryba\.toml:\d+: extra: there is no such option\.", done.stderr)
    config.write_text(config.read_text(encoding="utf-8").replace("[extra]\n", ""), encoding="utf-8")
    assert say("check-config").stderr.startswith("warning: var/skryba.toml holds passwords")
    assert json.loads(say("check-config", "--config", "gone.toml", "--json").stdout)["ok"] is False


def test_explain_prints_decision_reason_and_path(folder: Path) -> None:
    say("init", "var")
    done = say("explain", "--from", "101", "--to", "601234567", "--at", "2026-11-24T10:00")
    assert done.exit_code == 0
    assert done.stdout.startswith("recorded: ")
    assert "✓ record-all" in done.stdout
    told = json.loads(say("explain", "--from", "101", "--to", "112", "--json").stdout)
    assert (told["recorded"], told["decision"]["rule"]) == (False, "emergency")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-24T10:00+01:00", "2026-11-24T09:00:00+00:00"),
        ("2026-11-24T10:00:30Z", "2026-11-24T10:00:30+00:00"),
        ("2026-11-24 10:00+00:00", "2026-11-24T10:00:00+00:00"),
    ],
)
def test_explain_takes_times_with_a_zone(folder: Path, written: str, meant: str) -> None:
    say("init", "var")
    told = json.loads(say("explain", "--from", "101", "--to", "102", "--at", written, "--json").stdout)
    assert datetime.fromisoformat(told["facts"]["at"]) == datetime.fromisoformat(meant)


def test_health_asks_the_address_of_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKRYBA_OPERATIONS__METRICS", "127.0.0.9:1")
    answers = [{"healthy": True, "problems": []}, {"healthy": False, "problems": ["the recorder is not connected"]}]
    asked: list[SocketAddress] = []

    def ask(address: SocketAddress) -> dict[str, Any]:
        asked.append(address)
        return answers.pop(0)

    monkeypatch.setattr(skryba.health, "ask", ask)
    well, ill = say("health"), say("health")
    assert (well.exit_code, well.stdout) == (0, "healthy\n")
    assert (ill.exit_code, ill.stdout) == (1, "the recorder is not connected\n")
    assert asked == [SocketAddress("127.0.0.9", 1)] * 2


def test_explain_tells_what_to_mend(folder: Path) -> None:
    say("init", "var")
    done = say("explain", "--from", "101", "--to", "102", "--station", "9")
    assert (done.exit_code, done.stderr) == (2, "there is no station 9. Stations are 101, 102\n")


@pytest.mark.parametrize(("problems", "code"), [((), 0), (("left channel is silent",), 1)])
def test_selftest_answers_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, problems: tuple[str, ...], code: int
) -> None:
    def place(path: Path | None) -> SelftestReport:
        assert path == Path("mine.toml")
        return SelftestReport(problems=problems)

    monkeypatch.setattr(skryba.selftest.run, "selftest", place)
    done = say("selftest", "--config", "mine.toml")
    assert done.exit_code == code
    assert [line for line in done.stdout.splitlines() if line.startswith("problem: ")] == [
        f"problem: {p}" for p in problems
    ]
    told = say("selftest", "--config", "mine.toml", "--json")
    assert (told.exit_code, json.loads(told.stdout)["ok"]) == (code, not problems)


def test_verify_counts_and_names_findings(folder: Path) -> None:
    (folder / "empty").mkdir()
    done = say("verify", "empty")
    assert (done.exit_code, done.stdout) == (0, "0 checked, 0 findings\n")
    (folder / "lonely.wav").write_bytes(b"RIFF")
    done = say("verify", "lonely.wav")
    assert done.exit_code == 1
    assert done.stdout.startswith("lonely.wav: there is no manifest beside it\n")
    told = json.loads(say("verify", "lonely.wav", "--json").stdout)
    assert (told["ok"], told["findings"][0]["path"]) == (False, "lonely.wav")
    assert say("verify", "gone").exit_code == 2


@pytest.mark.parametrize("command", [["version"], ["--help"], ["check-config", "--help"]])
def test_light_commands_do_not_load_the_house(command: list[str]) -> None:
    script = "import sys; from skryba.cli import app; app(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=ENVIRONMENT,
    )
    loaded = set(done.stdout.split())
    assert "skryba.cli" in loaded
    assert not loaded & {
        "numpy",
        "numba",
        "sqlalchemy",
        "pydantic_settings",
        "prometheus_client",
        "uvloop",
        "skryba.app",
    }
