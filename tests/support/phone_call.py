"""One call as the scenarios' softphone sees it, and what a script may order within it.

Knows nothing of b2bua.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skryba.sdp.description import SessionDescription
from skryba.sip.dialog import Dialog
from skryba.sip.digest import Challenge, answer, choose
from skryba.sip.events import ClientKey, ServerKey
from skryba.sip.message import Request, Response, response_to

if TYPE_CHECKING:
    from tests.support.phone import Phone

Fields = tuple[tuple[str, str], ...]


@dataclass
class PhoneCall:
    """One call as the phone sees it."""

    phone: "Phone"
    invite: Request
    key: ClientKey | None = None  # ours
    server: ServerKey | None = None  # theirs
    dialog: Dialog | None = None
    provisional: list[int] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    final: int | None = None
    local: bytes | None = None
    remote: SessionDescription | None = None
    acked: int = 0
    ended: bool = False
    bye: Request | None = None
    bye_status: int | None = None
    cancelled: bool = False
    reinvites: list[Request] = field(default_factory=list)
    reinvite_finals: list[int] = field(default_factory=list)
    infos: list[Request] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    withhold_ack: bool = False
    withhold_answers: int = 0  # ignore so many 2xx before acknowledging
    on_reinvite: int | None = 200  # None = the script answers
    on_bye: int | None = 200
    challenge_once: bool = False
    pending_reinvite: tuple[Request, ServerKey] | None = None
    tag: str = ""
    tries: int = 0
    late_answer: bytes | None = None
    answer_direction: str = "sendrecv"
    acks: dict[int, Request] = field(default_factory=dict)

    # what the script orders

    def ring(self, status: int = 180, sdp: bytes | None = None, headers: Fields = (), tag: str = "") -> None:
        assert self.server
        response = response_to(self.invite, status, to_tag=tag or self.tag)
        self.phone.dress(response, sdp, headers)
        self.phone.stack.respond(self.server, response, self.phone.now)

    def answer(self, sdp: bytes | None = None, headers: Fields = ()) -> None:
        assert self.server
        if sdp is None:
            sdp = self.phone.answer_to(self.invite) if self.invite.body else self.phone.sdp()
        response = response_to(self.invite, 200, to_tag=self.tag)
        self.phone.dress(response, sdp, headers)
        self.local = sdp
        self.dialog = Dialog.as_uas(self.invite, response)
        self.final = 200
        self._accepted = response
        self.phone.stack.respond(self.server, response, self.phone.now)

    _accepted: Response | None = None

    def repeat_answer(self) -> None:
        assert self.server
        assert self._accepted
        self.phone.stack.respond(self.server, self._accepted, self.phone.now)

    def refuse(self, status: int, headers: Fields = (), reason: str | None = None) -> None:
        assert self.server
        response = response_to(self.invite, status, reason, to_tag=self.tag)
        for name, value in headers:
            response.headers.add(name, value)
        self.final = status
        self.phone.stack.respond(self.server, response, self.phone.now)

    def cancel(self) -> None:
        assert self.key
        self.phone.stack.cancel(self.key, self.phone.now)

    def hang_up(self, headers: Fields = ()) -> None:
        self.send("BYE", headers=headers)

    def reinvite(self, sdp: bytes | None) -> ClientKey:
        self.local = sdp if sdp is not None else self.local
        return self.send("INVITE", sdp)

    def answer_reinvite(self, sdp: bytes | None = None) -> None:
        assert self.pending_reinvite
        request, key = self.pending_reinvite
        self.pending_reinvite = None
        if sdp is None:
            sdp = self.phone.answer_to(request) if request.body else self.phone.sdp()
        response = response_to(request, 200)
        self.phone.dress(response, sdp, ())
        if request.body:
            self.remote = SessionDescription.parse(request.body)
        self.phone.stack.respond(key, response, self.phone.now)

    def send(
        self,
        method: str,
        body: bytes | None = None,
        headers: Fields = (),
        kind: str = "application/sdp",
    ) -> ClientKey:
        assert self.dialog
        request = self.dialog.request(method, contact=self.phone.contact)
        for name, value in headers:
            request.headers.add(name, value)
        if body is not None:
            request.headers.add("Content-Type", kind)
            request.body = body
        key = self.phone.stack.request(request, self.phone.flow, self.phone.now, via_host=self.phone.address)
        self.phone.clients[key] = (self, request)
        return key

    def acknowledge(self, response: Response) -> None:
        assert self.dialog
        ack = self.dialog.ack(response.cseq.number, contact=self.phone.contact)
        body = self.late_answer
        if body is None and response.body and not self._offered(response):
            body = self.phone.answer_to(response)
        if body is not None and not self._offered(response):
            ack.headers.add("Content-Type", "application/sdp")
            ack.body = body
        self.phone.stack.acknowledge(ack, self.phone.flow, via_host=self.phone.address)

    def _offered(self, response: Response) -> bool:
        return response.cseq.number in self.phone.offered.get(self.invite.call_id, set())


def authorised(request: Request, response: Response, username: str, password: str, cnonce: str) -> Request | None:
    """The request once more, with an answer to the challenge."""
    status = response.status
    values = response.headers.get_all("WWW-Authenticate" if status == 401 else "Proxy-Authenticate")
    challenge = choose([Challenge.parse(value) for value in values])
    if challenge is None:
        return None
    credentials = answer(
        challenge,
        method=request.method,
        uri=request.uri,
        username=username,
        password=password,
        cnonce=cnonce,
        nc=1,
        body=request.body,
    )
    again = Request(request.method, request.uri, request.headers.copy(), request.body)
    again.headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
    again.headers.set("Authorization" if status == 401 else "Proxy-Authorization", str(credentials))
    return again
