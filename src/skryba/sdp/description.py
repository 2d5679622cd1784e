"""SessionDescription: an RFC 8866 description as ordered lines, kept byte for byte, with typed views on them.

May not know offers and answers, nor what we do with an address. Reading is lenient, the views never raise: whatever
they need is checked by `parse`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from skryba.errors import ParseError

_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,255}\Z")  # RFC 8866 §9 token, and bounded
_MEDIA = re.compile(
    r"([A-Za-z][A-Za-z0-9\-]*) ([0-9]{1,5})(?:/([0-9]{1,5}))? ([A-Za-z0-9\-]+(?:/[A-Za-z0-9\-]+)*) (.+)\Z"
)
_CONNECTION = re.compile(r"IN +(IP4|IP6) +([0-9A-Za-z.:\-]{1,255})(?:/[0-9]{1,10}){0,2} *\Z", re.IGNORECASE)
_RTPMAP = re.compile(r" *([0-9]{1,3}) +([A-Za-z0-9_\-]{1,64})(?:/([0-9]{1,9})(?:/([0-9]{1,3}))?)? *\Z")
_NUMBER = re.compile(r" *([0-9]{1,5})(?: .*)?\Z")
_TIMES = re.compile(r"[0-9]{1,20} [0-9]{1,20}\Z")
_HARMLESS = re.compile(r"[A-Za-z0-9+_\-]{1,64}\Z")
_PORTS = 65535
_PAYLOAD_TYPES = 128  # seven bits in the RTP header (RFC 3550 §5.1)

_PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})  # RFC 3551, RFC 4585
# Names whose registration is not all capitals (IANA, RTP payload format media types).
_SPELLING = {
    name.upper(): name
    for name in ("telephone-event", "tone", "opus", "iLBC", "speex", "parityfec", "red", "ulpfec", "rtx")
}


class Direction(StrEnum):
    """Of a stream, as the describing party sees it (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> "Direction":
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def mirrored(self) -> "Direction":
        """The widest answer to it (RFC 3264 §6.1)."""
        return Direction.of(sends=self.receives, receives=self.sends)


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What a payload type means. `encoding` is spelled as registered: "PCMU", "telephone-event"; `clock_rate` in Hz."""

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int = 1

    def __str__(self) -> str:
        name = f"{self.encoding}/{self.clock_rate}"
        return name if self.channels == 1 else f"{name}/{self.channels}"


_DIRECTIONS = {str(direction): direction for direction in Direction}

# RFC 3551 §6, tables 4 and 5. G.722 is announced with 8000 although it samples at 16000 (§4.5.2).
STATIC_TYPES = {
    mapped.payload_type: mapped
    for mapped in (
        RtpMap(0, "PCMU", 8000), RtpMap(3, "GSM", 8000), RtpMap(4, "G723", 8000), RtpMap(5, "DVI4", 8000),
        RtpMap(6, "DVI4", 16000), RtpMap(7, "LPC", 8000), RtpMap(8, "PCMA", 8000), RtpMap(9, "G722", 8000),
        RtpMap(10, "L16", 44100, 2), RtpMap(11, "L16", 44100), RtpMap(12, "QCELP", 8000), RtpMap(13, "CN", 8000),
        RtpMap(14, "MPA", 90000), RtpMap(15, "G728", 8000), RtpMap(16, "DVI4", 11025), RtpMap(17, "DVI4", 22050),
        RtpMap(18, "G729", 8000), RtpMap(25, "CELB", 90000), RtpMap(26, "JPEG", 90000), RtpMap(28, "NV", 90000),
        RtpMap(31, "H261", 90000), RtpMap(32, "MPV", 90000), RtpMap(33, "MP2T", 90000), RtpMap(34, "H263", 90000),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (RFC 8866 §5.2). Numbers are kept as text: a session id may be longer than any integer of ours."""

    username: str
    session_id: str
    version: str
    net: str
    addr_type: str
    address: str

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} {self.net} {self.addr_type} {self.address}"


