"""Recordings in progress: who holds which slot, what has been told about each, and when one may be sealed.

May not know files, sockets or rings. Messages come in as parsed values, words for the spool come out; the intake
appends them. A recording is OPEN until its stop is told, DRAINING until the rings were read as far as the stop says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOTS = 1 << 16  # slot numbers that are accepted; the owner table never grows beyond

Words = dict[str, Any]


class Phase(StrEnum):
    """Of a recording in the recorder's hands."""

    OPEN = "open"
    DRAINING = "draining"


@dataclass(slots=True)
class Recording:
    """One recording in progress."""

    slot: int
    id: str
    from_ns: int
    meta: Words  # the spool's first block
    phase: Phase = Phase.OPEN
    stop: Words | None = None
    drain: tuple[int, ...] = ()  # per ring: position up to which packets are this recording's
    packets: int = 0
    dropped: int = 0  # the disk did not take them
    key: bytes | None = field(default=None, repr=False)  # what its spool is sealed with

    def mark(self, message: Mapping[str, Any]) -> Words:
        """Words of a MARK block. Which key was pressed is nobody's business: only that one was."""
        kind = str(message.get("kind", ""))
        note = message.get("note")
        return {
            "kind": kind,
            "channel": message.get("channel"),
            "at_ns": int(message.get("at_ns", self.from_ns)),
            "note": dict(note) if isinstance(note, dict) and kind != "dtmf" else {},
        }

    def formats(self, message: Mapping[str, Any]) -> Words:
        """Words of a FORMATS block."""
        formats = message.get("formats")
        return {
            "channel": message.get("channel"),
            "at_ns": int(message.get("at_ns", self.from_ns)),
            "formats": dict(formats) if isinstance(formats, dict) else {},
        }

    def end(self, message: Mapping[str, Any], heads: Sequence[int]) -> None:
        """The stop was told: drain as far as it says, or as far as the rings are filled now."""
        told = message.get("drain")
        if isinstance(told, list) and len(told) == len(heads):
            self.drain = tuple(min(int(drain), head) for drain, head in zip(told, heads, strict=True))
        else:
            self.drain = tuple(heads)
        at, until = message.get("at_ns"), message.get("until_ns")
        self.stop = {
            "at_ns": None if at is None else int(at),
            "until_ns": None if at is None else max(int(at), int(until or at)),
            "termination": message.get("termination"),
            "ended_at": message.get("ended_at"),
            "lost": message.get("lost"),
        }
        self.phase = Phase.DRAINING

    def is_drained(self, tails: Sequence[int]) -> bool:
        """True once every ring was read far enough."""
        return all(tail >= head for tail, head in zip(tails, self.drain, strict=False))

    def last_words(self, overflow: Sequence[int]) -> Words:
        """Words of the STOP block."""
        return {**(self.stop or {}), "overflow": list(overflow), "dropped": self.dropped}


def read_start(message: Mapping[str, Any]) -> Recording:
    """A recording as its start message describes it. KeyError, TypeError or ValueError if that is unusable."""
    slot, recording = int(message["slot"]), str(message["id"])
    if not 0 <= slot < SLOTS:
        raise ValueError(f"slot {slot} is out of range")
    formats = message.get("formats") or {}
    from_ns = int(message["from_ns"])
    meta: Words = {
        "id": recording,
        "slot": slot,
        "from_ns": from_ns,
        "formats": {side: dict(formats.get(side) or {}) for side in ("left", "right")},
        "manifest": dict(message.get("manifest") or {}),
    }
    return Recording(slot=slot, id=recording, from_ns=from_ns, meta=meta)


@dataclass(slots=True)
class Roster:
    """All recordings in progress, by slot and in the numbering that demultiplexing uses."""

    by_slot: dict[int, Recording] = field(default_factory=dict)
    owners: NDArray[np.int32] = field(default_factory=lambda: np.full(256, -1, dtype=np.int32))
    order: list[Recording | None] = field(default_factory=list)  # owner number → recording, None where one left
    _free: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.by_slot)

    def __iter__(self) -> Iterator[Recording]:
        return iter(list(self.by_slot.values()))

    def add(self, recording: Recording) -> None:
        """ValueError if its slot is taken."""
        if recording.slot in self.by_slot:
            raise ValueError(f"slot {recording.slot} is taken")
        if recording.slot >= len(self.owners):
            grown = np.full(max(2 * len(self.owners), recording.slot + 1), -1, dtype=np.int32)
            grown[: len(self.owners)] = self.owners
            self.owners = grown
        if self._free:
            number = self._free.pop()
            self.order[number] = recording
        else:
            number = len(self.order)
            self.order.append(recording)
        self.owners[recording.slot] = number
        self.by_slot[recording.slot] = recording

    def remove(self, recording: Recording) -> None:
        """Its slot is free again."""
        del self.by_slot[recording.slot]
        number = int(self.owners[recording.slot])
        self.owners[recording.slot] = -1
        self.order[number] = None
        self._free.append(number)

    def find(self, recording: str) -> Recording | None:
        """By id."""
        return next((found for found in self.by_slot.values() if found.id == recording), None)

    def draining(self) -> list[Recording]:
        """Those whose stop was told."""
        return [found for found in self.by_slot.values() if found.phase is Phase.DRAINING]
