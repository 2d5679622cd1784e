"""The C library from compiled code."""

import errno as codes
import platform
import time

import numpy as np

from skryba.media.syscalls import (
    EPOLL_DATA,
    EPOLL_WORDS,
    address_of,
    clock_ns,
    entrance,
    errno,
    load_acquire,
    recvfrom,
    store_release,
)
from skryba.media.syscalls import close as close_descriptor


def _exercise(words: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """words[0] is read and doubled into words[1]; words[2] becomes the clock's; returns errno of a hopeless call."""
    base = address_of(words)
    store_release(base + 8, 2 * load_acquire(base))
    words[2] = clock_ns(words[3:])
    if recvfrom(-1, base, 8, 0, 0, 0) != -1:
        return 0
    return errno()


def test_words_clock_and_errors() -> None:
    words = np.zeros(5, np.int64)
    words[0] = 1 << 50
    before = time.monotonic_ns()
    assert entrance(_exercise)(words) == codes.EBADF
    assert words[1] == 1 << 51
    assert before <= words[2] <= time.monotonic_ns()


def test_the_layout_of_epoll_event_is_the_machines() -> None:
    packed = platform.machine() == "x86_64"
    assert ((3, 1) if packed else (4, 2)) == (EPOLL_WORDS, EPOLL_DATA)


def test_functions_of_the_c_library_are_declared_by_name() -> None:
    assert (recvfrom.symbol, close_descriptor.symbol) == ("recvfrom", "close")
