"""Leg: our half of one dialog with one party, from its confirmation to its end (RFC 3261 §12–§15).

May not know the other leg or what a call is: it takes orders, and tells in signals what its party did.
"""

from collections.abc import Callable
from enum import StrEnum

from skryba.b2bua import bodies, passthrough
from skryba.b2bua.acceptance import Acceptance
from skryba.b2bua.credentials import Authorisation
from skryba.b2bua.refusal import ALLOW, Refusal, capabilities, unsupported_extensions, unwanted_method
from skryba.b2bua.requests import Requests, Sent
from skryba.b2bua.session import Session
from skryba.b2bua.signals import (
    Acknowledged,
    Extras,
    HungUp,
    Informed,
    Lost,
    ReofferAccepted,
    Reoffered,
    ReofferRefused,
    Signal,
)
from skryba.b2bua.switchboard import DialogOwner, Line
from skryba.errors import NegotiationError, ParseError
from skryba.sdp.description import SessionDescription
from skryba.sip.dialog import Dialog
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.message import Message, Request, Response, response_to
from skryba.terms import Side

# RFC 5057 §5.1 and RFC 3261 §12.2.1.2: after these to a re-INVITE the dialog, or our use of it, is gone.
_FATAL = frozenset({404, 408, 410, 416, 480, 481, 482, 483, 484, 485, 502, 604})
_REOFFER_HEADERS = frozenset({"session-id"})


class LegState(StrEnum):
    """Life of a leg."""

    INVITING = "inviting"  # the initial INVITE is open
    CONFIRMED = "confirmed"
    LEAVING = "leaving"  # we say BYE, or will as soon as it is allowed
    GONE = "gone"


