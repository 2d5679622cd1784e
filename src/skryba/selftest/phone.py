"""⚡ A simulated SIP phone on a real UDP socket: registers, calls, is called; its calls are `PhoneCall`s.

A plain user agent on purpose: one dialog per call, digest in the client role, no proxy features. It also stands in
for a static trunk (no password, nothing registered). May not know the proxy it speaks with; tests and benches reuse it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Self

from skryba import clock
from skryba.selftest.phone_call import PATIENCE, PhoneCall, PhoneError
from skryba.selftest.voice import Voice
from skryba.sip import digest
from skryba.sip.events import (
    AckReceived,
    CancelReceived,
    Event,
    Flow,
    RequestReceived,
    ResponseReceived,
    TransactionFailed,
)
from skryba.sip.grammar import format_host
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response, response_to
from skryba.sip.name_addr import NameAddr
from skryba.sip.stack import Stack
from skryba.sip.uri import Uri
from skryba.terms import SocketAddress


class Phone:
    """One user agent. `async with Phone(…) as phone:` opens the socket, and closes it with all calls."""

    def __init__(
        self,
        *,
        user: str,
        domain: str,
        proxy: SocketAddress | None,
        token: Callable[[], str],
        password: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        voice: Voice | None = None,
        codecs: tuple[str, ...] = ("PCMA",),
        answers_after: float | None = 0.0,
    ) -> None:
        """`answers_after`: seconds of ringing before a call is answered; None: whoever holds `incoming` does."""
        self.user, self.domain, self.password = user, format_host(domain, None), password
        self.proxy, self.host, self.voice, self.codecs = proxy, host, voice or Voice(user), codecs
        self.answers_after = answers_after
        self.token = token
        self.address = SocketAddress(host, port)
        self.incoming: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self.calls: list[PhoneCall] = []
        self._stack = Stack(token=token)
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[object, Callable[[Response | None], None]] = {}
        self._register_id = ""
        self._register_cseq = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> SocketAddress:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.bind((self.host, self.address.port))
        self.address = SocketAddress(self.host, bound.getsockname()[1])
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Socket(self), sock=bound)
        return self.address

    async def close(self) -> None:
        """Hang up what still runs, then close."""
        for call in self.calls:
            with contextlib.suppress(PhoneError):
                await call.hang_up(patience=2.0)
            call.line.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # ---- what a person does ----

    async def register(self, expires: int = 300) -> Response:
        """REGISTER at the proxy with a digest answer; PhoneError unless it is accepted."""
        self._register_id = self._register_id or self.token()
        response = await self.challenged(self._registration(expires))
        if response.status != 200:
            raise PhoneError(
                f"REGISTER of {self.user} was refused: {response.status} {response.reason}", response.status
            )
        return response

    async def unregister(self) -> None:
        await self.register(expires=0)

    async def call(self, target: str, *, patience: float = PATIENCE) -> PhoneCall:
        """Dial a number or a whole SIP URI; returns when answered. PhoneError when refused or not answered."""
        uri = target if target.startswith("sip:") else f"sip:{target}@{self.domain}"
        call = self.pick_up()
        await call.dial(uri, patience=patience)
        return call

    def pick_up(self) -> PhoneCall:
        """A call that has not been dialled yet: for whoever wants to watch it, or to give it up."""
        call = PhoneCall(self, self.token())
        self.calls.append(call)
        return call

    # ---- what its calls use ----

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.address}>"

    def new_request(self, method: str, uri: str, *, to: str, call_id: str, cseq: int, tag: str) -> Request:
        """A request outside a dialog, RFC 3261 §8.1.1; the stack adds Via."""
        identity = NameAddr(Uri.parse(f"sip:{self.user}@{self.domain}")).with_tag(tag)
        headers = Headers(
            [
                ("Max-Forwards", "70"),
                ("From", str(identity)),
                ("To", to),
                ("Call-ID", call_id),
                ("CSeq", f"{cseq} {method}"),
                ("Contact", self.contact),
                ("User-Agent", "skryba-selftest"),
            ]
        )
        return Request(method, uri, headers)

    async def challenged(
        self,
        request: Request,
        *,
        hop: SocketAddress | None = None,
        patience: float = PATIENCE,
        provisional: Callable[[Response], None] | None = None,
    ) -> Response:
        """Send, answer one challenge (RFC 3261 §22), return the final response. `request` stays as it was sent last."""
        response = await self.transact(request, hop=hop, patience=patience, provisional=provisional)
        if response.status not in (401, 407) or not self.password:
            return response
        asked, given = (
            ("WWW-Authenticate", "Authorization")
            if response.status == 401
            else ("Proxy-Authenticate", "Proxy-Authorization")
        )
        challenge = digest.choose([digest.Challenge.parse(value) for value in response.headers.get_all(asked)])
        if challenge is None:
            return response
        credentials = digest.answer(
            challenge,
            method=request.method,
            uri=request.uri,
            username=self.user,
            password=self.password,
            cnonce=self.token(),
            nc=1,
            body=request.body,
        )
        request.headers.remove_first("Via")
        request.headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        request.headers.set(given, str(credentials))
        return await self.transact(request, hop=hop, patience=patience, provisional=provisional)

    async def transact(
        self,
        request: Request,
        *,
        hop: SocketAddress | None = None,
        patience: float = PATIENCE,
        provisional: Callable[[Response], None] | None = None,
    ) -> Response:
        """One client transaction to its final response. PhoneError when none comes."""
        final: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()

        def take(response: Response | None) -> None:
            if response is not None and response.status < 200:
                if provisional is not None:
                    provisional(response)
            elif not final.done():
                final.set_result(response)

        key = self._stack.request(request, self.flow(hop), clock.now(), via_host=self.address)
        self._waiting[key] = take
        self.turn()
        try:
            response = await asyncio.wait_for(final, patience)
        except TimeoutError:
            if request.method == "INVITE":
                self._stack.cancel(key, clock.now())
                self.turn()
            raise PhoneError(f"no final response to {request.method} within {patience:g} s") from None
        if response is None:
            raise PhoneError(f"{request.method} was never answered")
        return response

    def acknowledge(self, ack: Request, hop: SocketAddress) -> None:
        """ACK of a 2xx: no transaction, no answer."""
        self._stack.acknowledge(ack, self.flow(hop), via_host=self.address)
        self.turn()

    def respond(self, event: RequestReceived, response: Response) -> None:
        self._stack.respond(event.transaction, response, clock.now())
        self.turn()

    def flow(self, hop: SocketAddress | None = None) -> Flow:
        remote = hop or self.proxy
        if remote is None:
            raise PhoneError(f"{self.user} has no proxy to send to")
        return Flow("udp", self.address, remote)

    # ---- one turn ----

    def received(self, data: bytes, source: SocketAddress) -> None:
        self._stack.receive(data, Flow("udp", self.address, source), clock.now())
        self.turn()

    def turn(self) -> None:
        """Carry out what the stack wants until it wants nothing more, then set the one timer."""
        while True:
            sends, events = self._stack.sends(), self._stack.events()
            for send in sends:
                if self._transport is not None:
                    self._transport.sendto(send.data, tuple(send.flow.remote))
            for event in events:
                self._handle(event)
            if not sends and not events:
                break
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._stack.next_timeout()
        if due is not None and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - clock.now()), self._timeout)

    def _timeout(self) -> None:
        self._stack.handle_timeout(clock.now())
        self.turn()

    def _handle(self, event: Event) -> None:
        match event:
            case ResponseReceived(response=response, transaction=key):
                if response.status >= 200 and response.cseq.method == "INVITE":
                    self._repeated(response)
                taker = self._waiting.get(key)
                if taker is not None:
                    taker(response)
                    if response.status >= 200:
                        del self._waiting[key]
            case TransactionFailed(transaction=key):
                taker = self._waiting.pop(key, None)
                if taker is not None:
                    taker(None)
            case RequestReceived():
                self._requested(event)
            case AckReceived(request=request):
                self._with_call(request, lambda call: call.receive_ack(request))
            case CancelReceived(request=request):
                self._with_call(request, lambda call: call.cancelled())
            case _:
                pass  # malformed: counted by the stack

    def _requested(self, event: RequestReceived) -> None:
        request = event.request
        known = next((call for call in self.calls if call.matches(request)), None)
        if known is not None:
            known.receive(event)
        elif request.method == "INVITE":
            call = PhoneCall(self, request.call_id)
            self.calls.append(call)
            call.ring(event)
            self.incoming.put_nowait(call)
        elif request.method == "OPTIONS":
            self.respond(event, response_to(request, 200, to_tag=self.token()))
        else:
            self.respond(event, response_to(request, 481, to_tag=self.token()))

    def _repeated(self, response: Response) -> None:
        """A 2xx whose first copy has been acknowledged already wants the ACK again."""
        if response.status < 300:
            for call in self.calls:
                if call.call_id == response.call_id and call.answered.is_set():
                    call.answered_again(response)

    def _with_call(self, request: Request, act: Callable[[PhoneCall], None]) -> None:
        for call in self.calls:
            if call.call_id == request.call_id:
                act(call)

    def _registration(self, expires: int) -> Request:
        self._register_cseq += 2  # one for the request, one for its answer to the challenge
        request = self.new_request(
            "REGISTER",
            f"sip:{self.domain}",
            to=f"<sip:{self.user}@{self.domain}>",
            call_id=self._register_id,
            cseq=self._register_cseq,
            tag=self.token(),
        )
        request.headers.add("Expires", str(expires))
        return request


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._phone.received(data, SocketAddress(addr[0], addr[1]))
