"""NameAddr: a display name, a URI and header parameters, as in From, To, Contact and Route (RFC 3261 §20.10).

May not know which of these headers it came from.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from skryba.errors import ParseError
from skryba.sip import grammar
from skryba.sip.grammar import Params
from skryba.sip.uri import Uri

# `*(token LWS)` of §25.1, and letters beyond ASCII, which phones send without the quotes they should have.
_SHORT = 256  # characters; what is longer is never remembered, so what is remembered stays small
_DISPLAY = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t\r\n\u0080-\U0010ffff]*")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """`display` is the text itself, unquoted; None when there is none. Parameter values stay as written."""

    uri: Uri
    display: str | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """All messages of a dialog have the same From and To: those read last are remembered."""
        return _recent(text) if len(text) <= _SHORT else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> "NameAddr":
        text = text.strip(grammar.WHITESPACE)
        display: str | None = None
        if text.startswith('"'):
            display, after = grammar.quoted_prefix(text)
            text = text[after:].lstrip(grammar.WHITESPACE)
            if not text.startswith("<"):
                raise ParseError("a display name without <URI>")
        before, bracket, rest = text.partition("<")
        if not bracket:
            return cls._parse_addr_spec(text)
        if before:
            if _DISPLAY.fullmatch(before) is None:
                raise ParseError(f"no display name: {before[:60]!r}")  # RFC 4475 §3.1.2.15
            display = before.strip(grammar.WHITESPACE)
        inner, closed, tail = rest.partition(">")
        if not closed:
            raise ParseError("<URI> is not closed")
        return cls(Uri.parse(inner), display, grammar.params(tail) if tail else ())

    @classmethod
    def _parse_addr_spec(cls, text: str) -> "NameAddr":
        # §20: without brackets everything behind the first semicolon belongs to the header, and a URI with a
        # comma or a question mark may not stand here at all (RFC 4475 §3.1.2.13).
        address, semicolon, tail = text.partition(";")
        address = address.rstrip(grammar.WHITESPACE)
        if "?" in address or "," in address:
            raise ParseError("a URI with '?' or ',' must stand in angle brackets")
        return cls(Uri.parse(address), None, grammar.params(";" + tail) if semicolon else ())

    @classmethod
    def parse_many(cls, text: str) -> "list[NameAddr]":
        """One header value that may hold several, separated by commas."""
        return [cls.parse(part) for part in grammar.split_list(text)]

    def __str__(self) -> str:
        display = "" if self.display is None else f"{grammar.quote(self.display)} "
        return f"{display}<{self.uri}>{grammar.format_params(self.params)}"

    @property
    def tag(self) -> str | None:
        return grammar.find_param(self.params, "tag")[1]

    def param(self, name: str) -> str | None:
        """Value of a header parameter, quotes removed; None when absent or without a value."""
        value = grammar.find_param(self.params, name)[1]
        return None if value is None else grammar.unquote(value)

    def has_param(self, name: str) -> bool:
        return grammar.find_param(self.params, name)[0]

    def with_tag(self, tag: str) -> "NameAddr":
        return self.with_param("tag", tag)

    def with_param(self, name: str, value: str | None) -> "NameAddr":
        return replace(self, params=grammar.replace_param(self.params, name, value))


@lru_cache(maxsize=1024)
def _recent(text: str) -> NameAddr:
    return NameAddr._parse(text)
