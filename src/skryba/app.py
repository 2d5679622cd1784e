"""The composition root: from a configuration to running processes.

Holds no rule of any room; what it knows is which role is which process.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvloop

from skryba import log as logs
from skryba.config.load import load
from skryba.config.model import Config
from skryba.errors import ConfigError, ResourceError
from skryba.locksmith import journal_of, recorder_keys, signer_of
from skryba.places import recorder_socket
from skryba.supervisor import CONFIG_FAULT, Supervisor, die_with_parent

log = structlog.get_logger("app")


def run(config_path: Path, role: str = "all", *, greet: bool = False) -> int:
    """Run until SIGTERM; `greet`: with a self-test call and a few words for people.

    Returns the exit code: 0 ended as asked, 1 could not run, 2 the configuration is at fault.
    """
    try:
        config = load(config_path, os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return CONFIG_FAULT
    logs.configure(config.operations.log_level, config.operations.log_format)
    if role != "all":
        die_with_parent()
    roles: dict[str, Callable[[Config, Path], Coroutine[Any, Any, int]]] = {
        "all": _supervise_and_greet if greet else _supervise,
        "signalling": _signalling,
        "recorder": _recorder,
        "keeper": _keeper,
    }
    code = 1
    try:
        code = uvloop.run(roles[role](config, config_path))
    except* ResourceError as lacking:
        for each in lacking.exceptions:
            log.error("cannot run", role=role, error=str(each))
    return code


async def _supervise(config: Config, config_path: Path) -> int:
    return await Supervisor(config_path, drain_timeout=config.operations.drain_timeout).run()


async def _supervise_and_greet(config: Config, config_path: Path) -> int:
    from skryba.greeting import greet

    async with asyncio.TaskGroup() as group:
        greeting = group.create_task(greet(config, config_path))
        code = await _supervise(config, config_path)
        greeting.cancel()
    return code


async def _signalling(config: Config, _: Path) -> int:
    from skryba.signalling import Signalling  # the compiled engine is loaded by this process only

    return await Signalling(config).run()


async def _recorder(config: Config, _: Path) -> int:
    from skryba.recorder.worker import Recorder, RecorderConfig  # and the codecs by this one

    config.operations.control.parent.mkdir(parents=True, exist_ok=True)
    keys = recorder_keys(config)
    recorder = Recorder(
        RecorderConfig(
            recordings=config.recorder.folder,
            spool=config.recorder.spool,
            control=recorder_socket(config),
            keep_spool=config.recorder.spool_days > 0,
            sealers=config.recorder.sealers or max(1, (os.cpu_count() or 1) // 2),
            renditions=config.recorder.renditions,
            split_minutes=config.recorder.split_minutes,
            min_free=config.recorder.min_free_megabytes << 20,
        ),
        lambda event, facts: structlog.get_logger("recorder").info(event, **facts),
        keys=keys,
        journal=journal_of(config, signer_of(config)),
        forget=keys.forget if keys is not None else lambda recording: None,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.stop)
    await recorder.run()
    return 0


async def _keeper(config: Config, _: Path) -> int:
    from skryba.keeper import Keeper  # and the database, the object store and HTTP by this one

    return await Keeper(config).run()
