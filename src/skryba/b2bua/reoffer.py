"""Reoffer: a re-INVITE carried from the party that sent it to the other, and the answer back (RFC 3261 §14, RFC 6337).

May not know what the call is. Nothing is answered from memory while there is another party to ask.
"""

from skryba.b2bua import passthrough
from skryba.b2bua.leg import Leg
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.signals import ReofferAccepted, Reoffered, ReofferRefused
from skryba.b2bua.streams import Streams
from skryba.b2bua.wishes import Wishes
from skryba.errors import NegotiationError
from skryba.sdp.description import SessionDescription

_AS_IT_IS = frozenset({488, 491, 606})


class Reoffer:
    """At most one at a time in a call; `origin` is who sent it, None while there is none."""

    __slots__ = ("_far", "_late", "_streams", "_wishes", "origin")

    def __init__(self, streams: Streams, wishes: Wishes) -> None:
        self._streams = streams
        self._wishes = wishes
        self._far: Leg | None = None
        self._late = False
        self.origin: Leg | None = None

    def carry(self, origin: Leg, far: Leg, signal: Reoffered, now: float) -> None:
        """Pass the offer, or the wish for one, on; refused while an INVITE of the other side is open (§14.2)."""
        if self.origin is not None or far.busy or not far.confirmed:
            origin.refuse_reoffer(Refusal(491), now)
            return
        try:
            far.reoffer(None if signal.offer is None else self._face(signal.offer, far), signal.extras, now)
        except NegotiationError:
            far.session.reject()
            origin.refuse_reoffer(Refusal(488), now)
            return
        self.origin, self._far, self._late = origin, far, signal.offer is None

    def answer_here(self, leg: Leg, signal: Reoffered, now: float) -> None:
        """There is nobody to ask yet: the caller hears the notice, or waits for the callee."""
        at, local = self._streams.at(leg.side), leg.session.local
        try:
            if signal.offer is not None and at is not None:
                leg.answer_reoffer(self._wishes.answer(signal.offer, leg.session, at), now)
                self._streams.aim(leg)
            elif signal.offer is None and local is not None:
                leg.answer_reoffer(local, now)
            else:
                leg.refuse_reoffer(Refusal(491), now)
        except NegotiationError:
            leg.refuse_reoffer(Refusal(488), now)

    def accepted(self, far: Leg, signal: ReofferAccepted, now: float) -> Leg | None:
        """The other party took it: answer the first. Its leg comes back when the exchange is complete.

        NegotiationError when the answer cannot be shown to the first.
        """
        origin = self.origin
        if origin is None or self._far is not far:
            return None
        if signal.description is None:
            raise NegotiationError("no description in 200")
        origin.answer_reoffer(self._face(signal.description, origin), now)
        return None if self._late else self._finish()

    def acknowledged(self, leg: Leg, answer: SessionDescription) -> Leg | None:
        """Late offer: the first party's ACK answers the other's offer. Its leg comes back: the exchange is complete."""
        far = self._far
        if far is None or leg is not self.origin:
            return None
        answer_late(far, self._face(answer, far))
        return self._finish()

    def refused(self, signal: ReofferRefused, now: float) -> None:
        """The other party refused: so do we, and both sessions stay as they were."""
        origin = self._finish()
        if origin is not None:
            status = signal.status if signal.status in _AS_IT_IS else passthrough.refusal(signal.status)
            origin.refuse_reoffer(Refusal(status), now)

    def _finish(self) -> Leg | None:
        origin, self.origin, self._far = self.origin, None, None
        return origin

    def _face(self, description: SessionDescription, toward: Leg) -> SessionDescription:
        return toward.session.face(description, self._streams.at(toward.side), self._wishes.keep(description))


def answer_late(leg: Leg, answer: SessionDescription) -> None:
    """Answer the offer of a party's 2xx in our ACK (RFC 3261 §13.2.2.4)."""
    leg.session.answer(answer)
    leg.session.settled()
    leg.acknowledge(answer)
