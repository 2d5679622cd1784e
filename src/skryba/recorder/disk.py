"""⚡ Looks at the disks under the folders: room, read-only, still the same disk, still taking octets.

May not know recordings. Every call may take as long as the disk does: the drain thread makes them.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from skryba.recorder.watermarks import Room

_PROBE = bytes(4096)


class Disks:
    """The disks of these folders as they were mounted when this was made, or were mounted in their place later."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._devices = {folder: folder.stat().st_dev for folder in folders}

    def rooms(self) -> list[Room]:
        """Of each folder. OSError: one is gone, was unmounted, or is read-only."""
        found = []
        for folder, device in self._devices.items():
            if (now := folder.stat().st_dev) != device:
                if not os.path.ismount(folder):
                    raise OSError(errno.ENODEV, f"another disk lies at {folder.name}")
                self._devices[folder] = now
            seen = os.statvfs(folder)
            if seen.f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            used = seen.f_blocks - seen.f_bfree  # what is kept for root counts neither as free nor as used, as in df(1)
            found.append(Room(free=seen.f_bavail * seen.f_frsize, total=(used + seen.f_bavail) * seen.f_frsize))
        return found

    def probe(self) -> None:
        """Write a little to each: OSError while the disk takes nothing."""
        for folder in self._devices:
            path = folder / ".probe"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                if os.write(descriptor, _PROBE) != len(_PROBE):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                path.unlink(missing_ok=True)
