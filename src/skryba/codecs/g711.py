"""G.711 μ-law and A-law (ITU-T G.711, RFC 3551 §4.5.14): one octet, one sample, 8 kHz.

May not know packets. Decoding is one look-up in 256 entries, encoding one in 65,536.
"""

import numpy as np

from skryba.codecs.base import Octets, Payload, Samples, octets_of

SAMPLE_RATE = 8000
SILENCE_PCMU = 0xFF  # decodes to 0
SILENCE_PCMA = 0xD5  # decodes to +8, the smallest A-law value there is

_BIAS = 33  # of μ-law, in 14-bit units
_CLIP = 8191  # bias included


def _decode_pcmu() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    value = ((2 * mantissa + _BIAS) << exponent) - _BIAS
    return (np.where(code & 0x80, -value, value) * 4).astype(np.int16)


def _decode_pcma() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    value = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0))
    return (np.where(code & 0x80, value, -value) * 8).astype(np.int16)


def _encode_pcmu() -> Octets:
    linear = np.arange(-32768, 32768, dtype=np.int32)
    value = np.minimum(np.abs(linear >> 2) + _BIAS, _CLIP)
    exponent = np.floor(np.log2(value)).astype(np.int32) - 5
    mantissa = value >> (exponent + 1) & 15
    sign = np.where(linear < 0, 0x80, 0)
    code: Octets = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)
    return code


def _encode_pcma() -> Octets:
    linear = np.arange(-32768, 32768, dtype=np.int32)
    value = np.where(linear < 0, ~linear, linear) >> 3
    exponent = np.where(value < 32, 0, np.floor(np.log2(np.maximum(value, 1))).astype(np.int32) - 4)
    mantissa = np.where(exponent == 0, value >> 1, value >> exponent) & 15
    sign = np.where(linear < 0, 0, 0x80)
    code: Octets = ((sign | exponent << 4 | mantissa) ^ 0x55).astype(np.uint8)
    return code


PCMU_TO_LINEAR = _decode_pcmu()
PCMA_TO_LINEAR = _decode_pcma()
# Indexed by the sample's own 16 bits taken as unsigned, so that a view is enough and no arithmetic is needed.
LINEAR_TO_PCMU = np.roll(_encode_pcmu(), 32768)
LINEAR_TO_PCMA = np.roll(_encode_pcma(), 32768)


class _Decoder:
    sample_rate = SAMPLE_RATE

    def __init__(self, table: Samples) -> None:
        self._table = table

    def decode(self, payload: Payload) -> Samples:
        return self._table.take(octets_of(payload))


class _Encoder:
    sample_rate = SAMPLE_RATE

    def __init__(self, table: Octets) -> None:
        self._table = table

    def encode(self, samples: Samples) -> bytes:
        return self._table.take(np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)).tobytes()


class PcmuDecoder(_Decoder):
    """μ-law octets to samples."""

    def __init__(self) -> None:
        super().__init__(PCMU_TO_LINEAR)


class PcmaDecoder(_Decoder):
    """A-law octets to samples."""

    def __init__(self) -> None:
        super().__init__(PCMA_TO_LINEAR)


class PcmuEncoder(_Encoder):
    """Samples to μ-law octets; full scale is clipped, never wrapped."""

    def __init__(self) -> None:
        super().__init__(LINEAR_TO_PCMU)


class PcmaEncoder(_Encoder):
    """Samples to A-law octets."""

    def __init__(self) -> None:
        super().__init__(LINEAR_TO_PCMA)
