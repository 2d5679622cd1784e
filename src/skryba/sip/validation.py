"""The rules that make a readable message a valid one: what must be there, what may be there once, what fits what.

May not know a whole message: `message.validate` asks these questions in their order. The status that each
`ParseError` carries is the one RFC 3261 or RFC 4475 names for that fault.
"""

from skryba.errors import ParseError
from skryba.sip.cseq import CSeq
from skryba.sip.headers import Headers
from skryba.sip.uri import Uri
from skryba.sip.via import MAGIC_COOKIE, Via

KNOWN_METHODS = frozenset(
    {
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "REFER",
    }
    | {"MESSAGE", "UPDATE"}
)
SCHEMES = frozenset({"sip", "sips", "tel", "urn"})  # of a Request-URI; urn:service:sos is RFC 5031

# §8.1.1 without Max-Forwards, which an RFC 2543 client does not send (RFC 4475 §3.4.1).
_MANDATORY = ("via", "from", "to", "call-id", "cseq")
# Two of these leave open which one is meant (RFC 4475 §3.3.8, §3.3.9).
_SINGLE = frozenset(
    {"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "content-disposition", "date"}
    | {
        "expires",
        "min-expires",
        "event",
        "refer-to",
        "replaces",
        "rack",
        "rseq",
        "session-expires",
        "min-se",
        "subject",
    }
)


def check_version(version: str) -> None:
    if version.upper() != "SIP/2.0":  # §7.1: compared case-blind
        raise ParseError(f"version {version[:20]!r}", status=505)


def check_presence(headers: Headers) -> None:
    """Every mandatory header is there, and none twice that may be there once."""
    for key in _MANDATORY:
        if key not in headers:
            raise ParseError(f"{key} is missing")
    for key in headers.repeated():
        if key in _SINGLE:
            raise ParseError(f"{key} stands more than once")


def check_length(headers: Headers, body: bytes) -> None:
    """Content-Length is a number (RFC 4475 §3.1.2.3) and not above the octets that came (§18.3)."""
    value = headers.get("content-length")
    if value is None:
        return
    if not (value.isascii() and value.isdigit()):
        raise ParseError(f"no Content-Length: {value[:40]!r}")
    stated = value.lstrip("0") or "0"
    if len(stated) > 9 or int(stated) > len(body):
        raise ParseError(f"Content-Length {stated[:20]} is above the {len(body)} octets that came")


def check_method(method: str, cseq: CSeq) -> None:
    """§8.1.1.5: the CSeq names the method of the request."""
    if cseq.method == method:
        return
    # RFC 4475 §3.1.2.18: 501 is the better answer to a method nobody here knows.
    status = 400 if method in KNOWN_METHODS else 501
    raise ParseError(f"{method[:40]} with CSeq of {cseq.method[:40]}", status=status)


def check_target(text: str) -> None:
    """The Request-URI: no brackets or white space (RFC 4475 §3.1.2.7, §3.1.2.8), no headers (§3.1.2.11), a scheme
    that a call can be routed by (§3.3.2, §3.3.3)."""
    uri = Uri.parse(text)
    if uri.scheme not in SCHEMES:
        raise ParseError(f"scheme {uri.scheme[:40]!r} in the Request-URI", status=416)
    if uri.headers is not None:
        raise ParseError("headers in the Request-URI")


def check_branch(via: Via) -> None:
    """RFC 4475 §3.2.1 leaves open whether a bare cookie is refused or matched the RFC 2543 way. Refused: it
    identifies nothing, and two calls of such a client would share one transaction."""
    if via.branch == MAGIC_COOKIE:
        raise ParseError("branch is the magic cookie alone")


def check_return_path(vias: list[Via]) -> None:
    """§8.1.3.3: a response that still has somebody else's Via was not meant for this user agent."""
    if len(vias) > 1:
        raise ParseError(f"response with {len(vias)} Vias")
