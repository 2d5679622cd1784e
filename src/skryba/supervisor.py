"""The parent of the processes: starts them, restarts what dies, passes SIGTERM on in the right order.

Knows roles and exit codes; nothing of calls, media or recordings.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import structlog

from skryba import clock

ROLES = ("recorder", "signalling", "keeper")
CONFIG_FAULT = 2
_CALM = 30.0  # a child that lived this long is restarted at once
_BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0)
_SEALING_TIME = 120.0  # the recorder may still have to seal what the drained calls left
_PR_SET_PDEATHSIG = 1

log = structlog.get_logger("supervisor")


def die_with_parent() -> None:
    """Called by a child at its start: SIGTERM to ourselves when the supervisor is gone (Linux, prctl(2))."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died between fork and prctl
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor:
    """Runs one child a role until SIGTERM or SIGINT; `run()` returns the exit code."""

    def __init__(self, config_path: Path, *, drain_timeout: float) -> None:
        self._config_path = config_path
        self._drain_timeout = drain_timeout
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        async with asyncio.TaskGroup() as group:
            keepers = {role: group.create_task(self._keep(role), name=role) for role in ROLES}
            stopping = group.create_task(self._stopping.wait())
            await asyncio.wait([*keepers.values(), stopping], return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            await self._end("signalling", self._drain_timeout + 10)
            await self._end("recorder", _SEALING_TIME)
            await self._end("keeper", _SEALING_TIME)
        return self._code

    async def _keep(self, role: str) -> None:
        """One child after another; ends when we stop or the configuration is at fault."""
        failures = 0
        while not self._stopping.is_set():
            started = clock.now()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "skryba", "run", "--role", role, "--config", str(self._config_path)),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C in the terminal reaches us only; we decide the order
            )
            self._children[role] = process
            code = await process.wait()
            if self._stopping.is_set():
                return
            if code == CONFIG_FAULT:
                self._code = CONFIG_FAULT
                return
            failures = 0 if clock.now() - started > _CALM else failures + 1
            pause = _BACK_OFF[min(failures, len(_BACK_OFF)) - 1] if failures else 0.0
            log.error("process died", role=role, exit_code=code, restart_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _reload(self) -> None:
        process = self._children.get("signalling")
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGHUP)

    async def _end(self, role: str, patience: float) -> None:
        process = self._children.get(role)
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            log.error("process does not end, killing it", role=role, waited=patience)
            process.kill()
            await process.wait()
