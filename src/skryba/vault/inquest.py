"""What is wrong with the lines of a chain: altered, missing, reordered, cut off, signed by the wrong key.

May not know where the lines lie. A chain by itself cannot show that its newest lines were cut off: for that the caller
names the last entry known from elsewhere (a recording's seal, a stamped day, a copy).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from skryba.errors import IntegrityError
from skryba.vault.chain import NOTHING, Entry, Kind, line_digest, named_key
from skryba.vault.signing import Verifier, key_id


class FaultKind(StrEnum):
    """How a line departs from what was written."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class ChainFault:
    """One fault: the entry's number and where to look."""

    seq: int
    kind: FaultKind
    where: str


def check(lines: Iterable[bytes], verifier: Verifier, *, first: int = 1, last: int | None = None) -> list[ChainFault]:
    """All faults of these lines (without line ends), in order of their numbers; an empty list proves them.

    `first`: the number they must begin with. `last`: the highest number known from elsewhere.
    """
    inquest = _Inquest(verifier, first)
    for line in lines:
        inquest.examine(line)
    return inquest.conclude(last)


class _Inquest:
    """One walk along the lines."""

    def __init__(self, verifier: Verifier, first: int) -> None:
        self._trusted = verifier  # and the keys that KEY entries named
        self._signing: str | None = None  # the key that signs here; None: the entry that changed it may be lost
        self._retired: set[str] = set()
        self._expected = first
        self._before: str | None = NOTHING if first == 1 else None  # digest of the line before; None: cannot tell
        self._line = 0
        self._gaps: list[range] = []
        self._late: set[int] = set()
        self._torn: ChainFault | None = None
        self._faults: list[ChainFault] = []

    def examine(self, line: bytes) -> None:
        self._line += 1
        self._torn = None
        try:
            entry = Entry.parse(line)
        except IntegrityError:
            self._spoiled(FaultKind.ALTERED, "is no entry")
            if not line.endswith(b'"}'):
                self._torn = self._faults[-1]
            return
        if not entry.is_signed(self._trusted):
            if self._trusted.knows(entry.key_id):
                self._spoiled(FaultKind.ALTERED, "is not what was signed")
            else:
                self._spoiled(FaultKind.SIGNATURE, f"is signed by {entry.key_id}, which is not trusted")
        elif entry.seq < self._expected:
            self._late.add(entry.seq)
            self._fault(entry.seq, FaultKind.REORDERED, f"comes after entry {self._expected - 1}")
        else:
            self._follow(entry, line)

    def conclude(self, last: int | None) -> list[ChainFault]:
        if self._torn is not None:
            self._faults.remove(self._torn)
            self._faults.append(ChainFault(self._torn.seq, FaultKind.TRUNCATED, f"line {self._line} is not whole"))
        for gap in self._gaps:
            self._missing(gap)
        if last is not None and self._expected <= last:
            where = f"ends with entry {self._expected - 1}, but entry {last} is known"
            self._faults.append(ChainFault(self._expected, FaultKind.TRUNCATED, where))
        return sorted(self._faults, key=lambda fault: fault.seq)

    def _follow(self, entry: Entry, line: bytes) -> None:
        """A signed entry that is the next one, or a later one."""
        if entry.seq > self._expected:
            self._gaps.append(range(self._expected, entry.seq))
            self._before = None
            self._signing = None
        if self._before is not None and entry.previous != self._before:
            where = f"entry {entry.seq} follows another line than the one found before it"
            self._faults.append(ChainFault(max(1, entry.seq - 1), FaultKind.ALTERED, f"line {self._line}: {where}"))
        self._expected = entry.seq + 1
        self._before = line_digest(line)
        if self._may_sign(entry):
            self._take_over(entry)
        else:
            self._fault(entry.seq, FaultKind.SIGNATURE, f"is signed by {entry.key_id}, which did not sign at this time")

    def _may_sign(self, entry: Entry) -> bool:
        begins = self._signing is None or entry.kind is Kind.START
        return entry.key_id not in self._retired and (begins or entry.key_id == self._signing)

    def _take_over(self, entry: Entry) -> None:
        if self._signing not in (None, entry.key_id):
            self._retired.add(str(self._signing))
        self._signing = entry.key_id
        if entry.kind is Kind.KEY:
            public = named_key(entry)
            if public is None:
                self._fault(entry.seq, FaultKind.ALTERED, "names no key")
                return
            self._trusted = self._trusted.trusting(public)
            self._retired.add(entry.key_id)
            self._signing = key_id(public)

    def _spoiled(self, kind: FaultKind, what: str) -> None:
        """A line that proves nothing, not even its number: it is taken for the one expected here."""
        self._fault(self._expected, kind, what)
        self._expected += 1
        self._before = None
        self._signing = None

    def _missing(self, gap: range) -> None:
        start: int | None = None
        for seq in (*sorted(self._late.intersection(gap)), gap.stop):
            begin = gap.start if start is None else start
            if begin < seq:
                where = f"entry {begin}" if seq == begin + 1 else f"entries {begin} to {seq - 1}"
                self._faults.append(ChainFault(begin, FaultKind.MISSING, where))
            start = seq + 1

    def _fault(self, seq: int, kind: FaultKind, what: str) -> None:
        self._faults.append(ChainFault(seq, kind, f"line {self._line} {what}"))
