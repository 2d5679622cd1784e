"""Course: what one call is made of and where it stands — its parties, streams, notice, recording — and how it ends.

May not know what leads from one step to the next: that is `setup` and `talk`.
"""

from dataclasses import replace
from datetime import datetime

from skryba.b2bua import passthrough
from skryba.b2bua.bodies import Part
from skryba.b2bua.consent import Consent
from skryba.b2bua.leg import Leg
from skryba.b2bua.notices import CallEnded
from skryba.b2bua.parties import Parties
from skryba.b2bua.recording import Recording
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.requirement import Requirement
from skryba.b2bua.routing import Route
from skryba.b2bua.signals import Extras
from skryba.b2bua.snapshot import CallSnapshot, CallState, Timings
from skryba.b2bua.states import Step, after
from skryba.b2bua.streams import Streams
from skryba.b2bua.surroundings import Surroundings
from skryba.b2bua.switchboard import DialogOwner
from skryba.b2bua.wishes import Wishes
from skryba.errors import NegotiationError
from skryba.policy.model import Decision
from skryba.sdp.description import SessionDescription
from skryba.sip.events import Flow, ServerKey
from skryba.sip.message import Request
from skryba.terms import Direction, Termination


class Course:
    """One call's. `owner` is whom the switchboard tells."""

    __slots__ = (
        "answered_at", "around", "consent", "id", "invitation", "line", "max_forwards", "offer", "parties", "parts",
        "recording", "requirement", "route", "started_at", "state", "streams", "timings", "wishes",
    )  # fmt: skip

    def __init__(
        self,
        call_id: str,
        around: Surroundings,
        owner: DialogOwner,
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
        self.around = around
        self.route = route
        self.state = CallState.OFFERED
        self.line = around.board.line(owner)
        self.consent = Consent(decision, route.direction)
        self.requirement = Requirement(decision, around.settings.language)
        self.recording = Recording(call_id, recording_id, around.emit)
        self.streams = Streams(call_id, around.emit)
        self.wishes = Wishes(around.settings, self.consent)
        self.started_at = around.at(now)
        self.answered_at: datetime | None = None
        self.timings = Timings(now)
        self.offer = offer
        self.parts = parts
        self.max_forwards = 70 if request.max_forwards is None else request.max_forwards - 1  # RFC 7332
        self.invitation = passthrough.crossing(request, passthrough.INVITATION, around.settings.pass_headers)
        roams = route.direction is not Direction.INBOUND
        self.parties = Parties(around, self.line, owner, request=request, key=key, flow=flow, roams=roams)
        if offer is not None:
            try:
                self.caller.session.offered(offer)
            except NegotiationError:
                self.line.close()  # there will be no call
                raise

    @property
    def caller(self) -> Leg:
        return self.parties.caller

    @property
    def callee(self) -> Leg | None:
        """The leg of the branch that answered."""
        return self.parties.callee

    @property
    def over(self) -> bool:
        """Is it over for people?"""
        return self.state in (CallState.ENDING, CallState.ENDED)

    def step(self, step: Step) -> None:
        """Take a step of the table in `states`."""
        self.state = after(self.state, step)

    def reached(self, **times: float) -> None:
        """Note when a station was reached."""
        self.timings = replace(self.timings, **times)

    def end(
        self,
        termination: Termination,
        now: float,
        *,
        extras: Extras = (),
        cause: tuple[int, str | None] | None = None,
        farewell: Extras = (),
    ) -> None:
        """Over for people. `extras` go with a refusal, `cause` or `farewell` with a BYE."""
        if self.over:
            return
        self.step(Step.END)
        self.reached(ended=now)
        self.consent.interrupt()
        for name in ("no-answer", "prompt", "duration"):
            self.line.clear_alarm(name)
        self.recording.stop(termination)
        self.streams.close()
        self.around.tell(CallEnded(self.snapshot(), termination))
        reason = (passthrough.cause(*cause),) if cause else farewell
        self.parties.part(Refusal(termination.status or 480, None, extras), reason, now)

    def settle(self) -> None:
        """Gone for good when nothing of it is under way."""
        self.parties.dialling.prune()
        if self.state is CallState.ENDING and self.parties.gone:
            self.step(Step.RELEASE)
            self.release()

    def release(self) -> None:
        """Leave nothing behind, whatever is still under way."""
        self.streams.close()
        self.line.close()
        self.around.released(self.id)

    def snapshot(self) -> CallSnapshot:
        """A view for people."""
        route = self.route
        dialogs = [leg.dialog for leg in (self.caller, self.callee) if leg is not None]
        return CallSnapshot(
            id=self.id,
            state=self.state,
            direction=route.direction,
            station=route.station,
            trunk=self.parties.dialling.trunk or route.trunk,
            caller=route.caller,
            callee=route.dialled,
            decision=self.consent.decision,
            recording=self.recording.id if self.recording.started else None,
            recorded_now=self.recording.running,
            started_at=self.started_at,
            answered_at=self.answered_at,
            timings=self.timings,
            sip_call_ids=tuple(dialog.call_id for dialog in dialogs if dialog is not None),
        )
