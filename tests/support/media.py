"""A media engine on the loopback with parties around it: real sockets, no sleeping, every wait bounded."""

import select
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from skryba import clock
from skryba.media.engine import Latched, MediaEngine, MediaEvent, Port, PromptFinished
from skryba.media.prompt import FRAME_OCTETS, PromptAudio
from skryba.media.ring import FILLER, RECORD, RECORD_OCTETS, RingReader
from skryba.media.rtp import RtpPacket
from skryba.terms import SocketAddress

PATIENCE = 5.0
RING = 1 << 17
PORTS = (23000, 23998)
HOST = "127.0.0.1"
STRANGE_HOST = "127.0.0.9"


def eventually(condition: Callable[[], bool]) -> None:
    """Until it holds; TimeoutError after `PATIENCE`."""
    deadline = clock.now() + PATIENCE
    pause = threading.Event()
    while not condition():
        if clock.now() > deadline:
            raise TimeoutError("it did not come to pass")
        pause.wait(0.0005)


def rtp(sequence: int = 1, *, timestamp: int | None = None, ssrc: int = 0x1234, **changes: object) -> RtpPacket:
    """A packet of a stream in which everything follows from the sequence number."""
    fields: dict[str, object] = {
        "payload_type": 0,
        "marker": False,
        "sequence": sequence & 0xFFFF,
        "timestamp": (sequence * 160 if timestamp is None else timestamp) & 0xFFFFFFFF,
        "ssrc": ssrc,
        "payload": bytes((sequence * 7 + index) & 0xFF for index in range(160)),
    }
    return RtpPacket(**(fields | changes))  # type: ignore[arg-type]


def prompt(frames: int, codec: str = "PCMU") -> PromptAudio:
    """Every frame is told by its octets."""
    return PromptAudio(codec, b"".join(bytes([number & 0xFF]) * FRAME_OCTETS for number in range(frames)))


class Party:
    """An RTP and an RTCP socket on neighbouring ports, as a phone has them."""

    def __init__(self, host: str = HOST) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        while True:
            self.rtp = socket.socket(family, socket.SOCK_DGRAM)
            self.rtp.bind((host, 0))
            self.rtcp = socket.socket(family, socket.SOCK_DGRAM)
            try:
                self.rtcp.bind((host, self.rtp.getsockname()[1] + 1))
            except OSError:
                self.close()
                continue
            break
        self.rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        for each in (self.rtp, self.rtcp):
            each.settimeout(PATIENCE)

    @property
    def address(self) -> SocketAddress:
        return SocketAddress(*self.rtp.getsockname()[:2])

    @property
    def rtcp_address(self) -> SocketAddress:
        return SocketAddress(*self.rtcp.getsockname()[:2])

    def say(self, port: Port, *packets: RtpPacket | bytes) -> None:
        for packet in packets:
            self.rtp.sendto(bytes(packet), tuple(port.address))

    def report(self, port: Port, data: bytes) -> None:
        self.rtcp.sendto(data, tuple(port.rtcp))

    def hear(self) -> RtpPacket:
        """The next packet."""
        return RtpPacket.parse(self.rtp.recv(1 << 16))

    def hear_report(self) -> bytes:
        return self.rtcp.recv(1 << 16)

    def heard(self) -> list[bytes]:
        """All that has arrived by now."""
        return _waiting(self.rtp)

    def reports(self) -> list[bytes]:
        return _waiting(self.rtcp)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def _waiting(one: socket.socket) -> list[bytes]:
    data = []
    while select.select([one], [], [], 0)[0]:
        data.append(one.recv(1 << 16))
    return data


class Exchange:
    """An engine whose events wait for `events`. Close it."""

    def __init__(
        self, ring: Path | None = None, *, ring_bytes: int = RING, rows: int = 16, threads: int = 1, **options: object
    ) -> None:
        self.seen: list[MediaEvent] = []
        rings: Sequence[Path] = [ring.with_suffix(f".{index}") for index in range(threads)] if ring else ()
        asked: dict[str, object] = {"host": HOST, "port_range": PORTS, "quarantine": 0.0}
        self.engine = MediaEngine(
            ring_paths=rings,
            ring_bytes=ring_bytes,
            rows=rows,
            threads=threads,
            on_event=self.seen.append,
            **(asked | options),  # type: ignore[arg-type]
        )
        self.engine.start(None)
        self.readers = [RingReader.open(path) for path in rings]
        self.parties: list[Party] = []

    def party(self, host: str = HOST) -> Party:
        """One more, closed with the exchange."""
        party = Party(host)
        self.parties.append(party)
        return party

    def facing(self, party: Party, *, beside: Port | None = None, dtmf_pt: int | None = 101) -> Port:
        """A port that is aimed at the party's very address."""
        host = party.address.host
        port = self.engine.open(host, beside=beside.row if beside else None)
        self.engine.aim(port.row, remote=party.address, remote_rtcp=None, accept=(), dtmf_pt=dtmf_pt)
        return port

    def pair(self, host: str = HOST) -> tuple[Party, Port, Port, Party]:
        """Two parties, bridged: caller, the port that faces him, the one that faces the callee, callee."""
        caller, callee = self.party(host), self.party(host)
        first = self.facing(caller)
        second = self.facing(callee, beside=first)
        self.engine.bridge(first.row, second.row)
        return caller, first, second, callee

    def served(self, port: Port, datagrams: int) -> None:
        """Until the port has dealt with so many, in whatever way."""

        def dealt() -> bool:
            stats = self.engine.stats(port.row)
            rtcp = stats.rtcp_packets + stats.rtcp_foreign
            return stats.packets + stats.foreign + stats.malformed + rtcp >= datagrams

        eventually(dealt)

    def events(self) -> list[MediaEvent]:
        """All reported so far."""
        self.engine.deliver()
        return self.seen

    def finished(self, plays: int = 1) -> list[PromptFinished]:
        """The ends of so many prompts, awaited."""
        eventually(lambda: len(self._ended()) >= plays)
        return self._ended()

    def _ended(self) -> list[PromptFinished]:
        return [event for event in self.events() if isinstance(event, PromptFinished)]

    def latches(self) -> list[Latched]:
        return [event for event in self.events() if isinstance(event, Latched)]

    def forked(self, ring: int = 0) -> list[tuple[int, int, int, bytes]]:
        """(slot, channel, kind, packet) of all records that are in the ring now; they stay there."""
        reader = self.readers[ring]
        return [
            (int(head["slot"]), int(head["channel"]), int(head["kind"]), packet)
            for head, packet in records(reader.read(1 << 30))
        ]

    def close(self) -> None:
        self.engine.stop()
        for party in self.parties:
            party.close()


def records(octets: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> list[tuple[np.void, bytes]]:
    """Header and packet of each record, fillers left out."""
    found = []
    at = 0
    while at < len(octets):
        head = octets[at : at + RECORD_OCTETS].view(RECORD)[0]
        if head["kind"] != FILLER:
            start = at + RECORD_OCTETS
            found.append((head.copy(), octets[start : start + int(head["length"])].tobytes()))
        at += int(head["total"])
    return found
