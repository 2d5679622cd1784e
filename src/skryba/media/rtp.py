"""RTP packets (RFC 3550 §5.1): read and written, one at a time; for tests, recorder and self-test.

May not know the engine: there the same header is read by compiled code.
"""

import struct
from dataclasses import dataclass

from skryba.errors import ParseError

VERSION = 2
_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """`extension` is the profile's number and its words (4 octets each), `padding` counts octets at the end."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    csrcs: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None
    padding: int = 0

    @classmethod
    def parse(cls, data: bytes) -> "RtpPacket":
        """ParseError unless the header, its lists and its padding fit into `data`."""
        if len(data) < _HEADER.size:
            raise ParseError(f"{len(data)} octets are no RTP packet")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if first >> 6 != VERSION:
            raise ParseError(f"RTP version {first >> 6}", offset=0)
        start = _HEADER.size + 4 * (first & 0x0F)
        if start > len(data):
            raise ParseError("CSRC list longer than the packet", offset=_HEADER.size)
        csrcs = struct.unpack_from(f"!{first & 0x0F}I", data, _HEADER.size)
        extension = None
        if first & 0x10:  # §5.3.1
            if start + _EXTENSION.size > len(data):
                raise ParseError("header extension cut off", offset=start)
            profile, words = _EXTENSION.unpack_from(data, start)
            end = start + _EXTENSION.size + 4 * words
            if end > len(data):
                raise ParseError("header extension longer than the packet", offset=start)
            extension = (profile, bytes(data[start + _EXTENSION.size : end]))
            start = end
        padding = 0
        if first & 0x20:
            padding = data[-1]
            if not 0 < padding <= len(data) - start:
                raise ParseError("padding longer than the payload", offset=len(data) - 1)
        return cls(
            payload_type=second & 0x7F,
            marker=bool(second & 0x80),
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=bytes(data[start : len(data) - padding]),
            csrcs=csrcs,
            extension=extension,
            padding=padding,
        )

    def __bytes__(self) -> bytes:
        first = VERSION << 6 | (0x20 if self.padding else 0) | (0x10 if self.extension else 0) | len(self.csrcs)
        second = (0x80 if self.marker else 0) | self.payload_type
        parts = [
            _HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc),
            struct.pack(f"!{len(self.csrcs)}I", *self.csrcs),
        ]
        if self.extension:
            profile, words = self.extension
            parts += [_EXTENSION.pack(profile, len(words) // 4), words]
        parts.append(self.payload)
        if self.padding:
            parts.append(bytes(self.padding - 1) + bytes([self.padding]))
        return b"".join(parts)
