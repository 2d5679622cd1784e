"""Call: two legs and their common fate, from the INVITE to the last transaction. The steps stand in `states`.

May not know how a leg speaks SIP or how the world carries out a command.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from skryba.b2bua import passthrough
from skryba.b2bua.bodies import Part
from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.consent import Consent, When
from skryba.b2bua.dialling import NO_ANSWER
from skryba.b2bua.leg import Leg
from skryba.b2bua.notices import CallAnswered, CallBridged, CallEnded, CallRinging, CallStarted, NoticeFailed, NoticePlayed
from skryba.b2bua.outbound import OutboundInvite
from skryba.b2bua.parties import Parties
from skryba.b2bua.recording import Recording
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.reoffer import Reoffer, answer_late
from skryba.b2bua.routing import Route
from skryba.b2bua.signals import (
    Accepted,
    Acknowledged,
    Cancelled,
    Extras,
    HungUp,
    Informed,
    Lost,
    Progressed,
    Refused,
    Reoffered,
    ReofferAccepted,
    ReofferRefused,
    Signal,
)
from skryba.b2bua.snapshot import CallSnapshot, CallState, Timings
from skryba.b2bua.states import Step, after
from skryba.b2bua.streams import Streams, formats_of
from skryba.b2bua.surroundings import Surroundings
from skryba.b2bua.wishes import Wishes
from skryba.errors import NegotiationError
from skryba.policy.model import Decision
from skryba.sdp.description import SessionDescription
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.message import Request, Response
from skryba.terms import Direction, Result, Side, SocketAddress, Termination

_SILENCE_TOGETHER = 15.0  # seconds: both streams were reported silent within this time of each other


class Call:
    """One call. Its public methods are what can happen to it."""

    __slots__ = (
        "_around", "_early", "_extras", "_max_forwards", "_offer", "_parts", "_parties", "_reoffer", "_silent", "_wishes",
        "answered_at", "consent", "id", "line", "recording", "route", "started_at", "state", "streams", "timings",
    )  # fmt: skip

    def __init__(
        self,
        call_id: str,
        around: Surroundings,
        route: Route,
        decision: Decision,
        *,
        recording_id: str,
        request: Request,
        key: ServerKey,
        flow: Flow,
        offer: SessionDescription | None,
        parts: tuple[Part, ...],
        now: float,
    ) -> None:
        self.id = call_id
        self.route = route
        self.state = CallState.OFFERED
        self.line = around.board.line(self)
        self.consent = Consent(decision, route.direction)
        self.recording = Recording(call_id, recording_id, around.emit)
        self.streams = Streams(call_id, around.emit)
        self._wishes = Wishes(around.settings, self.consent)
        self.started_at = around.at(now)
        self.answered_at: datetime | None = None
        self.timings = Timings(now)
        self._around = around
        self._offer = offer
        self._parts = parts
        self._max_forwards = 70 if request.max_forwards is None else request.max_forwards - 1
        self._extras = passthrough.crossing(request, passthrough.INVITATION, around.settings.pass_headers)
        self._early: OutboundInvite | None = None
        self._reoffer = Reoffer(self.streams, self._wishes)
        self._silent: dict[Side, float] = {}
        roams = route.direction is not Direction.INBOUND
        self._parties = Parties(around, self.line, self, request=request, key=key, flow=flow, roams=roams)
        if offer is not None:
            self._parties.caller.session.offered(offer)

    # --- what the agent tells -------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Policy has decided; ask for ports unless there is nobody to call."""
        self._around.tell(CallStarted(self.snapshot()))
        self._parties.dialling.plan(self._around.routing.targets(self.route, now))
        if self._parties.dialling.exhausted:
            self._end(Termination(Result.UNANSWERED, "the callee cannot be reached", Side.CALLEE, 480), now)
            return
        self.streams.open({Side.CALLER: self.caller.flow.remote.host, Side.CALLEE: self._parties.dialling.first.flow.remote.host})

    def media_opened(self, ports: Mapping[Side, SocketAddress], now: float) -> None:
        """The world lends ports: go on."""
        if self.state is not CallState.OFFERED:
            return
        self.streams.opened(ports)
        self._proceed(now)

    def media_failed(self, reason: str, now: float) -> None:
        """No ports: an emergency call goes on without us in its media path, any other ends."""
        self.streams.failed()
        if self.state is not CallState.OFFERED:
            return
        if self.route.emergency:
            self._proceed(now)
            return
        self._end(Termination(Result.FAILED_HERE, reason, None, 503), now, extras=(('Retry-After', str(self._around.settings.retry_after)),))

    def prompt_finished(self, side: Side, evidence: PromptEvidence, now: float) -> None:
        """One party heard the notice, or part of it."""
        self._around.tell(NoticePlayed(self.id, side, evidence))
        if self.consent.finish(side, evidence) and self.state is CallState.ANNOUNCING:
            self._noticed(now)

    def prompt_failed(self, reason: str, now: float) -> None:
        """The notice cannot be played: the call goes on unrecorded (B7)."""
        if self.state is CallState.ANNOUNCING:
            self.consent.fail(reason)
            self._noticed(now)

    def media_silent(self, side: Side, now: float) -> None:
        """No packet of this party for the configured time; told again at least every ten seconds while it lasts."""
        self._silent[side] = now
        other = self._silent.get(side.other)
        if self.state is CallState.ACTIVE and other is not None and now - other <= _SILENCE_TOGETHER:
            self._end(Termination(Result.FAILED_THERE, "media silent on both sides"), now, cause=(408, "media silent"))

    def hang_up(self, reason: str, now: float) -> None:
        """An operator's or a shutdown's wish."""
        self._end(Termination(Result.FAILED_HERE, reason, None, 503), now, cause=(503, reason))

    def fail(self, now: float) -> None:
        """A bug of ours in this call: end it with 500, as far as that still works."""
        self._end(Termination(Result.FAILED_HERE, "internal error", None, 500), now, cause=(500, None))

    def abandon(self) -> None:
        """Ending it failed as well: leave nothing behind."""
        self.streams.close()
        self.state = CallState.ENDED
        self.line.close()
        self._around.released(self.id)

    # --- what the switchboard hands over ----------------------------------------------------------------------------

    def receive_request(self, tag: str, request: Request, key: ServerKey, flow: Flow, now: float) -> None:
        """A request within one of our dialogs; `tag` is our tag of it."""
        leg = self._parties.of_tag(tag)
        if leg is None:
            self._cross(self.caller, self._parties.inbound.receive_request(request, key, now), now)
        else:
            self._cross(leg, leg.receive_request(request, key, flow, now), now)

    def receive_ack(self, tag: str, request: Request, flow: Flow, now: float) -> None:
        """The ACK of a 2xx of ours."""
        if (leg := self._parties.of_tag(tag)) is not None:
            self._cross(leg, leg.receive_ack(request, now), now)

    def receive_cancel(self, key: ServerKey, request: Request, now: float) -> None:
        """The caller gives up."""
        self._cross(self.caller, self._parties.inbound.receive_cancel(request, now), now)

    def receive_response(self, key: ClientKey, response: Response, flow: Flow, now: float) -> None:
        """A response to a request of ours."""
        if (branch := self._parties.dialling.owner(key)) is not None:
            self._cross(branch.leg, branch.receive_response(key, response, now), now, branch)
        elif (leg := self._parties.sender(key)) is not None:
            self._cross(leg, leg.receive_response(key, response, now), now)

    def transaction_failed(self, key: ClientKey, kind: str, now: float) -> None:
        """A request of ours stays without a final response."""
        if (branch := self._parties.dialling.owner(key)) is not None:
            self._cross(branch.leg, branch.transaction_failed(kind), now, branch)
        elif (leg := self._parties.sender(key)) is not None:
            self._cross(leg, leg.transaction_failed(key, kind, now), now)

    def alarm(self, name: str, now: float) -> None:
        """A deadline of the call or of one of its legs."""
        number, dot, which = name.partition(".")
        if dot:
            self._leg_alarm(self._parties.numbered(int(number)), which, now)
            return
        match name:
            case "no-answer":
                self._refused(NO_ANSWER, now)
            case "prompt":
                self.prompt_failed("it did not end in time", now)
                self.streams.hush()
            case "duration":
                self._end(Termination(Result.COMPLETED, "maximum duration"), now, cause=(408, "maximum duration"))

    def _leg_alarm(self, leg: Leg | None, which: str, now: float) -> None:
        if leg is None:
            return
        match which:
            case "remind":
                self._parties.inbound.alarm(now)
            case _:
                self._cross(leg, leg.alarm(now), now)

    # --- signals of the legs ----------------------------------------------------------------------------------------

    def _cross(self, leg: Leg, signals: Sequence[Signal], now: float, branch: OutboundInvite | None = None) -> None:
        for signal in signals:
            self._take(leg, signal, now, branch)
        self._settle()

    def _take(self, leg: Leg, signal: Signal, now: float, branch: OutboundInvite | None) -> None:
        match signal:
            case Progressed():
                self._progressed(signal, branch or self._parties.dialling.branches[0], now)
            case Accepted():
                self._accepted(signal, branch or self._parties.dialling.branches[0], now)
            case Refused():
                self._branch_refused(signal, now)
            case Cancelled():
                self._end(Termination(Result.CANCELLED, "cancelled by the caller", Side.CALLER, 487), now)
            case Acknowledged():
                self._acknowledged(leg, signal, now)
            case Reoffered():
                self._reoffered(leg, signal, now)
            case ReofferAccepted():
                self._reoffer_accepted(leg, signal, now)
            case ReofferRefused():
                self._reoffer_refused(leg, signal, now)
            case Informed():
                if (other := self._parties.other(leg)) is not None:
                    other.inform(signal.content_type, signal.body, now)
            case HungUp():
                self._hung_up(leg, signal, now)
            case Lost():
                cause = (500, signal.reason)
                self._end(Termination(Result.FAILED_THERE, signal.reason, leg.side), now, cause=cause)
            case _:
                assert_never(signal)

    def _progressed(self, signal: Progressed, branch: OutboundInvite, now: float) -> None:
        if self.state not in (CallState.DIALLING, CallState.RINGING):
            return
        first = self.timings.ringing is None
        self._step(Step.RING)
        if first:
            self.timings = replace(self.timings, ringing=now)
            self._around.tell(CallRinging(self.snapshot()))
        description = signal.description
        if description is not None:
            self._early = self._early or branch
            if self._early is not branch:
                description = None  # one early stream at a time: the first that came
        fork = f"{branch.leg.number}.{signal.fork}"
        if self._parties.inbound.open:
            greeted = self.caller.session.local is not None and self.consent.first
            face = None
            if description is not None and not greeted:
                face = self._face_to_caller(description)
            status = 180 if description is None and signal.status == 183 else signal.status
            self._parties.inbound.progress(status, face, "" if greeted else fork, signal.extras, now)
        if description is not None:
            self._join(branch.leg)

    def _accepted(self, signal: Accepted, branch: OutboundInvite, now: float) -> None:
        if self.state not in (CallState.DIALLING, CallState.RINGING):
            branch.leg.acknowledge(None)  # nobody waits for it any more
            branch.leg.hang_up((), now)
            return
        self._parties.dialling.won(branch, now)
        self.line.clear_alarm("no-answer")
        self._step(Step.ANSWER)
        self.timings = replace(self.timings, answered=now)
        self.answered_at = self._around.at(now)
        self.line.set_alarm("duration", now + self._around.settings.limits.max_duration)
        if self._parties.inbound.open:
            self._answer_caller(signal, branch, now)
        self._around.tell(CallAnswered(self.snapshot()))
        if not branch.leg.late and self.state is CallState.ANSWERED:
            self._connect(now)

    def _answer_caller(self, signal: Accepted, branch: OutboundInvite, now: float) -> None:
        face = None
        fork = ""
        if not (self.consent.first and self.caller.session.local is not None):
            fork = f"{branch.leg.number}.{signal.fork}"
            description = signal.description or branch.leg.session.remote
            if description is not None:
                face = self._face_to_caller(description)
        try:
            self._parties.inbound.accept(face, fork, signal.extras, now)
        except NegotiationError as error:
            self._end(Termination(Result.FAILED_THERE, str(error), Side.CALLEE, 488), now, cause=(488, None))

    def _face_to_caller(self, description: SessionDescription) -> SessionDescription:
        at = self.streams.at(Side.CALLER)
        return self.caller.session.face(description, at, self._wishes.keep(description))

    def _acknowledged(self, leg: Leg, signal: Acknowledged, now: float) -> None:
        if signal.answer is None:
            return
        if leg is self._reoffer.origin:
            if (origin := self._reoffer.acknowledged(leg, signal.answer)) is not None:
                self._media_changed(origin, now)
            return
        self.streams.aim(leg)
        callee = self.callee
        if callee is None:
            if self.state is CallState.OFFERED:
                self._announce(now)
        elif callee.late:
            answer_late(callee, callee.session.face(signal.answer, self.streams.at(Side.CALLEE)))
            self._connect(now)

    def _branch_refused(self, signal: Refused, now: float) -> None:
        if self.state not in (CallState.DIALLING, CallState.RINGING):
            return
        best = self._parties.dialling.refused(signal, persistent=self.route.emergency and signal.status < 600)
        if best is not None:
            self._refused(best, now)
        elif not self._parties.dialling.ringing:
            self._early = None
            self._dial(now)

    def _refused(self, best: Refused, now: float) -> None:
        status = passthrough.refusal(best.status)
        timed_out = best is NO_ANSWER or best.status == 408
        result = Result.UNANSWERED if timed_out else Result.REFUSED if best.status != 503 else Result.FAILED_THERE
        termination = Termination(result, best.reason or "refused", Side.CALLEE, status)
        self._end(termination, now, extras=best.extras, cause=(status, best.reason))

    def _hung_up(self, leg: Leg, signal: HungUp, now: float) -> None:
        if self.timings.answered is None:
            self._end(Termination(Result.CANCELLED, "the caller hung up before the answer", leg.side, 487), now)
        else:
            self._end(Termination(Result.COMPLETED, f"the {leg.side} hung up", leg.side), now, farewell=signal.extras)

    # --- re-INVITE ----------------------------------------------------------------------------------------------------

    def _reoffered(self, leg: Leg, signal: Reoffered, now: float) -> None:
        other = self._parties.other(leg)
        if other is None:
            self._reoffer.answer_here(leg, signal, now)
        else:
            self._reoffer.carry(leg, other, signal, now)

    def _reoffer_accepted(self, leg: Leg, signal: ReofferAccepted, now: float) -> None:
        try:
            origin = self._reoffer.accepted(leg, signal, now)
        except NegotiationError as error:
            self._end(Termination(Result.FAILED_THERE, str(error), leg.side), now, cause=(488, None))
            return
        if origin is not None:
            self._media_changed(origin, now)

    def _reoffer_refused(self, leg: Leg, signal: ReofferRefused, now: float) -> None:
        self._reoffer.refused(signal, now)
        if signal.fatal:
            self._end(Termination(Result.FAILED_THERE, f"re-INVITE: {signal.reason}", leg.side), now, cause=(408, None))

    def _media_changed(self, origin: Leg, now: float) -> None:
        """An exchange after the first is complete: follow it, and mark it in the recording."""
        callee = self.callee
        if callee is None:
            return
        self._silent.clear()
        for leg in (self.caller, callee):
            self.streams.aim(leg)
            self.recording.change(leg.side, formats_of(leg.session.local))
        if self.state not in (CallState.ACTIVE, CallState.HELD):
            return
        self.streams.bridge(self.caller, callee)
        self.recording.mark("reinvite", origin.side)
        self._follow_hold(origin)

    def _follow_hold(self, origin: Leg) -> None:
        callee = self.callee
        held = self.caller.session.held or (callee is not None and callee.session.held)
        if held and self.state is CallState.ACTIVE:
            self._step(Step.HOLD)
            self.recording.mark("hold", origin.side)
        elif not held and self.state is CallState.HELD:
            self._step(Step.RESUME)
            self.recording.mark("resume", origin.side)

    # --- the story ----------------------------------------------------------------------------------------------------

    def _proceed(self, now: float) -> None:
        if self.consent.first and self.streams.anchored:
            self._greet(now)
        else:
            self._dial(now)

    def _greet(self, now: float) -> None:
        """The caller hears the notice before anything else: answered first, or by early media."""
        session, at = self.caller.session, self.streams.at(Side.CALLER)
        assert at is not None  # `_proceed` has looked
        if self._offer is None:
            self._parties.inbound.accept(self._wishes.offer(session, at), "", (), now)
            return  # its ACK brings the answer
        try:
            answer = self._wishes.answer(self._offer, session, at)
        except NegotiationError as error:
            self._notice_failed(str(error), now)  # no prompt speaks the caller's codecs
            return
        if self.consent.when is When.FIRST_EARLY:
            self._parties.inbound.progress(183, answer, "", (), now)
        else:
            self._parties.inbound.accept(answer, "", (), now)
        self.streams.aim(self.caller)
        self._announce(now)

    def _announce(self, now: float) -> None:
        notice = self.consent.begin(self._hearers, self._around.prompts)
        if notice is None:
            self._notice_failed(self.consent.failure, now)
            return
        legs = {Side.CALLER: self.caller}
        if self.callee is not None:
            legs[Side.CALLEE] = self.callee
        self.streams.unbridge()
        if problem := self.streams.play(notice, legs):
            self._notice_failed(problem, now)
            return
        self._step(Step.ANNOUNCE)
        self.line.set_alarm("prompt", now + self._around.settings.limits.prompt_timeout)

    @property
    def _hearers(self) -> tuple[Side, ...]:
        return (Side.CALLER,) if self.callee is None else (Side.CALLER, Side.CALLEE)

    def _notice_failed(self, reason: str, now: float) -> None:
        self.consent.fail(reason)
        self._noticed(now)

    def _noticed(self, now: float) -> None:
        """The notice is over, well or not."""
        self.line.clear_alarm("prompt")
        self.streams.played()
        notice = self.consent.notice
        if self.consent.failure and notice is not None:
            self._around.tell(NoticeFailed(self.id, notice.prompt, notice.language, self.consent.failure))
        if self.callee is None:
            self._dial(now)
        else:
            self._bridge(now)

    def _dial(self, now: float) -> None:
        if self.timings.answered is None and self.state is not CallState.DIALLING:
            self.line.set_alarm("no-answer", now + self._around.settings.limits.answer_timeout)
        self._step(Step.DIAL)
        self._parties.dialling.dial(
            self._parties.branch,
            self._offer_to,
            parts=self._parts,
            max_forwards=self._max_forwards,
            extras=self._extras,
            now=now,
        )

    def _offer_to(self, branch: OutboundInvite) -> SessionDescription | None:
        """What the callee is offered: what the caller offered, or agreed on already."""
        theirs = self.caller.session.remote
        if theirs is None:
            return None
        keep = self._wishes.agreed(self.caller.session) if self.caller.session.local else self._wishes.keep(theirs)
        return branch.leg.session.face(theirs, self.streams.at(Side.CALLEE), keep)

    def _connect(self, now: float) -> None:
        callee = self.callee
        assert callee is not None  # only an accepted call is connected
        for leg in (self.caller, callee):
            self.streams.aim(leg)
        if self.consent.when is When.AT_ANSWER:
            self._announce(now)
        else:
            self._bridge(now)

    def _join(self, early: Leg) -> None:
        """Early media: heard, never recorded."""
        self.streams.aim(self.caller)
        self.streams.aim(early)
        self.streams.bridge(self.caller, early)

    def _bridge(self, now: float) -> None:
        callee = self.callee
        assert callee is not None  # only an accepted call is bridged
        self._step(Step.BRIDGE)
        self.streams.bridge(self.caller, callee)
        self.timings = replace(self.timings, bridged=now)
        if self.consent.may_record and self.streams.anchored:
            formats = {leg.side: formats_of(leg.session.local) for leg in (self.caller, callee)}
            self.recording.start(self.snapshot(), self.consent, formats)
        self._around.tell(CallBridged(self.snapshot()))
        self._follow_hold(callee)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _end(
        self,
        termination: Termination,
        now: float,
        *,
        extras: Extras = (),
        cause: tuple[int, str | None] | None = None,
        farewell: Extras = (),
    ) -> None:
        """Over for people. `extras` go with a refusal, `cause` and `farewell` with a BYE."""
        if self.state in (CallState.ENDING, CallState.ENDED):
            return
        self._step(Step.END)
        self.timings = replace(self.timings, ended=now)
        self.consent.interrupt()
        for name in ("no-answer", "prompt", "duration"):
            self.line.clear_alarm(name)
        self.recording.stop(termination)
        self.streams.close()
        self._around.tell(CallEnded(self.snapshot(), termination))
        reason = (passthrough.cause(*cause),) if cause else farewell
        self._parties.part(Refusal(termination.status or 480, None, extras), reason, now)
        self._settle()

    def _settle(self) -> None:
        """Gone when nothing of it is under way."""
        self._parties.dialling.prune()
        if self.state is CallState.ENDING and self._parties.gone:
            self._step(Step.RELEASE)
            self.line.close()
            self._around.released(self.id)

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def caller(self) -> Leg:
        return self._parties.caller

    @property
    def callee(self) -> Leg | None:
        """The leg of the branch that answered."""
        return self._parties.callee

    def _step(self, step: Step) -> None:
        self.state = after(self.state, step)

    def snapshot(self) -> CallSnapshot:
        """A view for people."""
        callee = self.callee
        route = self.route
        return CallSnapshot(
            id=self.id,
            state=self.state,
            direction=route.direction,
            station=route.station,
            trunk=self._parties.dialling.trunk or route.trunk,
            caller=route.caller,
            callee=route.dialled,
            decision=self.consent.decision,
            recording=self.recording.id if self.recording.started else None,
            recorded_now=self.recording.running,
            started_at=self.started_at,
            answered_at=self.answered_at,
            timings=self.timings,
            sip_call_ids=self._sip_call_ids,
        )
