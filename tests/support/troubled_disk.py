"""A small disk of our own under the folders of a Skryba, and what can befall it: full, read-only, gone, slow, stalled.

The first three are real mounts; on a machine that refuses them even to root (a container), and for what befalls files
that are open, `tests.support.faults` says it inside the recorder: `seam` is to be put in front of its PYTHONPATH.
"""

import contextlib
import errno
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

_SEAM = """
import sys
if "recorder" in sys.orig_argv:
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from tests.support.faults import install
    install(Path({flag!r}))
"""


class TroubledDisk:
    """`with TroubledDisk(work, folders, octets) as disk:`; the folders lie on it until the block ends."""

    def __init__(self, work: Path, folders: Sequence[Path], octets: int) -> None:
        self._disk, self._folders, self._octets = work / "disk", folders, octets
        self._flag = work / "fault"
        self.seam = work / "seam"
        self._real = True

    def __enter__(self) -> Self:
        self.seam.mkdir(parents=True)
        self._say("")
        root = str(Path(__file__).parents[2])
        (self.seam / "sitecustomize.py").write_text(_SEAM.format(root=root, flag=str(self._flag)))
        self._disk.mkdir()
        for folder in self._folders:
            folder.mkdir(parents=True)
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={self._octets}", "skryba-test", str(self._disk))
        except PermissionError:
            self._real = False
            return self
        for folder in self._folders:
            (self._disk / folder.name).mkdir()
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        if self._real:
            self._unmount()
            _run("umount", "-l", str(self._disk))

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Not one octet is left."""
        if not self._real:
            with self._saying("ENOSPC"):
                yield
            return
        ballast = self._disk / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(1 << 16)) == 1 << 16:
                    pass
            yield
        finally:
            ballast.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Also for files that are open: what the kernel does to a disk that answers with errors."""
        with contextlib.ExitStack() as undone:
            if self._real:
                self._mount()
                undone.callback(self._unmount)
                for folder in self._folders:
                    _run("mount", "-o", "remount,bind,ro", str(folder))
            undone.enter_context(self._saying("EROFS"))
            yield

    @contextlib.contextmanager
    def gone(self) -> Iterator[None]:
        """Unmounted: in its place lies an empty folder of the disk below. Mounted again it is as it was."""
        if not self._real:
            with self._saying("ENODEV"):
                yield
            return
        self._unmount()
        try:
            yield
        finally:
            self._mount()

    @contextlib.contextmanager
    def slow(self) -> Iterator[None]:
        """Every write takes half a second."""
        with self._saying("slow"):
            yield

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """No write comes back."""
        with self._saying("stall"):
            yield

    def _mount(self) -> None:
        for folder in self._folders:
            _run("mount", "--bind", str(self._disk / folder.name), str(folder))

    def _unmount(self) -> None:
        for folder in self._folders:
            _run("umount", "-l", str(folder))

    @contextlib.contextmanager
    def _saying(self, fault: str) -> Iterator[None]:
        self._say(fault)
        try:
            yield
        finally:
            self._say("")

    def _say(self, fault: str) -> None:
        draft = self._flag.with_suffix(".new")
        draft.write_text(fault)
        draft.rename(self._flag)


def _run(*words: str) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(errno.EPERM, f"{' '.join(words)}: {done.stderr.strip()}")
