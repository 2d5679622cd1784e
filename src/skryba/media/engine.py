"""The media engine's shell: sockets, threads, mailboxes; what calls ask of their media, and what the media report.

Holds no rule of RTP: those are compiled into the loop. Knows no SIP and no calls. Only the engine's threads close
sockets and change rows in use, each in the order in which control asked.
"""

import asyncio
import os
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skryba import clock
from skryba.errors import ResourceError, StateError
from skryba.media.lane import Lane
from skryba.media.loop import warm
from skryba.media.ports import PortPool
from skryba.media.prompt import PromptAudio
from skryba.media.ring import LEFT, NO_RING, RIGHT, create, discard, usage
from skryba.media.sockets import bind_pair
from skryba.media.stats import EngineTotals, StreamStats, counters, jitter_ms, stream_stats
from skryba.media.table import (
    AF_INET,
    AF_INET6,
    HOSTS,
    INET6_OCTETS,
    INET_OCTETS,
    NO_EVENT_TYPE,
    ROW,
    Operation,
    Report,
    aligned,
    from_words,
    to_host,
    to_words,
)
from skryba.terms import Channel, SocketAddress

_CHANNELS = {Channel.LEFT: LEFT, Channel.RIGHT: RIGHT}
_IDENTITY = np.arange(128, dtype=np.uint8)
_NO_MAP: Mapping[int, int] = {}
_NOBODY = (0, 0, 0, 0)
_TO = ("to0", "to1", "to2", "to3")
_RTCP_TO = ("rtcp_to0", "rtcp_to1", "rtcp_to2", "rtcp_to3")


@dataclass(frozen=True, slots=True)
class Port:
    """A row of the table and the two addresses that its party is told."""

    row: int
    address: SocketAddress
    rtcp: SocketAddress


@dataclass(frozen=True, slots=True)
class PromptFinished:
    """`completed`: every frame was sent and the last one's time has passed. Times are CLOCK_MONOTONIC."""

    row: int
    play_id: int
    completed: bool
    started_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Latched:
    """The party's media come from here."""

    row: int
    address: SocketAddress
    ssrc: int


@dataclass(frozen=True, slots=True)
class DtmfSeen:
    """A key was pressed (RFC 4733); `duration` and `timestamp` in RTP clock ticks."""

    row: int
    event: int
    duration: int
    timestamp: int


MediaEvent = PromptFinished | Latched | DtmfSeen


@dataclass(slots=True)
class _Use:
    """What control knows of a row in use."""

    lane: Lane
    family: int
    port: int
    generation: int
    aimed: tuple[SocketAddress | None, SocketAddress | None] | None = None
    peer: int | None = None


