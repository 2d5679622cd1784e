"""Spools that a dead recorder left: who waits for his signalling, and who is given up and sealed.

May not know sockets or clocks; it is told the time. A spool whose end was written is given up at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from skryba.errors import SkrybaError
from skryba.recorder.intake import Intake
from skryba.recorder.recording import Recording
from skryba.recorder.seal import RESTARTED
from skryba.recorder.storage import Published, Storage


@dataclass(frozen=True, slots=True)
class Ended:
    """A spool that may be sealed. `lost` is the reason to state if it has no end; `key` opens it if it is encrypted.

    `published`: it was sealed before; nothing is to be done but to say so again.
    """

    recording: str
    slot: int | None = None
    lost: str = RESTARTED
    key: bytes | None = field(default=None, repr=False)
    published: Published | None = None

    @classmethod
    def of(cls, recording: Recording, lost: str = RESTARTED) -> "Ended":
        """As the intake gave it back."""
        return cls(recording.id, recording.slot, lost, recording.key)


@dataclass(frozen=True, slots=True)
class _Orphan:
    slot: int | None
    pid: int  # of the engine that filled it; 0 if unknown
    key: bytes | None = field(repr=False)


class Orphans:
    """What was found at the start and nobody has claimed yet."""

    def __init__(self, storage: Storage, intake: Intake, is_alive: Callable[[int], bool]) -> None:
        self._storage = storage
        self._intake = intake
        self._is_alive = is_alive
        self._waiting: dict[str, _Orphan] = {}
        self._born = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, recording: str) -> bool:
        return recording in self._waiting

    def find(self, now: float) -> list[Ended]:
        """Look once, at the start; returns those that need nobody."""
        self._born = now
        ended = []
        for recording in self._storage.spools():
            try:
                spool = self._intake.opening.look(recording)
            except (OSError, SkrybaError):  # sealing will find the same, and say so
                ended.append(Ended(recording))
                continue
            meta, key = spool.meta or {}, self._intake.opening.key_of(spool)
            if spool.stop is not None:
                ended.append(Ended(recording, meta.get("slot"), key=key))
            else:
                self._waiting[recording] = _Orphan(meta.get("slot"), int(meta.get("pid", 0)), key)
        return ended

    def claim(self, recording: str) -> None:
        """Somebody goes on with it."""
        self._waiting.pop(recording, None)

    def leave(self, claimed: frozenset[str], now_ns: int) -> list[Ended]:
        """A signalling came and claims these: the others end, with what waits for them in the rings of a dead engine.

        To be called while no rings are attached.
        """
        others = [recording for recording in self._waiting if recording not in claimed]
        ended = []
        if not len(self._intake.roster) and not self._are_alive(others):
            ended = self._adopt(others, now_ns)
        return ended + self._end(others)

    def give_up(self, now: float, now_ns: int, *, grace: float, limit: float) -> list[Ended]:
        """No signalling is there. After `grace` all end if their engines are dead; after `limit` (seconds) anyway."""
        if not self._waiting or now - self._born <= grace:
            return []
        ended = []
        if self._are_alive(self._waiting):
            if now - self._born <= limit:
                return []
        else:
            ended = self._adopt(list(self._waiting), now_ns)
        return ended + self._end(list(self._waiting))

    def _adopt(self, recordings: list[str], now_ns: int) -> list[Ended]:
        adopted = self._intake.adopt(recordings, now_ns)
        for recording in adopted:
            self.claim(recording.id)
        return [Ended.of(recording) for recording in adopted]

    def _end(self, recordings: Iterable[str]) -> list[Ended]:
        found = ((recording, self._waiting.pop(recording, None)) for recording in recordings)
        return [
            Ended(recording, orphan.slot, key=orphan.key)
            for recording, orphan in found
            if orphan is not None and self._intake.roster.find(recording) is None
        ]

    def _are_alive(self, recordings: Iterable[str]) -> bool:
        return any(self._is_alive(self._waiting[recording].pid) for recording in recordings)
