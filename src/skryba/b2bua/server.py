"""The calls' shell: one turn at a time — change, carry out the commands, tell the observers, set the one timer.

Holds no rule of SIP: no status code, no timer value, no header name.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from skryba import clock
from skryba.b2bua.agent import Agent
from skryba.b2bua.commands import PromptEvidence, Transmit
from skryba.b2bua.notices import Notice
from skryba.b2bua.patchbay import Patchbay, Prompt
from skryba.media.engine import MediaEngine
from skryba.media.stats import StreamStats
from skryba.recorder.link import RecorderLink
from skryba.sip.events import Flow
from skryba.sip.transport import Transport
from skryba.terms import Side, SocketAddress

_SILENCE_BEAT = 1.0  # seconds between two looks at streams that fell silent


class Server:
    """Joins the core to sockets, engine and recorder. All methods belong to the loop's thread.

    `observers` hear each notice, in order; one that raises is a bug: `on_fault` hears it,
    the calls go on.
    """

    def __init__(
        self,
        *,
        agent: Agent,
        transport: Transport,
        engine: MediaEngine,
        recorder: RecorderLink | None,
        prompts: Callable[[str, str], Prompt | None],
        observers: Sequence[Callable[[Notice], None]],
        on_fault: Callable[[str, BaseException], None],
        silence_limit: float,
        latch_window: float = 5.0,
        advertise: str | None = None,
        on_stream_ended: Callable[[StreamStats], None] = lambda stats: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._agent = agent
        self._transport = transport
        self._observers = observers
        self._on_fault = on_fault
        self._silence_limit = silence_limit
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._turning = False
        self.patchbay = Patchbay(
            engine=engine,
            recorder=recorder,
            prompts=prompts,
            core=self,
            later=self._loop.call_later,
            now_ns=clock.now_ns,
            at=clock.at,
            latch_window=latch_window,
            advertise=advertise,
            on_stream_ended=on_stream_ended,
        )

    def start(self) -> None:
        """Registers with the trunks, asks whether they live, begins to watch for silence."""
        self._turn(lambda: self._agent.start_trunks(clock.now()))
        self._beat = self._loop.call_later(_SILENCE_BEAT, self._look_for_silence)

    def stop(self) -> None:
        for handle in (self._timer, self._beat):
            if handle is not None:
                handle.cancel()

    # --- what comes in ---------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow) -> None:
        self._turn(lambda: self._agent.receive(data, flow, clock.now(), clock.at()))

    def transport_failed(self, flow: Flow) -> None:
        self._turn(lambda: self._agent.transport_failed(flow, clock.now()))

    def drain(self) -> None:
        self._turn(lambda: self._agent.drain(clock.now()))

    def recorder_changed(self, unrecordable: str, *, running: bool) -> None:
        self._turn(lambda: self._agent.recorder_changed(unrecordable, clock.now(), running=running))

    def recording_refused(self, recording: str, reason: str) -> None:
        self._turn(lambda: self._agent.recording_refused(recording, reason, clock.now()))

    def hang_up(self, call: str, reason: str) -> None:
        self._turn(lambda: self._agent.hang_up(call, reason, clock.now()))

    # --- what the media answers (patchbay.Core) ----------------------------------------------------------------------

    def media_opened(self, call: str, addresses: Mapping[Side, SocketAddress]) -> None:
        self._turn(lambda: self._agent.media_opened(call, addresses, clock.now()))

    def media_failed(self, call: str, reason: str) -> None:
        self._turn(lambda: self._agent.media_failed(call, reason, clock.now()))

    def prompt_finished(self, call: str, side: Side, evidence: PromptEvidence) -> None:
        self._turn(lambda: self._agent.prompt_finished(call, side, evidence, clock.now()))

    def prompt_failed(self, call: str, reason: str) -> None:
        self._turn(lambda: self._agent.prompt_failed(call, reason, clock.now()))

    # --- the turn ----------------------------------------------------------------------------------------------------

    def _turn(self, change: Callable[[], None]) -> None:
        """One change, then all commands, all notices, the timer. A change made by a command joins its turn."""
        try:
            change()
        except Exception as error:  # the core ends a faulty call by itself; what arrives here is a bug of the house
            self._on_fault("turn", error)
        if self._turning:
            return
        self._turning = True
        try:
            self._drain_commands()
            self._tell()
        finally:
            self._turning = False
        self._set_timer()

    def _drain_commands(self) -> None:
        while commands := self._agent.commands():
            for command in commands:
                try:
                    if isinstance(command, Transmit):
                        self._transport.send(command.flow, command.data)
                    else:
                        self.patchbay.carry_out(command)
                except Exception as error:
                    self._on_fault(type(command).__name__, error)

    def _tell(self) -> None:
        for notice in self._agent.notices():
            for observer in self._observers:
                try:
                    observer(notice)
                except Exception as error:
                    self._on_fault(type(notice).__name__, error)

    def _set_timer(self) -> None:
        due = self._agent.next_timeout()
        if self._timer is not None:
            if due is not None and self._timer.when() <= due and not self._timer.cancelled():
                return  # it will ring early enough, look again, and be set anew
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._turn(lambda: self._agent.handle_timeout(clock.now(), clock.at()))

    def _look_for_silence(self) -> None:
        self._beat = self._loop.call_later(_SILENCE_BEAT, self._look_for_silence)
        for call, side, seconds in self.patchbay.silences():
            if self._silence_limit and seconds >= self._silence_limit:
                self._turn(lambda call=call, side=side: self._agent.media_silent(call, side, clock.now()))  # type: ignore[misc]
