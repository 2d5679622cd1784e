"""One call of a simulated phone: its dialog, its offers and answers, its line. Every moment is kept with its clock.

May not know sockets of SIP: whatever it wants sent goes through its `Desk`, the phone. The phone in turn asks it what
to do with each request of its dialog.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from skryba import clock
from skryba.errors import NegotiationError, ParseError, SkrybaError
from skryba.sdp.description import Direction, MediaDescription, Origin, RtpMap, SessionDescription
from skryba.sdp.negotiation import answer_locally, offer_locally
from skryba.selftest.line import Line
from skryba.selftest.voice import Voice
from skryba.sip.dialog import Dialog
from skryba.sip.events import RequestReceived
from skryba.sip.message import Request, Response, response_to
from skryba.terms import SocketAddress

PATIENCE = 35.0  # seconds for a final response: more than 64*T1, so that the stack gives up first
STATIC = {"PCMU": 0, "PCMA": 8, "G722": 9}
_DTMF = 101
_T1, _T2 = 0.5, 4.0  # RFC 3261 §13.3.1.4: a 2xx is repeated until its ACK
_ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"


class PhoneError(SkrybaError):
    """The other side refused or fell silent. `status` is the SIP status, or None for silence."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Desk(Protocol):
    """What a call needs of its phone."""

    user: str
    host: str
    voice: Voice
    codecs: tuple[str, ...]
    answers_after: float | None
    token: Callable[[], str]

    @property
    def contact(self) -> str: ...
    def new_request(self, method: str, uri: str, *, to: str, call_id: str, cseq: int, tag: str) -> Request: ...
    async def challenged(
        self,
        request: Request,
        *,
        hop: SocketAddress | None = None,
        patience: float = PATIENCE,
        provisional: Callable[[Response], None] | None = None,
    ) -> Response: ...
    def acknowledge(self, ack: Request, hop: SocketAddress) -> None: ...
    def respond(self, event: RequestReceived, response: Response) -> None: ...


