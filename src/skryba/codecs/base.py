"""What a codec is to the rest of the house: octets in, int16 samples out, and back.

May not know which codecs exist (registry), nor RTP, files or time.

Decoders and encoders take any length at once: an hour of joined payloads costs one call, not one per packet.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Octets = NDArray[np.uint8]
Payload = bytes | bytearray | memoryview | Octets


class Decoder(Protocol):
    """Turns joined payloads into samples. One decoder per stream: some codecs remember what came before."""

    @property
    def sample_rate(self) -> int:
        """Samples per second that come out (not the RTP clock rate: G.722 differs, RFC 3551 §4.5.2)."""
        ...

    def decode(self, payload: Payload) -> Samples:
        """Mono int16 samples; octets that do not fill a sample at the end are left out."""
        ...


class Encoder(Protocol):
    """Turns samples into payload octets. One encoder per stream."""

    @property
    def sample_rate(self) -> int:
        """Samples per second that must go in."""
        ...

    def encode(self, samples: Samples) -> bytes:
        """Payload octets, ready to be cut at packet boundaries."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A payload format as SDP names it: encoding name (upper case), RTP clock rate, channels (RFC 8866 §6.6)."""

    encoding: str
    clock_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, text: str) -> "Format":
        """`PCMU/8000` or `L16/44100/2`. ValueError if it is neither."""
        parts = text.strip().split("/")
        if not 2 <= len(parts) <= 3 or not parts[0]:
            raise ValueError(f"not a payload format: {text!r}")
        channels = int(parts[2]) if len(parts) == 3 else 1
        clock_rate = int(parts[1])
        if clock_rate <= 0 or channels <= 0:
            raise ValueError(f"not a payload format: {text!r}")
        return cls(parts[0].upper(), clock_rate, channels)

    def __str__(self) -> str:
        tail = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.encoding}/{self.clock_rate}{tail}"


@dataclass(frozen=True, slots=True)
class Codec:
    """Arithmetic of a format that can be decoded: `octets` of payload make `samples` at `sample_rate`."""

    format: Format
    sample_rate: int
    octets: int
    samples: int


def octets_of(payload: Payload) -> Octets:
    """The payload as an array, without copying."""
    if isinstance(payload, np.ndarray):
        return payload
    return np.frombuffer(payload, dtype=np.uint8)
