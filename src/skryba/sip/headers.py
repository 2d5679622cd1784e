"""Headers: the ordered header fields of one message, their raw values kept as they came (RFC 3261 §7.3, §20).

May not know what any value means; who reads one leaves the reading here until the headers change (`view`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from skryba.errors import ParseError
from skryba.sip import grammar

T = TypeVar("T")

# Compact forms: RFC 3261 §7.3.3 and the IANA registry.
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
    "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip
_USUAL = (
    "Via From To Call-ID CSeq Max-Forwards Contact Route Record-Route Content-Type Content-Length User-Agent Server "
    "Allow Supported Require Proxy-Require Expires Authorization Proxy-Authorization WWW-Authenticate "
    "Proxy-Authenticate Accept Subject Date Reason Session-Expires Min-SE P-Asserted-Identity Privacy Timestamp"
)
# As most peers write them, to their key: saves lower() on the way that every message takes.
_KEYS = {name: name.lower() for name in _USUAL.split()} | _COMPACT


def key_of(name: str) -> str:
    """The full name in lower case, whatever spelling or compact form `name` has."""
    key = _KEYS.get(name)
    if key is None:
        key = name.lower()
        key = _COMPACT.get(key, key)
    return key


def is_name(text: str) -> bool:
    """Whether `text` can name a header at all: a token (§25.1)."""
    return text in _KEYS or grammar.is_token(text)


class Headers:
    """Names are found case-blind and in either form. Values are `str` decoded as UTF-8 with surrogateescape, unfolded,
    stripped, otherwise as received; a line break in a value handed in is a `ParseError`, never a second header.
    """

    __slots__ = ("_index", "_items", "_views")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = []
        self._index: dict[str, list[str]] | None = None
        self._views: dict[str, Any] = {}
        for name, value in items:
            self._items.append(_checked(name, value))

    @classmethod
    def from_lines(cls, items: list[tuple[str, str]]) -> "Headers":
        """Takes the list over as it is. The caller has cut it from lines, so no line break can be inside."""
        headers = cls()
        headers._items = items
        return headers

    def get(self, name: str) -> str | None:
        values = self._lookup().get(key_of(name))
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        return list(self._lookup().get(key_of(name), ()))

    def set(self, name: str, value: str) -> None:
        """Replaces all of that name, in the place of the first; appends when there was none."""
        item = _checked(name, value)
        key = key_of(name)
        place = next((i for i, (written, _) in enumerate(self._items) if key_of(written) == key), None)
        if place is None:
            self._items.append(item)
        else:
            rest = [old for old in self._items[place + 1 :] if key_of(old[0]) != key]
            self._items[place:] = [item, *rest]
        self._changed()

    def add(self, name: str, value: str) -> None:
        self._items.append(_checked(name, value))
        self._changed()

    def prepend(self, name: str, value: str) -> None:
        self._items.insert(0, _checked(name, value))
        self._changed()

    def remove(self, name: str) -> None:
        key = key_of(name)
        self._items = [item for item in self._items if key_of(item[0]) != key]
        self._changed()

    def remove_first(self, name: str) -> None:
        key = key_of(name)
        for place, (written, _) in enumerate(self._items):
            if key_of(written) == key:
                del self._items[place]
                self._changed()
                return

    def repeated(self) -> list[str]:
        """Keys (`key_of`) of the headers that stand more than once."""
        return [key for key, values in self._lookup().items() if len(values) > 1]

    def copy(self) -> "Headers":
        return Headers.from_lines(list(self._items))

    def view(self, name: str, read: Callable[["Headers"], T]) -> T:
        """What `read` makes of these headers, remembered under `name` until they change."""
        views = self._views
        if name in views:
            found: T = views[name]
            return found
        found = views[name] = read(self)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and key_of(name) in self._lookup()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        """Same names (case-blind, either form) with the same values in the same order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return [(key_of(n), v) for n, v in self._items] == [(key_of(n), v) for n, v in other._items]

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def _lookup(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = self._index = {}
            for name, value in self._items:
                key = _KEYS.get(name) or key_of(name)
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        return index

    def _changed(self) -> None:
        self._index = None
        self._views.clear()


def _checked(name: str, value: str) -> tuple[str, str]:
    if "\n" in value or "\r" in value or "\n" in name or "\r" in name:
        raise ParseError(f"line break in header {name[:40]!r}")
    return name, value
