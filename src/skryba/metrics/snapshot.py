"""What the collector is told at each scrape, as plain values.

Knows who counts, not who asks. All totals count from the start of the process that counts.
"""

from dataclasses import dataclass, field

from skryba.b2bua.snapshot import CallSnapshot, TrunkSnapshot
from skryba.sip.counters import Counters


@dataclass(frozen=True, slots=True)
class MediaCounts:
    """The engine's totals over all streams, and its ports (RTP and RTCP counted each)."""

    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    lost: int = 0
    late: int = 0
    foreign: int = 0
    send_errors: int = 0
    ring_overflow: int = 0  # packets
    ports_in_use: int = 0
    ports_limit: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk by the use that is made of it: `recordings` or `spool`."""

    name: str
    free_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Taken from the endpoint's thread. `recorder_up`: its process is connected.

    `problems` are reasons for which a person should look, in words without numbers of people; any makes /healthz fail.
    """

    calls: tuple[CallSnapshot, ...] = ()
    calls_limit: int = 0
    trunks: tuple[TrunkSnapshot, ...] = ()
    sip: Counters = field(default_factory=Counters)
    media: MediaCounts = MediaCounts()
    recorder_up: bool = False
    recorder_ready: bool = False
    volumes: tuple[Volume, ...] = ()
    ledger_dropped: int = 0
    draining: bool = False
    problems: tuple[str, ...] = ()
