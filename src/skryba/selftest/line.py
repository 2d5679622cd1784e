"""⚡ The sound of a simulated phone: one UDP socket that speaks a voice in paced RTP and keeps whatever it hears.

Knows no SIP. Payloads are kept as they came, so that what crossed a relay can be compared byte for byte with what was
sent.
"""

import asyncio
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from skryba import clock
from skryba.codecs import registry
from skryba.errors import ParseError
from skryba.media.rtp import RtpPacket
from skryba.selftest.verifier import Sent
from skryba.selftest.voice import Voice
from skryba.terms import SocketAddress

FRAME = 0.02  # seconds per packet
STEP = 160  # RTP clock per packet: G.711, and G.722 by the decree of RFC 3551 §4.5.2
_AHEAD = 50  # packets encoded at once
_BUFFER = 1 << 20
_DIGITS = "0123456789*#ABCD"
_DIGIT_VOLUME = 10  # −dBm0, RFC 4733 §2.3.3


@dataclass(frozen=True, slots=True)
class Heard:
    """One RTP packet as it arrived."""

    at: float  # clock
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Passage:
    """A known run of payloads found among those heard: the notice, say."""

    begun: float  # arrival of the first packet of the run that was heard
    ended: float  # arrival of the last one, plus its 20 ms
    share: float  # of the run's packets that were heard, in their order
    complete: bool  # from the first to the last, nearly all between


