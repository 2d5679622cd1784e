"""OutboundInvite: an initial INVITE of ours, until it is answered (RFC 3261 §13.2): challenges, forks and CANCEL too.

May not know the other leg, nor which of several branches wins: it tells in signals what its party answered.
"""

from dataclasses import dataclass

from skryba.b2bua import bodies, passthrough
from skryba.b2bua.bodies import Part
from skryba.b2bua.credentials import NAMES, Account
from skryba.b2bua.leg import Leg, description_of
from skryba.b2bua.refusal import ALLOW
from skryba.b2bua.signals import Accepted, Extras, Progressed, Refused, Signal
from skryba.errors import NegotiationError, ParseError
from skryba.sdp.description import SessionDescription
from skryba.sip.dialog import Dialog
from skryba.sip.events import ClientKey, Flow
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response

_ELSEWHERE = frozenset({408, 500, 502, 503, 504})  # another trunk may do better


@dataclass(frozen=True, slots=True)
class Target:
    """Where and as whom we invite. `roams`: in-dialog requests follow the party's source (stations behind NAT)."""

    uri: str
    flow: Flow
    to: str
    from_: str
    contact: str
    routes: tuple[str, ...] = ()
    extras: Extras = ()
    account: Account | None = None
    trunk: str | None = None
    roams: bool = True


class OutboundInvite:
    """`leg` is what it becomes."""

    __slots__ = ("_cancelled", "_cseq", "_key", "_offered", "_request", "leg", "target")

    def __init__(self, leg: Leg, target: Target) -> None:
        self.leg = leg
        self.target = target
        self._request: Request | None = None
        self._key: ClientKey | None = None
        self._cseq = 0
        self._offered = False
        self._cancelled = False

    @property
    def open(self) -> bool:
        """Not finally answered yet?"""
        return self._request is not None

    def start(
        self, offer: SessionDescription | None, parts: tuple[Part, ...], max_forwards: int, extras: Extras, now: float
    ) -> None:
        """Invite; without an offer the party is asked for one (RFC 3261 §13.2.1)."""
        target, token = self.target, self.leg.token
        fields = [("Route", route) for route in target.routes]
        fields += [
            ("Max-Forwards", str(max_forwards)),
            ("From", f"{target.from_};tag={token()}"),
            ("To", target.to),
            ("Call-ID", token()),
            ("CSeq", "0 INVITE"),
            ("Contact", target.contact),
            ("Allow", ALLOW),
        ]
        request = Request("INVITE", target.uri, Headers(fields))
        passthrough.add(request.headers, target.extras)
        passthrough.add(request.headers, extras)
        self._offered = offer is not None
        sdp = bytes(self.leg.session.offer(offer)) if offer is not None else None
        bodies.write(request, sdp, parts, boundary=token() if parts else "")
        self._request = request
        self._send(request, now)

    def cancel(self, now: float) -> None:
        """The caller gave up, or another branch won. What still comes is cleared away here."""
        if self._request is None or self._key is None or self._cancelled:
            return
        self._cancelled = True
        self.leg.line.cancel(self._key, now)

    def owns(self, key: ClientKey) -> bool:
        """Did it send that INVITE?"""
        return key == self._key

    def receive_response(self, key: ClientKey, response: Response, now: float) -> list[Signal]:
        """A response to the INVITE."""
        request = self._request
        if request is None:
            return self._late(key, response, now)
        if response.status < 200:
            return self._progressed(response)
        if response.status < 300:
            return self._accepted(request, key, response, now)
        self.leg.line.forget(key)
        if not self._cancelled and response.status in (401, 407):
            header = self.leg.authorisation.answer(request, response)
            if header is not None:
                request.headers.set(*header)
                self._send(request, now)
                return []
        self._request = None
        self.leg.vanish()
        if self._cancelled:
            return []
        more = self.leg.line.settings.pass_headers
        extras = passthrough.crossing(response, passthrough.REFUSAL, more)
        return [Refused(response.status, response.reason, extras, retry_elsewhere=response.status in _ELSEWHERE)]

    def transaction_failed(self, kind: str) -> list[Signal]:
        """No final response will come: like 408 or 503 (RFC 3261 §8.1.3.1)."""
        if self._key is not None:
            self.leg.line.forget(self._key)
        if self._request is None:
            return []
        self._request = None
        self.leg.vanish()
        if self._cancelled:
            return []
        status, reason = (408, "no answer from the network") if kind == "timeout" else (503, "unreachable")
        return [Refused(status, reason, retry_elsewhere=True)]

    def _progressed(self, response: Response) -> list[Signal]:
        if response.status == 100 or self._cancelled:
            return []
        description = None
        if self._offered:
            try:
                description = description_of(response)
                if description is not None:
                    self.leg.session.answered(description)
            except (ParseError, NegotiationError):
                description = None  # it still rings; the final answer will tell
        more = self.leg.line.settings.pass_headers
        extras = passthrough.crossing(response, passthrough.PROVISIONAL, more)
        return [Progressed(response.status, response.reason, description, response.to.tag or "", extras)]

    def _accepted(self, request: Request, key: ClientKey, response: Response, now: float) -> list[Signal]:
        leg = self.leg
        leg.establish(Dialog.as_uac(request, response))
        self._request = None
        cseq, credentials = request.cseq.number, _credentials(request)
        try:
            description = description_of(response)
            if description is None and (not self._offered or leg.session.awaits_answer):
                raise NegotiationError("no description in 200")  # noqa: TRY301 - one way out for all that is unusable
            if description is not None and self._offered:
                leg.session.answered(description)
            elif description is not None:
                leg.session.offered(description)
        except (ParseError, NegotiationError) as error:
            leg.take(key, cseq, credentials, late=False)
            leg.hang_up((passthrough.cause(488),), now)
            return [] if self._cancelled else [Refused(500, str(error))]
        leg.session.settled()
        leg.take(key, cseq, credentials, late=not self._offered and not self._cancelled)
        if self._cancelled:  # CANCEL and 200 crossed (RFC 5407 §3.1.2)
            leg.hang_up((), now)
            return []
        more = leg.line.settings.pass_headers
        extras = passthrough.crossing(response, passthrough.ANSWER, more)
        return [Accepted(description, response.to.tag or "", extras)]

    def _late(self, key: ClientKey, response: Response, now: float) -> list[Signal]:
        """After the final answer: a repeated 200, or another fork's, which is thanked and sent away (§13.2.2.4)."""
        dialog = self.leg.dialog
        if not 200 <= response.status < 300 or dialog is None:
            return []
        if (response.to.tag or "") == dialog.remote_tag:
            return self.leg.receive_response(key, response, now)
        other = Dialog(
            call_id=dialog.call_id,
            local=dialog.local,
            remote=response.to,
            remote_target=response.contacts[0].uri if response.contacts else dialog.remote_target,
            route_set=tuple(reversed(response.record_routes)),
            local_cseq=self._cseq,
            remote_cseq=None,
            confirmed=True,
        )
        line = self.leg.line
        line.acknowledge(other.ack(self._cseq), self.target.flow)
        line.forget(line.request(other.request("BYE"), self.target.flow, now))
        return []

    def _send(self, request: Request, now: float) -> None:
        self._cseq += 1
        request.headers.set("CSeq", f"{self._cseq} INVITE")
        self._key = self.leg.line.request(request, self.target.flow, now)


def _credentials(request: Request) -> Extras:
    return tuple((name, value) for name in NAMES if (value := request.headers.get(name)) is not None)
