"""⚡ Signalling's side of the recorder's control socket: says what to record, hears what was sealed, never waits.

May not know calls, files or the recorder's inside. Everything about a recording is kept until its seal is reported, so
that a recorder which was killed and started again, or was not there at all, is told the whole story; memory is bounded.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skryba import clock
from skryba.terms import Channel

LINE = 1 << 20  # octets of one message
UNREAD = 64 << 20  # octets the recorder may leave unread before it counts as gone
REMEMBERED = 10_000  # recordings whose seal was not reported; beyond, the oldest that ended is forgotten
STORY = 512  # format changes and marks repeated per recording after a reconnection
FIRST_WAIT, LONGEST_WAIT = 0.05, 2.0  # seconds between attempts to connect
ABSENCE = 10.0  # seconds that a recorder may be away: it is started again, and the rings wait for it

Words = dict[str, Any]


@dataclass(slots=True)
class Told:
    """One recording as the recorder was told of it."""

    start: Words
    story: list[Words] = field(default_factory=list)
    stop: Words | None = None
    begun: bool = False

    @property
    def lines(self) -> list[Words]:
        """All of it again, in order."""
        start = self.start | {"stopped": True} if self.stop else self.start
        return [start, *self.story, *([self.stop] if self.stop else [])]


class RecorderLink:
    """Run `run()` in a task group; call the rest from the same loop at any time."""

    def __init__(
        self,
        path: Path,
        rings: Sequence[Path],
        on_message: Callable[[Words], None],
        *,
        epoch_ns: int | None = None,
        pid: int | None = None,
    ) -> None:
        """`on_message` gets every message of the recorder: started, sealed, stats, refused."""
        self._path = path
        self._hello = {
            "op": "hello",
            "ring": [str(ring) for ring in rings],
            "pid": os.getpid() if pid is None else pid,
            "epoch_ns": _epoch_ns() if epoch_ns is None else epoch_ns,
        }
        self._on_message = on_message
        self._writer: asyncio.StreamWriter | None = None
        self.active: dict[str, Told] = {}  # by id: all recordings whose seal was not yet reported
        self._by_slot: dict[int, str] = {}  # the one that a slot is recording now
        self.forgotten = 0  # recordings dropped because too many were never reported
        self.connections = 0
        self._lost_at: float | None = None  # when the connection broke; None before the first one
        self._heard_at = 0.0  # when it said something, or was connected to
        self._illness = ""  # what the recorder itself says is wrong
        self._failing = False  # and it does not concern new recordings only

    @property
    def connected(self) -> bool:
        """True while the recorder listens."""
        return self._writer is not None

    def unrecordable(self, now: float) -> str:
        """Why a call cannot be recorded just now; empty when it can."""
        if self._writer is not None:
            return self._illness or ("" if now - self._heard_at <= ABSENCE else "the recorder does not answer")
        if self._lost_at is not None and now - self._lost_at <= ABSENCE:
            return ""
        return "the recorder is not there"

    def failing(self, now: float) -> bool:
        """Is sound of recordings that run being lost, or about to be?"""
        return bool(self.unrecordable(now)) and (self._failing or not self._illness or self._writer is None)

    async def run(self) -> None:
        """Connect, and again whenever the recorder goes away. Ends only by cancellation."""
        wait = FIRST_WAIT
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path, limit=LINE)
            except OSError:
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            wait = FIRST_WAIT
            self.connections += 1
            self._writer, self._heard_at = writer, clock.now()
            try:
                self._tell_all()
                await self._listen(reader)
            finally:
                self._writer = None
                self._lost_at = clock.now()
                writer.close()
            await asyncio.sleep(wait)

    def start(
        self,
        *,
        slot: int,
        recording: str,
        formats: Mapping[Channel, Mapping[int, str]],
        manifest: Mapping[str, Any],
        from_ns: int,
    ) -> None:
        """Record this slot from now on. Formats are payload type → `PCMU/8000` per channel."""
        message = {
            "op": "start",
            "slot": slot,
            "id": recording,
            "formats": {side.value: _names(names) for side, names in formats.items()},
            "manifest": dict(manifest),
            "from_ns": from_ns,
        }
        self.active[recording] = Told(message)
        self._by_slot[slot] = recording
        self._forget()
        self._send(message)

    def formats(self, slot: int, channel: Channel, formats: Mapping[int, str], *, at_ns: int) -> None:
        """From `at_ns` on these payload types mean this."""
        self._tell(
            {"op": "formats", "slot": slot, "channel": channel.value, "formats": _names(formats), "at_ns": at_ns}
        )

    def mark(
        self, slot: int, kind: str, *, at_ns: int, channel: Channel | None = None, note: Mapping[str, Any] | None = None
    ) -> None:
        """A named moment in the recording: hold, resume, notice, …"""
        side = channel.value if channel else None
        self._tell(
            {"op": "mark", "slot": slot, "kind": kind, "channel": side, "at_ns": at_ns, "note": dict(note or {})}
        )

    def stop(
        self,
        slot: int,
        *,
        at_ns: int,
        until_ns: int,
        drain: Sequence[int],
        termination: Mapping[str, Any],
        ended_at: str,
    ) -> None:
        """The recording ends at `at_ns`; packets that arrive by `until_ns` belong to it; `drain` is a head per ring."""
        recording = self._by_slot.pop(slot, None)
        if recording is None:
            return
        message = {
            "op": "stop",
            "slot": slot,
            "id": recording,
            "at_ns": at_ns,
            "until_ns": until_ns,
            "drain": list(drain),
            "termination": dict(termination),
            "ended_at": ended_at,
        }
        self.active[recording].stop = message
        self._send(message)

    def _tell(self, message: Words) -> None:
        recording = self._by_slot.get(int(message["slot"]))
        if recording is not None:
            story = self.active[recording].story
            if len(story) < STORY:
                story.append(message)
            self._send(message)

    def _tell_all(self) -> None:
        self._send({**self._hello, "active": list(self.active)})
        for told in self.active.values():
            for message in told.lines:
                self._send(message)

    def _send(self, message: Words) -> None:
        """Hand over to the transport, which never blocks. A recorder that does not read is dropped and told anew."""
        if self._writer is None or self._writer.is_closing():  # closed, and `_listen` has yet to hear of it
            return
        self._writer.write(json.dumps(message, separators=(",", ":")).encode("utf-8", "replace") + b"\n")
        if self._writer.transport.get_write_buffer_size() > UNREAD:
            self._writer.transport.abort()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, ValueError):  # ValueError: a line longer than LINE
            while line := await reader.readline():
                message = json.loads(line)
                self._heard_at = clock.now()
                match message.get("op"):
                    case "sealed":
                        self._drop(str(message.get("id")))
                    case "started":
                        self._begun(str(message.get("id")))
                    case "refused" if not self._is_lost(str(message.get("id"))):
                        continue  # it had begun, and goes on when its disk is back
                    case "stats":
                        self._illness = "" if message.get("ready", True) else str(message.get("why"))
                        self._failing = bool(message.get("failing"))
                self._on_message(message)

    def _drop(self, recording: str) -> None:
        """Its seal was reported. One that is still going on (sealed too early, by an orphan's rule) stays."""
        told = self.active.get(recording)
        if told is not None and told.stop is not None:
            del self.active[recording]

    def _begun(self, recording: str) -> None:
        if (told := self.active.get(recording)) is not None:
            told.begun = True

    def _is_lost(self, recording: str) -> bool:
        """A refused recording that never began is forgotten: nobody tells of it again."""
        told = self.active.get(recording)
        if told is None:
            return True
        if not told.begun:
            del self.active[recording]
            if self._by_slot.get(told.start["slot"]) == recording:
                del self._by_slot[told.start["slot"]]
        return not told.begun

    def _forget(self) -> None:
        if len(self.active) > REMEMBERED:
            ended = next((recording for recording, told in self.active.items() if told.stop), None)
            if ended is not None:
                del self.active[ended]
                self.forgotten += 1


def _names(formats: Mapping[int, str]) -> dict[str, str]:
    return {str(kind): name for kind, name in formats.items()}


def _epoch_ns() -> int:
    """Wall clock minus monotonic clock."""
    return int(clock.at().timestamp() * 1e9) - clock.now_ns()
