"""Full calls, INVITE to BYE, through real UDP sockets: how many per second on one core, at what cost, with what delay.

The proxy is `skryba run` pinned to one core, as users start it, with a rule book that records nothing. The callers and
the called are `bench.sip_load` in this process, pinned to another core. No media is sent, but each call has its ports.

0. from its start to the first REGISTER answered → `start_s`
   with `--memory`, `--calls` are then held at once → `kb_per_call`, memory of all proxy processes over the fresh state
1. as fast as it goes, `--calls` in progress at once → `calls_per_second`, `cpu_ms_per_call`
2. at half that rate, evenly paced → `setup_ms`: INVITE to 200 as the caller sees it, less what the called side took
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.sip_load import DOMAIN, PASSWORD, Load, free_port

WARM_UP = 1.5  # seconds of calls before anything is measured
START = 60.0  # seconds the proxy is given to start
_HOLD_RATE = 50.0  # calls a second begun to be held
PATIENCE = 10.0  # seconds after which a call that is not over has failed
TICK = os.sysconf("SC_CLK_TCK")


def main(argv: list[str]) -> int:
    """Parse, run, print; exit code 1 when a call failed."""
    parser = argparse.ArgumentParser(prog="python -m bench signalling", description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=None, help="in progress at once (default 20; with --memory 500)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument(
        "--digest", action="store_true", help="callers are stations: each INVITE is challenged (SHA-256)"
    )
    parser.add_argument("--memory", action="store_true", help="also hold the calls and measure resident memory")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(argv)
    calls = options.calls or (500 if options.memory else 20)
    result = measure(calls, options.seconds, digest=options.digest, memory=options.memory)
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name}: {value}" for name, value in result.items()))
    return 0 if result["failed"] == 0 else 1


def measure(calls: int, seconds: float, *, digest: bool, memory: bool) -> dict[str, object]:
    """All phases against one proxy."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    result: dict[str, object] = {"calls": calls, "seconds": seconds, "digest": digest}
    with proxy(cores[-1], digest=digest) as (load, supervisor, start):
        result["start_s"] = round(start, 2)
        failed = 0
        if memory:  # first: what past calls leave for 32 s would hide in the idle state
            idle = resident_kb(supervisor)
            load.reset()
            load.hold = True
            load.run(PATIENCE, rate=_HOLD_RATE, limit=calls)
            load.wait(lambda: load.answered >= calls, PATIENCE)
            held = load.answered
            result["held_calls"] = held
            result["kb_per_call"] = round((resident_kb(supervisor) - idle) / max(held, 1), 1)
            load.release()
            load.finish(PATIENCE)
            failed = load.failed + calls - held
        window = calls if not memory else min(calls, 20)
        load.run(WARM_UP, window=window)
        before, own, began = cpu_seconds(supervisor), time.process_time(), time.monotonic()
        load.reset()
        load.run(seconds, window=window)
        elapsed = time.monotonic() - began
        completed = load.completed
        failed += load.failed
        rate = completed / elapsed
        result["calls_per_second"] = round(rate, 1)
        result["cpu_ms_per_call"] = round((cpu_seconds(supervisor) - before) / max(completed, 1) * 1000, 3)
        result["generator_busy"] = round((time.process_time() - own) / elapsed, 2)
        load.finish(PATIENCE)
        failed += load.failed

        load.reset()
        load.run(seconds, rate=rate / 2)
        load.finish(PATIENCE)
        failed += load.failed
        added = np.array(load.added) * 1000
        p50, p99 = (round(float(value), 2) for value in np.percentile(added, [50, 99])) if len(added) else (None, None)
        result["setup_ms"] = {"p50": p50, "p99": p99}
        result["paced_calls_per_second"] = round(rate / 2, 1)
        result["failed"] = failed
    return result


@contextlib.contextmanager
def proxy(core: int, *, digest: bool) -> Iterator[tuple[Load, int, float]]:
    """`skryba run` on `core` in a folder of its own; the load that knows its address; the seconds it took to start."""
    folder = Path(tempfile.mkdtemp(prefix="skryba-bench-"))
    sip, metrics = free_port("127.0.0.1"), free_port("127.0.0.1")
    load = Load(("127.0.0.1", sip), digest=digest)
    (folder / "rules.toml").write_text("never = []\nalways = []\n")
    config = folder / "skryba.toml"
    config.write_text(
        f"""[sip]
listen = ["udp:127.0.0.1:{sip}"]
domain = "{DOMAIN}"
[media]
host = "127.0.0.1"
ports = [20000, 31999]
quarantine = 1.0
[recorder]
ring_megabytes = 4
[limits]
calls = 5000
[operations]
metrics = "127.0.0.1:{metrics}"
drain_timeout = 1
log_level = "warning"
[numbers]
"+48221234567" = "102"
[[station]]
id = "101"
password = "{PASSWORD}"
[[station]]
id = "102"
password = "{PASSWORD}"
[[trunk]]
id = "carrier"
host = "{load.trunk[0]}"
port = {load.trunk[1]}
accept = ["{load.trunk[0]}"]
options_interval = 0
"""
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def settle() -> None:
        os.sched_setaffinity(0, {core})
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))

    began = time.monotonic()
    with (folder / "skryba.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "skryba", "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=settle,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START
        while not load.is_answered():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the proxy did not start:\n{(folder / 'skryba.log').read_text()[-3000:]}")
        load.register()
        yield load, process.pid, time.monotonic() - began
    finally:
        load.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the family so far."""
    total = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_kb(pid: int) -> float:
    """Proportional set size of the family: shared pages are counted once."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
