"""Recordings held against what was said: skew between the channels and error of the length, over all scenarios.

In virtual time: known voices, phones with clocks of their own, a network that delays, loses and doubles; the spool that
this leaves is sealed, and the file is judged. Both figures are the worst over all scenarios. Exit code 1 if one is
beyond its target or if any recording has any fault. --seconds is the length of the long calls; --calls is not used.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.options import parser
from skryba.selftest.scenarios import Scenario, long, short
from skryba.selftest.trial import Outcome, run

TARGETS = {"with_reports": 20.0, "without_reports": 60.0}  # ms of skew (R-T8)
DURATION = 40.0  # ms (R-T3)


def main(arguments: list[str]) -> int:
    """Parse, run, print; exit code 1 when a target is missed or a recording is faulty."""
    options = parser("truth", (__doc__ or "").splitlines()[0], seconds=7200.0)
    options.add_argument("--folder", type=Path, default=Path("/dev/shm"), help="where files are written (/dev/shm)")
    asked = options.parse_args(arguments)
    began = time.monotonic()
    result = summarise(outcomes([*short(), *long(asked.seconds)], asked.folder))
    result["seconds"] = round(time.monotonic() - began, 1)
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))
    return 0 if reached(result) else 1


def outcomes(scenarios: Iterable[Scenario], folder: Path) -> Iterable[Outcome]:
    """One after the other; nothing stays on the disk."""
    for scenario in scenarios:
        with tempfile.TemporaryDirectory(prefix="skryba-bench-", dir=folder) as place:
            yield run(scenario, Path(place))


def summarise(found: Iterable[Outcome]) -> dict[str, Any]:
    """The worst of each figure and whose it is; a figure is null if a voice was not found at all."""
    seen = list(found)
    groups = {name: [one for one in seen if one.scenario.with_reports is (name == "with_reports")] for name in TARGETS}
    skew = {name: _worst(group, lambda one: one.skew_ms) for name, group in groups.items()}
    duration = _worst(seen, lambda one: one.duration_error_ms)
    return {
        "skew_ms": {name: value for name, (value, _) in skew.items()},
        "duration_error_ms": duration[0],
        "scenarios": len(seen),
        "worst": {name: scenario for name, (_, scenario) in skew.items()} | {"duration": duration[1]},
        "faulty": {one.scenario.name: one.problems[:5] for one in seen if one.problems},
    }


def reached(result: dict[str, Any]) -> bool:
    """All targets, and no fault anywhere."""
    skews = [(value, TARGETS[name]) for name, value in result["skew_ms"].items()]
    figures = [*skews, (result["duration_error_ms"], DURATION)]
    return not result["faulty"] and all(value is not None and value <= target for value, target in figures)


def _worst(group: Sequence[Outcome], figure: Callable[[Outcome], float]) -> tuple[float | None, str | None]:
    if not group:
        return None, None
    worst = max(group, key=figure)
    value = figure(worst)
    return (round(value, 2) if math.isfinite(value) else None), worst.scenario.name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
