"""Via: one hop a request took, and so the way back for its response (RFC 3261 §20.42, §18.2; RFC 3581).

May not know sockets: where a response is really sent is decided from these values elsewhere.
"""

import re
from dataclasses import dataclass, replace

from skryba.errors import ParseError
from skryba.sip import grammar
from skryba.sip.grammar import Params

MAGIC_COOKIE = "z9hG4bK"  # §8.1.1.7

_VIA = re.compile(
    rf"[ \t\r\n]*({grammar.TOKEN})[ \t\r\n]*/[ \t\r\n]*({grammar.TOKEN})[ \t\r\n]*/[ \t\r\n]*({grammar.TOKEN})"
    r"[ \t\r\n]+([^;,\s][^;,]*)((?:;.*)?)",
    re.DOTALL,
)
_DEFAULT_PORTS = {"TLS": 5061, "WSS": 443, "WS": 80}


@dataclass(frozen=True, slots=True)
class Via:
    """`transport` in upper case ("UDP"); `host` as written, an IPv6 reference without its brackets."""

    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "Via":
        found = _VIA.fullmatch(text)
        if found is None:
            raise ParseError(f"no Via: {text[:80]!r}")
        protocol, version, transport, sent_by, tail = found.groups()
        if protocol.upper() != "SIP" or version != "2.0":
            raise ParseError(f"Via of another protocol: {protocol[:20]}/{version[:20]}")
        host, port = grammar.host_port(sent_by.rstrip(grammar.WHITESPACE))
        return cls(transport.upper(), host, port, grammar.params(tail) if tail else ())

    @classmethod
    def parse_many(cls, text: str) -> "list[Via]":
        return [cls.parse(part) for part in grammar.split_list(text)]

    def __str__(self) -> str:
        sent_by = grammar.format_host(self.host, self.port)
        return f"SIP/2.0/{self.transport} {sent_by}{grammar.format_params(self.params)}"

    @property
    def branch(self) -> str | None:
        return grammar.find_param(self.params, "branch")[1]

    @property
    def received(self) -> str | None:
        """Source address a server wrote down; an IPv6 one without brackets."""
        value = grammar.find_param(self.params, "received")[1]
        return None if value is None else value.strip("[]")

    @property
    def has_rport(self) -> bool:
        """The sender asks for symmetric response routing (RFC 3581 §3), or a server has answered it."""
        return grammar.find_param(self.params, "rport")[0]

    @property
    def rport(self) -> int | None:
        """Source port a server wrote down; None when absent, empty or unusable."""
        value = grammar.find_param(self.params, "rport")[1]
        if value is None or not (value.isascii() and value.isdigit()) or len(value) > 5 or int(value) > 65535:
            return None
        return int(value)

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host in lower case and port, the transport's default filled in: what §17.2.3 compares."""
        return self.host.lower(), _DEFAULT_PORTS.get(self.transport, 5060) if self.port is None else self.port

    def with_param(self, name: str, value: str | None) -> "Via":
        return replace(self, params=grammar.replace_param(self.params, name, value))

    def with_received(self, host: str, port: int) -> "Via":
        """The top Via of a request that came from `host`, `port`, as the server must complete it."""
        if self.has_rport:  # RFC 3581 §4: both, even when the host is the same
            return self.with_param("received", host).with_param("rport", str(port))
        if self.host.lower() != host.lower():  # RFC 3261 §18.2.1
            return self.with_param("received", host)
        return self
