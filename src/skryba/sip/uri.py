"""Uri: SIP, SIPS and TEL in parts, any other absolute URI as scheme and opaque text (RFC 3261 §19.1, RFC 3966).

May not know where the URI stands, nor where it leads.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from skryba.errors import ParseError
from skryba.sip import grammar
from skryba.sip.grammar import Params

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
# user and password as §25.1 has them, plus "#", which phones send unescaped in service codes such as *21#.
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]+")
_PASSWORD = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,%]*")
_PARAM_PART = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+")
_HEADERS = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/?:+$%=&]+")
_OPAQUE = re.compile(r"[A-Za-z0-9\-_.!~*'();/?:@&=+$,%#\[\]]+")
_TEL = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+")
_VISUAL = str.maketrans("", "", "-.()")  # RFC 3966 §3 visual separators
# §19.1.4: these never match when only one URI has them. `transport` is not in that sentence, but its examples
# tell apart URIs that "can resolve to different port and transports".
_NEVER_IGNORED = frozenset({"user", "ttl", "method", "maddr", "transport"})


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI, its parts as written (escapes included), the scheme in lower case, an IPv6 host without brackets.

    `host` is empty for every scheme but sip and sips; then `opaque` holds what follows the scheme (for tel: the
    number alone, its parameters in `params`).
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: str | None = None
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> "Uri":
        scheme, colon, rest = text.partition(":")
        if not colon or _SCHEME.fullmatch(scheme) is None:
            raise ParseError(f"no URI: {text[:80]!r}")
        scheme = scheme.lower()
        if scheme in ("sip", "sips"):
            return _parse_sip(scheme, rest)
        if _OPAQUE.fullmatch(rest) is None:
            raise ParseError(f"no URI: {text[:80]!r}")
        if scheme != "tel":
            return cls(scheme, opaque=rest)
        number, semicolon, tail = rest.partition(";")
        if _TEL.fullmatch(number) is None:
            raise ParseError(f"no telephone number: {number[:40]!r}")
        return cls(scheme, opaque=number, params=_parse_params(tail) if semicolon else ())

    def __str__(self) -> str:
        tail = grammar.format_params(self.params)
        if not self.host:
            return f"{self.scheme}:{self.opaque}{tail}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        headers = "" if self.headers is None else f"?{self.headers}"
        return f"{self.scheme}:{user}{grammar.format_host(self.host, self.port)}{tail}{headers}"

    @property
    def user_text(self) -> str | None:
        """The user part with its escapes undone."""
        return None if self.user is None else grammar.unescape(self.user)

    def param(self, name: str) -> str | None:
        """Unescaped value of a URI parameter; None when absent or without a value."""
        name = name.lower()
        for written, value in self.params:
            if grammar.unescape(written).lower() == name:
                return None if value is None else grammar.unescape(value)
        return None

    def has_param(self, name: str) -> bool:
        return any(grammar.unescape(written).lower() == name.lower() for written, _ in self.params)

    def with_(self, **changes: Any) -> "Uri":
        return replace(self, **changes)

    def matches(self, other: "Uri") -> bool:
        """Equivalence of §19.1.4 (tel: RFC 3966 §4; anything else: the same text)."""
        if self.scheme != other.scheme:
            return False
        if self.scheme == "tel":
            same = self.opaque.translate(_VISUAL).lower() == other.opaque.translate(_VISUAL).lower()
            return same and _plain(self.params) == _plain(other.params)
        if not self.host or not other.host:
            return self.opaque == other.opaque
        return (
            self.user_text == other.user_text
            and _unescaped(self.password) == _unescaped(other.password)
            and self.host.lower() == other.host.lower()
            and self.port == other.port  # an absent port is not the default one: §19.1.4
            and _params_match(_plain(self.params), _plain(other.params))
            and _header_set(self.headers) == _header_set(other.headers)
        )


def _parse_sip(scheme: str, rest: str) -> Uri:
    user: str | None = None
    password: str | None = None
    # Neither parameters nor headers may hold a bare "@", so the first one ends the user part, semicolons and
    # question marks in it included (RFC 4475 §3.1.1.9).
    before, at, after = rest.partition("@")
    if at:
        user, colon, secret = before.partition(":")
        if _USER.fullmatch(user) is None:
            raise ParseError(f"no user part: {user[:60]!r}")
        grammar.check_escapes(user)
        if colon:
            if _PASSWORD.fullmatch(secret) is None:
                raise ParseError("no password part")
            grammar.check_escapes(secret)
            password = secret
        rest = after
    headers: str | None = None
    if "?" in rest:
        rest, _, headers = rest.partition("?")
        if _HEADERS.fullmatch(headers) is None:
            raise ParseError(f"no URI headers: {headers[:60]!r}")
        grammar.check_escapes(headers)
    params: Params = ()
    if ";" in rest:
        rest, _, tail = rest.partition(";")
        params = _parse_params(tail)
    if rest != rest.strip(grammar.WHITESPACE):
        raise ParseError("white space in a URI")
    host, port = grammar.host_port(rest)
    return Uri(scheme, user, password, host, port, params, headers)


def _parse_params(text: str) -> Params:
    found: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if _PARAM_PART.fullmatch(name) is None or (equals and _PARAM_PART.fullmatch(value) is None):
            raise ParseError(f"no URI parameter: {part[:60]!r}")
        grammar.check_escapes(part)
        found.append((name, value if equals else None))
    return tuple(found)


def _unescaped(text: str | None) -> str | None:
    return None if text is None else grammar.unescape(text)


def _plain(params: Params) -> dict[str, str | None]:
    return {
        grammar.unescape(name).lower(): None if value is None else grammar.unescape(value).lower()
        for name, value in params
    }


def _params_match(ours: dict[str, str | None], theirs: dict[str, str | None]) -> bool:
    if any(ours[name] != theirs[name] for name in ours.keys() & theirs.keys()):
        return False
    return not (ours.keys() ^ theirs.keys()) & _NEVER_IGNORED


def _header_set(headers: str | None) -> list[tuple[str, str]]:
    if headers is None:
        return []
    pairs = (part.partition("=") for part in headers.split("&"))
    return sorted((grammar.unescape(name).lower(), grammar.unescape(value)) for name, _, value in pairs)
