"""Snapshots: frozen views of calls, registrations and trunks for log, metrics, ledger and control socket.

May not know the machines they are taken from.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from skryba.policy.model import Decision
from skryba.terms import Direction, SocketAddress


class CallState(StrEnum):
    """Where a call stands; the table of changes is in `states`."""

    OFFERED = "offered"  # INVITE accepted for treatment, nothing answered yet
    ANNOUNCING = "announcing"  # the notice plays
    DIALLING = "dialling"  # the callee is invited
    RINGING = "ringing"  # the callee gave a provisional answer
    ANSWERED = "answered"  # the callee answered, media not complete or not bridged yet
    ACTIVE = "active"  # bridged, both may talk
    HELD = "held"  # bridged, one party put the other on hold
    ENDING = "ending"  # over for people; the last transactions finish
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Timings:
    """Monotonic seconds of the stations of a call; None = never reached."""

    started: float
    ringing: float | None = None
    answered: float | None = None  # the callee answered
    bridged: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """One call as a person would describe it. `sip_call_ids` are caller leg first."""

    id: str
    state: CallState
    direction: Direction
    station: str | None
    trunk: str | None
    caller: str
    callee: str
    decision: Decision
    recording: str | None
    recorded_now: bool
    started_at: datetime
    answered_at: datetime | None
    timings: Timings
    sip_call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContactSnapshot:
    """One registered contact; `expires` is monotonic seconds."""

    uri: str
    transport: str
    source: SocketAddress
    expires: float
    user_agent: str


@dataclass(frozen=True, slots=True)
class TrunkSnapshot:
    """`registered` is None for a trunk that needs no registration."""

    id: str
    up: bool
    registered: bool | None
    detail: str
