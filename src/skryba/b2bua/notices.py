"""Notices: what the core tells its observers (log, metrics, ledger). Nobody answers a notice.

May not know the observers.
"""

from dataclasses import dataclass

from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.snapshot import CallSnapshot, ContactSnapshot
from skryba.terms import Side, SocketAddress, Termination


@dataclass(frozen=True, slots=True)
class CallStarted:
    """An INVITE was accepted for treatment; policy has decided."""

    call: CallSnapshot


@dataclass(frozen=True, slots=True)
class CallRinging:
    """The callee's first provisional answer."""

    call: CallSnapshot


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The callee answered."""

    call: CallSnapshot


@dataclass(frozen=True, slots=True)
class CallBridged:
    """Both parties may talk; `call.recorded_now` says whether it is recorded."""

    call: CallSnapshot


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Exactly one per CallStarted."""

    call: CallSnapshot
    termination: Termination


@dataclass(frozen=True, slots=True)
class CallFaulted:
    """Our bug: this call met an exception and was ended with 500. `error` is the traceback's last line."""

    call: str
    error: str


@dataclass(frozen=True, slots=True)
class NoticePlayed:
    """The notice toward one side ended, completed or not."""

    call: str
    side: Side
    evidence: PromptEvidence


@dataclass(frozen=True, slots=True)
class NoticeFailed:
    """The notice could not be played: the call goes on unrecorded (product rule B7)."""

    call: str
    prompt: str
    language: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """The recorder cannot record a call that was to be recorded: it goes on unrecorded, or ends (product rule C17)."""

    call: str
    recording: str
    reason: str


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """The contacts of a station after the change; none left = unregistered or expired."""

    station: str
    contacts: tuple[ContactSnapshot, ...]


@dataclass(frozen=True, slots=True)
class TrunkChanged:
    """A trunk went up or down."""

    trunk: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request that made no call: method, status, a reason in a few words, and where it came from."""

    method: str
    status: int
    reason: str
    source: SocketAddress


CallNotice = CallStarted | CallRinging | CallAnswered | CallBridged | CallEnded
Notice = (
    CallNotice
    | CallFaulted
    | NoticePlayed
    | NoticeFailed
    | RecordingFailed
    | RegistrationChanged
    | TrunkChanged
    | RequestRefused
)
