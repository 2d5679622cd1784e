"""Which formats can be decoded and encoded. A new codec is one file and one line here.

May not know negotiation; the static payload types of RFC 3551 §6 stand here because they name formats.
"""

from collections.abc import Callable

from skryba.codecs.base import Codec, Decoder, Encoder, Format
from skryba.codecs.g711 import PcmaDecoder, PcmaEncoder, PcmuDecoder, PcmuEncoder
from skryba.codecs.g722 import G722Decoder, G722Encoder
from skryba.codecs.l16 import L16Decoder, L16Encoder

L16_RATES = frozenset({8000, 16000, 32000, 44100, 48000})

STATIC: dict[int, Format] = {  # RFC 3551 §6, table 4: what we can decode, and what must be recognised as no sound
    0: Format("PCMU", 8000),
    8: Format("PCMA", 8000),
    9: Format("G722", 8000),
    10: Format("L16", 44100, 2),
    11: Format("L16", 44100),
    13: Format("CN", 8000),
}

SILENT = frozenset({"CN", "TELEPHONE-EVENT", "TONE"})  # formats without sound of their own: RFC 3389, RFC 4733

_PLAIN: dict[tuple[str, int], tuple[int, Callable[[], Decoder], Callable[[], Encoder]]] = {
    ("PCMU", 8000): (8000, PcmuDecoder, PcmuEncoder),
    ("PCMA", 8000): (8000, PcmaDecoder, PcmaEncoder),
    ("G722", 8000): (16000, G722Decoder, G722Encoder),
}


def codec(encoding: str, clock_rate: int, channels: int = 1) -> Codec | None:
    """Arithmetic of the format, or None if it cannot be decoded."""
    wanted = Format(encoding.upper(), clock_rate, channels)
    if wanted.encoding == "L16" and clock_rate in L16_RATES and channels in (1, 2):
        return Codec(wanted, sample_rate=clock_rate, octets=2 * channels, samples=1)
    plain = _PLAIN.get((wanted.encoding, clock_rate))
    if plain is None or channels != 1:
        return None
    return Codec(wanted, sample_rate=plain[0], octets=1, samples=plain[0] // clock_rate)


def decoder(encoding: str, clock_rate: int, channels: int = 1) -> Decoder | None:
    """A fresh decoder for one stream, or None if the format cannot be decoded."""
    found = codec(encoding, clock_rate, channels)
    if found is None:
        return None
    if found.format.encoding == "L16":
        return L16Decoder(clock_rate, channels)
    return _PLAIN[found.format.encoding, clock_rate][1]()


def encoder(encoding: str, clock_rate: int, channels: int = 1) -> Encoder | None:
    """A fresh encoder for one stream, or None if the format cannot be encoded."""
    found = codec(encoding, clock_rate, channels)
    if found is None:
        return None
    if found.format.encoding == "L16":
        return L16Encoder(clock_rate, channels)
    return _PLAIN[found.format.encoding, clock_rate][2]()


def is_silent(encoding: str) -> bool:
    """True for formats that carry events or noise levels, never sound to be rendered."""
    return encoding.upper() in SILENT
