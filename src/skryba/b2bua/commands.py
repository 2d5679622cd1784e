"""Commands: what the core asks of the world. The server carries them out in the order they are drained.

May not know who carries them out, nor how.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skryba.sdp.description import RtpMap
from skryba.sdp.negotiation import NegotiatedAudio
from skryba.sip.events import Flow
from skryba.terms import Channel, Side, Termination


@dataclass(frozen=True, slots=True)
class PromptEvidence:
    """What one party was told and when; times are CLOCK_MONOTONIC nanoseconds of the media engine."""

    prompt: str
    version: str
    language: str
    sha256: str
    started_ns: int
    ended_ns: int
    completed: bool


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send these bytes by this flow."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Lend the call two port pairs; answer in the same turn by `Agent.media_opened` or `Agent.media_failed`.

    `hosts` names the peer's signalling host per side, so that a machine with several addresses picks the right one.
    """

    call: str
    hosts: Mapping[Side, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AimStream:
    """Where that party's media goes to and may come from; re-arms the latch. `accept` lists hosts."""

    call: str
    side: Side
    audio: NegotiatedAudio
    accept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bridge:
    """Put the two streams back to back. A repeated Bridge replaces the maps; maps hold only numbers that differ."""

    call: str
    caller_to_callee: bool = True
    callee_to_caller: bool = True
    caller_to_callee_map: Mapping[int, int] = field(default_factory=dict)
    callee_to_caller_map: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unbridge:
    """Neither party hears the other from now on."""

    call: str


@dataclass(frozen=True, slots=True)
class PlayPrompt:
    """Play to each side once; answer by `Agent.prompt_finished` per side, or one `Agent.prompt_failed`."""

    call: str
    sides: tuple[Side, ...]
    prompt: str
    language: str
    codecs: Mapping[Side, RtpMap]


@dataclass(frozen=True, slots=True)
class StopPrompt:
    """Fall silent; what was played so far is still reported by `Agent.prompt_finished` (completed=False)."""

    call: str


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Fork both streams to the recorder under this recording id. `facts` is JSON-ready (manifest, static part)."""

    call: str
    recording: str
    channels: Mapping[Side, Channel]
    formats: Mapping[Side, Mapping[int, str]]
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MarkRecording:
    """A named moment: hold, resume, reinvite, notice. `side` is the party that caused it."""

    call: str
    kind: str
    side: Side | None = None
    note: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeFormats:
    """That party's stream may carry other payload types from now on."""

    call: str
    side: Side
    formats: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class StopRecording:
    """No more packets after the usual 200 ms of lateness; seal."""

    call: str
    termination: Termination


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """Give the ports back (after the lateness of a recording, if there is one). Nothing of the call follows it."""

    call: str


MediaCommand = (
    OpenMedia
    | AimStream
    | Bridge
    | Unbridge
    | PlayPrompt
    | StopPrompt
    | StartRecording
    | MarkRecording
    | ChangeFormats
    | StopRecording
    | CloseMedia
)
Command = Transmit | MediaCommand
