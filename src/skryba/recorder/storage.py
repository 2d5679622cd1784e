"""⚡ Where spools and recordings lie. The only file of this room that opens, syncs, renames and removes.

May not know what is inside them. Names are made of the recording's id and its date, never of anything the network sent.
"""

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from mmap import ACCESS_READ, mmap
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
    """A recording in its place."""

    audio: Path
    manifest: Path


class SpoolFile:
    """An open spool: whole blocks are appended, or nothing."""

    def __init__(self, path: Path, end: int) -> None:
        """Open for appending at `end`; what lies beyond (a torn block) is cut off."""
        self.path = path
        self.end = end
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE)
        os.ftruncate(self._descriptor, end)
        os.lseek(self._descriptor, end, os.SEEK_SET)

    def append(self, *parts: Any) -> bool:
        """True if all parts were written. On a full disk what was half written is cut off again."""
        wanted = sum(len(part) for part in parts)
        try:
            written = os.writev(self._descriptor, parts)
        except OSError:
            written = -1
        if written == wanted:
            self.end += wanted
            return True
        os.ftruncate(self._descriptor, self.end)
        os.lseek(self._descriptor, self.end, os.SEEK_SET)
        return False

    def close(self) -> None:
        """Once; the file stays."""
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

    def patch(self, offset: int, data: bytes) -> None:
        """Overwrite octets that are there already."""
        os.pwrite(self._open, data, offset)

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

    def find(self, recording: str, at: datetime) -> Published | None:
        """The recording's files if it is published."""
        place = self._name(recording, at)
        return place if place.manifest.exists() else None

    @contextmanager
    def map_spool(self, recording: str) -> Iterator[NDArray[np.uint8]]:
        """The spool's octets without reading them. FileNotFoundError if there is none."""
        with self.spool_path(recording).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                yield np.zeros(0, dtype=np.uint8)
                return
            mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
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
        place.audio.parent.mkdir(parents=True, exist_ok=True)
        return place

    def next_part(self, place: Published) -> Published:
        """A free name beside a recording that is already there: `<id>-2.wav`. Nothing published is ever overwritten."""
        stem = place.audio.stem
        number = 2
        while (candidate := place.audio.with_name(f"{stem}-{number}.wav")).with_suffix(".json").exists():
            number += 1
        return Published(audio=candidate, manifest=candidate.with_suffix(".json"))

    def sync_folder(self, place: Published) -> None:
        """The names themselves to the disk."""
        descriptor = os.open(place.audio.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
        folder = self.recordings / at.astimezone(UTC).strftime("%Y/%m/%d")
        return Published(audio=folder / f"{recording}.wav", manifest=folder / f"{recording}.json")