class Line:
    """One media socket. `talk` begins a voice, `heard` grows by itself, `close` ends both."""

    def __init__(self, *, ssrc: int, digit_type: int | None = None) -> None:
        self.ssrc = ssrc
        self.digit_type = digit_type  # payload type of RFC 4733 events, both ways
        self.remote: SocketAddress | None = None
        self.address = SocketAddress("", 0)
        self.heard: list[Heard] = []
        self.frames: dict[bytes, int] = {}  # payload sent → number of its packet
        self.digits: list[int] = []  # RFC 4733 events heard, each once
        self.malformed = 0
        self.unsent = 0
        self.late_ms = 0.0  # worst delay of our own sending behind its beat: the machine's fault, not the proxy's
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._voice: Voice | None = None
        self._encode: Callable[[int], list[bytes]] = lambda _: []
        self._ready: list[bytes] = []
        self._payload_type = 0
        self._count = 0
        self._beat = 0.0
        self._envelope = float("inf")  # seconds, least delay behind the beat
        self._digit_stamps: set[int] = set()
        self._events: list[tuple[int, int]] = []  # (event, number of its packet) still to be sent

    def open(self, host: str) -> SocketAddress:
        """Bind an RTP port on `host`; needs the running loop."""
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        bound.bind((host, 0))
        asyncio.get_running_loop().add_reader(bound, self._readable)
        self._socket = bound
        self.address = SocketAddress(host, bound.getsockname()[1])
        return self.address

    def talk(self, voice: Voice, *, encoding: str, payload_type: int) -> None:
        """Speak from now on, a packet each 20 ms to `remote`; without one the words are lost, but time goes on."""
        self._voice, self._payload_type = voice, payload_type
        self._encode = _frames_of(voice, encoding)
        self._beat = clock.now()
        self._tick()

    @property
    def sent(self) -> Sent:
        """What has been said, on the clock by which it truly left: the beat, corrected by the least delay behind it."""
        if self._voice is None or not self._count:
            raise ValueError("nothing was said on this line")
        return Sent(self._voice, self._beat + self._envelope)

    def press(self, digits: str) -> None:
        """Send each digit as an RFC 4733 event of 100 ms (three end packets) instead of the voice's packets."""
        for digit in digits.upper():
            event = _DIGITS.index(digit)
            self._events += [(event, number) for number in range(8)]

    def hush(self) -> None:
        """Stop talking; go on listening."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        self.hush()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _tick(self) -> None:
        now = clock.now()
        while now >= self._beat + self._count * FRAME:
            self._send(now - (self._beat + self._count * FRAME))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, self._beat + self._count * FRAME - clock.now()), self._tick)

    def _send(self, behind: float) -> None:
        if self._count % _AHEAD == 0:
            self._ready = self._encode(self._count)
            self.frames.update((frame, self._count + index) for index, frame in enumerate(self._ready))
        payload, payload_type, marker, stamp = (
            self._ready[self._count % _AHEAD],
            self._payload_type,
            self._count == 0,
            0,
        )
        if self._events and self.digit_type is not None:
            event, number = self._events.pop(0)
            last = number >= 5
            payload = bytes([event, (0x80 if last else 0) | _DIGIT_VOLUME]) + (STEP * min(number + 1, 5)).to_bytes(
                2, "big"
            )
            payload_type, marker, stamp = self.digit_type, number == 0, -number * STEP
        if self.remote is not None and self._socket is not None:
            packet = RtpPacket(
                payload_type=payload_type,
                marker=marker,
                sequence=self._count & 0xFFFF,
                timestamp=(self._count * STEP + stamp) & 0xFFFFFFFF,
                ssrc=self.ssrc,
                payload=payload,
            )
            self._put(self._socket, bytes(packet), self.remote)
        self._envelope = min(self._envelope, behind)
        self.late_ms = max(self.late_ms, behind * 1000)
        self._count += 1

    def _put(self, bound: socket.socket, data: bytes, remote: SocketAddress) -> None:
        try:
            bound.sendto(data, tuple(remote))
        except OSError:
            self.unsent += 1

    def _readable(self) -> None:
        while self._socket is not None:
            try:
                data = self._socket.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier packet; the next read brings sound
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        now = clock.now()
        try:
            packet = RtpPacket.parse(data)
        except ParseError:
            self.malformed += 1
            return
        if self.digit_type is not None and packet.payload_type == self.digit_type:
            if packet.timestamp not in self._digit_stamps and packet.payload:
                self._digit_stamps.add(packet.timestamp)
                self.digits.append(packet.payload[0])
            return
        self.heard.append(
            Heard(now, packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc, bytes(packet.payload))
        )


def first_of(heard: Sequence[Heard], frames: Collection[bytes]) -> float | None:
    """Arrival of the first packet that carries one of `frames`."""
    return next((packet.at for packet in heard if packet.payload in frames), None)


def find(heard: Sequence[Heard], run: Sequence[bytes]) -> Passage | None:
    """Where `run` (payloads in order) was heard, even with some of it lost. None when nothing of it was."""
    places: dict[bytes, list[int]] = {}
    for number, frame in enumerate(run):
        places.setdefault(frame, []).append(number)
    origin: dict[int, int] = {}  # RTP time of the run's beginning, in packets → votes of the frames that occur once
    for packet in heard:
        at = places.get(packet.payload, ())
        if len(at) == 1:
            start = (packet.timestamp - at[0] * STEP) & 0xFFFFFFFF
            origin[start] = origin.get(start, 0) + 1
    if not origin:
        return None
    begin = max(origin, key=lambda start: origin[start])
    found: dict[int, float] = {}
    for packet in heard:
        offset = (packet.timestamp - begin) & 0xFFFFFFFF
        number = offset // STEP
        if number < len(run) and offset % STEP == 0 and run[number] == packet.payload:
            found.setdefault(number, packet.at)
    share = len(found) / len(run)
    complete = 0 in found and len(run) - 1 in found and share > 0.98
    return Passage(found[min(found)], found[max(found)] + FRAME, share, complete)


def _frames_of(voice: Voice, encoding: str) -> Callable[[int], list[bytes]]:
    """A function from a packet number to the next payloads of the voice; to be asked in order (G.722 has a memory)."""
    encoder = registry.encoder(encoding, 8000, 1)
    if encoder is None:
        raise ValueError(f"no encoder for {encoding}")

    def frames(first: int) -> list[bytes]:
        samples = voice.render(first * FRAME, (first + _AHEAD) * FRAME, encoder.sample_rate)
        coded = np.frombuffer(bytes(encoder.encode(samples)), np.uint8)
        return [frame.tobytes() for frame in coded.reshape(_AHEAD, -1)]

    return frames
