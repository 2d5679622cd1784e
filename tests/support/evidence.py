"""RTP streams, ring records and spools made by hand, for the recorder's tests: what an engine would have left behind.

Times are ns from the recording's start; the recording itself starts at START on the pretended monotonic clock.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.registry import encoder
from skryba.media.rtp import RtpPacket
from skryba.recorder.spool import BlockWriter, Kind
from skryba.recorder.wav import read_header

START = 5_000_000_000_000  # ns
EPOCH = 1_790_000_000_000_000_000  # wall clock minus monotonic, ns
MS = 1_000_000
SECOND = 1000 * MS
ID = "0192f0c0aabb7ccc8ddd000000000001"
LEFT, RIGHT = 0, 1
PCMU = {"0": "PCMU/8000", "101": "telephone-event/8000"}
RECORD = struct.Struct("<IIBBHIQ")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet and when it came, ns from the start."""

    at: int
    packet: bytes


def record(arrival: Arrival, *, slot: int = 1, channel: int = LEFT, kind: int = 0) -> bytes:
    """As the engine writes it into the ring."""
    total = -(-(RECORD.size + len(arrival.packet)) // 8) * 8
    head = RECORD.pack(total, slot, channel, kind, len(arrival.packet), 0, START + arrival.at)
    return head + arrival.packet + bytes(total - RECORD.size - len(arrival.packet))


@dataclass(slots=True)
class Speaker:
    """Sends sound in packets, perfectly paced unless told otherwise; keeps its sequence and timestamp like a phone."""

    encoding: str = "PCMU"
    clock_rate: int = 8000
    payload_type: int = 0
    ssrc: int = 0x11223344
    sequence: int = 65_500  # wraps soon
    timestamp: int = 0xFFFF_0000  # so does this
    ptime: int = 20  # ms
    delay: int = 0  # ns on the network
    _encoder: Any = field(default=None, repr=False)

    def say(self, samples: NDArray[np.int16], at: int) -> list[Arrival]:
        """Packets of this sound, the first one sent at `at`; samples are at the codec's own rate."""
        if self._encoder is None:
            self._encoder = encoder(self.encoding, self.clock_rate)
        step = self._encoder.sample_rate * self.ptime // 1000
        found = []
        for number in range(len(samples) // step):
            payload = self._encoder.encode(samples[number * step : (number + 1) * step])
            found.append(self.packet(payload, at + number * self.ptime * MS))
        return found

    def packet(self, payload: bytes, at: int, *, ticks: int | None = None) -> Arrival:
        """One packet; sequence and timestamp move on."""
        made = RtpPacket(
            payload_type=self.payload_type,
            marker=False,
            sequence=self.sequence & 0xFFFF,
            timestamp=self.timestamp & 0xFFFFFFFF,
            ssrc=self.ssrc,
            payload=payload,
        )
        self.sequence += 1
        self.timestamp += self.clock_rate * self.ptime // 1000 if ticks is None else ticks
        return Arrival(at + self.delay, bytes(made))

    def pause(self, milliseconds: int) -> None:
        """Silence suppression: time goes on, numbers do not."""
        self.timestamp += self.clock_rate * milliseconds // 1000


def merge(channels: Mapping[int, Iterable[Arrival]], *, slot: int = 1) -> list[bytes]:
    """Records of both channels in order of arrival."""
    arrivals = [(arrival.at, channel, arrival) for channel, stream in channels.items() for arrival in stream]
    return [
        record(arrival, slot=slot, channel=channel) for _, channel, arrival in sorted(arrivals, key=lambda x: x[:2])
    ]


def meta(**changes: Any) -> dict[str, Any]:
    """The first block's words."""
    return {
        "id": ID,
        "slot": 1,
        "from_ns": START,
        "epoch_ns": EPOCH,
        "opened_ns": START + 1,
        "overflow": [0],
        "formats": {"left": PCMU, "right": PCMU},
        "manifest": {"call_id": "a@b", "direction": "outbound", "decision": {"rule": "record-all"}, "notice": None},
        **changes,
    }


def stop(milliseconds: int, **changes: Any) -> dict[str, Any]:
    """The last block's words."""
    end = START + milliseconds * MS
    return {
        "at_ns": end,
        "until_ns": end + 200 * MS,
        "termination": {"result": "completed", "reason": "hung up", "side": "caller", "status": None},
        "ended_at": "2026-09-21T14:13:20.000Z",
        "overflow": [0],
        **changes,
    }


def spool(
    records: Iterable[bytes],
    *,
    first: Mapping[str, Any] | None = None,
    last: Mapping[str, Any] | None = None,
    marks: Iterable[Mapping[str, Any]] = (),
    formats: Iterable[Mapping[str, Any]] = (),
    overflows: Iterable[Mapping[str, Any]] = (),
    per_block: int = 37,
) -> bytes:
    """A spool's octets."""
    blocks = BlockWriter()
    data = bytearray(blocks.words(Kind.META, first if first is not None else meta()))
    for change in formats:
        data += blocks.words(Kind.FORMATS, change)
    waiting = list(records)
    for begin in range(0, len(waiting), per_block):
        header, payload = blocks.packets(b"".join(waiting[begin : begin + per_block]))
        data += header + bytes(payload)
    for loss in overflows:
        data += blocks.words(Kind.OVERFLOW, loss)
    for mark in marks:
        data += blocks.words(Kind.MARK, mark)
    if last is not None:
        data += blocks.words(Kind.STOP, last)
    return bytes(data)


def read_wav(path: Path) -> tuple[int, NDArray[np.int16]]:
    """Sample rate and samples [n, 2]."""
    data = path.read_bytes()
    found = read_header(data)
    assert found is not None
    return found.sample_rate, np.frombuffer(data[found.data_offset :], dtype=np.int16).reshape(-1, 2)
