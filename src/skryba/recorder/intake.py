"""⚡ Rings → spools: reads what the engine forked and appends it to the spool of whose slot it is.

May not know the control socket, time-outs or sealing; the drain thread calls it. A ring's tail moves only after the
spools took the packets: a recorder that dies between the two reads them again and loses nothing; sealing knows equal
records. While a disk takes nothing the ring keeps what came, up to half of it and no longer than PATIENCE; after that
what the disk does not take is dropped, counted and said, until it takes something again.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError
from skryba.recorder.attached import Attached, Ring, epochs_of, heads_of, lost_of
from skryba.recorder.demux import demux, find_missed
from skryba.recorder.manifest import wall_clock
from skryba.recorder.opening import Keys, Opening
from skryba.recorder.recording import Phase, Recording, Roster, read_start
from skryba.recorder.seal import RESTARTED
from skryba.recorder.spool import Kind
from skryba.recorder.storage import Storage
from skryba.recorder.writing import Writing

PATIENCE = 30.0  # seconds that the ring keeps packets for a disk that takes none
PATIENT = 0.5  # of the ring, the same
FOREVER = 1 << 62  # ns; later than any packet

Words = dict[str, Any]


class Intake:
    """All rings and all open spools. Every method returns at once, unless the disk does not.

    With `keys` the spools are encrypted, and `random` is needed: so many octets that nobody else ever gets.
    """

    def __init__(
        self,
        storage: Storage,
        open_ring: Callable[[Path], Ring],
        keys: Keys | None = None,
        random: Callable[[int], bytes] | None = None,
    ) -> None:
        self.opening = Opening(storage, keys, random)
        self._open_ring = open_ring
        self._rings: tuple[Attached, ...] = ()  # replaced as a whole: another thread looks at it
        self._paths: tuple[str, ...] = ()
        self._writing: dict[str, Writing] = {}
        self._ending: list[Writing] = []  # drained, but the disk has not taken their last words
        self._epoch = 0
        self._pid = 0
        self.roster = Roster()
        self.packets = 0
        self.octets = 0
        self.unclaimed = 0
        self.dropped = 0  # packets that no disk took
        self.broken = 0  # octets skipped because a ring made no sense
        self.error: OSError | None = None  # of the last write or beginning, if it failed

    @property
    def epoch_ns(self) -> int:
        """Wall clock minus monotonic clock, as signalling told it."""
        return self._epoch

    @property
    def overflow(self) -> list[int]:
        """Packets that found a ring full, per ring."""
        return [attached.ring.overflow for attached in self._rings]

    @property
    def backlog(self) -> float:
        """Fullest ring, 0…1."""
        return max((attached.filled for attached in self._rings), default=0.0)

    def attach(self, paths: Sequence[str], epoch_ns: int, pid: int = 0) -> list[str]:
        """Read these rings of that engine from now on; returns those that cannot be opened."""
        self._epoch, self._pid = epoch_ns, pid
        rings, missing = [], []
        for path in paths:
            try:
                ring = self._open_ring(Path(path))
                rings.append(Attached(ring, ring.head))
            except (ResourceError, OSError) as error:
                missing.append(f"{path}: {error}")
        self._rings, self._paths = tuple(rings), tuple(str(path) for path in paths)
        for writing in self._writing.values():
            if writing.recording.meta.get("ring_epochs") != epochs_of(rings):
                writing.lost = lost_of(rings, writing.recording.slot)  # the counters of another engine
        return missing

    def detach(self) -> None:
        """Leave the rings; their tails stay where they are."""
        self._rings, self._paths = (), ()

    def start(self, message: Mapping[str, Any], now_ns: int) -> Recording | None:
        """Begin a recording, or go on with its spool. None if that spool ended already (it waits for its seal).

        Told twice, the second time does nothing. KeyError, TypeError, ValueError, OSError or SkrybaError if it cannot
        begin.
        """
        if (running := self.roster.find(str(message["id"]))) is not None:
            return running
        recording = read_start(message)
        if recording.id in self._writing:
            return None
        recording.meta |= {
            "epoch_ns": self._epoch,
            "opened_ns": now_ns,
            "pid": self._pid,
            "rings": list(self._paths),
            "ring_epochs": epochs_of(self._rings),
            "overflow": self.overflow,
            "lost": lost_of(self._rings, recording.slot),
        }
        return self._open(recording, now_ns)

    def formats(self, message: Mapping[str, Any]) -> None:
        """Another meaning of payload types. A slot that nobody records is passed over, here and below."""
        if (writing := self._of_slot(message)) is not None:
            writing.say(Kind.FORMATS, writing.recording.formats(message))

    def mark(self, message: Mapping[str, Any]) -> None:
        """A named moment."""
        if (writing := self._of_slot(message)) is not None:
            writing.say(Kind.MARK, writing.recording.mark(message))

    def stop(self, message: Mapping[str, Any]) -> Recording | None:
        """The end was told. None if nobody records that slot, or under another id."""
        writing = self._of_slot(message)
        if writing is None or message.get("id") not in (None, writing.recording.id):
            return None
        if writing.recording.phase is Phase.OPEN:
            writing.recording.end(message, heads_of(self._rings))
        return writing.recording

    def lose(self, keep: frozenset[str], at_ns: int | None, reason: str) -> list[Recording]:
        """Signalling told no end: read the rings to their heads and end all but `keep`. Returns those that ended.

        `at_ns` is when it was last heard of; None: the recording ends with its last packet.
        """
        heads = heads_of(self._rings)
        for recording in self.roster:
            if recording.id not in keep and recording.phase is Phase.OPEN:
                recording.end({"at_ns": at_ns, "until_ns": FOREVER, "lost": reason}, heads)
        self.drain(heads, None)
        return self.finish()

    def beat(self, now: float) -> None:
        """Read all that was in the rings one beat ago: its start message has arrived by now."""
        heads = heads_of(self._rings)
        limits = [max([attached.settled, *self._ends(ring)]) for ring, attached in enumerate(self._rings)]
        self.settle()
        self.drain([min(limit, head) for limit, head in zip(limits, heads, strict=True)], now)

    def settle(self) -> None:
        """Note the heads without reading: a beat on which no spool needs to be written."""
        for attached in self._rings:
            attached.settled = attached.ring.head

    def drain(self, limits: Sequence[int], now: float | None) -> None:
        """Read each ring up to its limit into the spools; without `now` there is no waiting for a disk."""
        for attached, limit in zip(self._rings, limits, strict=False):
            ring = attached.ring
            while ring.tail < limit:
                try:
                    chunk = attached.read(limit)
                except ResourceError:  # overwritten from outside: nothing in it can be trusted up to the head
                    self.broken += ring.head - ring.tail
                    attached.leave(ring.head - ring.tail, attached.last_ns)
                    break
                if not len(chunk) or not self._keep(attached, chunk, now):
                    break
        self._note_error()

    def finish(self) -> list[Recording]:
        """Close the spools of all recordings that are drained and return them: they may be sealed."""
        tails = [attached.ring.tail for attached in self._rings]
        for recording in self.roster.draining():
            if recording.is_drained(tails):
                writing = self._writing[recording.id]
                last_ns = max((attached.last_ns for attached in self._rings), default=0)
                self._count_lost(writing, last_ns, (recording.stop or {}).get("at_ns"))
                writing.say(Kind.STOP, recording.last_words(self.overflow))
                self._ending.append(writing)
                self.roster.remove(recording)
        through = [writing for writing in self._ending if writing.flush()]
        self._note_error()
        for writing in through:
            writing.close()
            self._ending.remove(writing)
            del self._writing[writing.recording.id]
        return [writing.recording for writing in through]

    def adopt(self, orphans: Sequence[str], now_ns: int) -> list[Recording]:
        """Spools that a dead recorder left while the engine died too: take what still waits in the rings of their time.

        Only with no rings attached. Returns those whose rings were there and still the same; they have ended.
        """
        for orphan in orphans:
            meta = self.opening.look(orphan).meta or {}
            paths = tuple(meta.get("rings") or ())
            if not self._rings and paths:
                self.attach(paths, int(meta.get("epoch_ns", 0)))
            if meta.get("ring_epochs") != epochs_of(self._rings):
                if not len(self.roster):
                    self.detach()  # another engine's by now: not one packet of it may be taken
            elif paths == self._paths and int(meta["slot"]) not in self.roster.by_slot:
                self.start(meta, now_ns)
        through = self.lose(frozenset(), None, RESTARTED)
        self.detach()
        return through

    def close(self) -> None:
        """Leave the open spools for the next recorder."""
        for writing in self._writing.values():
            writing.close()
        self._writing.clear()
        self._ending.clear()
        self.detach()

    def _open(self, recording: Recording, now_ns: int) -> Recording | None:
        self.roster.add(recording)
        writing = None
        try:
            writing = self.opening.open(recording, now_ns, wall_clock(now_ns, self._epoch))
        except OSError as error:
            self.error = error
            raise
        finally:
            if writing is None:
                self.roster.remove(recording)
        if writing is None:
            return None
        self._writing[recording.id] = writing
        writing.lost += int(recording.meta.get("lost", 0))
        if recording.meta.get("ring_epochs") != epochs_of(self._rings):
            writing.lost = lost_of(self._rings, recording.slot)
        return recording

    def _of_slot(self, message: Mapping[str, Any]) -> Writing | None:
        recording = self.roster.by_slot.get(int(message["slot"]))
        return self._writing[recording.id] if recording is not None else None

    def _ends(self, ring: int) -> list[int]:
        return [found.drain[ring] for found in self.roster.draining() if ring < len(found.drain)]

    def _keep(self, attached: Attached, chunk: NDArray[np.uint8], now: float | None) -> bool:
        """Offer a chunk to the spools and leave it, or hold it: False if one did not take its part yet."""
        missed = find_missed(chunk, attached.last_ns)
        if missed.packets and not attached.held:
            for each in self.roster:
                self._count_lost(self._writing[each.id], missed.from_ns, missed.to_ns)
        found = demux(chunk, self.roster.owners, len(self.roster.order))
        hold = False
        for number in np.flatnonzero(found.packets).tolist():
            recording = self.roster.order[number]
            if recording is None or recording.id in attached.taken:
                continue
            begin, end = found.ends[number : number + 2].tolist()
            count = int(found.packets[number])
            writing = self._writing[recording.id]
            if writing.take(found.records[begin:end], count):
                self.packets += count
            elif now is not None and writing.fails_for(now) < PATIENCE and attached.filled <= PATIENT:
                hold = True
                continue
            else:
                writing.drop(count, int(found.records[begin + 16 : begin + 24].view(np.int64)[0]), missed.last_ns)
                self.dropped += count
            attached.taken.add(recording.id)
        if hold:
            attached.hold(chunk)
        else:
            self.octets += len(chunk)
            self.unclaimed += found.unclaimed
            attached.leave(len(chunk), missed.last_ns)
        return not hold

    def _count_lost(self, writing: Writing, from_ns: int, to_ns: int | None) -> None:
        """Say what a recording lost in the rings since it was last counted."""
        lost = lost_of(self._rings, writing.recording.slot) - writing.lost
        if lost > 0:
            writing.overflow(lost, from_ns, max(from_ns, to_ns or from_ns))

    def _note_error(self) -> None:
        """What the spools met last; while there are none, the last error stands."""
        if self._writing:
            self.error = next((writing.error for writing in self._writing.values() if writing.error), None)
