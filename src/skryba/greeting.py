"""What a person sees at the first start: one self-test call through the running proxy, and what to point phones at.

Knows the proxy from outside: its readiness page and the command line.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from skryba import clock
from skryba.config.model import Config

_START = 90.0  # seconds: the first start compiles the media engine
_BEAT = 0.2


async def greet(config: Config, config_path: Path) -> None:
    """Prints to standard output; never raises for what the self-test finds."""
    if not await _ready(config):
        _say("Skryba is not ready yet; see the log above.")
        return
    _say(f"Skryba takes calls on {', '.join(config.sip.listen)}.", "Placing a self-test call …")
    report = await _selftest(config_path)
    if report.get("ok"):
        _say(
            f"Self-test call: ok. Set up in {report['setup_ms']:.0f} ms, notice heard, both channels right, "
            f"skew {report['skew_ms']:.1f} ms.",
            f"  recording   {report['file']}",
        )
    else:
        _say(f"Self-test call: NOT ok: {json.dumps(report)}", "  try: skryba selftest")
    stations = ", ".join(station.id for station in config.station) or "none yet"
    _say(
        "Point phones at it:",
        f"  server      {', '.join(str(each.address) for each in config.sip.bindings[:1])}",
        f"  users       {stations} (passwords: {config_path})",
        f"  recordings  {config.recorder.folder}",
        f"  metrics     http://{config.operations.metrics}/metrics",
        "Stop with Ctrl-C.",
    )


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


async def _ready(config: Config) -> bool:
    address = config.operations.metrics_address
    deadline = clock.now() + _START
    while clock.now() < deadline:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            status = await reader.readline()
            writer.close()
            if b" 200 " in status:
                return True
        await asyncio.sleep(_BEAT)
    return False


async def _selftest(config_path: Path) -> dict[str, Any]:
    """In a process of its own: the supervisor stays small."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "skryba", "selftest", "--json", "--config", str(config_path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    try:
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        return {"ok": False, "exit_code": process.returncode}
    return report
