"""Requirements, verbs, container and unit file keep what CONTRIBUTING.md and README.md promise."""

import re
import subprocess
import tomllib
from pathlib import Path

from skryba import __version__
from skryba.config.model import Config
from skryba.supervisor import _SEALING_TIME

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*")


def pins(name: str) -> dict[str, str]:
    """Normalised name → version."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in wanted if not PIN.fullmatch(line)] == [], "names and versions only"
    return {re.sub(r"[._-]+", "-", line.split("==")[0]).lower(): line.split("==")[1] for line in wanted}


def test_requirements_are_names_and_exact_versions_each_in_one_file() -> None:
    run, dev = pins("run.txt"), pins("dev.txt")
    assert {"numpy", "numba", "sqlalchemy"} <= set(run)
    assert {"pytest", "mypy", "ruff"} <= set(dev)
    assert set(run) & set(dev) == set()


def test_every_dependency_is_pinned_and_the_version_stands_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[\[><=~ ]", dependency)[0] for dependency in project["dependencies"]]
    assert {re.sub(r"[._-]+", "-", name).lower() for name in names} - set(pins("run.txt")) == set()
    assert project["version"] == __version__


def test_make_alone_lists_the_verbs() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    verbs = re.findall(r"^  (\w+) +\S", done.stdout, re.MULTILINE)
    assert verbs == ["help", "run", "test", "check", "fix", "bench", "docs", "clean"]


def test_the_build_machine_uses_the_same_verb() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert text.endswith("make test\n")


def test_scripts_can_be_run() -> None:
    for script in (".ci/run", "tests/install-peers.sh", "tests/setup-python.sh"):
        assert (ROOT / script).stat().st_mode & 0o111
        subprocess.run(["bash", "-n", script], cwd=ROOT, timeout=30, check=True)


def test_image_runs_unprivileged_without_compiler_and_watches_itself() -> None:
    stages = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    assert len(stages) == 3
    build, final = stages[1], stages[2]
    assert "warm()" in build
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .*CMD \["skryba", "health"\]$', final, re.MULTILINE)
    assert not re.search(r"apt-get|gcc|curl|pip install", final)
    caches = [re.search(r"NUMBA_CACHE_DIR=(\S+)", stage) for stage in (build, final)]
    assert len({cache[1] for cache in caches if cache}) == 1
    assert all("NUMBA_CPU_NAME=generic" in stage for stage in (build, final))


def test_times_to_stop_leave_room_for_draining_and_sealing() -> None:
    needed = Config().operations.drain_timeout + 10 + _SEALING_TIME
    unit = re.search(
        r"^TimeoutStopSec=(\d+)$", (ROOT / "examples/systemd/skryba.service").read_text("utf-8"), re.MULTILINE
    )
    compose = re.search(r"stop_grace_period: (\d+)m", (ROOT / "compose.yaml").read_text("utf-8"))
    assert unit is not None
    assert compose is not None
    assert int(unit[1]) >= needed
    assert int(compose[1]) * 60 >= needed
