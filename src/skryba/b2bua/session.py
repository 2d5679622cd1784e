"""Session: one leg's offers and answers, and the face that each description of the other leg gets here (RFC 3264).

May not know SIP messages or the other leg. Every description that leaves is anchored: no address in it but ours.
"""

from collections.abc import Callable

from skryba.errors import NegotiationError
from skryba.sdp.anchor import anchor
from skryba.sdp.description import Origin, RtpMap, SessionDescription
from skryba.sdp.negotiation import HeldBy, NegotiatedAudio, OfferAnswer, OfferState
from skryba.terms import SocketAddress

Keep = Callable[[RtpMap], bool]


def keep_all(_: RtpMap) -> bool:
    """No codec is taken out."""
    return True


class Session:
    """Wraps `OfferAnswer` with our origin and its version, and with what forking needs: answering one offer again."""

    __slots__ = ("_exchange", "_id", "_initial", "_version")

    def __init__(self, session_id: str) -> None:
        self._id = session_id
        self._version = 0
        self._exchange = OfferAnswer()
        self._initial: SessionDescription | None = None  # the offer that several early dialogs may answer

    @property
    def local(self) -> SessionDescription | None:
        """What we told them last."""
        return self._exchange.local

    @property
    def remote(self) -> SessionDescription | None:
        """What they told us last."""
        return self._exchange.remote

    @property
    def audio(self) -> NegotiatedAudio | None:
        """What the last finished exchange agreed on."""
        return self._exchange.audio

    @property
    def awaits_answer(self) -> bool:
        """Is an offer of ours open?"""
        return self._exchange.state is OfferState.OFFER_SENT

    @property
    def owes_answer(self) -> bool:
        """Is an offer of theirs open?"""
        return self._exchange.state is OfferState.OFFER_RECEIVED

    @property
    def held(self) -> bool:
        """Does sound flow less than both ways?"""
        return self.audio is not None and self.audio.held_by is not HeldBy.NOBODY

    # their words

    def offered(self, offer: SessionDescription) -> None:
        """They offer. NegotiationError when the offer is illegal."""
        self._exchange.receive_offer(offer)
        self._initial = offer

    def answered(self, answer: SessionDescription) -> None:
        """They answer. During an initial INVITE another early dialog, or the final answer, may answer once more."""
        if not self.awaits_answer:
            if answer == self.remote or self._initial is None:
                return
            again = OfferAnswer()
            again.send_offer(self._initial)
            again.receive_answer(answer)
            self._exchange = again
            return
        self._exchange.receive_answer(answer)

    # our words

    def offer(self, offer: SessionDescription) -> SessionDescription:
        """We offer."""
        self._exchange.send_offer(offer)
        self._initial = offer
        return offer

    def answer(self, answer: SessionDescription) -> SessionDescription:
        """We answer. During an initial INVITE the same offer may be answered once more."""
        if not self.owes_answer and self._initial is not None:
            if answer == self.local:
                return answer
            again = OfferAnswer()
            again.receive_offer(self._initial)
            again.send_answer(answer)
            self._exchange = again
            return answer
        self._exchange.send_answer(answer)
        return answer

    def reject(self) -> None:
        """The open offer, theirs or ours, came to nothing; the session stays as it was (RFC 3261 §14.1)."""
        if self.awaits_answer or self.owes_answer:
            self._exchange.reject()

    def settled(self) -> None:
        """The initial INVITE is over: its offer will not be answered again."""
        self._initial = None

    # faces

    def face(self, theirs: SessionDescription, at: SocketAddress | None, keep: Keep = keep_all) -> SessionDescription:
        """The other leg's description as it may be shown here. `at` None = media cannot be anchored, shown as it is.

        The version grows when the description changed (RFC 3264 §8), and only then. NegotiationError when a first
        description has nothing that we can carry.
        """
        if at is None:
            return theirs
        if self.local is None and theirs.plain_audio is None:
            raise NegotiationError("no audio stream that we can carry")
        index = theirs.plain_audio
        ports = {} if index is None else {index: at.port}
        shown = self._anchored(theirs, at, ports, keep)
        if self.local is not None:
            if bytes(shown) == bytes(self.local):
                return self.local
            self._version += 1
            shown = self._anchored(theirs, at, ports, keep)
        return shown

    def origin(self, at: SocketAddress) -> Origin:
        """Our o= line as it stands."""
        return Origin("-", self._id, str(self._version), "IN", "IP6" if ":" in at.host else "IP4", at.host)

    def next_origin(self, at: SocketAddress) -> Origin:
        """Our o= line for a description that differs from the last."""
        if self.local is not None:
            self._version += 1
        return self.origin(at)

    def _anchored(
        self, theirs: SessionDescription, at: SocketAddress, ports: dict[int, int], keep: Keep
    ) -> SessionDescription:
        return anchor(theirs, address=at.host, ports=ports, origin=self.origin(at), keep=keep)
