"""⚡ Where spools and recordings lie. The only file of this room that opens, syncs, renames and removes.

May not know what is inside them. Names are made of the recording's id and its date, never of anything the network sent.
"""

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError, StateError

_ID = re.compile(r"[0-9a-f][0-9a-f-]{3,63}")
_MODE = 0o640
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Published:
    """Where the files of one recording lie: their names all begin with `stem`."""

    folder: Path
    stem: str

    @property
    def manifest(self) -> Path:
        return self.folder / f"{self.stem}.json"


class SpoolFile:
    """An open spool: whole blocks are appended, or nothing. `error` is why the last append failed, or None."""

    def __init__(self, path: Path, end: int) -> None:
        """Open for appending at `end`; what lies beyond (a torn block) is cut off."""
        self.path = path
        self.end = end
        self.error: OSError | None = None
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            self._cut()
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, *parts: Any) -> bool:
        """True if all parts were written. On a full disk what was half written is cut off again, at once or later."""
        wanted = sum(len(part) for part in parts)
        try:
            if self.error is not None:
                self._cut()
            whole = os.writev(self._descriptor, parts) == wanted
        except OSError as error:
            self.error = error
        else:
            self.error = None if whole else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.error is None:
            self.end += wanted
            return True
        with suppress(OSError):
            self._cut()
        return False

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self.end)
        os.lseek(self._descriptor, self.end, os.SEEK_SET)

    def close(self) -> None:
        """Once; the file stays. What a disk says that fails even now was said before."""
        with suppress(OSError):
            os.close(self._descriptor)


class PartFile:
    """A file that is not yet public: `<name>.part` until it is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._descriptor: int | None = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)

    def write(self, data: Any) -> None:
        """Append all of it. ResourceError when the disk does not take it."""
        view = memoryview(data)
        try:
            while len(view):
                view = view[os.write(self._open, view) :]
        except OSError as error:
            raise ResourceError(f"{self._part.name}: {error.strerror}") from error

    def read_at(self, offset: int, length: int) -> bytes:
        """What was written there; fewer octets only at the end."""
        return os.pread(self._open, length, offset)

    def publish(self) -> None:
        """On disk for good, then visible under its name."""
        try:
            os.fsync(self._open)
        except OSError as error:
            raise ResourceError(f"{self._part.name}: {error.strerror}") from error
        self._close()
        self._part.rename(self.path)

    def discard(self) -> None:
        """Leave nothing behind that was not published."""
        self._close()
        self._part.unlink(missing_ok=True)

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            raise StateError(f"{self.path.name} is closed")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Storage:
    """Two folders: `spool` for evidence in the making, `recordings` for what is finished (YYYY/MM/DD/<id>.wav)."""

    def __init__(self, recordings: Path, spool: Path) -> None:
        self.recordings = recordings
        self.spool = spool
        self.kept = spool / "kept"
        for folder in (recordings, spool):
            folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def is_id(text: str) -> bool:
        """True for what may become part of a path."""
        return _ID.fullmatch(text) is not None

    def spool_path(self, recording: str) -> Path:
        """ValueError unless `recording` is an id."""
        if not self.is_id(recording):
            raise ValueError(f"not a recording's id: {recording!r}")
        return self.spool / f"{recording}.spool"

    def spools(self) -> list[str]:
        """Ids of all recordings that have a spool, oldest first."""
        written = self._written()
        return sorted(written, key=lambda recording: (written[recording], recording))

    def set_aside(self, recording: str) -> None:
        """Keep a spool that cannot be sealed, under a name that nobody seals again."""
        path = self.spool_path(recording)
        if path.exists():
            path.rename(path.with_suffix(".broken"))

    def retire(self, recording: str, *, keep: bool) -> None:
        """The recording is sealed: its packets are kept apart or removed. Done twice it changes nothing."""
        path = self.spool_path(recording)
        if not keep:
            path.unlink(missing_ok=True)
        elif path.exists():
            self.kept.mkdir(exist_ok=True)
            path.rename(self.kept / path.name)

    def sweep(self, at: datetime) -> None:
        """Remove what a killed sealing left unfinished of recordings that began on this day or the day before.

        Before the first sealing only. Whose spool is still there is made anew; whose is not would never be finished.
        """
        for day in (at, at - timedelta(days=1)):
            for part in self._day(day).glob("*.part"):
                part.unlink(missing_ok=True)

    def expired(self, before: float) -> list[Path]:
        """Kept spools that were last written before that wall clock time, oldest first: they may go."""
        found = []
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.kept):
                with suppress(FileNotFoundError):
                    found.append((entry.stat().st_mtime, Path(entry.path)))
        return [path for written, path in sorted(found) if written < before]

    def find(self, recording: str, at: datetime) -> Published | None:
        """The recording's files if it is published."""
        place = self._name(recording, at)
        return place if place.manifest.exists() else None

    @contextmanager
    def map_spool(self, recording: str) -> Iterator[NDArray[np.uint8]]:
        """The spool's octets without reading them, also of a kept one. FileNotFoundError if there is none.

        They may be written to: nobody else will see it.
        """
        path = self.spool_path(recording)
        with (path if path.exists() else self.kept / path.name).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                yield np.zeros(0, dtype=np.uint8)
                return
            mapped = mmap(file.fileno(), 0, access=ACCESS_COPY)  # a reader with the key opens it in place, for himself
            yield np.frombuffer(mapped, dtype=np.uint8)  # unmapped when the last view is gone

    def sync_spools(self) -> None:
        """All spools to the disk at once (syncfs(2)); takes as long as the disk does."""
        descriptor = os.open(self.spool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _LIBC.syncfs(descriptor) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
        finally:
            os.close(descriptor)

    def place(self, recording: str, at: datetime) -> Published:
        """Where the files of this recording belong, by the UTC date of its start. The folder is made."""
        place = self._name(recording, at)
        place.folder.mkdir(parents=True, exist_ok=True)
        return place

    def names(self, place: Published) -> Iterator[Published]:
        """The place itself, then those beside it for further recordings of the same id: `<id>-2`, `<id>-3`, …

        Nothing published is ever overwritten.
        """
        yield place
        for number in count(2):
            yield Published(place.folder, f"{place.stem}-{number}")

    def sync_folder(self, place: Published) -> None:
        """The names themselves to the disk."""
        descriptor = os.open(place.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def spool_age(self, at: float) -> float:
        """Seconds (wall clock `at`) since the spool that was written longest ago was written; 0 without spools."""
        return max(0.0, at - min(self._written().values(), default=at))

    def free_octets(self) -> int:
        """Left for spools."""
        return shutil.disk_usage(self.spool).free

    def _written(self) -> dict[str, float]:
        """Per spool, when it was written last. Spools may vanish meanwhile: the sealing thread removes them."""
        found = {}
        for entry in os.scandir(self.spool):
            name, _, kind = entry.name.partition(".")
            if kind == "spool" and self.is_id(name):
                with suppress(FileNotFoundError):
                    found[name] = entry.stat().st_mtime
        return found

    def _name(self, recording: str, at: datetime) -> Published:
        if not self.is_id(recording):
            raise ValueError(f"not a recording's id: {recording!r}")
        return Published(self._day(at), recording)

    def _day(self, at: datetime) -> Path:
        return self.recordings / at.astimezone(UTC).strftime("%Y/%m/%d")


def random_octets(count: int) -> bytes:
    """From the kernel; nobody gets them twice."""
    return os.urandom(count)
