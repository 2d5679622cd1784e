"""Request and Response: reading them leniently, judging them strictly, writing and answering them (RFC 3261 §7, §8).

May not know transactions or dialogs, nor what a body says.
"""

import re
from dataclasses import dataclass, field

from skryba.errors import ParseError
from skryba.sip import grammar, validation, views
from skryba.sip.headers import Headers, is_name
from skryba.sip.status import reason as reason_phrase

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_STATUS_LINE = re.compile(r"(SIP/[0-9]+\.[0-9]+) +([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE | re.DOTALL)
_LINE_BREAK = re.compile(r"[\r\n]")
_FORMS_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})


@dataclass(slots=True)
class Request:
    """`uri` is the Request-URI as written; `method` is case-sensitive (§7.1)."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    version: str = "SIP/2.0"

    vias = views.VIAS
    via = views.VIA
    from_ = views.FROM
    to = views.TO
    call_id = views.CALL_ID
    cseq = views.CSEQ
    contacts = views.CONTACTS
    contact_star = views.CONTACT_STAR
    max_forwards = views.MAX_FORWARDS
    expires = views.EXPIRES
    routes = views.ROUTES
    record_routes = views.RECORD_ROUTES
    content_type = views.CONTENT_TYPE
    supported = views.SUPPORTED
    require = views.REQUIRE
    proxy_require = views.PROXY_REQUIRE
    allow = views.ALLOW

    def __bytes__(self) -> bytes:
        return _serialise(f"{self.method} {self.uri} {self.version}", self.headers, self.body)


@dataclass(slots=True)
class Response:
    """`reason` may be empty (RFC 4475 §3.1.1.13)."""

    status: int
    reason: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    version: str = "SIP/2.0"

    vias = views.VIAS
    via = views.VIA
    from_ = views.FROM
    to = views.TO
    call_id = views.CALL_ID
    cseq = views.CSEQ
    contacts = views.CONTACTS
    contact_star = views.CONTACT_STAR
    max_forwards = views.MAX_FORWARDS
    expires = views.EXPIRES
    routes = views.ROUTES
    record_routes = views.RECORD_ROUTES
    content_type = views.CONTENT_TYPE
    supported = views.SUPPORTED
    require = views.REQUIRE
    proxy_require = views.PROXY_REQUIRE
    allow = views.ALLOW

    def __bytes__(self) -> bytes:
        return _serialise(f"{self.version} {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


def parse_message(data: bytes) -> Message:
    """Reads one whole message, leniently: only what cannot be read at all, or came cut short, is a `ParseError`.

    Tolerated: folding, any white space where LWS may stand, compact forms, any case, bare LF, empty lines before the
    start line, several spaces in it or after it (RFC 4475 §3.1.2.9, §3.1.2.10), octets after the stated length.
    What the values say is for `validate`. A request refused here may still be answered: see `salvage`.
    """
    start, lines, rest = _cut(data)
    message = _start_line(start)
    items: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not is_name(name):
            raise ParseError(f"no header: {line[:60]!r}")
        items.append((name, value.strip(" \t")))
    message.headers = Headers.from_lines(items)
    message.body = _body(message.headers, rest)
    return message


def salvage(data: bytes) -> Request | None:
    """What can still be read of bytes that `parse_message` refused, enough for `response_to`; None when nobody can be
    answered: no request line, no Via, an ACK (§17.1.1.3), or a response."""
    try:
        start, lines, _ = _cut(data)
        message = _start_line(start)
    except ParseError:
        return None
    pairs = ((name.rstrip(" \t"), value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines))
    message.headers = Headers.from_lines([(name, value) for name, value in pairs if is_name(name)])
    if isinstance(message, Response) or message.method == "ACK" or "Via" not in message.headers:
        return None
    return message


def validate(message: Message) -> None:
    """Raises `ParseError` with the status to answer when a received message breaks a rule (a response: drop it)."""
    validation.check_version(message.version)
    headers = message.headers
    validation.check_presence(headers)
    validation.check_length(headers, message.body)
    cseq = message.cseq
    if isinstance(message, Request):
        validation.check_method(message.method, cseq)
        validation.check_target(message.uri)
        if message.contact_star and message.method != "REGISTER":  # §10.2.2 is the only place for it
            raise ParseError("Contact '*' outside REGISTER")
        validation.check_branch(message.via)
        _ = message.vias
    else:
        validation.check_return_path(message.vias)
    # Reading a view is what checks it.
    _ = (message.from_, message.to, message.call_id, message.max_forwards, message.expires, message.content_type)
    _ = (message.contacts, message.routes, message.record_routes)


def response_to(request: Request, status: int, reason: str | None = None, *, to_tag: str | None = None) -> Response:
    """A response with the headers §8.2.6.2 takes from the request, as the request wrote them.

    `to_tag` is added unless the request has a To tag already or `status` is 100. Works on requests that `validate`
    refuses; what they lack, the response lacks too.
    """
    headers = request.headers
    items = [("Via", value) for value in headers.get_all("via")]
    if 100 < status < 300 and request.method in _FORMS_DIALOG:  # §12.1.1
        items += [("Record-Route", value) for value in headers.get_all("record-route")]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = headers.get(name)
        if value is None:
            continue
        if name == "To" and to_tag is not None and status > 100 and not _has_to_tag(request):
            value = f"{value};tag={to_tag}"
        items.append((name, value))
    if status == 100 and (stamp := headers.get("timestamp")) is not None:  # §8.2.6.1
        items.append(("Timestamp", stamp))
    return Response(status, reason_phrase(status) if reason is None else reason, Headers(items))


def _has_to_tag(request: Request) -> bool:
    try:
        return request.to.tag is not None
    except ParseError:
        return False


def _cut(data: bytes) -> tuple[str, list[str], bytes]:
    """Start line, unfolded header lines, the octets after the empty line."""
    data = data.lstrip(b"\r\n")  # §7.5
    end = _END_OF_HEAD.search(data)
    if end is not None:
        head, rest = data[: end.start()], data[end.end() :]
    elif data.endswith(b"\n"):
        head, rest = data[:-1], b""  # ends with its last header: the empty line alone got lost
    else:
        raise ParseError("no end of the headers", offset=len(data))
    text = head.decode("utf-8", "surrogateescape")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)  # §7.3.1
    text = text.replace("\r\n", "\n").removesuffix("\r")
    if "\r" in text:
        raise ParseError("carriage return without line feed")
    start, *lines = text.split("\n")
    return start, lines, rest


def _start_line(line: str) -> Message:
    line = line.rstrip(" \t")
    if line[:4].upper() == "SIP/":
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise ParseError(f"no status line: {line[:60]!r}")  # RFC 4475 §3.1.2.19
        return Response(int(found[2]), found[3] or "", version=found[1])
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    uri = uri.strip(" ")
    if not uri or not grammar.is_token(method) or _VERSION.fullmatch(version) is None:
        raise ParseError(f"no request line: {line[:60]!r}")
    return Request(method, uri, version=version)


def _body(headers: Headers, rest: bytes) -> bytes:
    lengths = headers.get_all("content-length")
    if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
        return rest  # absent: all that came (§20.14); contradictory or no number: `validate` refuses it
    stated = lengths[0].lstrip("0") or "0"
    if len(stated) > 9 or int(stated) > len(rest):  # §18.3
        raise ParseError(f"Content-Length {stated[:20]} is above the {len(rest)} octets that came")
    return rest[: int(stated)]


def _serialise(start: str, headers: Headers, body: bytes) -> bytes:
    if _LINE_BREAK.search(start):
        raise ParseError("line break in the start line")
    lines = [start]
    measured = False
    for name, value in headers:
        if name.lower() in ("content-length", "l"):
            if measured:
                continue
            measured = True
            value = str(len(body))
        lines.append(f"{name}: {value}")
    if not measured:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
