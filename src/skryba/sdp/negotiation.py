"""Offer and answer (RFC 3264): the exchange's state on one leg, what came of it, and descriptions of our own making.

May not know SIP, nor the other leg. One OfferAnswer stands for one party: `local` is what we told it, `remote` what it
told us.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from skryba.errors import NegotiationError, StateError
from skryba.sdp.description import Direction, MediaDescription, Origin, RtpMap, SessionDescription, is_nowhere
from skryba.terms import SocketAddress

_TELEPHONE_EVENT = "telephone-event"
_NOT_SOUND = frozenset({_TELEPHONE_EVENT, "CN", "red", "tone"})
_EVENTS = "0-15"  # RFC 4733 §2.4.1: the sixteen keys
_PTIME = 20


class OfferState(StrEnum):
    """Of the exchange (RFC 3264 §4)."""

    STABLE = "stable"
    OFFER_SENT = "offer sent"
    OFFER_RECEIVED = "offer received"


class HeldBy(StrEnum):
    """Who keeps the call from two-way talk, as far as one exchange can tell."""

    NOBODY = "nobody"
    LOCAL = "local"
    REMOTE = "remote"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class NegotiatedAudio:
    """The open audio stream of a finished exchange.

    `remote`, `remote_rtcp`: where they want to hear us; None = nowhere (held by 0.0.0.0), or at a name, not a number.
    `payload_types`: agreed codecs by the number that their packets carry. `send_codec`: what we send by preference,
    with the number they gave it; None = nothing but events agreed. `dtmf_pt`: RFC 4733 events in their packets.
    `direction`: as we see it. `ptime`: ms per packet they like, None = not said.
    """

    index: int
    remote: SocketAddress | None
    remote_rtcp: SocketAddress | None
    payload_types: Mapping[int, RtpMap]
    send_codec: RtpMap | None
    dtmf_pt: int | None
    direction: Direction
    held_by: HeldBy
    ptime: int | None


class OfferAnswer:
    """One party's exchanges, one after the other. Until an answer is there, what was agreed before stays in force.

    A method that raises has changed nothing. StateError: the caller should have looked at `state`.
    """

    __slots__ = ("_offer", "audio", "local", "remote", "state")

    def __init__(self) -> None:
        self.state = OfferState.STABLE
        self.local: SessionDescription | None = None
        self.remote: SessionDescription | None = None
        self.audio: NegotiatedAudio | None = None
        self._offer: SessionDescription | None = None

    def receive_offer(self, offer: SessionDescription) -> None:
        """They offer. NegotiationError when it takes away streams (RFC 3264 §8)."""
        self._open(offer, OfferState.OFFER_RECEIVED)

    def send_offer(self, offer: SessionDescription) -> None:
        """We offer; the same rule binds us."""
        self._open(offer, OfferState.OFFER_SENT)

    def send_answer(self, answer: SessionDescription) -> None:
        """We answer what they offered. NegotiationError when that would be illegal."""
        offer = self._expect(OfferState.OFFER_RECEIVED)
        check_answer(offer, answer)
        self._close(local=answer, remote=offer, we_offered=False)

    def receive_answer(self, answer: SessionDescription) -> None:
        """They answer. NegotiationError when it is no legal answer to our offer."""
        offer = self._expect(OfferState.OFFER_SENT)
        check_answer(offer, answer)
        self._close(local=offer, remote=answer, we_offered=True)

    def reject(self) -> None:
        """The open offer came to nothing: all is as before it (RFC 3264 §8, RFC 3261 §14.1)."""
        if self.state is OfferState.STABLE:
            raise StateError("no offer is open")
        self.state, self._offer = OfferState.STABLE, None

    def _open(self, offer: SessionDescription, state: OfferState) -> None:
        if self.state is not OfferState.STABLE:  # RFC 3264 §4: one offer at a time
            raise StateError(f"an offer cannot follow in state {self.state!r}")
        if self.local is not None and len(offer.media) < len(self.local.media):
            raise NegotiationError("a new offer may not have fewer streams than the last (RFC 3264 §8)")
        self.state, self._offer = state, offer

    def _expect(self, state: OfferState) -> SessionDescription:
        if self.state is not state or self._offer is None:
            raise StateError(f"no answer is due in state {self.state!r}")
        return self._offer

    def _close(self, *, local: SessionDescription, remote: SessionDescription, we_offered: bool) -> None:
        self.audio = _negotiated(local, remote, we_offered=we_offered)
        self.local, self.remote = local, remote
        self.state, self._offer = OfferState.STABLE, None


def check_answer(offer: SessionDescription, answer: SessionDescription) -> None:
    """NegotiationError unless `answer` is legal for `offer` (RFC 3264 §6)."""
    if len(answer.media) != len(offer.media):
        raise NegotiationError("an answer has exactly as many streams as the offer")
    for number, (asked, given) in enumerate(zip(offer.media, answer.media, strict=True), start=1):
        if given.kind != asked.kind:
            raise NegotiationError(f"stream {number} was offered as {asked.kind}, answered as {given.kind}")
        if given.port == 0:
            continue
        if asked.port == 0:
            raise NegotiationError(f"stream {number} was offered switched off and answered with a port")
        if given.protocol.upper() != asked.protocol.upper():
            raise NegotiationError(f"stream {number} was offered as {asked.protocol}, answered as {given.protocol}")
        if not _common_format(asked, given):  # §6.1: more than was offered is allowed, nothing of it is not
            raise NegotiationError(f"stream {number}: none of the formats was offered")
        _check_direction(number, asked.direction, given.direction)


def answer_locally(
    offer: SessionDescription,
    *,
    address: str,
    port: int,
    origin: Origin,
    supported: Sequence[str] = ("PCMA/8000", "PCMU/8000", "G722/8000"),
    want_dtmf: bool = True,
) -> SessionDescription:
    """An answer without asking anybody: one audio stream, the rest refused. NegotiationError when nothing is in common.

    Codecs stand in the offerer's order (RFC 3264 §6.1: it SHOULD be kept), so the first is what both will use.
    """
    index, codecs = _choice(offer, supported)
    media = offer.media[index]
    events = [codec for codec in media.codecs() if codec.encoding == _TELEPHONE_EVENT and want_dtmf]
    dtmf = next((codec for codec in events if codec.clock_rate == codecs[0].clock_rate), None)
    ptime = media.ptime or _PTIME
    direction = media.effective_direction.mirrored
    lines = _session_lines(origin, address, offer.times or "0 0")  # §6: the t= line equals that of the offer
    for place, asked in enumerate(offer.media):
        if place == index:
            lines += _audio_lines(port, asked.protocol, codecs, dtmf, ptime, direction)
        else:
            lines.append(("m", asked.refusal))
    return SessionDescription.of(lines)


def offer_locally(
    *,
    address: str,
    port: int,
    origin: Origin,
    codecs: Sequence[RtpMap],
    dtmf_pt: int | None = 101,
    ptime: int = _PTIME,
    direction: Direction = Direction.SENDRECV,
) -> SessionDescription:
    """One audio stream with these codecs, in this order of preference."""
    dtmf = RtpMap(dtmf_pt, _TELEPHONE_EVENT, 8000) if dtmf_pt is not None else None
    lines = _session_lines(origin, address, "0 0")
    return SessionDescription.of(lines + _audio_lines(port, "RTP/AVP", codecs, dtmf, ptime, direction))


def _choice(offer: SessionDescription, supported: Sequence[str]) -> tuple[int, list[RtpMap]]:
    """The first stream with codecs of ours, and these."""
    for index, media in enumerate(offer.media):
        codecs = [codec for codec in media.codecs() if str(codec) in supported] if media.is_plain_audio else []
        if codecs:
            return index, codecs
    raise NegotiationError("no audio stream with a codec that we have")


def _session_lines(origin: Origin, address: str, times: str) -> list[tuple[str, str]]:
    family = "IP6" if ":" in address else "IP4"
    return [("v", "0"), ("o", str(origin)), ("s", "-"), ("c", f"IN {family} {address}"), ("t", times)]


def _audio_lines(
    port: int, protocol: str, codecs: Sequence[RtpMap], dtmf: RtpMap | None, ptime: int, direction: Direction
) -> list[tuple[str, str]]:
    listed = [*codecs, dtmf] if dtmf is not None else list(codecs)
    lines = [("m", f"audio {port} {protocol} {' '.join(str(codec.payload_type) for codec in listed)}")]
    lines += [("a", f"rtpmap:{codec.payload_type} {codec}") for codec in listed]
    if dtmf is not None:
        lines.append(("a", f"fmtp:{dtmf.payload_type} {_EVENTS}"))
    return [*lines, ("a", f"ptime:{ptime}"), ("a", str(direction))]


def _common_format(asked: MediaDescription, given: MediaDescription) -> bool:
    if {name.lower() for name in asked.formats} & {name.lower() for name in given.formats}:
        return True
    return bool({str(codec) for codec in asked.codecs()} & {str(codec) for codec in given.codecs()})


def _check_direction(number: int, asked: Direction, given: Direction) -> None:
    """RFC 3264 §6.1: the answer sends only what is received, and receives only what is sent."""
    if (given.sends and not asked.receives) or (given.receives and not asked.sends):
        raise NegotiationError(f"stream {number} was offered {asked}, answered {given}")


def _negotiated(local: SessionDescription, remote: SessionDescription, *, we_offered: bool) -> NegotiatedAudio | None:
    pairs = enumerate(zip(local.media, remote.media, strict=True))
    index = next((place for place, pair in pairs if all(media.is_plain_audio for media in pair)), None)
    if index is None:
        return None
    ours, theirs = local.media[index], remote.media[index]
    spoken = {str(codec) for codec in theirs.codecs()}
    agreed = {codec.payload_type: codec for codec in ours.codecs() if str(codec) in spoken}
    named = {str(codec) for codec in agreed.values()}
    send = next((codec for codec in theirs.codecs() if str(codec) in named and codec.encoding not in _NOT_SOUND), None)
    events = [number for number, codec in agreed.items() if codec.encoding == _TELEPHONE_EVENT]
    host = theirs.address(remote)
    ours_to_them, theirs_to_us = ours.effective_direction, theirs.effective_direction
    return NegotiatedAudio(
        index=index,
        remote=_socket(host, theirs.port),
        remote_rtcp=_socket(host, theirs.rtcp_port),
        payload_types=agreed,
        send_codec=send,
        dtmf_pt=events[0] if events else None,
        direction=Direction.of(
            sends=ours_to_them.sends and theirs_to_us.receives, receives=ours_to_them.receives and theirs_to_us.sends
        ),
        held_by=_held_by(ours_to_them, theirs_to_us, we_offered=we_offered),
        ptime=theirs.ptime,
    )


def _held_by(ours: Direction, theirs: Direction, *, we_offered: bool) -> HeldBy:
    """The offerer holds when it offers less than two ways; the answerer when it grants less than the offer's mirror."""
    offered, answered = (ours, theirs) if we_offered else (theirs, ours)
    offerer, answerer = (HeldBy.LOCAL, HeldBy.REMOTE) if we_offered else (HeldBy.REMOTE, HeldBy.LOCAL)
    by_offerer = offered is not Direction.SENDRECV
    by_answerer = (offered.receives and not answered.sends) or (offered.sends and not answered.receives)
    if by_offerer and by_answerer:
        return HeldBy.BOTH
    if by_offerer:
        return offerer
    return answerer if by_answerer else HeldBy.NOBODY


def _socket(host: str, port: int) -> SocketAddress | None:
    if not port or is_nowhere(host):
        return None
    try:
        ip_address(host)
    except ValueError:  # a name: symmetric RTP will tell; looking it up would hold up the call
        return None
    return SocketAddress(host, port)
