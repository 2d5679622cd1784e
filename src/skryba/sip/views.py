"""Typed views: descriptors that read a message's headers when asked and remember the result until the headers change.

May not know start lines or bodies. A view of a value that breaks its grammar raises `ParseError` each time it is read.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, overload

from skryba.errors import ParseError
from skryba.sip import grammar
from skryba.sip.cseq import CSeq
from skryba.sip.headers import Headers
from skryba.sip.name_addr import NameAddr
from skryba.sip.via import Via

T = TypeVar("T")
MAX_SECONDS = 2**32 - 1  # §20.19


class _Carrier(Protocol):
    headers: Headers


class View(Generic[T]):
    """One value."""

    __slots__ = ("_name", "_read")

    def __init__(self, name: str, read: Callable[[Headers], T]) -> None:
        self._name = name
        self._read = read

    @overload
    def __get__(self, message: None, owner: type) -> "View[T]": ...
    @overload
    def __get__(self, message: _Carrier, owner: type) -> T: ...
    def __get__(self, message: _Carrier | None, owner: type) -> "View[T] | T":
        return self if message is None else message.headers.view(self._name, self._read)


class ListView(Generic[T]):
    """A list of the reader's own, so changing it changes no message."""

    __slots__ = ("_name", "_read")

    def __init__(self, name: str, read: Callable[[Headers], tuple[T, ...]]) -> None:
        self._name = name
        self._read = read

    @overload
    def __get__(self, message: None, owner: type) -> "ListView[T]": ...
    @overload
    def __get__(self, message: _Carrier, owner: type) -> list[T]: ...
    def __get__(self, message: _Carrier | None, owner: type) -> "ListView[T] | list[T]":
        return self if message is None else list(message.headers.view(self._name, self._read))


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if value is None:
        raise ParseError(f"{name} is missing")
    return value


def _many(name: str, parse_many: Callable[[str], list[T]]) -> Callable[[Headers], tuple[T, ...]]:
    def read(headers: Headers) -> tuple[T, ...]:
        return tuple(value for text in headers.get_all(name) for value in parse_many(text))

    return read


def _top_via(headers: Headers) -> Via:
    text = _required(headers, "via")
    return Via.parse(grammar.split_list(text)[0] if "," in text else text)


def _address(name: str) -> Callable[[Headers], NameAddr]:
    return lambda headers: NameAddr.parse(_required(headers, name))


def _call_id(headers: Headers) -> str:
    value = _required(headers, "call-id")
    if not value or any(character <= " " for character in value):
        raise ParseError(f"no Call-ID: {value[:60]!r}")
    return value


def _contacts(headers: Headers) -> tuple[NameAddr, ...]:
    values = [value for value in headers.get_all("contact") if value != "*"]
    found = tuple(address for text in values for address in NameAddr.parse_many(text))
    if found and _contact_star(headers):
        raise ParseError("Contact '*' beside other contacts")  # §10.2.2
    return found


def _contact_star(headers: Headers) -> bool:
    return "*" in headers.get_all("contact")


def _max_forwards(headers: Headers) -> int | None:
    value = headers.get("max-forwards")
    return None if value is None else grammar.number(value, limit=255, name="Max-Forwards")  # §20.22


def _expires(headers: Headers) -> int | None:
    value = headers.get("expires")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()):
        raise ParseError(f"no Expires: {value[:40]!r}")
    # RFC 4475 §3.1.2.4: a value beyond the limit may be taken for the limit.
    return MAX_SECONDS if len(value.lstrip("0")) > 10 else min(int(value.lstrip("0") or "0"), MAX_SECONDS)


def _content_type(headers: Headers) -> str | None:
    value = headers.get("content-type")
    if value is None:
        return None
    kind, slash, rest = value.partition(";")[0].partition("/")
    kind, rest = kind.strip(grammar.WHITESPACE), rest.strip(grammar.WHITESPACE)
    if not slash or not grammar.is_token(kind) or not grammar.is_token(rest):
        raise ParseError(f"no Content-Type: {value[:60]!r}")
    return f"{kind}/{rest}".lower()


def _option_tags(name: str) -> Callable[[Headers], tuple[str, ...]]:
    def read(headers: Headers) -> tuple[str, ...]:
        parts = (part.strip(grammar.WHITESPACE) for text in headers.get_all(name) for part in text.split(","))
        return tuple(part for part in parts if part)

    return read


VIAS = ListView("vias", _many("via", Via.parse_many))
VIA = View("via", _top_via)
FROM = View("from", _address("from"))
TO = View("to", _address("to"))
CALL_ID = View("call-id", _call_id)
CSEQ = View("cseq", lambda headers: CSeq.parse(_required(headers, "cseq")))
CONTACTS = ListView("contacts", _contacts)
CONTACT_STAR = View("contact-star", _contact_star)
MAX_FORWARDS = View("max-forwards", _max_forwards)
EXPIRES = View("expires", _expires)
ROUTES = ListView("routes", _many("route", NameAddr.parse_many))
RECORD_ROUTES = ListView("record-routes", _many("record-route", NameAddr.parse_many))
CONTENT_TYPE = View("content-type", _content_type)
SUPPORTED = ListView("supported", _option_tags("supported"))
REQUIRE = ListView("require", _option_tags("require"))
PROXY_REQUIRE = ListView("proxy-require", _option_tags("proxy-require"))
ALLOW = ListView("allow", _option_tags("allow"))
