"""Bodies: the session description within a message body, and the other parts that may cross (RFC 5621, RFC 2046 §5.1).

May not know what the description says.
"""

import re
from dataclasses import dataclass

from skryba.errors import ParseError
from skryba.sip.message import Message

SDP = "application/sdp"
CROSSING = frozenset({"application/pidf+xml"})  # where an emergency caller is (RFC 6442)
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_CID = re.compile(r"[\x21-\x7e]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body that is no session description."""

    content_type: str
    content_id: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What a message brought: a session description or none, and parts that may cross."""

    sdp: bytes | None = None
    parts: tuple[Part, ...] = ()


def read(message: Message) -> Body:
    """Take a body apart. ParseError(415) when a body that must be understood is not (RFC 3261 §8.2.3)."""
    if not message.body:
        return Body()
    kind = message.content_type
    if kind in (SDP, None):
        return Body(message.body)
    if kind == "multipart/mixed":
        return _multipart(message)
    if "handling=optional" in (message.headers.get("Content-Disposition") or "").replace(" ", "").lower():
        return Body()
    raise ParseError(f"body of type {kind}", status=415)


def write(message: Message, sdp: bytes | None, parts: tuple[Part, ...] = (), *, boundary: str = "") -> None:
    """Put a body on a message. `boundary` must be a fresh token when there are parts."""
    if not parts:
        if sdp is not None:
            message.headers.set("Content-Type", SDP)
            message.body = sdp
        return
    listed = ([Part(SDP, None, sdp)] if sdp is not None else []) + list(parts)
    pieces = []
    for part in listed:
        content_id = f"Content-ID: {part.content_id}\r\n" if part.content_id else ""
        pieces.append(f"--{boundary}\r\nContent-Type: {part.content_type}\r\n{content_id}\r\n".encode() + part.data)
    message.headers.set("MIME-Version", "1.0")
    message.headers.set("Content-Type", f"multipart/mixed;boundary={boundary}")
    message.body = b"\r\n".join(pieces) + f"\r\n--{boundary}--\r\n".encode()


def _multipart(message: Message) -> Body:
    stated = _BOUNDARY.search(message.headers.get("Content-Type") or "")
    if stated is None:
        raise ParseError("multipart body without a boundary")
    delimiter = b"--" + (stated[1] or stated[2]).encode()
    pieces = (b"\r\n" + message.body).split(b"\r\n" + delimiter)
    sdp: bytes | None = None
    parts = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        head, _, data = piece.partition(b"\r\n\r\n")
        fields = _fields(head)
        kind = fields.get("content-type", "text/plain").partition(";")[0].strip().lower()
        if kind == SDP and sdp is None:
            sdp = data
        elif kind in CROSSING:
            content_id = fields.get("content-id", "")
            parts.append(Part(kind, content_id if _CID.match(content_id) else None, data))
    return Body(sdp, tuple(parts))


def _fields(head: bytes) -> dict[str, str]:
    found = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found
