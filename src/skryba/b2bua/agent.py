"""Agent: the one front door of the calls — bytes and time go in, commands and notices come out.

May not know sockets, ports, clocks or files. A bug in one call ends that call; the others do not notice.
"""

import zlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

from skryba.b2bua.admission import Admission
from skryba.b2bua.call import Call
from skryba.b2bua.commands import Command, MediaCommand, PromptEvidence, Transmit
from skryba.b2bua.desk import Desk
from skryba.b2bua.notices import CallFaulted, Notice, NoticePlayed
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.registrar import Registrar
from skryba.b2bua.routing import Routing
from skryba.b2bua.settings import Settings
from skryba.b2bua.snapshot import CallSnapshot, ContactSnapshot, TrunkSnapshot
from skryba.b2bua.surroundings import Surroundings
from skryba.b2bua.switchboard import DialogOwner, Owner, Switchboard
from skryba.b2bua.trunk import Trunk
from skryba.policy.model import CallFacts, Decision
from skryba.sip.digest import Authenticator
from skryba.sip.events import (
    AckReceived,
    CancelReceived,
    Event,
    Flow,
    MalformedReceived,
    RequestReceived,
    ResponseReceived,
    TransactionFailed,
)
from skryba.sip.stack import Stack
from skryba.terms import Side, SocketAddress


