"""⚡ Rings → spools: reads what the engine forked and appends it to the spool of whose slot it is.

May not know the control socket, time-outs or sealing; the worker calls it. A ring's tail moves only after the spool
took the packets: a recorder that dies between the two reads them again and loses nothing; sealing knows equal records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skryba.errors import ResourceError
from skryba.recorder.demux import demux
from skryba.recorder.recording import Phase, Recording, Roster, read_start
from skryba.recorder.seal import RESTARTED
from skryba.recorder.spool import BlockWriter, Kind, Spool, read_spool
from skryba.recorder.storage import SpoolFile, Storage

CHUNK = 1 << 22  # octets read from a ring at a time
FOREVER = 1 << 62  # ns; later than any packet

Words = dict[str, Any]


class Ring(Protocol):
    """The reading end of a ring of forked packets (`skryba.media.ring`). Positions only grow."""

    @property
    def head(self) -> int: ...

    @property
    def tail(self) -> int: ...

    @property
    def overflow(self) -> int: ...

    @property
    def epoch_ns(self) -> int: ...

    def read(self, max_octets: int) -> NDArray[np.uint8]: ...

    def advance(self, octets: int) -> None: ...


@dataclass(slots=True)
class _Writing:
    recording: Recording
    file: SpoolFile
    blocks: BlockWriter

    def words(self, kind: Kind, words: Mapping[str, Any]) -> None:
        if not self.file.append(self.blocks.words(kind, words)):
            self.blocks.sequence -= 1

    def packets(self, records: NDArray[np.uint8], count: int) -> None:
        if self.file.append(*self.blocks.packets(records.data)):
            self.recording.packets += count
        else:
            self.blocks.sequence -= 1
            self.recording.dropped += count


class Intake:
    """All rings and all open spools. Every method returns at once, unless the disk does not."""

    def __init__(self, storage: Storage, open_ring: Callable[[Path], Ring]) -> None:
        self._storage = storage
        self._open_ring = open_ring
        self._rings: list[Ring] = []
        self._sizes: list[int] = []
        self._paths: tuple[str, ...] = ()
        self._settled: list[int] = []  # heads as they stood one beat ago
        self._writing: dict[str, _Writing] = {}
        self._epoch = 0
        self._pid = 0
        self.roster = Roster()
        self.packets = 0
        self.octets = 0
        self.unclaimed = 0
        self.broken = 0  # octets skipped because a ring made no sense

    @property
    def epoch_ns(self) -> int:
        """Wall clock minus monotonic clock, as signalling told it."""
        return self._epoch

    @property
    def overflow(self) -> list[int]:
        """Packets that found a ring full, per ring."""
        return [ring.overflow for ring in self._rings]

    @property
    def backlog(self) -> float:
        """Fullest ring, 0…1."""
        filled = ((ring.head - ring.tail) / size for ring, size in zip(self._rings, self._sizes, strict=True) if size)
        return max(filled, default=0.0)

    def attach(self, paths: Sequence[str], epoch_ns: int, pid: int = 0) -> list[str]:
        """Read these rings of that engine from now on; returns those that cannot be opened."""
        self.detach()
        self._epoch, self._pid = epoch_ns, pid
        missing = []
        for path in paths:
            try:
                self._rings.append(self._open_ring(Path(path)))
                self._sizes.append(Path(path).stat().st_size)
            except (ResourceError, OSError) as error:
                missing.append(f"{path}: {error}")
        self._paths = tuple(str(path) for path in paths)
        self._settled = [ring.head for ring in self._rings]
        return missing

    def detach(self) -> None:
        """Leave the rings; their tails stay where they are."""
        self._rings, self._sizes, self._paths, self._settled = [], [], (), []

    def start(self, message: Mapping[str, Any], now_ns: int) -> Recording | None:
        """Begin a recording, or go on with its spool. None if that spool ended already (it waits for its seal).

        Told twice, the second time does nothing. KeyError, TypeError, ValueError or OSError if it cannot begin.
        """
        if (running := self.roster.find(str(message["id"]))) is not None:
            return running
        recording = read_start(message)
        recording.meta |= {
            "epoch_ns": self._epoch,
            "opened_ns": now_ns,
            "pid": self._pid,
            "rings": list(self._paths),
            "ring_epochs": self._ring_epochs(),
            "overflow": self.overflow,
        }
        return self._open(recording, now_ns)

    def formats(self, message: Mapping[str, Any]) -> None:
        """Another meaning of payload types. A slot that nobody records is passed over, here and below."""
        if (writing := self._of_slot(message)) is not None:
            writing.words(Kind.FORMATS, writing.recording.formats(message))

    def mark(self, message: Mapping[str, Any]) -> None:
        """A named moment."""
        if (writing := self._of_slot(message)) is not None:
            writing.words(Kind.MARK, writing.recording.mark(message))

    def stop(self, message: Mapping[str, Any]) -> Recording | None:
        """The end was told. None if nobody records that slot, or under another id."""
        writing = self._of_slot(message)
        if writing is None or message.get("id") not in (None, writing.recording.id):
            return None
        if writing.recording.phase is Phase.OPEN:
            writing.recording.end(message, [ring.head for ring in self._rings])
        return writing.recording

    def lose(self, keep: frozenset[str], at_ns: int | None, reason: str) -> list[Recording]:
        """Signalling told no end: read the rings to their heads and end all but `keep`. Returns those that ended.

        `at_ns` is when it was last heard of; None: the recording ends with its last packet.
        """
        heads = [ring.head for ring in self._rings]
        for recording in self.roster:
            if recording.id not in keep and recording.phase is Phase.OPEN:
                recording.end({"at_ns": at_ns, "until_ns": FOREVER, "lost": reason}, heads)
        self.drain(heads)
        return self.finish()

    def beat(self) -> None:
        """Read all that was in the rings one beat ago: its start message has arrived by now."""
        heads = [ring.head for ring in self._rings]
        limits = [max([settled, *self._ends(ring)]) for ring, settled in enumerate(self._settled)]
        self._settled = heads
        self.drain([min(limit, head) for limit, head in zip(limits, heads, strict=True)])

    def settle(self) -> None:
        """Note the heads without reading: a beat on which no spool needs to be written."""
        self._settled = [ring.head for ring in self._rings]

    def drain(self, limits: Sequence[int]) -> None:
        """Read each ring up to its limit into the spools."""
        for ring, limit in zip(self._rings, limits, strict=False):
            while ring.tail < limit:
                try:
                    chunk = ring.read(min(CHUNK, limit - ring.tail))
                except ResourceError:  # overwritten from outside: nothing in it can be trusted up to the head
                    self.broken += ring.head - ring.tail
                    ring.advance(ring.head - ring.tail)
                    break
                if not len(chunk):
                    break
                self._keep(chunk)
                ring.advance(len(chunk))

    def finish(self) -> list[Recording]:
        """Close the spools of all recordings that are drained and return them: they may be sealed."""
        tails = [ring.tail for ring in self._rings]
        through = [recording for recording in self.roster.draining() if recording.is_drained(tails)]
        for recording in through:
            writing = self._writing.pop(recording.id)
            writing.words(Kind.STOP, recording.last_words(self.overflow))
            writing.file.close()
            self.roster.remove(recording)
        return through

    def adopt(self, orphans: Sequence[str], now_ns: int) -> list[Recording]:
        """Spools that a dead recorder left while the engine died too: take what still waits in the rings of their time.

        Only with no rings attached. Returns those whose rings were there and still the same; they have ended.
        """
        for orphan in orphans:
            meta = self._read(orphan).meta or {}
            paths = tuple(meta.get("rings") or ())
            if not self._rings and paths:
                self.attach(paths, int(meta.get("epoch_ns", 0)))
            if meta.get("ring_epochs") != self._ring_epochs():
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
            writing.file.close()
        self._writing.clear()
        self.detach()

    def _ring_epochs(self) -> list[int]:
        return [ring.epoch_ns for ring in self._rings]

    def _read(self, recording: str) -> Spool:
        with self._storage.map_spool(recording) as octets:
            return read_spool(octets.data)

    def _open(self, recording: Recording, now_ns: int) -> Recording | None:
        path = self._storage.spool_path(recording.id)
        blocks, end, restarted = 0, 0, False
        if path.exists():
            found = self._read(recording.id)
            if found.stop is not None:
                return None
            if found.meta is not None:
                recording.meta, recording.from_ns = found.meta, int(found.meta["from_ns"])
                blocks, end, restarted = len(found.blocks), found.end, True
        self.roster.add(recording)
        try:
            writing = _Writing(recording, SpoolFile(path, end), BlockWriter(blocks))
        except OSError:
            self.roster.remove(recording)
            raise
        self._writing[recording.id] = writing
        if restarted:
            writing.words(Kind.MARK, recording.mark({"kind": RESTARTED, "at_ns": now_ns}))
        else:
            writing.words(Kind.META, recording.meta)
        return recording

    def _of_slot(self, message: Mapping[str, Any]) -> _Writing | None:
        recording = self.roster.by_slot.get(int(message["slot"]))
        return self._writing[recording.id] if recording is not None else None

    def _ends(self, ring: int) -> list[int]:
        return [found.drain[ring] for found in self.roster.draining() if ring < len(found.drain)]

    def _keep(self, chunk: NDArray[np.uint8]) -> None:
        found = demux(chunk, self.roster.owners, len(self.roster.order))
        self.octets += len(chunk)
        self.unclaimed += found.unclaimed
        for number in np.flatnonzero(found.packets).tolist():
            recording = self.roster.order[number]
            if recording is not None:
                begin, end = found.ends[number : number + 2].tolist()
                count = int(found.packets[number])
                self._writing[recording.id].packets(found.records[begin:end], count)
                self.packets += count
