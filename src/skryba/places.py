"""Where the processes of one configuration meet: the recorder's socket and the rings in shared memory.

Knows the configuration only.
"""

import hashlib
from pathlib import Path

from skryba.config.model import Config

SHARED_MEMORY = Path("/dev/shm")  # a ring must never wait for a disk


def recorder_socket(config: Config) -> Path:
    """Where the recorder listens for signalling."""
    return config.operations.control.with_name("recorder.sock")


def ring_paths(config: Config) -> list[Path]:
    """One ring a media thread; the same configuration finds the same rings again."""
    mark = hashlib.sha256(str(config.recorder.spool).encode()).hexdigest()[:12]
    return [SHARED_MEMORY / f"skryba-{mark}-{thread}.ring" for thread in range(config.media.threads)]