class Agent:
    """Call a method, then carry out `commands()` until there are none, read `notices()`, wait for `next_timeout()`.

    `token` gives unguessable text for tags and Call-IDs, `new_id` ids of calls and recordings, `prompts` the
    (prompt, language) pairs that can be played.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        stack: Stack,
        policy: Callable[[CallFacts], Decision],
        token: Callable[[], str],
        new_id: Callable[[], str],
        authenticator: Authenticator,
        prompts: Collection[tuple[str, str]],
    ) -> None:
        self._stack = stack
        self._token = token
        self._commands: list[MediaCommand] = []
        self._notices: list[Notice] = []
        self._calls: dict[str, Call] = {}
        self._clock: tuple[float, datetime] | None = None
        self._board = Switchboard(stack, settings)
        self.registrar = Registrar(settings, self._notices.append)
        self._trunks = {
            trunk.id: Trunk(settings, trunk, self._board, token, self._notices.append) for trunk in settings.trunks
        }
        self._around = around = Surroundings(
            settings=settings,
            board=self._board,
            routing=Routing(settings, self.registrar, self._trunks),
            token=token,
            session_id=lambda: str(zlib.crc32(token().encode())),
            emit=self._commands.append,
            tell=self._notices.append,
            at=self._at,
            prompts=prompts,
            released=self._released,
        )
        self._desk = Desk(
            around, Admission(settings, authenticator), self.registrar, self._calls, self._begin, policy, new_id
        )

    # --- what comes in ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float, at: datetime) -> None:
        """One whole SIP message."""
        self._clock = (now, at)
        self._stack.receive(data, flow, now)
        self._digest(now)

    def handle_timeout(self, now: float, at: datetime) -> None:
        """Call when `next_timeout()` has come; early or late calls do no harm."""
        self._clock = (now, at)
        self._stack.handle_timeout(now)
        self._digest(now)
        for line, name in self._board.alarms.due(now):
            self._guard(line.owner, partial(line.alarm, name, now), now)
        self.registrar.handle_timeout(now)
        self._digest(now)

    def transport_failed(self, flow: Flow, now: float) -> None:
        """The way to that peer is gone."""
        self._stack.transport_failed(flow, now)
        self.registrar.flow_failed(flow, now)
        self._digest(now)

    def start_trunks(self, now: float) -> None:
        """Register and probe from now on."""
        for trunk in self._trunks.values():
            trunk.start(now)
        self._digest(now)

    def drain(self, now: float) -> None:
        """No new calls: INVITE and OPTIONS outside a dialog are answered 503. Emergency calls still pass."""
        self._desk.draining = True

    def hang_up(self, call_id: str, reason: str, now: float) -> None:
        """End this call; an unknown id is ignored."""
        self._on_call(call_id, lambda call: call.hang_up(reason, now), now)

    # --- what the world answers -------------------------------------------------------------------------------------

    def media_opened(self, call_id: str, ports: Mapping[Side, SocketAddress], now: float) -> None:
        """Answer to OpenMedia: the RTP address that faces each party, as that party shall see it."""
        self._on_call(call_id, lambda call: call.media_opened(ports, now), now)

    def media_failed(self, call_id: str, reason: str, now: float) -> None:
        """Answer to OpenMedia: there are no ports."""
        self._on_call(call_id, lambda call: call.media_failed(reason, now), now)

    def prompt_finished(self, call_id: str, side: Side, evidence: PromptEvidence, now: float) -> None:
        """One side heard the prompt, or a part of it (`evidence.completed`); may come after the call has ended."""
        if call_id not in self._calls:
            self._notices.append(NoticePlayed(call_id, side, evidence))
        self._on_call(call_id, lambda call: call.prompt_finished(side, evidence, now), now)

    def prompt_failed(self, call_id: str, reason: str, now: float) -> None:
        """The prompt cannot be played to any side: the call goes on unrecorded."""
        self._on_call(call_id, lambda call: call.prompt_failed(reason, now), now)

    def media_silent(self, call_id: str, side: Side, now: float) -> None:
        """No packet from that side for the configured time; repeat at least every 10 s while it lasts."""
        self._on_call(call_id, lambda call: call.media_silent(side, now), now)

    def recorder_changed(self, unrecordable: str, now: float, *, running: bool = True) -> None:
        """Why nothing new can be recorded just now, empty when it can. Calls that must be recorded end (rule C17).

        `running`: neither can what has begun. Without it only new calls are concerned.
        """
        self._around.unrecordable = unrecordable
        if unrecordable and running:
            for call_id in list(self._calls):
                self._on_call(call_id, lambda call: call.recording_failed(now), now)

    def recording_refused(self, recording: str, reason: str, now: float) -> None:
        """The recorder cannot record this one; an unknown one is ignored."""
        call_id = next((call.id for call in self._calls.values() if call.recording == recording), "")
        self._on_call(call_id, lambda call: call.recording_refused(reason, now), now)

    # --- what comes out ---------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, or None."""
        due = (self._stack.next_timeout(), self._board.alarms.next_timeout(), self.registrar.next_timeout())
        return min((when for when in due if when is not None), default=None)

    def commands(self) -> list[Command]:
        """Drain. Media comes before messages: a port is aimed before the answer that names it leaves."""
        drained: list[Command] = list(self._commands)
        self._commands.clear()
        drained += [Transmit(send.flow, send.data) for send in self._stack.sends()]
        return drained

    def notices(self) -> list[Notice]:
        """Drain."""
        drained = list(self._notices)
        self._notices.clear()
        return drained

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def calls(self) -> list[CallSnapshot]:
        """All calls, those that are ending included."""
        return [call.snapshot() for call in self._calls.values()]

    @property
    def trunks(self) -> list[TrunkSnapshot]:
        return [trunk.snapshot() for trunk in self._trunks.values()]

    def registrations(self, now: float) -> dict[str, tuple[ContactSnapshot, ...]]:
        """Registered stations and their contacts."""
        return self.registrar.stations(now)

    @property
    def draining(self) -> bool:
        return self._desk.draining

    @property
    def held(self) -> dict[str, int]:
        """What the switchboard holds; all zero but for trunks when no call is in progress."""
        return {
            "calls": len(self._calls),
            "dialogs": len(self._board.dialogs),
            "client_transactions": len(self._board.clients),
            "server_transactions": len(self._board.servers),
            "alarms": len(self._board.alarms),
        }

    # --- one event after another ------------------------------------------------------------------------------------

    def _digest(self, now: float) -> None:
        while events := self._stack.events():
            for event in events:
                self._take(event, now)

    def _take(self, event: Event, now: float) -> None:
        board = self._board
        match event:
            case RequestReceived():
                self._requested(event, now)
            case AckReceived(request, flow):
                tag = request.to.tag or ""
                if (owner := board.dialogs.get((request.call_id, tag))) is not None:
                    self._guard(owner, lambda: owner.receive_ack(tag, request, flow, now), now)
            case CancelReceived(key, request):
                if (caller := board.servers.get(key)) is not None:
                    self._guard(caller, lambda: caller.receive_cancel(key, request, now), now)
            case ResponseReceived(response, client, flow):
                if (line := board.clients.get(client)) is not None:
                    asker = line.owner
                    self._guard(asker, lambda: asker.receive_response(client, response, flow, now), now)
            case TransactionFailed(client, kind):
                if (line := board.clients.get(client)) is not None:
                    asker = line.owner
                    self._guard(asker, lambda: asker.transaction_failed(client, kind, now), now)
            case MalformedReceived():
                pass  # answered and counted by the stack
            case _:
                assert_never(event)

    def _requested(self, event: RequestReceived, now: float) -> None:
        request, key, flow = event.request, event.transaction, event.flow
        tag = request.to.tag
        if tag is None:
            try:
                self._desk.receive(request, key, flow, now)
            except Exception as error:  # one request must not end the others
                self._faulted("", error)
                self._stack.respond(key, Refusal(500).respond(request, self._token()), now)
            return
        owner: DialogOwner | None = self._board.dialogs.get((request.call_id, tag))
        if owner is None:
            self._stack.respond(key, Refusal(481).respond(request, self._token()), now)
            return
        self._guard(owner, lambda: owner.receive_request(tag, request, key, flow, now), now)

    def _on_call(self, call_id: str, change: Callable[[Call], None], now: float) -> None:
        call = self._calls.get(call_id)
        if call is not None:
            self._guard(call, lambda: change(call), now)
            self._digest(now)

    def _guard(self, owner: Owner | None, step: Callable[[], None], now: float) -> None:
        """A bug met on the way ends this call with 500, and no other."""
        try:
            step()
        except Exception as error:
            self._faulted(owner.id if isinstance(owner, Call) else "", error)
            if isinstance(owner, Call):
                self._end_faulty(owner, now)

    def _end_faulty(self, call: Call, now: float) -> None:
        try:
            call.fail(now)
        except Exception as error:
            self._faulted(call.id, error)
            call.abandon()

    def _faulted(self, call_id: str, error: Exception) -> None:
        self._notices.append(CallFaulted(call_id, f"{type(error).__name__}: {error}"))

    def _begin(self, call: Call, now: float) -> None:
        self._calls[call.id] = call
        self._guard(call, lambda: call.start(now), now)

    def _released(self, call_id: str) -> None:
        self._calls.pop(call_id, None)

    def _at(self, now: float) -> datetime:
        """The wall clock at `now`, from the last time both were told."""
        assert self._clock is not None  # no call exists before the first message
        then, at = self._clock
        return at + timedelta(seconds=now - then)
