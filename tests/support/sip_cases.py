"""SIP messages as data: cases of our own from tests/data/sip, and what to compare a message with.

A case is a TOML table: `name`, `rule` (what it teaches), `message` (lines end in LF here, in CRLF on the wire;
`@LENGTH@` becomes the size of the body, `body_hex` takes the place of a body that is no text), and either `status`
(what `validate` refuses it with) or `facts`, keys of `FACTS`.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skryba.sip.message import Message, Request, Response

FOLDER = Path(__file__).parent.parent / "data" / "sip"


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    status: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def load(file: str) -> list[Case]:
    tables = tomllib.loads((FOLDER / file).read_text("utf-8"))["case"]
    return [Case(t["name"], _octets(t), t.get("status"), t.get("facts", {})) for t in tables]


def _octets(table: dict[str, Any]) -> bytes:
    head, blank, body = table["message"].replace("\n", "\r\n").encode().partition(b"\r\n\r\n")
    if "body_hex" in table:
        body = bytes.fromhex(table["body_hex"])
    return bytes(head.replace(b"@LENGTH@", str(len(body)).encode()) + blank + body)


def _request(message: Message) -> Request:
    assert isinstance(message, Request)
    return message


def _response(message: Message) -> Response:
    assert isinstance(message, Response)
    return message


FACTS: dict[str, Callable[[Message], Any]] = {
    "method": lambda m: _request(m).method,
    "uri": lambda m: _request(m).uri,
    "code": lambda m: _response(m).status,
    "reason": lambda m: _response(m).reason,
    "call_id": lambda m: m.call_id,
    "cseq": lambda m: str(m.cseq),
    "from_tag": lambda m: m.from_.tag or "",
    "to_tag": lambda m: m.to.tag or "",
    "from_uri": lambda m: str(m.from_.uri),
    "to_uri": lambda m: str(m.to.uri),
    "from_display": lambda m: m.from_.display,
    "to_display": lambda m: m.to.display,
    "vias": lambda m: len(m.vias),
    "transports": lambda m: [via.transport for via in m.vias],
    "branch": lambda m: m.via.branch or "",
    "branches": lambda m: [via.branch or "" for via in m.vias],
    "contacts": lambda m: [str(contact.uri) for contact in m.contacts],
    "contact_params": lambda m: [sorted(name for name, _ in contact.params) for contact in m.contacts],
    "routes": lambda m: [str(route.uri) for route in m.routes],
    "max_forwards": lambda m: -1 if m.max_forwards is None else m.max_forwards,
    "content_type": lambda m: m.content_type or "",
    "require": lambda m: m.require,
    "proxy_require": lambda m: m.proxy_require,
    "body": lambda m: len(m.body),
    "subject": lambda m: m.headers.get("Subject"),
    "accept": lambda m: m.headers.get("Accept"),
    "date": lambda m: m.headers.get("Date"),
}


def facts_of(message: Message, wanted: dict[str, Any]) -> dict[str, Any]:
    """The facts that `wanted` names, as the message has them: compare the two."""
    return {name: FACTS[name](message) for name in wanted}
