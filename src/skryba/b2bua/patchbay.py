"""The media of all calls in progress: which port faces which party, what is patched to what, what is forked where.

Carries out the core's media commands on the engine and the recorder's link. Holds no rule of SIP or of policy.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Protocol, assert_never

from skryba.b2bua.commands import (
    AimStream,
    Bridge,
    ChangeFormats,
    CloseMedia,
    MarkRecording,
    MediaCommand,
    OpenMedia,
    PlayPrompt,
    PromptEvidence,
    StartRecording,
    StopPrompt,
    StopRecording,
    Unbridge,
)
from skryba.errors import ResourceError
from skryba.media.engine import DtmfSeen, Latched, MediaEngine, MediaEvent, Port, PromptFinished
from skryba.media.prompt import PromptAudio
from skryba.media.stats import StreamStats
from skryba.recorder.link import RecorderLink
from skryba.terms import Channel, Side, SocketAddress, Termination

PatchCommand = (
    AimStream | Bridge | Unbridge | StopPrompt | StartRecording | MarkRecording | ChangeFormats | StopRecording
)

LATE_PACKETS = 0.2  # seconds that the ports of a recorded call stay open after its end, for packets on their way


class Prompt(Protocol):
    """What the patch-bay needs of an announcement."""

    @property
    def version(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def audio(self) -> Mapping[str, PromptAudio]: ...


class Core(Protocol):
    """To whom the media answers; the server passes each word on as one turn."""

    def media_opened(self, call: str, addresses: Mapping[Side, SocketAddress]) -> None: ...
    def media_failed(self, call: str, reason: str) -> None: ...
    def prompt_finished(self, call: str, side: Side, evidence: PromptEvidence) -> None: ...
    def prompt_failed(self, call: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Playing:
    call: str
    side: Side
    prompt: str
    language: str
    version: str
    sha256: str


@dataclass(slots=True)
class _Patch:
    """One call's media. `slot` is set while packets are forked."""

    ports: dict[Side, Port]
    channels: Mapping[Side, Channel] = field(default_factory=dict)
    slot: int | None = None
    closing: bool = False


