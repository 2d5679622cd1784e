"""Wishes: which codecs a call may use, and the descriptions we make ourselves while there is nobody else to ask.

May not know SIP. A call that is announced or recorded keeps to codecs that prompts and recorder can do.
"""

from skryba.b2bua.consent import Consent
from skryba.b2bua.session import Keep, Session, keep_all
from skryba.b2bua.settings import PLAYABLE, Settings
from skryba.b2bua.streams import codecs_of, sound_codec
from skryba.errors import NegotiationError
from skryba.policy.model import Mode
from skryba.sdp.description import RtpMap, SessionDescription
from skryba.sdp.negotiation import answer_locally, offer_locally
from skryba.terms import SocketAddress

_SIDE_CODECS = frozenset({"telephone-event", "CN"})
_OFFERED = (RtpMap(8, "PCMA", 8000), RtpMap(0, "PCMU", 8000))  # what every phone has


class Wishes:
    """Of one call."""

    __slots__ = ("_recordable", "_restricted")

    def __init__(self, settings: Settings, consent: Consent) -> None:
        decision = consent.decision
        self._recordable = frozenset(settings.recordable)
        self._restricted = decision.mode is Mode.AUTOMATIC and not decision.emergency

    def keep(self, description: SessionDescription | None) -> Keep:
        """For a call to be recorded: what we can decode, if anything of it is there; else all (R-M8)."""
        if not self._restricted:
            return keep_all
        if not any(_name(codec) in self._recordable for codec in codecs_of(description)):
            return keep_all
        return lambda codec: _is_side(codec) or _name(codec) in self._recordable

    def agreed(self, session: Session) -> Keep:
        """Exactly what was agreed with this party already."""
        names = frozenset(_name(codec) for codec in codecs_of(session.local))
        return lambda codec: _name(codec) in names

    def answer(self, offer: SessionDescription, session: Session, at: SocketAddress) -> SessionDescription:
        """Answer with one codec that a prompt exists in, and DTMF. NegotiationError when there is none."""
        wide = answer_locally(offer, address=at.host, port=at.port, origin=session.origin(at), supported=PLAYABLE)
        codec = sound_codec(wide, offer)
        if codec is None:
            raise NegotiationError("no codec that a prompt exists in")
        if session.local is not None:  # a later offer: stay with what the other party is being offered
            names = {_name(known) for known in codecs_of(session.local)}
            same = [known for known in codecs_of(wide) if _name(known) in names and not _is_side(known)]
            codec = same[0] if same else codec
        origin = session.next_origin(at)
        return answer_locally(offer, address=at.host, port=at.port, origin=origin, supported=(_name(codec),))

    def offer(self, session: Session, at: SocketAddress) -> SessionDescription:
        """Our own offer, where the caller made none."""
        return offer_locally(address=at.host, port=at.port, origin=session.next_origin(at), codecs=_OFFERED)


def _name(codec: RtpMap) -> str:
    return str(codec)


def _is_side(codec: RtpMap) -> bool:
    return codec.encoding in _SIDE_CODECS
