"""⚡ The chain on the disk: one file a day, appended to by any process of the house, one line at a time.

May not know what the entries are about. An entry that `append` returned is on the disk for good; one that was being
written when the machine stopped was never acknowledged and is cut off. Readers see acknowledged lines only: otherwise
one could remember a number that, after a power cut, is given to another entry.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from skryba.errors import ConfigError, IntegrityError, StateError
from skryba.vault.chain import NOTHING, Entry, Kind, line_digest, new_key_facts, next_signer, quoted_id, signed
from skryba.vault.durable import append
from skryba.vault.signing import Signer

_MODE = 0o640
_SUFFIX = ".jsonl"
_TAIL = 1 << 18  # octets: hundreds of entries


@dataclass(frozen=True, slots=True)
class DayHead:
    """The last line of a day: it stands for that day and all days before."""

    day: date
    seq: int
    digest: str
    line: bytes


@dataclass(frozen=True, slots=True)
class _Top:
    """Where the chain ends: in which file at which octet, what the next entry follows, and who signs it."""

    path: Path
    end: int
    seq: int
    digest: str
    signer: str


class Journal:
    """One folder of day files. Several processes and threads may append and read at once, each with its own Journal."""

    def __init__(self, folder: Path, signer: Signer | None, now_at: Callable[[], datetime]) -> None:
        """Without `signer` it can only be read. The folder is made."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._signer = signer
        self._now_at = now_at
        self._top: _Top | None = None
        self._bookmark: tuple[int, Path, int] | None = None  # an entry's number, its file, the octet after it

    def append(self, kind: Kind, name: str, digest: str, facts: Mapping[str, Any]) -> Entry:
        """The entry about `name`, signed, numbered and on the disk.

        ResourceError if the disk does not take it, ConfigError if another key signs this chain now.
        """
        if self._signer is None:
            raise StateError("this journal has no signing key: it can only be read")
        with self._locked(fcntl.LOCK_EX):
            top = self._find_top()
            if top is not None and kind is not Kind.START and top.signer != self._signer.key_id:
                raise ConfigError(f"the chain is signed by the key {top.signer} now, not by {self._signer.key_id}")
            return self._append(self._signer, top, kind, name, digest, facts)

    def change_signer(self, signer: Signer) -> Entry:
        """From here on `signer` signs; the key before it says so. Whoever goes on with the old key is refused."""
        entry = self.append(Kind.KEY, signer.key_id, "", new_key_facts(signer.public))
        self._signer = signer
        return entry

    def start(self, reason: str) -> Entry:
        """Begin to sign where another key signed that is lost. Verifiers must be given both public keys."""
        if self._signer is None:
            raise StateError("this journal has no signing key: it can only be read")
        return self.append(Kind.START, self._signer.key_id, "", new_key_facts(self._signer.public) | {"reason": reason})

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """Entries with a higher number, in order, up to the last acknowledged now. Broken lines are left out: `check`
        tells of them."""
        places = self._from(after_seq)
        with self._locked(fcntl.LOCK_SH):  # nobody is between writing and acknowledging
            sizes = [path.stat().st_size for path, _ in places]
        for (path, start), size in zip(places, sizes, strict=True):
            for line, end in _lines(path, start, size):
                entry = _parse(line)
                if entry is not None and entry.seq > after_seq:
                    self._bookmark = (entry.seq, path, end)
                    yield entry

    def lines(self, since: date | None = None) -> Iterator[bytes]:
        """All lines as they lie, without their ends, from this day on; what `check` needs."""
        for path in self._files():
            if since is None or _day(path) >= since:
                for line, _ in _lines(path, 0, None):
                    yield line

    def find(self, name: str, kind: Kind | None = None, *, since: date | None = None) -> Entry | None:
        """The newest entry about `name` (of this kind), seeking back day by day, not further than to `since`."""
        wanted = quoted_id(name)
        for path in reversed(self._files()):
            if since is not None and _day(path) < since:
                break
            data = path.read_bytes()
            at = len(data)
            while (at := data.rfind(wanted, 0, at)) >= 0:
                start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
                entry = _parse(data[start:end]) if end >= 0 else None
                if entry is not None and entry.id == name and kind in (None, entry.kind):
                    return entry
        return None

    def head_of_day(self, day: date) -> DayHead | None:
        """The last line of that day; None if nothing happened, IntegrityError if it is broken."""
        path = self.folder / f"{day.isoformat()}{_SUFFIX}"
        if not path.exists():
            return None
        with self._locked(fcntl.LOCK_SH):
            lines = [line for line, _ in _lines(path, 0, None)]
        return DayHead(day, Entry.parse(lines[-1]).seq, line_digest(lines[-1]), lines[-1]) if lines else None

    def append_head(self, day: date) -> Entry | None:
        """Name the last line of a finished day, once; None if nothing happened on it or that was done before."""
        head = self.head_of_day(day)
        if head is None or self.find(day.isoformat(), Kind.HEAD, since=day) is not None:
            return None
        return self.append(Kind.HEAD, day.isoformat(), head.digest, {"seq": head.seq})

    def _append(
        self, signer: Signer, top: _Top | None, kind: Kind, name: str, digest: str, facts: Mapping[str, Any]
    ) -> Entry:
        at = self._now_at().astimezone(UTC)
        path = self.folder / f"{at.date().isoformat()}{_SUFFIX}"
        path = max([path, *self._files()[-1:]])  # a clock that was set back does not reopen an older day
        seq, previous = (1, NOTHING) if top is None else (top.seq + 1, top.digest)
        entry = signed(
            Entry(seq, at.isoformat(timespec="milliseconds"), kind, name, digest, dict(facts), previous), signer
        )
        line = entry.to_line()
        if Entry.parse(line) != entry:
            raise ValueError(f"these facts do not survive being written as JSON: {facts}")
        end = append(path, top.end if top is not None and top.path == path else 0, line + b"\n", _MODE)
        self._top = _Top(path, end, seq, line_digest(line), next_signer(entry))
        return entry

    def _find_top(self) -> _Top | None:
        """Where the chain ends. What is not a whole line was never acknowledged and is left to be overwritten.

        A last line that is whole but broken keeps its number, and the next entry follows its octets: one broken line
        must not stop the sealing of new recordings, and `check` will name it.
        """
        files = self._files()
        top = self._top
        if top is not None and files and files[-1] == top.path and top.path.stat().st_size == top.end:
            return top
        for path in reversed(files):
            found = _tail(path, _TAIL) or _tail(path, None)
            for broken, (line, _) in enumerate(reversed(found)):
                entry = _parse(line)
                if entry is not None:
                    last, end = found[-1]
                    return _Top(path, end, entry.seq + broken, line_digest(last), next_signer(entry))
            if found:
                raise IntegrityError(f"{path.name}: the end of this day cannot be read; restore it from a copy")
        return None

    def _from(self, after_seq: int) -> list[tuple[Path, int]]:
        """Files that may hold higher numbers, each with the octet to begin at."""
        files = self._files()
        if self._bookmark is not None and self._bookmark[0] == after_seq and self._bookmark[1] in files:
            _, path, start = self._bookmark
            return [(path, start), *((later, 0) for later in files if later > path)]
        index = max(0, len(files) - 1)
        while index > 0 and not _begins_by(files[index], after_seq + 1):
            index -= 1
        return [(path, 0) for path in files[index:]]

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.suffix == _SUFFIX and _is_day(path.stem))

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        descriptor = os.open(self.folder / "chain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _lines(path: Path, start: int, stop: int | None) -> Iterator[tuple[bytes, int]]:
    """Whole lines without their ends, each with the octet after it, from `start` up to `stop`."""
    with path.open("rb") as file:
        file.seek(start)
        at = start
        for line in file:
            at += len(line)
            if not line.endswith(b"\n") or (stop is not None and at > stop):
                return
            yield line[:-1], at


def _tail(path: Path, span: int | None) -> list[tuple[bytes, int]]:
    """The whole lines within the last `span` octets; None: all."""
    start = 0 if span is None else max(0, path.stat().st_size - span)
    return list(_lines(path, start, None))[1 if start else 0 :]  # the first one may be a part of a line


def _begins_by(path: Path, seq: int) -> bool:
    """True if the first readable entry of the file is not after number `seq`."""
    first = next((entry for line, _ in _lines(path, 0, None) if (entry := _parse(line)) is not None), None)
    return first is not None and first.seq <= seq


def _parse(line: bytes) -> Entry | None:
    try:
        return Entry.parse(line)
    except IntegrityError:
        return None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _day(path: Path) -> date:
    return date.fromisoformat(path.stem)
