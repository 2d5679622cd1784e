"""A disk that fails when it is told to, inside a process that writes spools: what the kernel would say."""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SLOW = 0.5  # seconds that a write takes on a slow disk


def install(flag: Path) -> None:
    """From now on the file `flag` rules all appending and creating: `stall`, `slow`, an errno's name, or nothing."""
    writev, opened = os.writev, os.open

    def obey() -> None:
        while (word := flag.read_text()) == "stall":
            time.sleep(0.02)
        if word == "slow":
            time.sleep(SLOW)
        elif word:
            code = getattr(errno, word)
            raise OSError(code, os.strerror(code))

    def append(descriptor: int, parts: Sequence[Any]) -> int:
        obey()
        return writev(descriptor, parts)

    def create(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            obey()
        return opened(path, flags, *rest, **more)

    os.writev = append  # type: ignore[assignment]
    os.open = create
