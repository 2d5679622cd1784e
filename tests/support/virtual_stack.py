"""A SIP stack on a virtual clock: what it sends and tells, with the moment it did."""

from dataclasses import dataclass, field
from itertools import count

from skryba.sip.events import Event, Flow
from skryba.sip.headers import Headers
from skryba.sip.message import Message, Request, Response, parse_message, response_to
from skryba.sip.stack import CAPACITY, Stack
from skryba.terms import SocketAddress

HERE = SocketAddress("192.0.2.1", 5060)
THERE = SocketAddress("198.51.100.7", 5070)
UDP = Flow("udp", HERE, THERE)
TCP = Flow("tcp", HERE, THERE)


@dataclass
class VirtualStack:
    """`at` is now; `run` lets time pass from timer to timer."""

    capacity: int = CAPACITY
    at: float = 1000.0
    sent: list[tuple[float, Flow, bytes]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        tokens = count(1)
        self.start = self.at
        self.stack = Stack(token=lambda: f"token{next(tokens)}", capacity=self.capacity)

    def receive(self, message: Message | bytes, flow: Flow = UDP) -> None:
        self.stack.receive(message if isinstance(message, bytes) else bytes(message), flow, self.at)
        self.drain()

    def drain(self) -> None:
        self.sent += [(self.at - self.start, send.flow, send.data) for send in self.stack.sends()]
        self.told += self.stack.events()

    def run(self, seconds: float) -> None:
        self.drain()
        until = self.at + seconds
        while (due := self.stack.next_timeout()) is not None and due <= until:
            assert due >= self.at, "a timer in the past"
            self.at = due
            self.stack.handle_timeout(self.at)
            self.drain()
        self.at = until

    def events(self) -> list[Event]:
        """Told since the last call."""
        told, self.told = self.told, []
        return told

    def messages(self) -> list[Message]:
        """Sent since the last call."""
        self.drain()
        sent, self.sent = self.sent, []
        return [parse_message(data) for _, _, data in sent]

    def moments(self) -> list[float]:
        """When something was sent since the last call, seconds from the start."""
        self.drain()
        sent, self.sent = self.sent, []
        return [round(at, 6) for at, _, _ in sent]

    @property
    def alive(self) -> tuple[int, int, int, int]:
        """INVITE clients, other clients, INVITE servers, other servers."""
        c = self.stack.counters
        return (c.invite_clients, c.other_clients, c.invite_servers, c.other_servers)


def request(method: str = "INVITE", *, to_tag: str | None = None, cseq: int = 1, call_id: str = "call-1") -> Request:
    """A request without Via, as a user of the stack hands it in."""
    fields = [
        ("Max-Forwards", "70"),
        ("From", "<sip:anna@example.net>;tag=a1"),
        ("To", "<sip:piotr@example.net>" + (f";tag={to_tag}" if to_tag else "")),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", "<sip:anna@192.0.2.1>"),
    ]
    return Request(method, "sip:piotr@example.net", Headers(fields))


def received(
    method: str = "INVITE",
    *,
    branch: str | None = "z9hG4bKpeer1",
    sent_by: str = "198.51.100.7:5070",
    rport: bool = False,
    to_tag: str | None = None,
    cseq: int = 1,
    call_id: str = "call-1",
    transport: str = "UDP",
) -> Request:
    """A request as it comes from a peer."""
    made = request(method, to_tag=to_tag, cseq=cseq, call_id=call_id)
    via = f"SIP/2.0/{transport} {sent_by}" + (f";branch={branch}" if branch else "") + (";rport" if rport else "")
    made.headers.prepend("Via", via)
    return made


def answer(to: Message, status: int, tag: str = "peer") -> Response:
    """What a peer answers to a request we sent."""
    assert isinstance(to, Request)
    made = response_to(to, status, to_tag=tag)
    made.headers.add("Contact", "<sip:piotr@198.51.100.7:5070>")
    return made