class Leg:
    """One party. `number` tells the legs of a call apart."""

    __slots__ = (
        "_acceptance", "_farewell", "_incoming", "_owner", "_requests", "authorisation", "contact", "line", "number",
        "session", "side", "state", "token",
    )  # fmt: skip

    def __init__(
        self,
        line: Line,
        owner: DialogOwner,
        *,
        side: Side,
        number: int,
        flow: Flow,
        contact: str,
        roams: bool,
        authorisation: Authorisation,
        token: Callable[[], str],
        session: Session,
    ) -> None:
        self.line = line
        self.side = side
        self.number = number
        self.contact = contact
        self.authorisation = authorisation
        self.token = token
        self.session = session
        self.state = LegState.INVITING
        self._owner = owner
        self._requests = Requests(line, flow, contact, authorisation, roams=roams)
        self._acceptance: Acceptance | None = None
        self._incoming: tuple[Request, ServerKey] | None = None
        self._farewell: Extras | None = None

    @property
    def flow(self) -> Flow:
        """The way to the party."""
        return self._requests.flow

    @property
    def dialog(self) -> Dialog | None:
        return self._requests.dialog

    @property
    def confirmed(self) -> bool:
        return self.state is LegState.CONFIRMED

    @property
    def gone(self) -> bool:
        """Nothing of it is under way any more."""
        return self.state is LegState.GONE

    @property
    def late(self) -> bool:
        """Does the party wait for the ACK with our answer to its offer?"""
        return self._requests.late

    @property
    def busy(self) -> bool:
        """Is an INVITE open in either direction, so that no other may start (RFC 3261 §14.1)?"""
        return self._acceptance is not None or self._incoming is not None or self._requests.inviting

    # --- the dialog comes into being --------------------------------------------------------------------------------

    def establish(self, dialog: Dialog) -> None:
        """The 2xx of the initial INVITE, in either direction, made this dialog."""
        self._requests.dialog = dialog
        self.state = LegState.CONFIRMED
        self.line.hold_dialog(dialog.call_id, dialog.local_tag, self._owner)

    def accept(self, key: ServerKey, response: Response, now: float) -> None:
        """Send a 2xx to their INVITE until its ACK comes."""
        self._acceptance = Acceptance(self.line, f"{self.number}.ack", key, response, now)

    def take(self, key: ClientKey, cseq: int, credentials: Extras, *, late: bool) -> None:
        """A 2xx to our INVITE: acknowledged at once, or when our answer to its offer is there."""
        self._requests.take(key, cseq, credentials)
        if not late:
            self._requests.acknowledge(None)

    def acknowledge(self, answer: SessionDescription | None) -> None:
        """The ACK that `take` put off."""
        self._requests.acknowledge(None if answer is None else bytes(answer))

    # --- requests of the party --------------------------------------------------------------------------------------

    def receive_request(self, request: Request, key: ServerKey, flow: Flow, now: float) -> list[Signal]:
        """A request within the dialog, no ACK, no CANCEL."""
        if (request.from_.tag or "") != self._dialog.remote_tag:
            return self._refuse(request, key, Refusal(481), now)
        if not self._dialog.accept(request):
            return self._refuse(request, key, Refusal(500, "CSeq Out of Order"), now)  # RFC 3261 §12.2.2
        if refusal := unsupported_extensions(request):
            return self._refuse(request, key, refusal, now)
        self._requests.seen(flow)
        match request.method:
            case "INVITE":
                return self._invited(request, key, now)
            case "BYE":
                return self._told_bye(request, key, now)
            case "INFO":
                return self._informed(request, key, now)
            case "OPTIONS":
                self.line.respond(key, capabilities(request, self._dialog.local_tag), now)
                return []
            case "REFER":
                return self._refuse(request, key, Refusal(603), now)
            case "NOTIFY":
                return self._refuse(request, key, Refusal(481), now)  # we subscribe to nothing (RFC 6665 §4.1.3)
            case _:
                return self._refuse(request, key, unwanted_method(request.method), now)

    def receive_ack(self, request: Request, now: float) -> list[Signal]:
        """ACK of a 2xx of ours."""
        waiting = self._acceptance
        if waiting is None or request.cseq.number != waiting.cseq:
            return []
        waiting.stop()
        self._acceptance = None
        if self._farewell is not None:
            self._say_bye(self._farewell, now)
            return []
        if not self.session.awaits_answer:
            return [Acknowledged(None)]
        try:
            answer = description_of(request)
            if answer is None:
                return [Lost("no answer in ACK")]
            self.session.answered(answer)
        except (ParseError, NegotiationError) as error:
            return [Lost(f"unusable answer in ACK: {error}")]
        return [Acknowledged(answer)]

    def _invited(self, request: Request, key: ServerKey, now: float) -> list[Signal]:
        if not self.confirmed:
            return self._refuse(request, key, Refusal(481), now)
        if self._incoming is not None:  # RFC 3261 §14.2
            wait = sum(self.token().encode()) % 11
            return self._refuse(request, key, Refusal(500, None, (("Retry-After", str(wait)),)), now)
        if self.busy:
            return self._refuse(request, key, Refusal(491), now)
        try:
            offer = description_of(request)
            if offer is not None:
                self.session.offered(offer)
        except ParseError as error:
            return self._refuse(request, key, Refusal(error.status), now)
        except NegotiationError:
            return self._refuse(request, key, Refusal(488), now)
        self._dialog.refresh_target(request)
        self._incoming = (request, key)
        more = self.line.settings.pass_headers
        return [Reoffered(offer, passthrough.crossing(request, _REOFFER_HEADERS, more))]

    def _told_bye(self, request: Request, key: ServerKey, now: float) -> list[Signal]:
        self.line.respond(key, response_to(request, 200), now)
        if self.state is LegState.LEAVING and self._farewell is None:
            return []  # both said it; ours is under way and will be answered
        self._leave(now)
        more = self.line.settings.pass_headers
        return [HungUp(passthrough.crossing(request, passthrough.FAREWELL, more))]

    def _informed(self, request: Request, key: ServerKey, now: float) -> list[Signal]:
        kind = request.content_type
        if request.body and kind not in passthrough.INFORMATION:
            accept = ", ".join(sorted(passthrough.INFORMATION))
            return self._refuse(request, key, Refusal(415, None, (("Accept", accept),)), now)
        self.line.respond(key, response_to(request, 200), now)
        return [Informed(kind, request.body)] if request.body and kind and self.confirmed else []

    # --- orders of the call -----------------------------------------------------------------------------------------

    def reoffer(self, offer: SessionDescription | None, extras: Extras, now: float) -> None:
        """Send a re-INVITE: with this offer, or asking for one. Not while `busy`."""
        if offer is None:
            self._requests.send("INVITE", b"", None, extras, now)
        else:
            self.session.offer(offer)
            self._requests.send("INVITE", bytes(offer), bodies.SDP, extras, now)
        self.line.set_alarm(f"{self.number}.reoffer", now + self.line.settings.timers.timeout)

    def answer_reoffer(self, description: SessionDescription, now: float) -> None:
        """200 to their re-INVITE: our answer, or our offer when they made none. NegotiationError: nothing is sent."""
        if self._incoming is None:
            return
        if self.session.owes_answer:
            self.session.answer(description)
        else:
            self.session.offer(description)
        self.session.settled()
        request, key = self._incoming
        self._incoming = None
        response = response_to(request, 200)
        response.headers.add("Contact", self.contact)
        response.headers.add("Allow", ALLOW)
        bodies.write(response, bytes(description))
        self.accept(key, response, now)

    def refuse_reoffer(self, refusal: Refusal, now: float) -> None:
        """Their re-INVITE comes to nothing; the session stays as it was."""
        if self._incoming is None:
            return
        request, key = self._incoming
        self._incoming = None
        self.session.reject()
        self._refuse(request, key, refusal, now)

    def inform(self, content_type: str, body: bytes, now: float) -> None:
        """INFO to the party."""
        if self.confirmed:
            self._requests.send("INFO", body, content_type, (), now)

    def hang_up(self, extras: Extras, now: float) -> None:
        """BYE; deferred while our 2xx waits for its ACK (RFC 3261 §15)."""
        if self.state in (LegState.LEAVING, LegState.GONE):
            return
        if self.dialog is None:
            self.state = LegState.GONE
            return
        self.state = LegState.LEAVING
        self.refuse_reoffer(Refusal(487), now)
        if self.late:
            self.acknowledge(None)
        if self._acceptance is not None:
            self._farewell = extras
            return
        self._say_bye(extras, now)

    def vanish(self) -> None:
        """The initial INVITE came to nothing: no dialog was made."""
        self.state = LegState.GONE

    # --- answers of the party ---------------------------------------------------------------------------------------

    def owns(self, key: ClientKey) -> bool:
        """Did this leg send that request within its dialog?"""
        return self._requests.owns(key)

    def receive_response(self, key: ClientKey, response: Response, now: float) -> list[Signal]:
        """A response to a request within the dialog."""
        sent = self._requests.answered(key, response, now)
        if sent is None:
            return []
        if sent.method == "INVITE":
            self.line.clear_alarm(f"{self.number}.reoffer")
            return self._reoffer_answered(key, sent, response)
        if sent.method == "BYE":
            self._leave(now)
        elif response.status in (408, 481) and self.confirmed:
            return [Lost("the party knows the dialog no more")]
        return []

    def transaction_failed(self, key: ClientKey, kind: str, now: float) -> list[Signal]:
        """No final response will come."""
        sent = self._requests.failed(key)
        if sent is None:
            return []
        if sent.method == "BYE":
            self._leave(now)
            return []
        if sent.method == "INVITE":
            self.line.clear_alarm(f"{self.number}.reoffer")
            self.session.reject()
            return [ReofferRefused(408 if kind == "timeout" else 503, str(kind), fatal=True)]
        return [Lost(f"{sent.method} unanswered: {kind}")] if self.confirmed else []

    def alarm(self, name: str, now: float) -> list[Signal]:
        """Its 2xx has no ACK yet ("ack"), or its re-INVITE no answer though no person need be asked ("reoffer")."""
        if name == "reoffer":
            self._requests.call_off(now)  # ends by 487, or by a failed transaction
            return []
        if self._acceptance is None or self._acceptance.repeat(now):
            return []
        self._acceptance = None
        if self._farewell is not None:
            self._say_bye(self._farewell, now)
            return []
        return [Lost("no ACK")]

    def _reoffer_answered(self, key: ClientKey, sent: Sent, response: Response) -> list[Signal]:
        if response.status >= 300:
            self.session.reject()
            if not self.confirmed:
                return []
            return [ReofferRefused(response.status, response.reason, fatal=response.status in _FATAL)]
        offered = bool(sent.request.body)
        self._dialog.refresh_target(response)
        self.take(key, sent.request.cseq.number, sent.credentials, late=not offered and self.confirmed)
        if not self.confirmed:
            return []
        try:
            description = description_of(response)
            if description is None:
                return [Lost("no description in 200")]
            if offered:
                self.session.answered(description)
                self.session.settled()
            else:
                self.session.offered(description)
        except (ParseError, NegotiationError) as error:
            return [Lost(f"unusable description in 200: {error}")]
        return [ReofferAccepted(description)]

    # --- within -----------------------------------------------------------------------------------------------------

    @property
    def _dialog(self) -> Dialog:
        assert self.dialog is not None  # only legs with a dialog are asked
        return self.dialog

    def _refuse(self, request: Request, key: ServerKey, refusal: Refusal, now: float) -> list[Signal]:
        self.line.respond(key, refusal.respond(request, self._dialog.local_tag), now)
        return []

    def _say_bye(self, extras: Extras, now: float) -> None:
        self._farewell = None
        self._requests.send("BYE", b"", None, extras, now)

    def _leave(self, now: float) -> None:
        """The dialog is over: nothing of ours may go on within it."""
        self.refuse_reoffer(Refusal(487), now)  # RFC 3261 §15.1.2
        if self._acceptance is not None:
            self._acceptance.stop()
            self._acceptance = None
        self._farewell = None
        self._requests.call_off(now)
        self.line.drop_dialog(self._dialog.call_id, self._dialog.local_tag)
        self.state = LegState.GONE


def description_of(message: Message) -> SessionDescription | None:
    """The session description a message carries. ParseError with 415, 400 or 488 when it cannot be used."""
    sdp = bodies.read(message).sdp
    return None if sdp is None else SessionDescription.parse(sdp)
