"""⚡ A thread of low priority that seals one spool after the other: the recorder's beat never waits for it.

May not know rings or the control socket.
"""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from skryba.errors import ResourceError
from skryba.recorder.manifest import State
from skryba.recorder.seal import RESTARTED, Sealed, seal
from skryba.recorder.storage import Storage

LOW_PRIORITY = 15  # nice value of the thread


class Sealer:
    """Takes ids, gives outcomes. `on_sealed` is called in the thread."""

    def __init__(self, storage: Storage, *, keep_spool: bool, on_sealed: Callable[[Sealed], None]) -> None:
        self._storage = storage
        self._keep_spool = keep_spool
        self._on_sealed = on_sealed
        self._queue: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._known: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Spools not yet sealed."""
        return len(self._known)

    def has(self, recording: str) -> bool:
        """True while this spool waits or is being sealed."""
        return recording in self._known

    def put(self, recording: str, lost: str = RESTARTED) -> None:
        """Queue a spool; one that waits already is not queued again."""
        if recording not in self._known:
            self._known.add(recording)
            self._queue.put((recording, lost))

    def close(self) -> None:
        """Seal what is queued, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
        while (job := self._queue.get()) is not None:
            outcome = self._seal(*job)
            self._known.discard(job[0])
            self._on_sealed(outcome)

    def _seal(self, recording: str, lost: str) -> Sealed:
        try:
            return seal(self._storage, recording, keep_spool=self._keep_spool, lost=lost)
        except (ResourceError, OSError) as error:  # the disk: the spool stays and is sealed at the next start
            return Sealed(recording, State.FAILED, (f"not sealed yet: {error}",), None, None, 0)
        except Exception as error:  # one broken spool must not keep the others from being sealed
            self._storage.set_aside(recording)
            return Sealed(recording, State.FAILED, (f"cannot be sealed: {error}",), None, None, 0)