class Patchbay:
    """`carry_out` one command after another; `engine_event` for what the engine reports.

    `recorder` is None where nothing is recorded: the calls go on. `later` runs a callback after so many seconds.
    `advertise` is the host that peers are told instead of the bound one; `on_stream_ended` hears a port's last counts.
    """

    def __init__(
        self,
        *,
        engine: MediaEngine,
        recorder: RecorderLink | None,
        prompts: Callable[[str, str], Prompt | None],
        core: Core,
        later: Callable[[float, Callable[[], None]], object],
        now_ns: Callable[[], int],
        at: Callable[[], datetime],
        latch_window: float = 5.0,
        advertise: str | None = None,
        on_stream_ended: Callable[[StreamStats], None] = lambda stats: None,
    ) -> None:
        self._latch_window = latch_window
        self._advertise = advertise
        self._on_stream_ended = on_stream_ended
        self._engine = engine
        self._recorder = recorder
        self._prompts = prompts
        self._core = core
        self._later = later
        self._now_ns = now_ns
        self._at = at
        self._patches: dict[str, _Patch] = {}
        self._by_row: dict[int, tuple[str, Side]] = {}
        self._playing: dict[int, _Playing] = {}
        self._slots = 0
        self._plays = 0

    # --- the core's commands -------------------------------------------------------------------------------------

    def carry_out(self, command: MediaCommand) -> None:
        """A command for a call whose media are closed is ignored, but for those that are owed an answer."""
        match command:
            case OpenMedia():
                self._open(command)
            case PlayPrompt():
                self._play(command)
            case CloseMedia():
                self._close(command.call)
            case _:
                if (patch := self._patches.get(command.call)) is not None:
                    self._on_patch(patch, command)

    def _on_patch(self, patch: _Patch, command: PatchCommand) -> None:
        match command:
            case AimStream():
                self._aim(patch, command)
            case Bridge():
                self._bridge(patch, command)
            case Unbridge():
                self._engine.unbridge(patch.ports[Side.CALLER].row, patch.ports[Side.CALLEE].row)
            case StopPrompt():
                for port in patch.ports.values():
                    self._engine.stop_play(port.row)
            case StartRecording():
                self._start_recording(patch, command)
            case ChangeFormats() | MarkRecording() | StopRecording():
                self._on_recording(patch, command)
            case _:
                assert_never(command)

    def _open(self, command: OpenMedia) -> None:
        ports: dict[Side, Port] = {}
        try:
            caller = ports[Side.CALLER] = self._engine.open()
            ports[Side.CALLEE] = self._engine.open(beside=caller.row)
        except ResourceError as error:
            for port in ports.values():
                self._engine.close(port.row)
            self._core.media_failed(command.call, str(error))
            return
        self._patches[command.call] = _Patch(ports)
        for side, port in ports.items():
            self._by_row[port.row] = (command.call, side)
        addresses = {side: self._advertised(port.address) for side, port in ports.items()}
        self._core.media_opened(command.call, addresses)

    def _advertised(self, address: SocketAddress) -> SocketAddress:
        return SocketAddress(self._advertise, address.port) if self._advertise else address

    def _aim(self, patch: _Patch, command: AimStream) -> None:
        audio = command.audio
        self._engine.aim(
            patch.ports[command.side].row,
            remote=audio.remote,
            remote_rtcp=audio.remote_rtcp,
            accept=command.accept,
            dtmf_pt=audio.dtmf_pt,
            window=self._latch_window,
        )

    def _bridge(self, patch: _Patch, command: Bridge) -> None:
        self._engine.bridge(
            patch.ports[Side.CALLER].row,
            patch.ports[Side.CALLEE].row,
            a_to_b=command.caller_to_callee,
            b_to_a=command.callee_to_caller,
            pt_map_ab=command.caller_to_callee_map,
            pt_map_ba=command.callee_to_caller_map,
        )

    def _play(self, command: PlayPrompt) -> None:
        patch = self._patches.get(command.call)
        prompt = self._prompts(command.prompt, command.language)
        if patch is None or prompt is None:
            missing = f"no prompt {command.prompt!r} in {command.language!r}" if patch else "media are closed"
            self._core.prompt_failed(command.call, missing)
            return
        silent = [codec for codec in command.codecs.values() if codec.encoding not in prompt.audio]
        if silent:
            self._core.prompt_failed(command.call, f"prompt {command.prompt!r} has no {silent[0]} form")
            return
        for side in command.sides:
            self._plays += 1
            self._playing[self._plays] = _Playing(
                command.call, side, command.prompt, command.language, prompt.version, prompt.sha256
            )
            codec = command.codecs[side]
            self._engine.play(
                patch.ports[side].row,
                prompt.audio[codec.encoding],
                payload_type=codec.payload_type,
                play_id=self._plays,
            )

    def _start_recording(self, patch: _Patch, command: StartRecording) -> None:
        if self._recorder is None or patch.slot is not None:
            return
        self._slots += 1
        patch.slot, patch.channels = self._slots, command.channels
        self._recorder.start(
            slot=patch.slot,
            recording=command.recording,
            formats={command.channels[side]: formats for side, formats in command.formats.items()},
            manifest=command.facts,
            from_ns=self._now_ns(),
        )
        for side, channel in command.channels.items():
            self._engine.fork(patch.ports[side].row, slot=patch.slot, channel=channel)

    def _on_recording(self, patch: _Patch, command: ChangeFormats | MarkRecording | StopRecording) -> None:
        if patch.slot is None or self._recorder is None:
            return
        match command:
            case ChangeFormats(_, side, formats):
                self._recorder.formats(patch.slot, patch.channels[side], formats, at_ns=self._now_ns())
            case MarkRecording(_, kind, side, note):
                channel = patch.channels[side] if side else None
                self._recorder.mark(patch.slot, kind, channel=channel, at_ns=self._now_ns(), note=note)
            case StopRecording(_, termination):
                self._stop_recording(patch, patch.slot, self._recorder, termination)
            case _:
                assert_never(command)

    def _stop_recording(self, patch: _Patch, slot: int, recorder: RecorderLink, termination: Termination) -> None:
        at_ns, ended_at = self._now_ns(), self._at().isoformat()

        def stop() -> None:
            patch.slot = None
            for port in patch.ports.values():
                self._engine.unfork(port.row)
            recorder.stop(
                slot,
                at_ns=at_ns,
                until_ns=at_ns + int(LATE_PACKETS * 1e9),
                drain=self._engine.heads(),
                termination=asdict(termination),
                ended_at=ended_at,
            )
            if patch.closing:
                self._release(patch)

        self._later(LATE_PACKETS, stop)

    def _close(self, call: str) -> None:
        patch = self._patches.pop(call, None)
        if patch is None:
            return
        for port in patch.ports.values():
            self._engine.stop_play(port.row)
        patch.closing = True
        if patch.slot is None:
            self._release(patch)

    def _release(self, patch: _Patch) -> None:
        for port in patch.ports.values():
            self._by_row.pop(port.row, None)
            self._on_stream_ended(self._engine.stats(port.row))
            self._engine.close(port.row)

    # --- the engine's events -------------------------------------------------------------------------------------

    def engine_event(self, event: MediaEvent) -> None:
        match event:
            case PromptFinished():
                self._prompt_finished(event)
            case DtmfSeen():
                self._dtmf_seen(event)
            case Latched():
                pass
            case _:
                assert_never(event)

    def _prompt_finished(self, event: PromptFinished) -> None:
        playing = self._playing.pop(event.play_id, None)
        if playing is None:
            return
        evidence = PromptEvidence(
            playing.prompt,
            playing.version,
            playing.language,
            playing.sha256,
            event.started_ns,
            event.ended_ns,
            event.completed,
        )
        self._core.prompt_finished(playing.call, playing.side, evidence)

    def _dtmf_seen(self, event: DtmfSeen) -> None:
        """That a digit was pressed, and by whom; never which."""
        call, side = self._by_row.get(event.row, ("", Side.CALLER))
        if call:
            self.carry_out(MarkRecording(call, "dtmf", side, {"duration": event.duration}))

    # --- looking ---------------------------------------------------------------------------------------------------

    def silences(self) -> list[tuple[str, Side, float]]:
        """(call, side, seconds since that side's last packet) of all calls with open media."""
        now = self._now_ns()
        return [
            (call, side, self._engine.idle_for(port.row, now))
            for call, patch in self._patches.items()
            for side, port in patch.ports.items()
        ]

    def __len__(self) -> int:
        return len(self._patches)
