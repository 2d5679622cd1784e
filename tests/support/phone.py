"""A sans-IO softphone (or trunk) made of our own sip and sdp rooms: bytes in, bytes out, driven by a script.

Knows nothing of b2bua. All names it makes up carry its own name, so a test can see what crosses.
"""

from itertools import count

from skryba.sdp.description import SessionDescription
from skryba.sip.dialog import Dialog
from skryba.sip.digest import Challenge
from skryba.sip.events import (
    AckReceived,
    CancelReceived,
    ClientKey,
    Flow,
    RequestReceived,
    ResponseReceived,
    ServerKey,
    TransactionFailed,
)
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response, response_to
from skryba.sip.stack import Stack
from skryba.terms import SocketAddress
from tests.support.phone_call import Fields, PhoneCall, authorised

G711 = ("8 PCMA/8000", "0 PCMU/8000", "101 telephone-event/8000")
PROXY = SocketAddress("192.0.2.1", 5060)
CLIENT_TIMEOUT = 0


class Phone:
    """`address` is where it sits; `name` is its user part. A trunk is a phone that nobody registers."""

    def __init__(
        self,
        name: str,
        address: SocketAddress,
        *,
        password: str = "",
        proxy: SocketAddress = PROXY,
        transport: str = "udp",
    ) -> None:
        self.name = name
        self.address = address
        self.password = password
        self.proxy = proxy
        self.now = 0.0
        self.flow = Flow(transport, address, proxy)  # type: ignore[arg-type]
        self._numbers = count(1)
        self.stack = Stack(token=self.token)
        self.calls: list[PhoneCall] = []
        self.clients: dict[ClientKey, tuple[PhoneCall, Request]] = {}
        self.plain: dict[ClientKey, tuple[Request, int]] = {}
        self.answers: list[Response] = []  # to requests outside calls
        self.requests: list[Request] = []  # all that came
        self.offered: dict[str, set[int]] = {}
        self.challenge_with: Challenge | None = None  # as a trunk: challenge each new request
        self.challenge_status = 407
        self.silent = False
        self.default_status = 200  # answer to OPTIONS, REGISTER
        self.register_answers: list[tuple[int, Fields]] = []
        self.codecs: tuple[str, ...] = G711
        self.nonce_count = 0
        self.version = 0

    def token(self) -> str:
        return f"{self.name}zz{self.address.host.rpartition('.')[2]}x{next(self._numbers)}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.name}@{self.address}>"

    def sdp(
        self,
        *,
        direction: str = "sendrecv",
        codecs: tuple[str, ...] | None = None,
        port: int = 40000,
        address: str | None = None,
        extra: str = "",
    ) -> bytes:
        self.version += 1
        host = address or self.address.host
        codecs = codecs or self.codecs
        numbers = " ".join(codec.split()[0] for codec in codecs)
        maps = "".join(f"a=rtpmap:{codec}\r\n" for codec in codecs)
        family = "IP6" if ":" in host else "IP4"
        return (
            f"v=0\r\no={self.name} 1 {self.version} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {numbers}\r\n{maps}a=ptime:20\r\na={direction}\r\n{extra}"
        ).encode()

    def answer_to(self, message: Request | Response, direction: str | None = None) -> bytes:
        """A legal answer: our codecs that stand in the offer, one audio stream, the direction mirrored."""
        offer = SessionDescription.parse(message.body)
        mirrored = direction or str(offer.media[offer.plain_audio or 0].effective_direction.mirrored)
        theirs = {str(codec): codec.payload_type for codec in offer.media[offer.plain_audio or 0].codecs()}
        codecs = tuple(f"{theirs[c.split()[1]]} {c.split()[1]}" for c in self.codecs if c.split()[1] in theirs)
        text = self.sdp(direction=mirrored, codecs=codecs or self.codecs).decode()
        head, _, audio = text.partition("m=audio")
        lines = ""
        for index, media in enumerate(offer.media):
            lines += (
                f"m=audio{audio}"
                if index == (offer.plain_audio or 0)
                else f"m={media.kind} 0 {media.protocol} {media.formats[0]}\r\n"
            )
        return (head + lines).encode()

    def early_dialog(self, made: PhoneCall) -> Dialog:
        """Of the last provisional response that has a tag."""
        response = next(r for r in reversed(made.responses) if 100 < r.status < 200)
        return Dialog.as_uac(made.invite, response)

    # requests of ours

    def call(
        self,
        number: str,
        sdp: bytes | None = None,
        *,
        late: bool = False,
        headers: Fields = (),
        uri: str | None = None,
        from_: str | None = None,
        max_forwards: int = 70,
        body: tuple[str, bytes] | None = None,
    ) -> PhoneCall:
        request = Request(
            "INVITE",
            uri or f"sip:{number}@skryba.test",
            Headers(
                [
                    ("Max-Forwards", str(max_forwards)),
                    ("From", f"{from_ or f'<sip:{self.name}@skryba.test>'};tag={self.token()}"),
                    ("To", f"<sip:{number}@skryba.test>" if number else "<sip:skryba.test>"),
                    ("Call-ID", f"{self.token()}@{self.address.host}"),
                    ("CSeq", "1 INVITE"),
                    ("Contact", self.contact),
                    ("User-Agent", f"phone {self.name}"),
                    *headers,
                ]
            ),
        )
        if body is not None:
            request.headers.add("Content-Type", body[0])
            request.body = body[1]
        elif not late:
            request.headers.add("Content-Type", "application/sdp")
            request.body = sdp or self.sdp()
        made = PhoneCall(self, request, local=request.body or None)
        self.calls.append(made)
        self._send_invite(made)
        return made

    def _send_invite(self, made: PhoneCall) -> None:
        if made.invite.body:
            self.offered.setdefault(made.invite.call_id, set()).add(made.invite.cseq.number)
        made.key = self.stack.request(made.invite, self.flow, self.now, via_host=self.address)
        self.clients[made.key] = (made, made.invite)

    def send(
        self,
        method: str,
        *,
        uri: str = "sip:skryba.test",
        to: str | None = None,
        headers: Fields = (),
        call_id: str | None = None,
        cseq: int = 1,
        to_tag: str = "",
    ) -> None:
        ours = f"<sip:{self.name}@skryba.test>"
        tag = f";tag={to_tag}" if to_tag else ""
        request = Request(
            method,
            uri,
            Headers(
                [
                    ("Max-Forwards", "70"),
                    ("From", f"{ours};tag={self.token()}"),
                    ("To", (to or ours) + tag),
                    ("Call-ID", call_id or self.token()),
                    ("CSeq", f"{cseq} {method}"),
                    *headers,
                ]
            ),
        )
        self._send_plain(request, 0)

    def register(
        self,
        expires: int = 600,
        *,
        contact: str | None = None,
        headers: Fields = (),
        call_id: str | None = None,
        cseq: int = 1,
    ) -> None:
        fields = (("Contact", contact or self.contact), ("Expires", str(expires)), *headers)
        self.send("REGISTER", headers=fields, call_id=call_id or f"{self.name}zzreg", cseq=cseq)

    def _send_plain(self, request: Request, tries: int) -> None:
        key = self.stack.request(request, self.flow, self.now, via_host=self.address)
        self.plain[key] = (request, tries)

    def _authorised(self, request: Request, response: Response) -> Request | None:
        if not self.password:
            return None
        return authorised(request, response, self.name, self.password, self.token())

    # bytes in

    def receive(self, data: bytes, now: float) -> None:
        self.now = now
        self.stack.receive(data, self.flow, now)
        self.digest()

    def handle_timeout(self, now: float) -> None:
        self.now = now
        self.stack.handle_timeout(now)
        self.digest()

    def digest(self) -> None:
        while events := self.stack.events():
            for event in events:
                match event:
                    case RequestReceived(request, key, _):
                        self.requests.append(request)
                        self._requested(request, key)
                    case AckReceived(request, _):
                        self._acknowledged(request)
                    case CancelReceived(key, _):
                        for made in self.calls:
                            if made.server == key and made.final is None:
                                made.cancelled = True
                                made.refuse(487)
                    case ResponseReceived(response, client, _):
                        self._answered(response, client)
                    case TransactionFailed(client, _):
                        if client in self.clients:
                            made, request = self.clients.pop(client)
                            made.statuses.setdefault(request.method, []).append(CLIENT_TIMEOUT)
                            if request.method == "INVITE" and made.final is None:
                                made.final = CLIENT_TIMEOUT

    def _requested(self, request: Request, key: ServerKey) -> None:
        if self.silent:
            return
        if request.to.tag is not None:
            self._within(request, key)
            return
        if self.challenge_with is not None and not {"Authorization", "Proxy-Authorization"} & {
            n for n, _ in request.headers
        }:
            response = response_to(request, self.challenge_status, to_tag=self.token())
            name = "Proxy-Authenticate" if self.challenge_status == 407 else "WWW-Authenticate"
            response.headers.add(name, str(self.challenge_with))
            self.stack.respond(key, response, self.now)
            return
        if request.method == "INVITE":
            made = PhoneCall(self, request, server=key, tag=self.token())
            if request.content_type == "application/sdp":
                made.remote = SessionDescription.parse(request.body)
            self.calls.append(made)
            return
        status = self.default_status
        fields: Fields = ()
        if request.method == "REGISTER" and self.register_answers:
            status, fields = self.register_answers.pop(0)
        response = response_to(request, status, to_tag=self.token())
        if request.method == "REGISTER" and status == 200:
            for contact in request.headers.get_all("Contact"):
                response.headers.add("Contact", f"{contact};expires={request.headers.get('Expires')}")
        for field, text in fields:
            response.headers.add(field, text)
        self.stack.respond(key, response, self.now)

    def _within(self, request: Request, key: ServerKey) -> None:
        made = next(
            (
                c
                for c in self.calls
                if c.dialog and c.dialog.local_tag == request.to.tag and c.dialog.call_id == request.call_id
            ),
            None,
        )
        if made is None or made.dialog is None:
            self.stack.respond(key, response_to(request, 481), self.now)
            return
        made.dialog.accept(request)
        if made.challenge_once:
            made.challenge_once = False
            if request.method == "INVITE":
                made.reinvites.append(request)
            response = response_to(request, 407)
            response.headers.add("Proxy-Authenticate", str(Challenge("carrier", "m1", "MD5", ("auth",), None, False)))
            self.stack.respond(key, response, self.now)
            return
        match request.method:
            case "BYE":
                made.ended = True
                made.bye = request
                if made.on_bye is not None:
                    self.stack.respond(key, response_to(request, made.on_bye), self.now)
            case "INVITE":
                made.reinvites.append(request)
                made.pending_reinvite = (request, key)
                if made.on_reinvite == 200:
                    made.answer_reinvite()
                elif made.on_reinvite is not None:
                    made.pending_reinvite = None
                    self.stack.respond(key, response_to(request, made.on_reinvite), self.now)
            case _:
                made.infos.append(request)
                self.stack.respond(key, response_to(request, 200), self.now)

    def _acknowledged(self, request: Request) -> None:
        for made in self.calls:
            if made.dialog and made.dialog.local_tag == request.to.tag:
                made.acked += 1
                made.acks[request.cseq.number] = request
                if request.body:
                    made.remote = SessionDescription.parse(request.body)
                return

    def _answered(self, response: Response, client: ClientKey) -> None:
        if client in self.plain:
            self._plain_answered(response, client)
            return
        if client not in self.clients:
            return
        made, request = self.clients[client]
        made.responses.append(response)
        if request.method != "INVITE" or (made.dialog is not None and request is not made.invite):
            self._answered_within(made, request, response)
        elif response.status < 200:
            made.provisional.append(response.status)
        elif response.status < 300:
            self._accepted(made, response)
        else:
            self._refused(made, request, response)

    def _plain_answered(self, response: Response, client: ClientKey) -> None:
        if response.status < 200:
            return
        request, tries = self.plain.pop(client)
        if response.status in (401, 407) and tries == 0:
            again = self._authorised(request, response)
            if again is not None:
                self._send_plain(again, 1)
                return
        self.answers.append(response)

    def _refused(self, made: PhoneCall, request: Request, response: Response) -> None:
        if response.status in (401, 407) and made.tries == 0:
            again = self._authorised(request, response)
            if again is not None:
                made.tries += 1
                made.invite = again
                self._send_invite(made)
                return
        made.final = response.status

    def _accepted(self, made: PhoneCall, response: Response) -> None:
        if made.withhold_answers:
            made.withhold_answers -= 1
            return
        if made.dialog is None:
            made.final = response.status
            made.dialog = Dialog.as_uac(made.invite, response)
            if response.body:
                made.remote = SessionDescription.parse(response.body)
        if not made.withhold_ack:
            made.acknowledge(response)

    def _answered_within(self, made: PhoneCall, request: Request, response: Response) -> None:
        if response.status < 200:
            return
        made.statuses.setdefault(request.method, []).append(response.status)
        if request.method == "BYE":
            made.ended = True
            made.bye_status = response.status
        elif request.method == "INVITE":
            made.reinvite_finals.append(response.status)
            if response.status < 300:
                if request.body:
                    self.offered.setdefault(made.invite.call_id, set()).add(request.cseq.number)
                made.remote = SessionDescription.parse(response.body)
                if not made.withhold_ack:
                    made.acknowledge(response)

    def dress(self, response: Response, sdp: bytes | None, headers: Fields) -> None:
        response.headers.add("Contact", self.contact)
        for name, value in headers:
            response.headers.add(name, value)
        if sdp is not None:
            response.headers.add("Content-Type", "application/sdp")
            response.body = sdp