class Line(NamedTuple):
    """`kind` is the letter, "" for a blank line; `ending` is what ended it on the wire."""

    kind: str
    value: str
    ending: str = "\r\n"

    def __str__(self) -> str:
        return f"{self.kind}={self.value}{self.ending}" if self.kind else self.ending


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One m= line and what belongs to it.

    `connection` is its own c= address or None. `port` 0 = refused or switched off.
    `inherited_connection` and `inherited_direction` are what the session level says for streams that say nothing.
    """

    kind: str
    port: int
    port_count: int
    protocol: str
    formats: list[str]
    connection: str | None
    attributes: list[tuple[str, str | None]]
    bandwidths: list[str]
    inherited_connection: str | None = None
    inherited_direction: Direction | None = None

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute of that name that has one."""
        return next((value for key, value in self.attributes if key == name and value is not None), None)

    @property
    def direction(self) -> Direction:
        """Own attribute, else the session's, else sendrecv (RFC 8866 §6.7)."""
        return _direction(self.attributes) or self.inherited_direction or Direction.SENDRECV

    @property
    def effective_direction(self) -> Direction:
        """`direction` with the hold of RFC 2543 taken in: to no address nothing can be sent (RFC 3264 §8.4)."""
        direction = self.direction
        if is_nowhere(self.connection or self.inherited_connection):
            return Direction.of(sends=direction.sends, receives=False)
        return direction

    @property
    def is_held(self) -> bool:
        """Does this party keep the other from a two-way talk, in whichever dialect?"""
        return self.effective_direction is not Direction.SENDRECV

    @property
    def is_plain_audio(self) -> bool:
        """An open audio stream of unencrypted RTP: what we can carry today."""
        return self.kind == "audio" and self.port != 0 and self.protocol.upper() in _PLAIN

    @property
    def refusal(self) -> str:
        """The m= value that refuses it (RFC 3264 §6): port 0, and one format that must stand there, meaning nothing."""
        shown = next((name for name in self.formats if _HARMLESS.match(name)), "0")
        return f"{self.kind} 0 {self.protocol} {shown}"

    @property
    def ptime(self) -> int | None:
        """Milliseconds of sound per packet that this party likes to receive (RFC 8866 §6.4), None = not said."""
        found = re.match(r" *([0-9]{1,4})", self.attribute("ptime") or "")
        return int(found[1]) or None if found else None

    @property
    def rtcp_port(self) -> int:
        """a=rtcp (RFC 3605), else the next port. 0 where the stream is refused."""
        found = _NUMBER.match(self.attribute("rtcp") or "")
        if found and 0 < int(found[1]) <= _PORTS and self.port:
            return int(found[1])
        return self.port + 1 if 0 < self.port < _PORTS else 0

    def address(self, session: "SessionDescription") -> str:
        """Where its media goes: own c=, else the session's. "" where neither is given (only legal when refused)."""
        return self.connection or session.connection or ""

    def rtpmap(self, payload_type: int) -> RtpMap | None:
        """The attribute's word, else the static table's; None = nobody knows."""
        if not 0 <= payload_type < _PAYLOAD_TYPES:
            return None
        static = STATIC_TYPES.get(payload_type)
        for name, value in self.attributes:
            found = _RTPMAP.match(value or "") if name == "rtpmap" else None
            if found and int(found[1]) == payload_type:
                return self._mapped(payload_type, found, static)
        return static

    def fmtp(self, payload_type: int) -> str | None:
        """Format parameters as they were written, without the format."""
        for name, value in self.attributes:
            number, _, rest = (value or "").strip().partition(" ")
            if name == "fmtp" and number == str(payload_type):
                return rest.strip()
        return None

    def codecs(self) -> list[RtpMap]:
        """All formats whose meaning is known, in their order."""
        maps = [self.rtpmap(int(number)) for number in self.formats if number.isascii() and number.isdecimal()]
        return [mapped for mapped in maps if mapped is not None]

    def _mapped(self, payload_type: int, found: re.Match[str], static: RtpMap | None) -> RtpMap:
        encoding = _SPELLING.get(found[2].upper(), found[2].upper())
        if found[3]:
            return RtpMap(payload_type, encoding, int(found[3]), int(found[4] or 1) or 1)
        if static is not None and static.encoding == encoding:
            return static
        return RtpMap(payload_type, encoding, 90000 if self.kind == "video" else 8000)  # rate left out: the usual one


