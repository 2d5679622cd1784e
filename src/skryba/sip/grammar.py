"""The small words of RFC 3261 §25.1 that every header shares: token, quoted string, host, parameters, lists.

May not know which header it reads. Every function is linear in its input and raises nothing but `ParseError`.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from skryba.errors import ParseError

Params = tuple[tuple[str, str | None], ...]

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
WHITESPACE = " \t\r\n"

_TOKEN = re.compile(TOKEN)
# Classes on both sides of every repetition are disjoint, so no input makes these backtrack more than once.
# A plain value may hold more than `token / host`: base64 tags and branches with "=" or "/" are common on the wire.
_PARAM = re.compile(
    rf"""[ \t\r\n]*;[ \t\r\n]*({TOKEN})[ \t\r\n]*(?:=[ \t\r\n]*("(?:[^"\\]|\\.)*"|[^\s;,"<>\\]+)[ \t\r\n]*)?""",
    re.DOTALL,
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_LIST_MARK = re.compile(r'[",<>]')
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_HOST_NAME = re.compile(r"[A-Za-z0-9_\-.]+")  # "_" is no letter of RFC 1123, but of many a Docker network
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def number(text: str, *, limit: int, name: str) -> int:
    """Reads `1*DIGIT` not above `limit`. Leading zeros are legal (RFC 4475 §3.1.1.1)."""
    text = text.strip(WHITESPACE)
    if not (text.isascii() and text.isdigit()):
        raise ParseError(f"{name} is not a number: {text[:40]!r}")
    text = text.lstrip("0") or "0"
    if len(text) > len(str(limit)) or int(text) > limit:
        raise ParseError(f"{name} is above {limit}: {text[:40]}")
    return int(text)


def quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote(text: str) -> str:
    """The text inside a quoted string; anything else comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def quoted_prefix(text: str) -> tuple[str, int]:
    """Unescaped content of the quoted string `text` begins with, and the position after its closing mark."""
    found = _QUOTED.match(text)
    if found is None:
        raise ParseError("quoted string is not closed", offset=0)
    inner = found[1]
    return (_QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner), found.end()


def unescape(text: str) -> str:
    """Undoes %-escapes once (§19.1.2); bytes that are no UTF-8 survive as surrogates."""
    if "%" not in text:
        return text
    return _ESCAPED.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "surrogateescape"), text)


def check_escapes(text: str) -> None:
    if "%" in text and _BROKEN_ESCAPE.search(text):
        raise ParseError(f"% without two hexadecimal digits: {text[:80]!r}")


def params(text: str) -> Params:
    """Reads `*( SEMI generic-param )`, the whole text. Values stay as written, quotes included."""
    found: list[tuple[str, str | None]] = []
    position, end = 0, len(text)
    while position < end:
        match = _PARAM.match(text, position)
        if match is None:
            if not text[position:].strip(WHITESPACE):
                break
            raise ParseError(f"no parameter at {text[position : position + 40]!r}", offset=position)
        found.append((match[1], match[2]))
        position = match.end()
    return tuple(found)


def format_params(values: Params) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in values)


def find_param(values: Params, name: str) -> tuple[bool, str | None]:
    """Whether `name` is among the values, case-blind (§7.3.1), and the first one's value."""
    for written, value in values:
        if written == name:
            return True, value
    name = name.lower()
    for written, value in values:
        if written.lower() == name:
            return True, value
    return False, None


def replace_param(values: Params, name: str, value: str | None) -> Params:
    """`values` with `name` set: in its place when it was there, else at the end."""
    present, _ = find_param(values, name)
    if not present:
        return (*values, (name, value))
    key = name.lower()
    return tuple((written, value) if written.lower() == key else (written, old) for written, old in values)


def split_list(text: str) -> list[str]:
    """Parts between the commas that stand outside quoted strings and angle brackets, stripped."""
    if "," not in text:
        return [text.strip(WHITESPACE)]
    parts: list[str] = []
    start = position = 0
    inside = False
    while (mark := _LIST_MARK.search(text, position)) is not None:
        position = mark.end()
        match mark[0]:
            case '"' if not inside:
                quoted = _QUOTED.match(text, mark.start())
                if quoted is None:
                    raise ParseError("quoted string is not closed", offset=mark.start())
                position = quoted.end()
            case "<":
                inside = True
            case ">":
                inside = False
            case "," if not inside:
                parts.append(text[start : mark.start()].strip(WHITESPACE))
                start = position
            case _:
                pass
    parts.append(text[start:].strip(WHITESPACE))
    return parts


def host(text: str) -> str:
    """Checks a host; an IPv6 reference comes back without its brackets (`format_host` puts them on again)."""
    if text.startswith("["):
        if not text.endswith("]"):
            raise ParseError(f"IPv6 reference is not closed: {text[:60]!r}")
        address = text[1:-1]
        if not _is_ipv6(address):
            raise ParseError(f"no IPv6 address: {text[:60]!r}")
        return address
    if _HOST_NAME.fullmatch(text) is None:
        raise ParseError(f"no host: {text[:60]!r}")
    return text


def host_port(text: str) -> tuple[str, int | None]:
    """Reads `host [ COLON port ]`; white space around the colon is legal in Via (§25.1 sent-by)."""
    start = text.find("]") if text.startswith("[") else 0
    colon = text.find(":", max(start, 0))
    if colon < 0:
        return host(text), None
    return host(text[:colon].rstrip(WHITESPACE)), number(text[colon + 1 :], limit=65535, name="port")


def format_host(name: str, port: int | None) -> str:
    name = f"[{name}]" if ":" in name else name
    return name if port is None else f"{name}:{port}"


@lru_cache(maxsize=1024)
def _is_ipv6(text: str) -> bool:
    try:
        return IPv6Address(text).scope_id is None
    except AddressValueError:
        return False
