"""What policy is asked and what it answers: the facts of one call, the decision, and the steps that led to it.

May not know SIP, files or clocks. All values are frozen: a running call keeps its decision whatever becomes of
the rules.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from skryba.terms import Direction


class Mode(StrEnum):
    """What a rule wants."""

    NEVER = "never"
    AUTOMATIC = "automatic"
    ON_DEMAND = "on_demand"  # nothing is recorded until somebody with the right to commands it


class CallType(StrEnum):
    """Direction and way in, as the history lists calls. Every call is exactly one of these."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"  # straight to the station
    QUEUE = "queue"  # from outside, handed over by a queue
    IVR = "ivr"  # from outside, handed over by a voice menu
    INTERNAL = "internal"


class ConsentMode(StrEnum):
    """What the other party's will counts for."""

    NOTICE = "notice"  # being told is enough
    OPT_IN = "opt_in"  # nothing is recorded before the other party has agreed; `mode` is then ON_DEMAND


class Limit(StrEnum):
    """What kept a call unrecorded although its rule records."""

    PRIVATE = "private"  # marked as private, and the rule lets it be
    SAMPLE = "sample"  # the rule records a share of its calls, and this one was not drawn
    COUNTRY = "country"  # the law of the other party's country


class IfUnrecordable(StrEnum):
    """What becomes of a call that should be recorded and cannot be (product rules C16, C17)."""

    CONTINUE = "continue"  # unrecorded, with an alarm
    REFUSE = "refuse"  # 503 before anybody is rung; a running call is ended with an announcement
    END = "end"  # answered, told why, ended


class NoticeMoment(StrEnum):
    """When the caller of an inbound call hears the notice; other calls hear it at the callee's answer."""

    ANSWER = "answer"
    EARLY_MEDIA = "early_media"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call to be decided on: all that a decision depends on, the rules apart.

    Numbers as received; "" or "anonymous" = withheld. `at` must be aware. `draw` comes from outside, from 0 up to but
    not including 1, so that the same facts give the same decision for ever.
    """

    direction: Direction
    station: str | None
    caller: str
    callee: str
    trunk: str | None
    at: datetime
    groups: frozenset[str] = field(default_factory=frozenset)
    did: str | None = None  # the number of ours that was called from outside
    priority: bool = False  # a Resource-Priority header stood in the INVITE (RFC 4412)
    via: str | None = None  # from outside by way of "queue", "queue:NAME", "ivr" or "ivr:NAME"; None = directly
    private: bool = False  # the station asked for a private call
    draw: float | None = None  # for rules that record a share of their calls; None = not drawn: those do not record

    @property
    def call_type(self) -> CallType:
        if self.direction is Direction.INBOUND:
            if self.via is None:
                return CallType.INCOMING
            return CallType.IVR if self.via.startswith("ivr") else CallType.QUEUE
        return CallType.OUTGOING if self.direction is Direction.OUTBOUND else CallType.INTERNAL

    def as_json(self) -> dict[str, Any]:
        """What is stored with the call, so that its decision can be made again (product rules A7, A12)."""
        return asdict(self) | {"at": self.at.isoformat(), "groups": sorted(self.groups)}


@dataclass(frozen=True, slots=True)
class Notice:
    """What the parties hear. `prompt` is a prompt's id, `language` "pl", "en", "uk" or "de"."""

    prompt: str
    language: str
    moment: NoticeMoment = NoticeMoment.ANSWER


@dataclass(frozen=True, slots=True)
class Step:
    """One place that was looked at on the way to a decision, in words."""

    rule: str
    matched: bool
    reason: str
    reason_pl: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to record, and why.

    `rule` is a rule's id, or "emergency", "never-list", "always-list", "default", "fallback". `version` is the first
    sixteen hexadecimal digits of the SHA-256 of the rules' text, "" without rules. Reasons name no number of a party.
    `path` is put into words when it is first read.
    """

    mode: Mode
    rule: str
    reason: str
    reason_pl: str
    notice: Notice | None = None
    emergency: bool = False
    path: Sequence[Step] = ()
    purpose: str | None = None
    legal_basis: str | None = None
    retention: str | None = None
    version: str = ""
    if_unrecordable: IfUnrecordable = IfUnrecordable.CONTINUE
    renditions: tuple[str, ...] | None = None  # files beside the WAV: flac, opus, mp3; None: as configured
    consent: ConsentMode = ConsentMode.NOTICE
    limit: Limit | None = None

    def as_json(self) -> dict[str, Any]:
        """With the whole path."""
        return asdict(replace(self, path=tuple(self.path)))
