"""⚡ Sealing processes and the queue before them: the recorder's beat never waits for a seal.

May not know rings or the control socket. A process that dies is started again and its job tried once more; a spool that
ends it twice is set aside. What the disk, a missing key or a kill from outside postponed comes back after a while.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from skryba.errors import KeyDestroyed, SkrybaError
from skryba.recorder.manifest import State
from skryba.recorder.seal import RESTARTED, Sealed
from skryba.recorder.sealing import from_words
from skryba.recorder.storage import Storage

ATTEMPTS = 2  # at a job that kills its process
PROGRAM = (sys.executable, "-m", "skryba.recorder.sealing")

Words = dict[str, Any]


class Sealer:
    """Takes ids, gives outcomes.

    `wishes` go into every job; `key_of` finds the key of an encrypted spool. `conclude` is called with what was sealed
    and must have done all that has to be done before the world is told; `on_sealed` tells it. All run in threads.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        processes: int,
        wishes: Mapping[str, Any],
        key_of: Callable[[str], bytes | None],
        conclude: Callable[[Sealed], object],
        on_sealed: Callable[[Sealed], None],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._storage = storage
        self._wishes = dict(wishes)
        self._key_of = key_of
        self._conclude = conclude
        self._on_sealed = on_sealed
        self._queue: SimpleQueue[tuple[str, str, bytes | None] | None] = SimpleQueue()
        self._known: set[str] = set()
        self._postponed: dict[str, tuple[str, bytes | None]] = {}
        self._processes = [_Process(program, storage) for _ in range(processes)]
        self._threads = [
            threading.Thread(target=self._run, args=(process,), name="sealer", daemon=True)
            for process in self._processes
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Spools not yet sealed, postponed ones included."""
        return len(self._known)

    @property
    def postponed(self) -> dict[str, str]:
        """Spools that could not be sealed for want of disk or key, and why."""
        return {recording: why for recording, (why, _) in list(self._postponed.items())}

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [process.pid for process in self._processes]

    def has(self, recording: str) -> bool:
        """True while this spool waits or is being sealed."""
        return recording in self._known

    def put(self, recording: str, lost: str = RESTARTED, key: bytes | None = None) -> None:
        """Queue a spool; one that waits already is not queued again. Without `key` it is looked up."""
        if recording not in self._known:
            self._known.add(recording)
            self._queue.put((recording, lost, key))

    def try_again(self) -> None:
        """Queue what was postponed."""
        waiting, self._postponed = self._postponed, {}
        for recording, (_, key) in waiting.items():
            self._queue.put((recording, RESTARTED, key))

    def close(self) -> None:
        """Seal what is queued, then end. What was postponed stays for the next recorder."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    # --- the threads --------------------------------------------------------------------------------------------------

    def _run(self, process: "_Process") -> None:
        while (job := self._queue.get()) is not None:
            self._seal(process, *job)
        process.close()

    def _seal(self, process: "_Process", recording: str, lost: str, key: bytes | None) -> None:
        try:
            outcome = self._ask(process, recording, lost, key)
            if outcome is None:
                return
            self._conclude(outcome)
        except (SkrybaError, OSError) as error:
            self._postponed[recording] = (str(error), key)
            return
        self._known.discard(recording)
        self._on_sealed(outcome)

    def _ask(self, process: "_Process", recording: str, lost: str, key: bytes | None) -> Sealed | None:
        try:
            key = key or self._key_of(recording)
            job = {"id": recording, "lost": lost, **self._wishes, **key_word(key)}
        except KeyDestroyed:
            self._storage.set_aside(recording)
            return Sealed(recording, State.FAILED, ("its key was destroyed",), None, None, 0)
        for _ in range(ATTEMPTS):
            answer = process.ask(job)
            if answer is not None:
                if answer.get("postponed"):
                    self._postponed[recording] = ("; ".join(answer["reasons"]), key)
                    return None
                return from_words(answer)
        if process.was_killed:  # by a person, or for want of memory: no fault of this spool is proven
            self._postponed[recording] = ("its sealing process was killed", key)
            return None
        self._storage.set_aside(recording)
        return Sealed(recording, State.FAILED, ("cannot be sealed: it ends the sealing process",), None, None, 0)


class _Process:
    """One sealing process; started again when it has died.

    Linux sends it a signal when the thread that started it ends: that is the recorder's, by then on its own way out.
    """

    def __init__(self, program: Sequence[str], storage: Storage) -> None:
        self._program = [*program, str(storage.recordings), str(storage.spool), str(os.getpid())]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def was_killed(self) -> bool:
        """True if it is dead by SIGKILL, which no program sends to itself."""
        return self._process.poll() == -signal.SIGKILL

    def ask(self, job: Mapping[str, Any]) -> Words | None:
        """The answer, None if the process died over it."""
        if self._process.poll() is not None:
            self.close()
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line.endswith("\n"):
            self._process.wait()
            return None
        answer: Words = json.loads(line)
        return answer

    def close(self) -> None:
        """No more jobs."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def key_word(key: bytes | None) -> Words:
    """A key as a job carries it."""
    return {"key": base64.b64encode(key).decode()} if key is not None else {}
