"""Furniture for the unit tests of b2bua: an agent in a small house, and the words its parties say.

Knows no scenario: each function makes one thing.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from skryba.b2bua.agent import Agent
from skryba.b2bua.credentials import Authorisation
from skryba.b2bua.leg import Leg
from skryba.b2bua.session import Session
from skryba.b2bua.settings import Settings
from skryba.b2bua.switchboard import Line, Switchboard
from skryba.policy.model import CallFacts, Decision
from skryba.sdp.description import SessionDescription
from skryba.sip.digest import Authenticator
from skryba.sip.events import ClientKey, Flow, RequestReceived, ServerKey
from skryba.sip.message import Request, Response, parse_message
from skryba.sip.stack import Stack
from skryba.terms import Side, SocketAddress
from tests.support.stage import CARRIER, NEVER, settings

OURS = SocketAddress("192.0.2.1", 5060)
FROM_CARRIER = Flow("udp", OURS, CARRIER)
TO_STATION = Flow("udp", OURS, SocketAddress("198.51.100.11", 5062))
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SDP = (
    "v=0\r\no=x 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
PORTS = {Side.CALLER: SocketAddress("192.0.2.1", 20000), Side.CALLEE: SocketAddress("192.0.2.1", 20004)}


def tokens(prefix: str = "own") -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


def sdp(text: str = SDP) -> SessionDescription:
    return SessionDescription.parse(text)


def agent(
    policy: Callable[[CallFacts], Decision] | Decision = NEVER,
    *,
    configured: Settings | None = None,
    register: bool = True,
) -> Agent:
    """With station 101 registered, unless told otherwise."""
    token = tokens()
    made = Agent(
        settings=configured or settings(),
        stack=Stack(token=token),
        policy=policy if callable(policy) else lambda facts: policy,
        token=token,
        new_id=tokens("id"),
        authenticator=Authenticator("skryba.test", b"key"),
        prompts={("standard", "pl")},
    )
    if register:
        request = message("REGISTER", "sip:skryba.test", extra="Contact: <sip:101@198.51.100.11:5062>\r\nExpires: 3600")
        assert isinstance(request, Request)
        assert made.registrar.register("101", request, TO_STATION, 1000.0, "t").status == 200
        made.notices()
    return made


def text(
    method: str,
    uri: str,
    *,
    branch: str = "b1",
    tag: str = "far",
    to_tag: str = "",
    call_id: str = "c1",
    cseq: int = 1,
    extra: str = "",
    body: str = "",
    cseq_method: str = "",
) -> str:
    """A request as the carrier would write it."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK{branch}",
        "Max-Forwards: 70",
        f"From: <sip:+48600123456@carrier.example>;tag={tag}",
        "To: <sip:+48221110101@skryba.test>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {cseq_method or method}",
        *([extra] if extra else []),
        *(["Contact: <sip:carrier@203.0.113.5:5060>"] if method == "INVITE" else []),
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def message(method: str, uri: str, *, extra: str = "", body: str = "", to_tag: str = "", cseq: int = 1) -> Request:
    found = parse_message(text(method, uri, extra=extra, body=body, to_tag=to_tag, cseq=cseq).encode())
    assert isinstance(found, Request)
    return found


def answer(request: str, status: str, *, to_tag: str = "callee", body: str = "", extra: str = "") -> str:
    """The response of a party to a request that we sent it."""
    head = request.partition("\r\n\r\n")[0].split("\r\n")[1:]
    kept = [line for line in head if line.partition(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = next(line for line in head if line.startswith("To:"))
    lines = [
        f"SIP/2.0 {status}",
        *kept,
        to if "tag=" in to or status.startswith("100") else f"{to};tag={to_tag}",
        "Contact: <sip:101@198.51.100.11:5062>",
        *([extra] if extra else []),
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body


class Keeper:
    """An owner that only remembers what the switchboard hands it."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def receive_response(self, key: ClientKey, response: Response, flow: Flow, now: float) -> None:
        self.seen.append(("response", key, response.status))

    def transaction_failed(self, key: ClientKey, kind: str, now: float) -> None:
        self.seen.append(("failed", key, kind))

    def alarm(self, name: str, now: float) -> None:
        self.seen.append(("alarm", name, now))

    def receive_request(self, tag: str, request: Request, key: ServerKey, flow: Flow, now: float) -> None:
        self.seen.append(("request", tag, request.method))

    def receive_ack(self, tag: str, request: Request, flow: Flow, now: float) -> None:
        self.seen.append(("ack", tag))

    def receive_cancel(self, key: ServerKey, request: Request, now: float) -> None:
        self.seen.append(("cancel", key))


class Desk:
    """A stack, a switchboard and one line, for parts smaller than a call."""

    def __init__(self) -> None:
        self.token = tokens()
        self.stack = Stack(token=self.token)
        self.board = Switchboard(self.stack, settings())
        self.owner = Keeper()
        self.line: Line = self.board.line(self.owner)

    def leg(self, *, side: Side = Side.CALLER, flow: Flow = FROM_CARRIER, number: int = 1, roams: bool = False) -> Leg:
        return Leg(
            self.line,
            self.owner,
            side=side,
            number=number,
            flow=flow,
            contact="<sip:skryba@192.0.2.1:5060>",
            roams=roams,
            authorisation=Authorisation(None, self.token),
            token=self.token,
            session=Session("77"),
        )

    def receive(self, data: str, now: float = 0.0, flow: Flow = FROM_CARRIER) -> tuple[Request, ServerKey]:
        """Through the stack: the request and its transaction."""
        self.stack.receive(data.encode(), flow, now)
        for event in self.stack.events():
            if isinstance(event, RequestReceived):
                return event.request, event.transaction
        raise AssertionError("no request was received")

    def sent(self) -> list[str]:
        """All messages sent since last asked."""
        return [send.data.decode() for send in self.stack.sends()]

    def starts(self) -> list[str]:
        return [data.partition("\r\n")[0] for data in self.sent()]
