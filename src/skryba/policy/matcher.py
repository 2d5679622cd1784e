"""Matcher: many patterns asked at once. Each pattern carries a bit; one look-up says which bits a value sets.

May not know what the bits mean. Cost grows with the number of different prefix lengths, not with that of patterns.
"""

from collections.abc import Iterable


class Matcher:
    """Patterns as in `e164.matches`: exact, prefix with a final `*`, or `*` for all values, None included."""

    __slots__ = ("_all", "_exact", "_lengths", "_prefixes")

    def __init__(self, patterns: Iterable[tuple[str, int]] = ()) -> None:
        self._all = 0
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        for pattern, bit in patterns:
            if pattern == "*":
                self._all |= bit
            elif pattern.endswith("*"):
                self._prefixes[pattern[:-1]] = self._prefixes.get(pattern[:-1], 0) | bit
            else:
                self._exact[pattern] = self._exact.get(pattern, 0) | bit
        self._lengths = tuple(sorted({len(prefix) for prefix in self._prefixes}))

    def bits(self, value: str | None) -> int:
        """Bits of all patterns that the value fits."""
        found = self._all
        if value is None:
            return found
        if value in self._exact:
            found |= self._exact[value]
        prefixes = self._prefixes
        for length in self._lengths:
            if (prefix := value[:length]) in prefixes:
                found |= prefixes[prefix]
        return found

    def bits_of_any(self, values: Iterable[str]) -> int:
        """Bits of all patterns that one of the values fits; without values those of `*`."""
        found = self._all
        for value in values:
            found |= self.bits(value)
        return found