class PhoneCall:
    """`Phone.call` and `Phone.incoming` give one. Moments are of the monotonic clock; None = has not happened."""

    def __init__(self, desk: Desk, call_id: str) -> None:
        self._desk = desk
        self.call_id = call_id
        self.line = Line(ssrc=int(desk.token()[:8], 16), digit_type=_DTMF)
        self.dialog: Dialog | None = None
        self.remote: SessionDescription | None = None
        self.encoding = ""
        self.statuses: list[int] = []  # of all responses to the INVITE, sent or received
        self.invite: Request | None = None
        self.invited_at: float | None = None
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.acknowledged = asyncio.Event()
        self._tag = desk.token()
        self._invited: RequestReceived | None = None
        self._version = 0
        self._timer: asyncio.TimerHandle | None = None

    # ---- calling ----

    async def dial(self, uri: str, *, patience: float = PATIENCE) -> None:
        """INVITE to its end; returns when answered and speaking. PhoneError otherwise."""
        self.invite = self._desk.new_request("INVITE", uri, to=f"<{uri}>", call_id=self.call_id, cseq=1, tag=self._tag)
        self.line.open(self._desk.host)
        _carry(self.invite, self._offer(Direction.SENDRECV))
        self.invited_at = clock.now()
        try:
            response = await self._desk.challenged(self.invite, patience=patience, provisional=self._progress)
        except PhoneError:
            self._end()
            raise
        self.statuses.append(response.status)
        if response.status >= 300:
            self._end()
            raise PhoneError(f"the call was refused: {response.status} {response.reason}", response.status)
        self.answered_at = clock.now()
        self.dialog = Dialog.as_uac(self.invite, response)
        self.answered_again(response)
        self._agree(SessionDescription.parse(response.body))
        self._speak()
        self.answered.set()

    def _progress(self, response: Response) -> None:
        self.statuses.append(response.status)
        if response.status > 100 and self.ringing_at is None:
            self.ringing_at = clock.now()
        if response.status > 100 and response.body:  # early media: be heard by nobody, but hear
            self._agree(SessionDescription.parse(response.body))

    def answered_again(self, response: Response) -> None:
        """Each 2xx of an INVITE wants its ACK, repeated ones too (RFC 3261 §13.2.2.4)."""
        if self.dialog is not None:
            self._desk.acknowledge(self.dialog.ack(response.cseq.number), hop_of(self.dialog))

    # ---- being called ----

    def ring(self, event: RequestReceived) -> None:
        """An INVITE for us: 180, and the answer after the phone's habit."""
        self._invited, self.invite, self.invited_at = event, event.request, clock.now()
        self.line.open(self._desk.host)
        self._respond(180)
        self.ringing_at = clock.now()
        if self._desk.answers_after is not None:
            self._timer = asyncio.get_running_loop().call_later(self._desk.answers_after, self.answer)

    def answer(self) -> None:
        """200 with our answer to the offer (or our offer, when there was none), and speak. 488: no common codec."""
        if self._invited is None or self.answered.is_set() or self.ended.is_set():
            return
        request = self._invited.request
        response = response_to(request, 200, to_tag=self._tag)
        response.headers.add("Contact", self._desk.contact)
        response.headers.add("Allow", _ALLOW)
        try:
            if request.body:
                _carry(response, self._take_offer(SessionDescription.parse(request.body)))
            else:
                _carry(response, self._offer(Direction.SENDRECV))
        except (NegotiationError, ParseError):
            self.refuse(488)
            return
        self.dialog = Dialog.as_uas(request, response)
        self.statuses.append(200)
        self._desk.respond(self._invited, response)
        self.answered_at = clock.now()
        self._repeat(response, _T1)
        if self.remote is not None:
            self._speak()
        self.answered.set()

    def refuse(self, status: int) -> None:
        """A final refusal of the incoming call."""
        if self._invited is not None and not self.answered.is_set() and not self.ended.is_set():
            self._respond(status)
            self._end()

    def cancelled(self) -> None:
        """The caller gave up (the CANCEL itself has been answered): RFC 3261 §9.2."""
        self.refuse(487)

    def receive_ack(self, request: Request) -> None:
        """The handshake is complete; an ACK may bring the answer to our offer."""
        self._still()
        if request.body and self.remote is None:
            self._agree(SessionDescription.parse(request.body))
            self._speak()
        self.acknowledged.set()

    def _respond(self, status: int) -> None:
        assert self._invited is not None
        response = response_to(self._invited.request, status, to_tag=self._tag)
        if status < 300:
            response.headers.add("Contact", self._desk.contact)
        self.statuses.append(status)
        self._desk.respond(self._invited, response)

    def _repeat(self, response: Response, interval: float) -> None:
        assert self._invited is not None
        invited = self._invited

        def again() -> None:
            self._desk.respond(invited, response)
            self._repeat(response, min(2 * interval, _T2))

        self._still()
        self._timer = asyncio.get_running_loop().call_later(interval, again)

    def _still(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- within the call ----

    def matches(self, request: Request) -> bool:
        """Does this request of theirs belong to our dialog?"""
        return request.call_id == self.call_id and request.to.tag == self._tag

    def receive(self, event: RequestReceived) -> None:
        """BYE, re-INVITE, UPDATE and the rest."""
        request = event.request
        assert self.dialog is not None or request.method == "BYE"
        if self.dialog is not None and not self.dialog.accept(request):
            self._desk.respond(event, response_to(request, 500))
            return
        if request.method == "BYE":
            self._end()
        response = response_to(
            request, 200 if request.method in {"BYE", "INFO", "OPTIONS", "INVITE", "UPDATE"} else 501
        )
        if request.method in {"INVITE", "UPDATE"} and self.dialog is not None:
            self.dialog.refresh_target(request)
            response.headers.add("Contact", self._desk.contact)
            try:
                if request.body:
                    _carry(response, self._take_offer(SessionDescription.parse(request.body)))
                elif request.method == "INVITE":
                    _carry(response, self._offer(Direction.SENDRECV))
            except (NegotiationError, ParseError):
                response = response_to(request, 488)
        self._desk.respond(event, response)

    async def hold(self) -> Response:
        """re-INVITE with sendonly, as phones do for a call put on hold."""
        return await self._reoffer(Direction.SENDONLY)

    async def resume(self) -> Response:
        return await self._reoffer(Direction.SENDRECV)

    async def _reoffer(self, direction: Direction) -> Response:
        assert self.dialog is not None
        request = self.dialog.request("INVITE", contact=self._desk.contact)
        _carry(request, self._offer(direction))
        response = await self._desk.challenged(request, hop=hop_of(self.dialog))
        self.dialog.local_cseq = request.cseq.number
        if response.status < 300:
            self.dialog.refresh_target(response)
            self.answered_again(response)
            self._agree(SessionDescription.parse(response.body))
        return response

    async def hang_up(self, *, patience: float = PATIENCE) -> None:
        """BYE (or a refusal, while it still rings); `ended_at` is when the BYE left."""
        if self.ended.is_set():
            return
        if self.dialog is None:
            self.refuse(480)
            return
        request = self.dialog.request("BYE")
        self._end()
        await self._desk.challenged(request, hop=hop_of(self.dialog), patience=patience)

    def _end(self) -> None:
        self._still()
        self.line.hush()
        self.ended_at = clock.now()
        self.ended.set()

    # ---- offer and answer ----

    def _origin(self) -> Origin:
        self._version += 1
        family = "IP6" if ":" in self._desk.host else "IP4"
        return Origin(self._desk.user, "1", str(self._version), "IN", family, self._desk.host)

    def _offer(self, direction: Direction) -> SessionDescription:
        maps = [RtpMap(STATIC[name], name, 8000, 1) for name in self._desk.codecs]
        if self.encoding:  # within a call: only what was agreed, so that nobody has to change horses
            maps = [RtpMap(STATIC[self.encoding], self.encoding, 8000, 1)]
        host, port = self.line.address
        return offer_locally(
            address=host, port=port, origin=self._origin(), codecs=maps, dtmf_pt=_DTMF, ptime=20, direction=direction
        )

    def _take_offer(self, offer: SessionDescription) -> SessionDescription:
        supported = tuple(f"{name}/8000" for name in self._desk.codecs)
        host, port = self.line.address
        answer = answer_locally(offer, address=host, port=port, origin=self._origin(), supported=supported)
        self._agree(offer, chosen=_first_codec(_audio(answer)))
        return answer

    def _agree(self, theirs: SessionDescription, chosen: str | None = None) -> None:
        audio = _audio(theirs)
        self.remote = theirs
        self.encoding = chosen or _first_codec(audio)
        self.line.remote = SocketAddress(audio.address(theirs), audio.port)

    def _speak(self) -> None:
        self.line.talk(self._desk.voice, encoding=self.encoding, payload_type=STATIC[self.encoding])


def hop_of(dialog: Dialog) -> SocketAddress:
    """Where a request inside the dialog goes. Simulated phones meet numeric addresses only."""
    target = dialog.next_hop()
    return SocketAddress(target.host.strip("[]"), target.port or 5060)


def _audio(description: SessionDescription) -> MediaDescription:
    for media in description.media:
        if media.kind == "audio" and media.port:
            return media
    raise NegotiationError("no audio in the session description")


def _first_codec(audio: MediaDescription) -> str:
    for name in audio.formats:
        mapped = audio.rtpmap(int(name)) if name.isdigit() else None
        if mapped is not None and mapped.encoding in STATIC:
            return mapped.encoding
    raise NegotiationError(f"none of our codecs among {' '.join(audio.formats)}")


def _carry(message: Request | Response, description: SessionDescription) -> None:
    message.headers.set("Content-Type", "application/sdp")
    message.body = bytes(description)
