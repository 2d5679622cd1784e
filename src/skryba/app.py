"""The composition root: from a configuration to running processes.

Holds no rule of any room; what it knows is which role is which process.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvloop

from skryba import log as logs
from skryba.config.load import load
from skryba.config.model import Config
from skryba.errors import ConfigError, ResourceError
from skryba.supervisor import CONFIG_FAULT, Supervisor, die_with_parent

log = structlog.get_logger("app")


def run(config_path: Path, role: str = "all") -> int:
    """Run until SIGTERM; returns the exit code: 0 ended as asked, 1 could not run, 2 the configuration is at fault."""
    try:
        config = load(config_path, os.environ)
    except ConfigError as error:
        logs.to_people(str(error))
        return CONFIG_FAULT
    logs.configure(config.operations.log_level, config.operations.log_format)
    if role != "all":
        die_with_parent()
    roles: dict[str, Callable[[Config, Path], Coroutine[Any, Any, int]]] = {
        "all": _supervise,
        "signalling": _signalling,
        "recorder": _recorder,
    }
    try:
        return uvloop.run(roles[role](config, config_path))
    except ResourceError as error:
        log.error("cannot run", role=role, error=str(error))
        return 1
