"""⚡ Writing so that it is on the disk when the call returns: append, replace, overwrite and remove.

May not know what is written.
"""

import os
from contextlib import suppress
from pathlib import Path

from skryba.errors import ResourceError

_PIECE = 1 << 20


def append(path: Path, end: int, data: bytes, mode: int) -> int:
    """`data` at octet `end`; what lay beyond is cut off. The octet after it; ResourceError and no trace if it fails."""
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fault = _write(descriptor, end, data)
        if fault is not None:
            with suppress(OSError):  # what stays is a torn end, which the next one cuts off
                os.ftruncate(descriptor, end)
            raise ResourceError(f"{path.name}: {fault}")
    finally:
        os.close(descriptor)
    if new:
        sync_folder(path.parent)
    return end + len(data)


def replace(path: Path, data: bytes, mode: int) -> None:
    """The file with these octets: before or after, never between. `<path>.new` may be left by a crash."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    append(new, 0, data, mode)
    os.replace(new, path)
    sync_folder(path.parent)


def shred(path: Path) -> None:
    """Overwrite, then remove. What copies the file system, the medium or a backup keeps is beyond reach."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        left = os.fstat(descriptor).st_size
        while left > 0:
            left -= os.write(descriptor, bytes(min(left, _PIECE)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The names in `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, end: int, data: bytes) -> str | None:
    """What went wrong, or None."""
    try:
        os.ftruncate(descriptor, end)
        written = os.pwrite(descriptor, data, end)
        os.fsync(descriptor)
    except OSError as error:
        return str(error.strerror)
    return None if written == len(data) else "the disk is full"
