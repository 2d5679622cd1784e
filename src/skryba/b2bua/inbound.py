"""InboundInvite: the initial INVITE a party sent us, until we answer it (RFC 3261 §13.3).

May not know the other leg. Forks of the other side become early dialogs of their own here, each with its own tag.
"""

from skryba.b2bua import bodies, passthrough
from skryba.b2bua.leg import Leg
from skryba.b2bua.refusal import ALLOW, Refusal, unwanted_method
from skryba.b2bua.signals import Cancelled, Extras, Signal
from skryba.b2bua.switchboard import DialogOwner
from skryba.sdp.description import SessionDescription
from skryba.sip.dialog import Dialog
from skryba.sip.events import ServerKey
from skryba.sip.message import Request, Response, response_to

_REMIND = 60.0  # RFC 3261 §13.3.1.1: a provisional each minute keeps proxies on the way patient


class InboundInvite:
    """`leg` is what it becomes. `fork` names an early dialog of the other side; "" is our own."""

    __slots__ = ("_key", "_last", "_owner", "_request", "_tags", "leg")

    def __init__(self, leg: Leg, owner: DialogOwner, request: Request, key: ServerKey) -> None:
        self.leg = leg
        self._owner = owner
        self._request: Request | None = request
        self._key = key
        self._tags: dict[str, str] = {}
        self._last: Response | None = None
        leg.line.expect_cancel(key, owner)

    @property
    def open(self) -> bool:
        """Not finally answered yet?"""
        return self._request is not None

    @property
    def key(self) -> ServerKey:
        return self._key

    def progress(
        self, status: int, description: SessionDescription | None, fork: str, extras: Extras, now: float
    ) -> None:
        """A provisional answer, with our answer to the offer when it makes early media (RFC 3960)."""
        if self._request is None:
            return
        response = self._response(self._request, status, fork, extras)
        if description is not None:
            bodies.write(response, bytes(self.leg.session.answer(description)))
        self.leg.line.respond(self._key, response, now)
        self._last = response
        self.leg.line.set_alarm(self._alarm, now + _REMIND)

    def accept(self, description: SessionDescription | None, fork: str, extras: Extras, now: float) -> None:
        """200: our answer to their offer, or our offer when they made none."""
        if self._request is None:
            return
        request = self._request
        session = self.leg.session
        response = self._response(request, 200, fork, extras)
        if description is not None:
            offers = session.remote is None and not session.owes_answer
            bodies.write(response, bytes(session.offer(description) if offers else session.answer(description)))
        elif session.local is not None:
            bodies.write(response, bytes(session.local))
        session.settled()
        self._close(keep=self._tag(fork))
        self.leg.establish(Dialog.as_uas(request, response))
        self.leg.accept(self._key, response, now)

    def refuse(self, refusal: Refusal, now: float) -> None:
        """A final no; nothing is left of the leg."""
        if self._request is None:
            return
        self.leg.line.respond(self._key, refusal.respond(self._request, self._tag("")), now)
        self._close(keep=None)
        self.leg.vanish()

    def receive_cancel(self, cancel: Request, now: float) -> list[Signal]:
        """The party gave up; the stack has answered the CANCEL itself (RFC 3261 §9.2)."""
        if self._request is None:
            return []
        self.refuse(Refusal(487), now)
        more = self.leg.line.settings.pass_headers
        return [Cancelled(passthrough.crossing(cancel, passthrough.FAREWELL, more))]

    def receive_request(self, request: Request, key: ServerKey, now: float) -> list[Signal]:
        """A request within an early dialog: BYE ends it (RFC 3261 §15); nothing else is offered here."""
        if request.method == "BYE":
            self.leg.line.respond(key, response_to(request, 200), now)
            return self.receive_cancel(request, now)
        refusal = Refusal(491) if request.method == "INVITE" else unwanted_method(request.method)
        self.leg.line.respond(key, refusal.respond(request, ""), now)
        return []

    def alarm(self, now: float) -> None:
        """It rings long: say so again."""
        if self._request is not None and self._last is not None:
            self.leg.line.respond(self._key, self._last, now)
            self.leg.line.set_alarm(self._alarm, now + _REMIND)

    @property
    def _alarm(self) -> str:
        return f"{self.leg.number}.remind"

    def _tag(self, fork: str) -> str:
        tag = self._tags.get(fork)
        if tag is None and self._request is not None:
            tag = self._tags[fork] = self.leg.token()
            self.leg.line.hold_dialog(self._request.call_id, tag, self._owner)
        return tag or ""

    def _response(self, request: Request, status: int, fork: str, extras: Extras) -> Response:
        response = response_to(request, status, to_tag=self._tag(fork))
        response.headers.add("Contact", self.leg.contact)
        response.headers.add("Allow", ALLOW)
        passthrough.add(response.headers, extras)
        return response

    def _close(self, keep: str | None) -> None:
        assert self._request is not None  # both callers have looked
        for tag in self._tags.values():
            if tag != keep:
                self.leg.line.drop_dialog(self._request.call_id, tag)
        self.leg.line.clear_alarm(self._alarm)
        self._tags = {}
        self._request = None
        self._last = None
