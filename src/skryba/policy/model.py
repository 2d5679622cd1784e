"""What policy is asked and what it answers: the facts of one call, the decision, and the steps that led to it.

May not know SIP, files or clocks. All values are frozen: a running call keeps its decision whatever becomes of
the rules.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from skryba.terms import Direction


class Mode(StrEnum):
    """What a rule wants."""

    NEVER = "never"
    AUTOMATIC = "automatic"


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
    """One call to be decided on. Numbers as received; "" or "anonymous" = withheld. `at` must be aware."""

    direction: Direction
    station: str | None
    caller: str
    callee: str
    trunk: str | None
    at: datetime
    groups: frozenset[str] = field(default_factory=frozenset)
    did: str | None = None  # the number of ours that was called from outside
    priority: bool = False  # a Resource-Priority header stood in the INVITE (RFC 4412)


@dataclass(frozen=True, slots=True)
class Notice:
    """What the parties hear. `prompt` is a prompt's id, `language` "pl" or "en"."""

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
    """

    mode: Mode
    rule: str
    reason: str
    reason_pl: str
    notice: Notice | None = None
    emergency: bool = False
    path: tuple[Step, ...] = ()
    purpose: str | None = None
    legal_basis: str | None = None
    retention: str | None = None
    version: str = ""
    if_unrecordable: IfUnrecordable = IfUnrecordable.CONTINUE
    renditions: tuple[str, ...] | None = None  # files beside the WAV: flac, opus, mp3; None: as configured
