"""CSeq: the order of requests within a dialog (RFC 3261 §20.16).

May not know the dialog it counts.
"""

import re
from dataclasses import dataclass

from skryba.errors import ParseError
from skryba.sip import grammar

LARGEST = 2**31 - 1  # §8.1.1.5: less than 2**31

_CSEQ = re.compile(rf"[ \t\r\n]*([0-9]+)[ \t\r\n]+({grammar.TOKEN})[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        found = _CSEQ.fullmatch(text)
        if found is None:
            raise ParseError(f"no CSeq: {text[:60]!r}")
        return cls(grammar.number(found[1], limit=LARGEST, name="CSeq"), found[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
