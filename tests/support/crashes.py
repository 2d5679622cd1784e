"""Kill a process at each of its steps on the disk, one run after the other.

Knows only that whatever reaches the disk goes through these functions of `os`.
"""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

STEPS = ("link", "replace", "rename", "unlink", "fsync", "write", "pwrite", "ftruncate", "open")


def kill_at_each_step(work: Callable[[], object]) -> Iterator[int]:
    """Run `work` in forked children of which child n is killed before its step n; yields after each death.

    Ends with the child that finished its work; AssertionError if it failed. The steps are counted by function calls, so
    that every state between two of them is met.
    """
    for number in count():
        child = os.fork()
        if child == 0:
            _run(work, number)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "the work itself failed"
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
        yield number


def _run(work: Callable[[], object], number: int) -> None:
    """Never returns."""
    left = number

    def step(real: Callable[..., Any], *args: Any, **words: Any) -> Any:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return real(*args, **words)

    code = 1
    try:
        for name in STEPS:
            setattr(os, name, partial(step, getattr(os, name)))
        work()
        code = 0
    finally:
        os._exit(code)
