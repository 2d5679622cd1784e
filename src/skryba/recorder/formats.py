"""What a payload type means, and when: the offers and answers of the call, in order of time.

May not know samples, places or files. Formats are named as SDP names them; static types (RFC 3551) are the last resort.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.base import Codec, Format
from skryba.codecs.registry import STATIC, codec, is_silent
from skryba.recorder.packets import Packets

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_TYPES = 128
_UNKNOWN_CLOCK = 8000  # of a type that nobody named; only its numbering is followed


class FormatMap:
    """Payload type and arrival → format, and the arithmetic of each format as look-up arrays."""

    def __init__(self, changes: Sequence[tuple[int, Mapping[str, str]]]) -> None:
        """`changes` are (from which ns on, payload type → `PCMU/8000`); what cannot be read in them is passed over.

        A type is looked up in the newest map that has it, then in later ones (media overtakes signalling), then among
        the static types of RFC 3551.
        """
        ordered = sorted(changes, key=lambda change: change[0])
        self.formats: list[Format] = []
        self._since = np.array([at for at, _ in ordered], dtype=np.int64)
        self._table = np.full((max(len(ordered), 1), _TYPES), -1, dtype=np.int64)
        parsed = [_read_names(names) for _, names in ordered]
        for row in range(len(self._table)):
            for names in (STATIC, *reversed(parsed[row + 1 :]), *parsed[: row + 1]):
                for number, found in names.items():
                    self._table[row, number] = self._number(found)
        self.codecs: list[Codec | None] = [
            codec(found.encoding, found.clock_rate, found.channels) for found in self.formats
        ]
        # One entry more than there are formats: index −1, the type that nobody named, finds it.
        self.playable: Flags = np.array([found is not None for found in self.codecs] + [False])
        self.silent: Flags = np.array([is_silent(found.encoding) for found in self.formats] + [False])
        self.clock_rate = self._column([found.clock_rate for found in self.formats] + [_UNKNOWN_CLOCK])
        self.sample_rate = self._column([found.sample_rate if found else 1 for found in self.codecs] + [1])
        self.octets = self._column([found.octets if found else 1 for found in self.codecs] + [1])
        self.samples = self._column([found.samples if found else 0 for found in self.codecs] + [0])

    @staticmethod
    def _column(values: Sequence[int]) -> Numbers:
        return np.array(values, dtype=np.int64)

    def _number(self, found: Format) -> int:
        if found not in self.formats:
            self.formats.append(found)
        return self.formats.index(found)

    def look_up(self, packets: Packets) -> Numbers:
        """Index into `formats` of each packet, −1 for a type nobody named."""
        row = np.zeros(len(packets), dtype=np.int64)
        if len(self._since) > 1:
            row = np.maximum(np.searchsorted(self._since, packets.arrival, side="right") - 1, 0)
        found: Numbers = self._table[row, packets.payload_type]
        return found

    def names(self, packets: Packets, meaning: Numbers) -> tuple[str, ...]:
        """Texts of the formats these packets have, payload type in front: `18 G729/8000`, `97 unknown`."""
        pairs = np.unique(np.stack([packets.payload_type, meaning]), axis=1)
        return tuple(f"{kind} {self.formats[number] if number >= 0 else 'unknown'}" for kind, number in pairs.T)


def _read_names(names: Mapping[str, str]) -> dict[int, Format]:
    found = {}
    for number, text in names.items():
        try:
            if 0 <= int(number) < _TYPES:
                found[int(number)] = Format.parse(text)
        except ValueError:
            continue
    return found
