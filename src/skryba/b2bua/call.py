"""Call: two legs and their common fate. What the agent and the switchboard tell goes to the leg meant, what the legs
signal goes to `setup` or `talk`.

May not know how a leg speaks SIP or how the world carries out a command.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from skryba.b2bua.bodies import Part
from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.course import Course
from skryba.b2bua.leg import Leg
from skryba.b2bua.outbound import OutboundInvite
from skryba.b2bua.routing import Route
from skryba.b2bua.setup import Setup
from skryba.b2bua.signals import (
    Accepted,
    Acknowledged,
    Cancelled,
    HungUp,
    Informed,
    Lost,
    Progressed,
    Refused,
    ReofferAccepted,
    Reoffered,
    ReofferRefused,
    Signal,
)
from skryba.b2bua.snapshot import CallSnapshot, CallState
from skryba.b2bua.surroundings import Surroundings
from skryba.b2bua.talk import Talk
from skryba.policy.model import Decision
from skryba.sdp.description import SessionDescription
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.message import Request, Response
from skryba.terms import Result, Side, SocketAddress, Termination


class Call:
    """One call, from its INVITE to its last transaction."""

    __slots__ = ("_course", "_setup", "_talk", "id")

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
        self._course = Course(
            call_id,
            around,
            self,
            route,
            decision,
            recording_id=recording_id,
            request=request,
            key=key,
            flow=flow,
            offer=offer,
            parts=parts,
            now=now,
        )
        self._setup = Setup(self._course)
        self._talk = Talk(self._course)

    # --- what the agent tells ---------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Once, after the call was entered in the agent's list."""
        self._setup.start(now)
        self._course.settle()

    def media_opened(self, ports: Mapping[Side, SocketAddress], now: float) -> None:
        """The world lends ports."""
        self._setup.media_opened(ports, now)
        self._after(now)

    def media_failed(self, reason: str, now: float) -> None:
        """The world has no ports."""
        self._setup.media_failed(reason, now)
        self._after(now)

    def prompt_finished(self, side: Side, evidence: PromptEvidence, now: float) -> None:
        """One party heard the notice, or part of it."""
        self._setup.prompt_finished(side, evidence, now)
        self._after(now)

    def prompt_failed(self, reason: str, now: float) -> None:
        """The notice cannot be played."""
        self._setup.prompt_failed(reason, now)
        self._after(now)

    def media_silent(self, side: Side, now: float) -> None:
        """No packet of this party for the configured time; told again while it lasts."""
        self._talk.silent(side, now)
        self._after(now)

    def recording_failed(self, now: float) -> None:
        """Nothing can be recorded any more; the surroundings say why."""
        self._setup.recording_failed(now)
        self._after(now)

    def recording_refused(self, reason: str, now: float) -> None:
        """The recorder cannot record this call."""
        self._setup.recording_refused(reason, now)
        self._after(now)

    def hang_up(self, reason: str, now: float) -> None:
        """An operator's or a shutdown's wish."""
        self._course.end(Termination(Result.FAILED_HERE, reason, None, 503), now, cause=(503, reason))
        self._after(now)

    def fail(self, now: float) -> None:
        """A bug of ours in this call: end it with 500, as far as that still works."""
        if self._course.over:
            self._course.release()  # it was ending already, and that failed
            return
        self._course.end(Termination(Result.FAILED_HERE, "internal error", None, 500), now, cause=(500, None))
        self._after(now)

    def abandon(self) -> None:
        """Ending it failed as well: leave nothing behind."""
        self._course.release()

    @property
    def recording(self) -> str:
        """The id of its recording, should there be one."""
        return self._course.recording.id

    def snapshot(self) -> CallSnapshot:
        """A view for people."""
        return self._course.snapshot()

    # --- what the switchboard hands over ----------------------------------------------------------------------------

    def receive_request(self, tag: str, request: Request, key: ServerKey, flow: Flow, now: float) -> None:
        """A request within one of our dialogs; `tag` is our tag of it."""
        parties = self._course.parties
        leg = parties.of_tag(tag)
        if leg is None:  # an early dialog of the caller
            self._cross(parties.caller, parties.inbound.receive_request(request, key, now), now)
        else:
            self._cross(leg, leg.receive_request(request, key, flow, now), now)

    def receive_ack(self, tag: str, request: Request, flow: Flow, now: float) -> None:
        """The ACK of a 2xx of ours."""
        if (leg := self._course.parties.of_tag(tag)) is not None:
            self._cross(leg, leg.receive_ack(request, now), now)

    def receive_cancel(self, key: ServerKey, request: Request, now: float) -> None:
        """The caller gives up."""
        parties = self._course.parties
        self._cross(parties.caller, parties.inbound.receive_cancel(request, now), now)

    def receive_response(self, key: ClientKey, response: Response, flow: Flow, now: float) -> None:
        """A response to a request of ours."""
        parties = self._course.parties
        if (branch := parties.dialling.owner(key)) is not None:
            self._cross(branch.leg, branch.receive_response(key, response, now), now, branch)
        elif (leg := parties.sender(key)) is not None:
            self._cross(leg, leg.receive_response(key, response, now), now)

    def transaction_failed(self, key: ClientKey, kind: str, now: float) -> None:
        """A request of ours stays without a final response."""
        parties = self._course.parties
        if (branch := parties.dialling.owner(key)) is not None:
            self._cross(branch.leg, branch.transaction_failed(kind), now, branch)
        elif (leg := parties.sender(key)) is not None:
            self._cross(leg, leg.transaction_failed(key, kind, now), now)

    def alarm(self, name: str, now: float) -> None:
        """A deadline of the call, or of the leg whose number stands before the dot."""
        number, dot, which = name.partition(".")
        if dot:
            leg = self._course.parties.numbered(int(number))
            if which == "remind":
                self._course.parties.inbound.alarm(now)
            elif leg is not None:
                self._cross(leg, leg.alarm(which, now), now)
            return
        match name:
            case "no-answer":
                self._setup.unanswered(now)
            case "prompt":
                self._setup.prompt_failed("it did not end in time", now)
            case "duration":
                termination = Termination(Result.COMPLETED, "maximum duration")
                self._course.end(termination, now, cause=(408, "maximum duration"))
        self._after(now)

    # --- signals of the legs ----------------------------------------------------------------------------------------

    def _cross(self, leg: Leg, signals: Sequence[Signal], now: float, branch: OutboundInvite | None = None) -> None:
        for signal in signals:
            if branch is not None and isinstance(signal, Progressed | Accepted | Refused):
                self._branch_said(branch, signal, now)
            else:
                self._party_said(leg, signal, now)
        self._after(now)

    def _branch_said(self, branch: OutboundInvite, signal: Progressed | Accepted | Refused, now: float) -> None:
        match signal:
            case Progressed():
                self._setup.progressed(branch, signal, now)
            case Accepted():
                self._setup.accepted(branch, signal, now)
            case Refused():
                self._setup.refused(signal, now)
            case _:
                assert_never(signal)

    def _party_said(self, leg: Leg, signal: Signal, now: float) -> None:
        match signal:
            case Cancelled():
                self._course.end(Termination(Result.CANCELLED, "cancelled by the caller", Side.CALLER, 487), now)
            case Acknowledged():
                if not self._talk.acknowledged(leg, signal):
                    self._setup.acknowledged(leg, signal, now)
            case Reoffered():
                self._talk.reoffered(leg, signal, now)
            case ReofferAccepted():
                self._talk.reoffer_accepted(leg, signal, now)
            case ReofferRefused():
                self._talk.reoffer_refused(leg, signal, now)
            case Informed():
                self._talk.informed(leg, signal, now)
            case HungUp():
                self._hung_up(leg, signal, now)
            case Lost():
                termination = Termination(Result.FAILED_THERE, signal.reason, leg.side)
                self._course.end(termination, now, cause=(500, signal.reason))
            case Progressed() | Accepted() | Refused():
                raise AssertionError("only branches say this")
            case _:
                assert_never(signal)

    def _hung_up(self, leg: Leg, signal: HungUp, now: float) -> None:
        if self._course.timings.answered is None:
            termination = Termination(Result.CANCELLED, "the caller hung up before the answer", leg.side, 487)
            self._course.end(termination, now, farewell=signal.extras)
        else:
            termination = Termination(Result.COMPLETED, f"the {leg.side} hung up", leg.side)
            self._course.end(termination, now, farewell=signal.extras)

    def _after(self, now: float) -> None:
        """Whatever happened: a call that has just been bridged begins to talk, one that has ended may be gone."""
        if self._course.state is CallState.ACTIVE:
            self._talk.begun()
        self._course.settle()
