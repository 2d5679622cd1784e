"""Streams: the media side of one call, asked of the world by commands: two ports, where they aim, what is bridged.

May not know SIP. Each command is emitted only when it changes something.
"""

from collections.abc import Callable, Mapping

from skryba.b2bua.commands import (
    AimStream,
    Bridge,
    CloseMedia,
    MediaCommand,
    OpenMedia,
    PlayPrompt,
    StopPrompt,
    Unbridge,
)
from skryba.b2bua.leg import Leg
from skryba.policy.model import Notice
from skryba.sdp.description import RtpMap, SessionDescription
from skryba.sdp.negotiation import NegotiatedAudio
from skryba.terms import Side, SocketAddress

_NOT_SOUND = frozenset({"telephone-event", "CN"})


class Streams:
    """`emit` takes a command; ports come back by `opened`."""

    __slots__ = ("_aimed", "_bridged", "_call", "_emit", "_open", "_playing", "_ports")

    def __init__(self, call: str, emit: Callable[[MediaCommand], None]) -> None:
        self._call = call
        self._emit = emit
        self._ports: Mapping[Side, SocketAddress] | None = None
        self._aimed: dict[Side, tuple[NegotiatedAudio, str]] = {}
        self._bridged: Bridge | None = None
        self._playing = False
        self._open = False

    @property
    def anchored(self) -> bool:
        """Does media pass through us? False only where an emergency call found no ports."""
        return self._ports is not None

    @property
    def is_open(self) -> bool:
        """Does the world owe us ports, or we it their return?"""
        return self._open

    def at(self, side: Side) -> SocketAddress | None:
        """Our media address toward that party."""
        return self._ports[side] if self._ports is not None else None

    def open(self, hosts: Mapping[Side, str]) -> None:
        """Ask for ports."""
        self._open = True
        self._emit(OpenMedia(self._call, hosts))

    def opened(self, ports: Mapping[Side, SocketAddress]) -> None:
        """The world lends these."""
        self._ports = dict(ports)

    def failed(self) -> None:
        """The world has none."""
        self._open = False

    def aim(self, leg: Leg) -> None:
        """Follow what the last exchange on this leg agreed on."""
        audio = leg.session.audio
        if audio is None or self._ports is None:
            return
        if self._aimed.get(leg.side) == (audio, leg.flow.remote.host):
            return
        self._aimed[leg.side] = (audio, leg.flow.remote.host)
        self._emit(AimStream(self._call, leg.side, audio, _hosts(leg, audio)))

    def bridge(self, caller: Leg, callee: Leg) -> None:
        """Back to back; payload types that the legs number differently are mapped."""
        if self._ports is None:
            return
        bridge = Bridge(
            self._call,
            caller_to_callee_map=payload_type_map(caller, callee),
            callee_to_caller_map=payload_type_map(callee, caller),
        )
        if bridge != self._bridged:
            self._bridged = bridge
            self._emit(bridge)

    def unbridge(self) -> None:
        """Neither hears the other."""
        if self._bridged is not None:
            self._bridged = None
            self._emit(Unbridge(self._call))

    def play(self, notice: Notice, legs: Mapping[Side, Leg]) -> str:
        """Play to these parties; the text says why it cannot be, "" when it can."""
        if self._ports is None:
            return "media is not anchored"
        codecs = {}
        for side, leg in legs.items():
            codec = sound_codec(leg.session.local, leg.session.remote)
            if codec is None:
                return f"no codec toward the {side}"
            codecs[side] = codec
        self._playing = True
        self._emit(PlayPrompt(self._call, tuple(legs), notice.prompt, notice.language, codecs))
        return ""

    def played(self) -> None:
        """Nothing plays any more."""
        self._playing = False

    def hush(self) -> None:
        """Stop what plays."""
        if self._playing:
            self._playing = False
            self._emit(StopPrompt(self._call))

    def close(self) -> None:
        """Give the ports back."""
        self.hush()
        if self._open:
            self._open = False
            self._emit(CloseMedia(self._call))
        self._ports = None
        self._aimed = {}
        self._bridged = None


def formats_of(description: SessionDescription | None) -> dict[int, str]:
    """Payload type → "PCMU/8000" of the first open audio stream."""
    return {codec.payload_type: str(codec) for codec in codecs_of(description)}


def sound_codec(local: SessionDescription | None, remote: SessionDescription | None) -> RtpMap | None:
    """What we may send: their first codec that we named as well."""
    ours = {_name(codec) for codec in codecs_of(local)}
    for codec in codecs_of(remote):
        if codec.encoding not in _NOT_SOUND and _name(codec) in ours:
            return codec
    return None


def payload_type_map(source: Leg, sink: Leg) -> dict[int, int]:
    """Numbers to change on the way: the source was told one for a codec, the sink told us another."""
    wanted: dict[tuple[str, int, int], int] = {}
    for codec in codecs_of(sink.session.remote):
        wanted.setdefault(_name(codec), codec.payload_type)
    changes = {}
    for codec in codecs_of(source.session.local):
        number = wanted.get(_name(codec))
        if number is not None and number != codec.payload_type:
            changes[codec.payload_type] = number
    return changes


def codecs_of(description: SessionDescription | None) -> list[RtpMap]:
    """The codecs of the first open audio stream, in their order."""
    if description is None or description.plain_audio is None:
        return []
    return description.media[description.plain_audio].codecs()


def _name(codec: RtpMap) -> tuple[str, int, int]:
    return codec.encoding, codec.clock_rate, codec.channels


def _hosts(leg: Leg, audio: NegotiatedAudio) -> tuple[str, ...]:
    stated = audio.remote.host if audio.remote is not None else None
    hosts = [host for host in (stated, leg.flow.remote.host) if host]
    return tuple(dict.fromkeys(hosts))
