"""The C library and the memory order of the machine, callable from compiled code that runs without the GIL.

May not know RTP, rows or rings: descriptors, addresses in memory and numbers.
"""

import platform
from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

_F = TypeVar("_F", bound=Callable[..., Any])

EPOLLIN = 1
EPOLL_CTL_ADD = 1
EPOLL_CTL_DEL = 2
EINTR = 4
CLOCK_MONOTONIC = 1
# struct epoll_event in 32-bit words: packed on x86-64, with a hole before the data elsewhere (epoll_ctl(2)).
EPOLL_WORDS = 3 if platform.machine() == "x86_64" else 4
EPOLL_DATA = EPOLL_WORDS - 2

recvfrom: Any = types.ExternalFunction(
    "recvfrom", types.intp(types.intc, types.intp, types.uintp, types.intc, types.intp, types.intp)
)
sendto: Any = types.ExternalFunction(
    "sendto", types.intp(types.intc, types.intp, types.uintp, types.intc, types.intp, types.uint32)
)
epoll_wait: Any = types.ExternalFunction("epoll_wait", types.intc(types.intc, types.intp, types.intc, types.intc))
epoll_ctl: Any = types.ExternalFunction("epoll_ctl", types.intc(types.intc, types.intc, types.intc, types.intp))
close: Any = types.ExternalFunction("close", types.intc(types.intc))
read: Any = types.ExternalFunction("read", types.intp(types.intc, types.intp, types.uintp))
write: Any = types.ExternalFunction("write", types.intp(types.intc, types.intp, types.uintp))
memcpy: Any = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.uintp))
madvise: Any = types.ExternalFunction("madvise", types.intc(types.intp, types.uintp, types.intc))
usleep: Any = types.ExternalFunction("usleep", types.intc(types.uint32))
_int_pointer: Any = types.CPointer(types.int32)  # type: ignore[no-untyped-call]
_clock_gettime: Any = types.ExternalFunction("clock_gettime", types.intc(types.intc, types.intp))
_errno_location: Any = types.ExternalFunction("__errno_location", _int_pointer())


def compiled(function: _F) -> _F:
    """A part of the loop, called by compiled code. Integers divide as in C."""
    return cast("_F", njit(nogil=True, error_model="numpy")(function))


def inlined(function: _F) -> _F:
    """The same where every packet passes: it becomes part of its caller, and costs its time to compile each time."""
    return cast("_F", njit(nogil=True, forceinline=True, error_model="numpy")(function))


def entrance(function: _F) -> _F:
    """What Python calls: compiled once, kept on disk, runs without the GIL."""
    return cast("_F", njit(nogil=True, cache=True, error_model="numpy")(function))


@intrinsic
def _load(typing: Any, address: Any) -> Any:

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def _store(typing: Any, address: Any, value: Any) -> Any:

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store_atomic(arguments[1], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


# The int64 at an address; nothing that follows is read earlier.
load_acquire = cast("Callable[[int], int]", _load)
# Put an int64 at an address; everything written before is seen before it.
store_release = cast("Callable[[int, int], None]", _store)


@inlined
def address_of(array: Any) -> int:
    """Where an array's first element lies, as a signed number: numba makes floats of mixed signs."""
    return types.int64(array.ctypes.data)  # type: ignore[no-any-return]


@inlined
def clock_ns(scratch: Any) -> int:
    """CLOCK_MONOTONIC in nanoseconds; `scratch` is an int64 array of two."""
    _clock_gettime(CLOCK_MONOTONIC, address_of(scratch))
    return scratch[0] * 1_000_000_000 + scratch[1]  # type: ignore[no-any-return]


@inlined
def errno() -> int:
    """The error of this thread's last call."""
    return int(carray(_errno_location(), 1)[0])
