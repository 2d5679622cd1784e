"""L16: 16-bit linear samples in network byte order, any rate, one or two channels (RFC 3551 §4.5.11).

May not know packets. Two channels are mixed to one: a party is one channel of the recording.
"""

import numpy as np

from skryba.codecs.base import Payload, Samples, octets_of


class L16Decoder:
    """Big-endian samples to native ones; stereo is averaged."""

    def __init__(self, sample_rate: int, channels: int = 1) -> None:
        self.sample_rate = sample_rate
        self._channels = channels

    def decode(self, payload: Payload) -> Samples:
        octets = octets_of(payload)
        frame = 2 * self._channels
        wire = octets[: len(octets) // frame * frame].view(np.dtype(">i2"))
        if self._channels == 1:
            return wire.astype(np.int16)
        pairs = wire.reshape(-1, self._channels).astype(np.int32)
        mixed: Samples = (pairs.sum(axis=1) // self._channels).astype(np.int16)
        return mixed


class L16Encoder:
    """Mono samples to big-endian octets, repeated on each channel."""

    def __init__(self, sample_rate: int, channels: int = 1) -> None:
        self.sample_rate = sample_rate
        self._channels = channels

    def encode(self, samples: Samples) -> bytes:
        wire = np.asarray(samples, dtype=np.dtype(">i2"))
        return np.repeat(wire, self._channels).tobytes()
