"""Table: one table of a rules file, read key by key; what is wrong is noted with its line, and reading goes on.

May not know rules.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from skryba.policy.faults import Fault, told
from skryba.policy.places import Places, Section

Choice = TypeVar("Choice", bound=StrEnum)


class Table:
    """`faults` is shared by all tables of a file."""

    def __init__(self, values: Mapping[str, Any], section: Section, places: Places, faults: list[Fault]) -> None:
        self._values = values
        self._section = section
        self._places = places
        self._faults = faults

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    @property
    def line(self) -> int:
        return self._places.of(self._section)

    def fault(self, key: str, name: str, **found: object) -> None:
        """One thing is told once."""
        fault = told(self._places.of(self._section, key), name, key=key, **found)
        if fault not in self._faults:
            self._faults.append(fault)

    def only(self, known: Sequence[str]) -> None:
        """A fault for every other key."""
        for key in self._values:
            if key in known:
                continue
            close = get_close_matches(key, known, n=1)
            if close:
                self.fault(key, "misspelt", found=key, close=close[0])
            else:
                self.fault(key, "unknown", found=key, known=", ".join(known))

    def tables(self, key: str) -> Iterator["Table"]:
        """Those that begin with [[key]]."""
        found = self._values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(values, dict) for values in found):
            self.fault(key, "tables")
            return
        for nth, values in enumerate(found):
            yield Table(values, Section(key, nth), self._places, self._faults)

    def table(self, key: str) -> "Table":
        """The one that begins with [key]."""
        found = self._values.get(key, {})
        if not isinstance(found, dict):
            self.fault(key, "named_table")
            found = {}
        return Table(found, Section(key), self._places, self._faults)

    def text(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.fault(key, "text")
            return None
        return value.strip()

    def flag(self, key: str) -> bool:
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            self.fault(key, "flag")
            return False
        return value

    def percent(self, key: str) -> float | None:
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
            self.fault(key, "sample")
            return None
        return float(value)

    def choice(self, key: str, kind: type[Choice]) -> Choice | None:
        text = self.text(key)
        if text is None:
            return None
        if text not in set(map(str, kind)):
            self.fault(key, "choice", found=text, what=key.replace("_", " "), choices=", ".join(kind))
            return None
        return kind(text)

    def texts(
        self, key: str, read: Callable[[str], str | None] = lambda text: text, *, all_of: tuple[str, ...] = ()
    ) -> Iterator[str]:
        """Entries as `read` gives them, its None left out. `all_of` stands where the key does not; then none is odd."""
        entries = self._values.get(key, list(all_of))
        if not isinstance(entries, list) or not all(isinstance(entry, str) and entry.strip() for entry in entries):
            self.fault(key, "texts")
            return
        if not entries and all_of:
            self.fault(key, "empty")
        for entry in entries:
            if (value := read(entry.strip())) is not None:
                yield value
