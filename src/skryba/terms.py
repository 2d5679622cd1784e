"""Words that all floors share: sides, addresses, directions, how a call ended.

May not know anything else of the house.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    """Tells the two halves of a call apart. CALLER sent the first INVITE, whoever that is."""

    CALLER = "caller"
    CALLEE = "callee"

    @property
    def other(self) -> "Side":
        return Side.CALLEE if self is Side.CALLER else Side.CALLER


class Channel(StrEnum):
    """Place in the stereo file: left = our station, right = the other party (two stations: left = the caller)."""

    LEFT = "left"
    RIGHT = "right"


class Direction(StrEnum):
    """Of a call, as a person at a station sees it."""

    OUTBOUND = "outbound"  # station → trunk
    INBOUND = "inbound"  # trunk → station
    INTERNAL = "internal"  # station → station


class SocketAddress(NamedTuple):
    """Numeric IPv4 or IPv6 host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Result(StrEnum):
    """Class of a `Termination`."""

    COMPLETED = "completed"  # answered, then one side hung up
    REFUSED = "refused"  # the callee, policy or a block said no
    UNANSWERED = "unanswered"  # rang out
    CANCELLED = "cancelled"  # the caller gave up before the answer
    FAILED_HERE = "failed_here"  # we lacked something
    FAILED_THERE = "failed_there"  # a peer broke the protocol, fell silent or went away
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Termination:
    """How a call ended: class, a reason in a few words, the side that caused it, the final SIP status if any."""

    result: Result
    reason: str
    side: Side | None = None
    status: int | None = None
