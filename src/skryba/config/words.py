"""The words options are made of: addresses, texts, durations, and the section that all tables are.

Knows no option. Each type refuses with a sentence that says what to write instead.
"""

import re
from ipaddress import ip_address
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from skryba.terms import SocketAddress


class Binding(NamedTuple):
    """One place to listen for SIP."""

    transport: str
    address: SocketAddress


def parse_address(text: str) -> SocketAddress:
    """`127.0.0.1:5060` or `[::1]:5060`; ValueError otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("write an address as 192.0.2.1:5060 or [2001:db8::1]:5060")
    return SocketAddress(numeric(host.removeprefix("[").removesuffix("]")), int(port))


def parse_binding(text: str) -> Binding:
    """`udp:127.0.0.1:5060`; ValueError otherwise."""
    transport, colon, address = text.partition(":")
    if not colon or transport not in {"udp", "tcp"}:
        raise ValueError("write a place to listen as udp:192.0.2.1:5060 or tcp:[2001:db8::1]:5060")
    return Binding(transport, parse_address(address))


def numeric(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("write a numeric IPv4 or IPv6 address, not a name") from None


def binding_text(text: str) -> str:
    parse_binding(text)
    return text


def address_text(text: str) -> str:
    parse_address(text)
    return text


def numeric_or_empty(text: str) -> str:
    return numeric(text) if text else text


def even_range(ports: tuple[int, int]) -> tuple[int, int]:
    if not 1024 <= ports[0] < ports[1] <= 65535 or ports[0] % 2:
        raise ValueError("write two ports, the lower one even, both between 1024 and 65535, such as [20000, 29999]")
    return ports


def empty_is_none(value: object) -> object:
    return None if value == "" else value


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
NonEmptyText = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def http_address(text: str) -> str:
    """An http or https URL, or empty; ValueError otherwise."""
    if text and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", text):
        raise ValueError("write a URL such as https://example.net/path")
    return text


class Section(BaseModel):
    """One table of the file. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
