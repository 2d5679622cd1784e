"""Telephone events (RFC 4733 §2.3): the payload of a pressed key.

May not know RTP: payload in, value out.
"""

import struct
from dataclasses import dataclass

from skryba.errors import ParseError

_PAYLOAD = struct.Struct("!BBH")
KEYS = "0123456789*#ABCD"  # events 0–15, §3.2


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """`duration` in RTP clock ticks since the packet's timestamp; `volume` in dB below 0 dBm0."""

    event: int
    end: bool
    volume: int
    duration: int

    @classmethod
    def parse(cls, payload: bytes) -> "TelephoneEvent":
        """The first event of a payload; ParseError if it is cut off."""
        if len(payload) < _PAYLOAD.size:
            raise ParseError(f"{len(payload)} octets are no telephone event")
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        return cls(event, bool(flags & 0x80), flags & 0x3F, duration)  # the bit between is reserved and ignored

    def __bytes__(self) -> bytes:
        return _PAYLOAD.pack(self.event, (0x80 if self.end else 0) | self.volume, self.duration)

    @property
    def key(self) -> str | None:
        """The key on a telephone, None for other events."""
        return KEYS[self.event] if self.event < len(KEYS) else None
