"""Signals: what crosses between the legs of a call. A leg says what its party did; the call decides what it means.

May not know transactions, Call-IDs or flows: nothing here belongs to one side's SIP.
"""

from dataclasses import dataclass

from skryba.sdp.description import SessionDescription

Extras = tuple[tuple[str, str], ...]  # header fields on the pass list


@dataclass(frozen=True, slots=True)
class Progressed:
    """A provisional response above 100. `fork` tells early dialogs of one branch apart."""

    status: int
    reason: str
    description: SessionDescription | None
    fork: str
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The callee answered. `description` answers our offer, or is the offer when we made none."""

    description: SessionDescription | None
    fork: str
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The callee said no, or nothing: `status` is what the party, a timer or the network said."""

    status: int
    reason: str
    extras: Extras = ()
    retry_elsewhere: bool = False  # another trunk may do better


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before the answer."""

    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """ACK of our 2xx; `answer` when our 2xx carried the offer."""

    answer: SessionDescription | None


@dataclass(frozen=True, slots=True)
class Reoffered:
    """A re-INVITE; None = it wants an offer from us."""

    offer: SessionDescription | None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class ReofferAccepted:
    """The other party took our re-INVITE; the description answers, or is the offer when we made none."""

    description: SessionDescription | None


@dataclass(frozen=True, slots=True)
class ReofferRefused:
    """The other party refused our re-INVITE; `fatal` = its dialog is gone (RFC 3261 §12.2.1.2)."""

    status: int
    reason: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Informed:
    """INFO with a body on the pass list."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HungUp:
    """BYE from the party."""

    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """The party broke the protocol, fell silent or went away; its dialog cannot be kept."""

    reason: str


Signal = (
    Progressed
    | Accepted
    | Refused
    | Cancelled
    | Acknowledged
    | Reoffered
    | ReofferAccepted
    | ReofferRefused
    | Informed
    | HungUp
    | Lost
)