class MediaEngine:
    """All methods belong to one thread, that of the loop given to `start`; `on_event` is called there.

    `ring_paths` has one path a thread, or is empty: then nothing can be forked and everything else works.
    `port_range` includes both ends. A row is two sockets: mind the limit of descriptors.
    """

    def __init__(
        self,
        *,
        ring_paths: Sequence[Path],
        ring_bytes: int,
        rows: int,
        host: str,
        port_range: tuple[int, int],
        quarantine: float = 5.0,
        threads: int = 1,
        on_event: Callable[[MediaEvent], None],
    ) -> None:
        if ring_paths and len(ring_paths) != threads:
            raise ValueError(f"{len(ring_paths)} rings for {threads} media threads")
        warm()
        self._host = host
        self._on_event = on_event
        self._table = aligned(rows, ROW)
        self._pool = PortPool(port_range, quarantine)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        epoch_ns = int(clock.at().timestamp() * 1e9) - clock.now_ns()
        self._ring_paths = tuple(ring_paths)
        rings = [create(path, ring_bytes, epoch_ns=epoch_ns) for path in ring_paths] or [NO_RING] * threads
        self._lanes = [Lane(self._table, ring, bell=self._bell) for ring in rings]
        self._uses: dict[int, _Use] = {}
        self._free = deque(range(rows))
        self._closing: deque[tuple[Lane, int, int]] = deque()
        self._generations = 0
        self._retired = dict.fromkeys(counters(self._table), 0)
        self._prompts: dict[bytes, np.ndarray[Any, np.dtype[np.uint8]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Threads begin to serve. Without a loop, events wait for `deliver`."""
        self._loop = loop
        if loop is not None:
            loop.add_reader(self._bell, self.deliver)
        for number, lane in enumerate(self._lanes):
            lane.start(f"media-{number}")

    def stop(self) -> None:
        """Threads end, sockets close, rings go; one that the recorder has not read to its end stays where it is."""
        if self._loop is not None:
            self._loop.remove_reader(self._bell)
        for row in list(self._uses):
            self.close(row)
        for lane in self._lanes:
            lane.stop()
        for path, lane in zip(self._ring_paths, self._lanes, strict=False):
            discard(path, lane.ring)
        os.close(self._bell)

    @property
    def faults(self) -> list[int]:
        """The errno of each thread that ended by itself; empty in a healthy engine."""
        return [lane.fault for lane in self._lanes if lane.fault is not None]

    def deliver(self) -> None:
        """Hand all waiting events to `on_event`."""
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return
        for lane in self._lanes:
            for event in lane.events():
                use = self._uses.get(int(event["row"]))
                finished = event["kind"] == Report.PROMPT_FINISHED
                if finished or (use is not None and use.generation == event["generation"]):
                    self._on_event(_media_event(event))

    # --- ports -----------------------------------------------------------------------------------------------------

    def open(self, host: str | None = None, *, beside: int | None = None) -> Port:
        """A port pair on `host` (ours by default), ResourceError when there is none.

        Rows that will be bridged must be served by one thread: name the first as `beside` when opening the second.
        """
        host = host or self._host
        row = self._take_row()
        try:
            port, fd, fd_rtcp = bind_pair(self._pool, host)
        except ResourceError:
            self._free.appendleft(row)
            raise
        lane = self._uses[beside].lane if beside is not None else min(self._lanes, key=lambda lane: lane.rows)
        lane.rows += 1
        self._generations = (self._generations + 1) & 0x7FFFFFFF
        family = AF_INET6 if ":" in host else AF_INET
        self._uses[row] = _Use(lane, family, port, self._generations)
        self._table[row]["last_heard"] = clock.now_ns()
        self._table[row]["tick"] = 8000 / 1e9
        self._table[row]["peer"] = -1
        self._table[row]["event_type"] = NO_EVENT_TYPE
        lane.give(Operation.OPEN, row, fd=fd, fd_rtcp=fd_rtcp, generation=self._generations)
        return Port(row, SocketAddress(host, port), SocketAddress(host, port + 1))

    def _take_row(self) -> int:
        """A row whose last use is over; it is zeroed, what it counted is kept."""
        self._reclaim()
        if not self._free and self._closing:
            lane, order, _ = self._closing[0]
            lane.finish(order)
            self._reclaim()
        if not self._free:
            raise ResourceError(f"all {len(self._table)} rows of the media table are in use")
        row = self._free.popleft()
        used = self._table[row : row + 1]
        for name, value in counters(used).items():
            self._retired[name] += value
        used[:] = np.zeros(1, ROW)
        return row

    def _reclaim(self) -> None:
        while self._closing and self._closing[0][0].is_done(self._closing[0][1]):
            self._free.append(self._closing.popleft()[2])

    def close(self, row: int) -> None:
        """The row's thread closes its sockets; the port rests. The caller forgets the row."""
        use = self._uses[row]
        self._part(row)
        del self._uses[row]
        use.lane.rows -= 1
        self._closing.append((use.lane, use.lane.give(Operation.CLOSE, row), row))
        self._pool.give_back(use.port, clock.now())

    # --- what signalling decides -----------------------------------------------------------------------------------

    def aim(
        self,
        row: int,
        *,
        remote: SocketAddress | None,
        remote_rtcp: SocketAddress | None,
        accept: Sequence[str],
        dtmf_pt: int | None,
        window: float = 5.0,
        clock_rate: int = 8000,
    ) -> None:
        """Where the party's media go to and may come from; opens the latch's window for so many seconds.

        `accept` names numeric hosts beside the remote's own; the first four count. A remote that cannot be sent to
        from here (another family, a name, port 0) is none: nothing is sent before a source is latched. Without
        `remote_rtcp`, RTCP goes to the port above (RFC 3550 §11). Said again unchanged, a latch is kept and only the
        window opens anew.
        """
        use = self._uses[row]
        to = to_words(remote, use.family) if remote is not None else None
        rtcp = remote_rtcp or (SocketAddress(remote.host, remote.port + 1) if remote is not None and to else None)
        rtcp_to = to_words(rtcp, use.family) if rtcp is not None else None
        octets = INET_OCTETS if use.family == AF_INET else INET6_OCTETS
        named = [to_host(host, use.family) for host in ([remote.host] if to and remote else []) + list(accept)]
        hosts = [host for host in dict.fromkeys(named) if host is not None and host != (0, 0)][:HOSTS]
        moved = use.aimed != (remote, remote_rtcp)
        use.aimed = (remote, remote_rtcp)
        use.lane.give(
            Operation.AIM,
            row,
            moved=moved,
            **dict(zip(_TO, to or _NOBODY, strict=True)),
            to_octets=octets if to else 0,
            **dict(zip(_RTCP_TO, rtcp_to or _NOBODY, strict=True)),
            rtcp_to_octets=octets if rtcp_to else 0,
            hosts=[word for host in hosts for word in host] + [0] * (2 * (HOSTS - len(hosts))),
            host_count=len(hosts),
            window_ns=int(window * 1e9),
            tick=clock_rate / 1e9,
            event_type=NO_EVENT_TYPE if dtmf_pt is None else dtmf_pt,
        )

    def bridge(
        self,
        a: int,
        b: int,
        *,
        a_to_b: bool = True,
        b_to_a: bool = True,
        pt_map_ab: Mapping[int, int] = _NO_MAP,
        pt_map_ba: Mapping[int, int] = _NO_MAP,
    ) -> None:
        """Back to back; repeated, it replaces directions and maps. Former peers of either hear nothing any more."""
        if self._uses[a].lane is not self._uses[b].lane:
            raise StateError("rows of two threads cannot be bridged: open the second with beside=")
        for one, other in ((a, b), (b, a)):
            if self._uses[one].peer not in (None, other):
                self._part(one)
        for one, other, relay, types in ((a, b, a_to_b, pt_map_ab), (b, a, b_to_a, pt_map_ba)):
            type_map = _IDENTITY.copy()
            for number, mapped in types.items():
                type_map[number] = mapped
            self._uses[one].peer = other
            self._uses[one].lane.give(
                Operation.BRIDGE, one, peer=other, relay=relay, mapped=bool(types), type_map=type_map
            )

    def unbridge(self, a: int, b: int) -> None:
        """Neither hears the other any more; no-op if they are not bridged."""
        if self._uses[a].peer == b:
            self._part(a)

    def _part(self, row: int) -> None:
        peer = self._uses[row].peer
        for one in (row, peer) if peer is not None else ():
            self._uses[one].peer = None
            self._uses[one].lane.give(Operation.BRIDGE, one, peer=-1, relay=False, mapped=False, type_map=_IDENTITY)

    def fork(self, row: int, *, slot: int, channel: Channel) -> None:
        """Copy what the party says, RTP and RTCP, into the ring under this slot. Without a ring nothing happens."""
        lane = self._uses[row].lane
        if len(lane.ring):
            lane.give(Operation.FORK, row, slot=slot, channel=_CHANNELS[channel])

    def unfork(self, row: int) -> int:
        """Returns the head of the row's ring after which no packet of this row comes."""
        lane = self._uses[row].lane
        lane.finish(lane.give(Operation.UNFORK, row))
        return lane.ring_head

    def heads(self) -> list[int]:
        """Of each ring, in the order of `ring_paths`: octets written so far."""
        return [lane.ring_head for lane in self._lanes]

    def play(self, row: int, prompt: PromptAudio, *, payload_type: int, play_id: int) -> None:
        """To the row's party, in place of its peer and of any other prompt; ends with one `PromptFinished`."""
        # Prompts are few; once played they stay, so that their octets stay where the loop reads them.
        octets = self._prompts.setdefault(prompt.payload, np.frombuffer(prompt.payload, np.uint8))
        self._uses[row].lane.give(
            Operation.PLAY,
            row,
            prompt=octets.ctypes.data,
            frames=prompt.frames,
            play_id=play_id,
            prompt_type=payload_type,
            ssrc=secrets.randbits(32),  # RFC 3550 §5.1: all three at random
            timestamp=secrets.randbits(32),
            sequence=secrets.randbits(16),
        )

    def stop_play(self, row: int) -> None:
        """Fall silent, or let the peer be heard again. `PromptFinished` tells what was played, if anything was."""
        self._uses[row].lane.give(Operation.STOP_PLAY, row)

    # --- looking ---------------------------------------------------------------------------------------------------

    def stats(self, row: int) -> StreamStats:
        """Of the row in its present use."""
        return stream_stats(self._table[row : row + 1])

    def idle_for(self, row: int, now_ns: int) -> float:
        """Seconds since the party was last heard, or since the row was opened."""
        return max(0, now_ns - int(self._table[row]["last_heard"])) / 1e9

    def totals(self) -> EngineTotals:
        """Everything since the engine was made, closed rows included."""
        sums = counters(self._table)
        uses = [usage(lane.ring) for lane in self._lanes]
        return EngineTotals(
            **{name: value + self._retired[name] for name, value in sums.items()},
            events_lost=sum(lane.events_lost for lane in self._lanes),
            rows_open=len(self._uses),
            playing=int(self._table["playing"].sum()),
            jitter_ms=jitter_ms(self._table[sorted(self._uses)]),
            ports_lent=self._pool.lent,
            ports_resting=self._pool.resting,
            ports_total=self._pool.size,
            ring_used=sum(used for used, _ in uses),
            ring_octets=sum(size for _, size in uses),
        )


def _media_event(event: Any) -> MediaEvent:
    row, first, second, third = (int(event[name]) for name in ("row", "a", "b", "c"))
    match Report(event["kind"]):
        case Report.PROMPT_FINISHED:
            return PromptFinished(row, first, bool(event["flag"]), second, third)
        case Report.LATCHED:
            return Latched(row, from_words(first, second, third), int(event["flag"]) & 0xFFFFFFFF)
        case Report.KEY:
            return DtmfSeen(row, first, second, third)
