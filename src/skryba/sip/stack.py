"""The SIP stack: bytes and `now` in, events and bytes out; between them transactions and timers (RFC 3261 §17, §18).

Knows messages and transactions; knows no dialog, no call, no socket and no clock.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from skryba.errors import ParseError
from skryba.sip.clients import Clients
from skryba.sip.counters import Counters
from skryba.sip.events import ClientKey, Event, Flow, MalformedReceived, ServerKey
from skryba.sip.matching import complete_via, sent_by
from skryba.sip.message import Message, Request, Response, parse_message, salvage, validate
from skryba.sip.schedule import Schedule
from skryba.sip.servers import Servers
from skryba.sip.timers import Timers
from skryba.sip.via import MAGIC_COOKIE
from skryba.terms import SocketAddress

CAPACITY = 100_000  # server transactions alive, one or two kB each

_KEEP_ALIVE = b"\r\n\0 "


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes that shall leave by `flow`, in the order of `Stack.sends`."""

    flow: Flow
    data: bytes


class Stack:
    """All transactions of one user agent.

    After each call drain `sends()` and `events()` and set the one timer to `next_timeout()`. The user answers every
    `RequestReceived` finally, sooner or later, and ends an INVITE that rings too long by `cancel`.
    """

    def __init__(self, *, token: Callable[[], str], timers: Timers | None = None, capacity: int = CAPACITY) -> None:
        """`token` gives a new unguessable token each time; with `capacity` server transactions alive, new requests are
        answered 503 unseen."""
        self.counters = Counters()
        self._token = token
        self._sends: list[Send] = []
        self._events: list[Event] = []
        self._schedule = Schedule()
        timers = Timers() if timers is None else timers
        self._clients = Clients(
            send=self._send, tell=self._tell, schedule=self._schedule, timers=timers, counters=self.counters
        )
        self._servers = Servers(
            send=self._send,
            tell=self._tell,
            token=token,
            schedule=self._schedule,
            timers=timers,
            counters=self.counters,
            capacity=capacity,
        )

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One whole message as it came. Raises nothing, whatever the bytes are."""
        if not data.strip(_KEEP_ALIVE):
            return
        message: Message | None = None
        try:
            message = parse_message(data)
            if isinstance(message, Request):
                with suppress(ParseError):  # `validate` knows a better status for some of these
                    complete_via(message, flow.remote)
                validate(message)
                self._servers.receive(message, flow, now)
            else:
                validate(message)
                self._clients.receive(message, flow, now)
        except ParseError as error:
            self._refuse(salvage(data) if message is None else message, error, flow)

    def request(self, request: Request, flow: Flow, now: float, *, via_host: SocketAddress) -> ClientKey:
        """Sends a request, never ACK or CANCEL, and repeats it as its transport needs. `request` itself is not changed.

        `via_host` is our address as the peer sees it. Exactly one final response or one `TransactionFailed` follows,
        unless an INVITE rings for ever: then the user cancels.
        """
        branch = self._branch()
        key = ClientKey(branch, sent_by(via_host), request.method)
        self._clients.start(key, _with_via(request, flow, via_host, branch), flow, now)
        return key

    def acknowledge(self, ack: Request, flow: Flow, *, via_host: SocketAddress) -> None:
        """Sends the ACK of a 2xx; to be called again for each repeated 2xx (§13.2.2.4). `ack` itself is not changed."""
        self.counters.requests_sent["ACK"] += 1
        self._send(flow, bytes(_with_via(ack, flow, via_host, self._branch())))

    def cancel(self, key: ClientKey, now: float) -> None:
        """Cancels an INVITE as soon as that is allowed; without effect after its final response (§9.1).

        If none follows within 64*T1 of the CANCEL, `TransactionFailed` does.
        """
        self._clients.cancel(key, now)

    def respond(self, key: ServerKey, response: Response, now: float) -> None:
        """Answers a request, by the way it came (§18.2.2). What follows a final response is dropped (§17.2), as is an
        answer nobody waits for any more; but a 2xx of an INVITE may be repeated until its ACK comes (RFC 6026)."""
        self._servers.respond(key, response, now)

    def transport_failed(self, flow: Flow, now: float) -> None:
        """Nothing can be sent by `flow`: our requests that wait there for a first response have failed.

        Server transactions stay (RFC 6026 §7.1), as do INVITEs that ring: the answer may come by a new connection.
        """
        self._clients.transport_failed(flow, now)

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called; None for never."""
        return self._schedule.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Does all that is due at `now`; calling it too early or too often does no harm."""
        self._schedule.handle_timeout(now)

    def sends(self) -> list[Send]:
        """What to send since the last call, in order."""
        drained, self._sends = self._sends, []
        return drained

    def events(self) -> list[Event]:
        """What happened since the last call, in order."""
        drained, self._events = self._events, []
        return drained

    def _refuse(self, message: Message | None, error: ParseError, flow: Flow) -> None:
        self.counters.malformed += 1
        if isinstance(message, Request):
            self._servers.refuse(message, error.status, flow)
        self._events.append(MalformedReceived(str(error), flow))

    def _branch(self) -> str:
        return MAGIC_COOKIE + self._token()

    def _send(self, flow: Flow, data: bytes) -> None:
        self._sends.append(Send(flow, data))

    def _tell(self, event: Event) -> None:
        self._events.append(event)


def _with_via(request: Request, flow: Flow, address: SocketAddress, branch: str) -> Request:
    """A copy with our Via on top, asking for symmetric routing (§8.1.1.7, RFC 3581 §3)."""
    headers = request.headers.copy()
    headers.prepend("Via", f"SIP/2.0/{flow.transport.upper()} {address};branch={branch};rport")
    return Request(request.method, request.uri, headers, request.body)