class SessionDescription:
    """Immutable. `parse` and `bytes` are inverses; equal when the bytes are."""

    __slots__ = ("_lines", "attributes", "connection", "media", "origin", "times")

    def __init__(self, lines: Iterable[Line]) -> None:
        """`lines` in wire order. ParseError when they are no description."""
        self._lines = tuple(lines)
        told = [line for line in self._lines if line.kind]
        if not told or told[0][:2] != ("v", "0"):
            raise ParseError("a session description begins with v=0")
        first = next((index for index, line in enumerate(told) if line.kind == "m"), len(told))
        session = told[:first]
        self.origin = _origin(session)
        self.connection = _connection(session)
        self.attributes = _attributes(session)
        self.times = next((line.value for line in session if line.kind == "t" and _TIMES.match(line.value)), None)
        direction = _direction(self.attributes)
        self.media: list[MediaDescription] = []
        block: list[Line] = []
        for line in reversed(told[first:]):
            block.append(line)
            if line.kind == "m":
                self.media.append(_media(block[::-1], self.connection, direction))
                block = []
        self.media.reverse()

    @classmethod
    def parse(cls, data: bytes | str) -> "SessionDescription":
        """CRLF or bare LF, missing s= and t= tolerated. ParseError for all that cannot be read."""
        try:
            raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        except UnicodeEncodeError as error:
            raise ParseError("a session description is UTF-8 text") from error
        text = raw.decode("utf-8", "surrogateescape")
        lines = []
        for piece in re.findall(r"[^\n]*\n|[^\n]+\Z", text):
            stripped = piece.rstrip("\n")
            content = stripped.removesuffix("\r")
            ending = piece[len(content) :]
            if "\r" in content or "\0" in content:
                raise ParseError("control characters within a line of the session description")
            if content and (
                len(content) < 2 or content[1] != "=" or not content[0].isascii() or not content[0].isalpha()
            ):
                raise ParseError(f"no line of a session description: {content[:40]!r}")
            lines.append(Line(content[:1], content[2:], ending))
        return cls(lines)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "SessionDescription":
        """From letters and values, with CRLF."""
        return cls(Line(kind, value) for kind, value in pairs)

    @property
    def plain_audio(self) -> int | None:
        """Index of the first stream that we can carry; best-effort offers list an encrypted twin before it."""
        return next((index for index, media in enumerate(self.media) if media.is_plain_audio), None)

    def __bytes__(self) -> bytes:
        return "".join(map(str, self._lines)).encode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        return bytes(self).decode("utf-8", "replace")

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, SessionDescription) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._lines)

    def __repr__(self) -> str:
        streams = ", ".join(f"{media.kind} {media.port} {media.protocol}" for media in self.media)
        return f"<SessionDescription {self.connection} [{streams}]>"


@lru_cache(maxsize=1024)
def is_nowhere(address: str | None) -> bool:
    """The addresses that mean hold: 0.0.0.0, its IPv6 twin, and names in .invalid (RFC 3264 §8.4, RFC 6157 §3.1)."""
    if address is None:
        return False
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        return address.lower().endswith(".invalid")


def _origin(session: list[Line]) -> Origin:
    value = next((line.value for line in session if line.kind == "o"), None)
    if value is None:
        raise ParseError("no o= line")
    fields = value.rsplit(maxsplit=5)  # from the right: some phones put spaces into the user name
    if len(fields) != 6:
        raise ParseError("the o= line has six fields")
    return Origin(*fields)


def _connection(lines: list[Line]) -> str | None:
    for line in lines:
        if line.kind == "c":
            found = _CONNECTION.match(line.value)
            if found is None:
                raise ParseError("unreadable c= line")
            return found[2]
    return None


def _attributes(lines: list[Line]) -> list[tuple[str, str | None]]:
    attributes: list[tuple[str, str | None]] = []
    for line in lines:
        if line.kind == "a":
            name, colon, value = line.value.partition(":")
            attributes.append((name.strip(), value if colon else None))
    return attributes


def _direction(attributes: list[tuple[str, str | None]]) -> Direction | None:
    for name, value in attributes:
        if value is None and name.lower() in _DIRECTIONS:
            return _DIRECTIONS[name.lower()]
    return None


def _media(block: list[Line], connection: str | None, direction: Direction | None) -> MediaDescription:
    found = _MEDIA.match(" ".join(block[0].value.split()))
    if found is None or int(found[2]) > _PORTS:
        raise ParseError("unreadable m= line")
    formats = found[5].split()
    if not formats or not all(map(_TOKEN.match, formats)):
        raise ParseError("unreadable formats in an m= line")
    return MediaDescription(
        kind=found[1].lower(),
        port=int(found[2]),
        port_count=int(found[3] or 1),
        protocol=found[4],
        formats=formats,
        connection=_connection(block),
        attributes=_attributes(block),
        bandwidths=[line.value for line in block if line.kind == "b"],
        inherited_connection=connection,
        inherited_direction=direction,
    )
