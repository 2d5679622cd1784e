"""Setup: from the INVITE to two bridged parties — ports, notice, dialling, ringing, the answer, the bridge.

May not know what happens once they talk.
"""

from collections.abc import Mapping

from skryba.b2bua import passthrough
from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.consent import When
from skryba.b2bua.course import Course
from skryba.b2bua.dialling import NO_ANSWER
from skryba.b2bua.leg import Leg
from skryba.b2bua.notices import (
    CallAnswered,
    CallBridged,
    CallRinging,
    CallStarted,
    NoticeFailed,
    NoticePlayed,
    RecordingFailed,
)
from skryba.b2bua.outbound import OutboundInvite
from skryba.b2bua.reoffer import answer_late
from skryba.b2bua.signals import Accepted, Acknowledged, Progressed, Refused
from skryba.b2bua.snapshot import CallState
from skryba.b2bua.states import Step
from skryba.b2bua.streams import formats_of
from skryba.errors import NegotiationError
from skryba.sdp.description import SessionDescription
from skryba.terms import Result, Side, SocketAddress, Termination

_CALLING = (CallState.DIALLING, CallState.RINGING)


class Setup:
    """Of one call."""

    __slots__ = ("_course", "_early", "_greeted")

    def __init__(self, course: Course) -> None:
        self._course = course
        self._early: OutboundInvite | None = None  # whose early media the caller hears
        self._greeted = False  # the caller has our own answer, to hear the notice

    # --- ports ------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Policy has decided; ask for ports unless there is nobody to call."""
        course = self._course
        course.around.tell(CallStarted(course.snapshot()))
        if course.requirement.refuses(course.around.unrecordable):
            self._turn_away(f"recording required: {course.around.unrecordable}", now)
        elif self._plan(now):
            callee = course.parties.dialling.first.flow.remote.host
            course.streams.open({Side.CALLER: course.caller.flow.remote.host, Side.CALLEE: callee})

    def _plan(self, now: float) -> bool:
        """Whom to dial; nobody ends the call."""
        course = self._course
        course.parties.dialling.plan(course.around.routing.targets(course.route, now))
        if course.parties.dialling.exhausted:
            nobody = Termination(Result.UNANSWERED, "the callee cannot be reached", Side.CALLEE, 480)
            course.end(nobody, now, cause=(480, None))
            return False
        return True

    def media_opened(self, ports: Mapping[Side, SocketAddress], now: float) -> None:
        """The world lends ports: go on."""
        course = self._course
        if course.state is not CallState.OFFERED:
            return
        course.streams.opened(ports)
        if course.requirement.gives_up(course.around.unrecordable) or course.consent.first:
            self._greet(now)
        else:
            self._dial(now)

    def media_failed(self, reason: str, now: float) -> None:
        """No ports: an emergency call goes on without us in its media path, any other ends."""
        course = self._course
        course.streams.failed()
        if course.state is not CallState.OFFERED:
            return
        if course.route.emergency:
            self._dial(now)
        else:
            self._turn_away(reason, now)

    def _turn_away(self, reason: str, now: float) -> None:
        wait = (("Retry-After", str(self._course.around.settings.retry_after)),)
        self._course.end(Termination(Result.FAILED_HERE, reason, None, 503), now, extras=wait)

    # --- the notice -------------------------------------------------------------------------------------------------

    def _greet(self, now: float) -> None:
        """The caller hears the notice, or the farewell, before anything else: answered first, or by early media."""
        course = self._course
        caller, at = course.caller, course.streams.at(Side.CALLER)
        assert at is not None  # ports have just been lent
        if course.offer is None:
            self._greeted = True
            course.parties.inbound.accept(course.wishes.offer(caller.session, at), "", (), now)
            return  # its ACK brings the answer
        try:
            answer = course.wishes.answer(course.offer, caller.session, at)
        except NegotiationError as error:
            self._unheard(str(error), now)  # no prompt speaks the caller's codecs
            return
        self._greeted = True
        if course.consent.when is When.FIRST_EARLY and course.requirement.farewell is None:
            course.parties.inbound.progress(183, answer, "", (), now)
        else:
            course.parties.inbound.accept(answer, "", (), now)
        course.streams.aim(caller)
        self._announce(now)

    def _announce(self, now: float) -> None:
        course = self._course
        legs = {leg.side: leg for leg in (course.caller, course.callee) if leg is not None}
        notice = course.requirement.farewell or course.consent.begin(tuple(legs), course.around.prompts)
        if notice is None:
            self._unheard(course.consent.failure, now)
            return
        course.streams.unbridge()
        if problem := course.streams.play(notice, legs):
            self._unheard(problem, now)
            return
        course.step(Step.ANNOUNCE)
        course.line.set_alarm("prompt", now + course.around.settings.limits.prompt_timeout)

    def prompt_finished(self, side: Side, evidence: PromptEvidence, now: float) -> None:
        """One party heard the notice, or part of it."""
        course = self._course
        course.around.tell(NoticePlayed(course.id, side, evidence))
        if course.state is not CallState.ANNOUNCING:
            course.consent.finish(side, evidence)
        elif course.requirement.farewell is not None:
            if evidence.prompt == course.requirement.farewell.prompt:
                self._part(now)  # whoever hears it first; both were told at the same time
        elif course.consent.finish(side, evidence):
            self._heard(now)

    def prompt_failed(self, reason: str, now: float) -> None:
        """The notice cannot be played, or does not end: the call goes on unrecorded (B7)."""
        if self._course.state is CallState.ANNOUNCING:
            self._course.streams.hush()
            self._unheard(reason, now)

    def recording_failed(self, now: float) -> None:
        """Nothing can be recorded any more: a call that must be recorded is told so and ends."""
        course = self._course
        if course.requirement.farewell is not None:
            return  # they are being told
        if course.recording.running and course.requirement.gives_up(course.around.unrecordable):
            course.recording.mark("recording failed")
            self._announce(now)

    def recording_refused(self, reason: str, now: float) -> None:
        """This one could not begin: the call is told so and ends if it must be recorded, or goes on unrecorded."""
        course = self._course
        if not course.recording.running:
            return
        course.recording.abandon(reason)
        course.around.tell(RecordingFailed(course.id, course.recording.id, reason))
        if course.requirement.gives_up(reason):
            self._announce(now)

    def _part(self, now: float) -> None:
        """The farewell was heard, or cannot be."""
        course = self._course
        course.streams.played()
        reason = course.requirement.reason
        course.end(Termination(Result.FAILED_HERE, reason, None, 503), now, cause=(503, "recording required"))

    def _unheard(self, reason: str, now: float) -> None:
        if self._course.requirement.farewell is not None:
            self._part(now)
            return
        self._course.consent.fail(reason)
        self._heard(now)

    def _heard(self, now: float) -> None:
        """The notice is over, well or not."""
        course = self._course
        course.line.clear_alarm("prompt")
        course.streams.played()
        notice = course.consent.notice
        if course.consent.failure and notice is not None:
            course.around.tell(NoticeFailed(course.id, notice.prompt, notice.language, course.consent.failure))
        if course.callee is None:
            self._dial(now)
        else:
            self._bridge(course.callee, now)

    # --- dialling ---------------------------------------------------------------------------------------------------

    def _dial(self, now: float) -> None:
        course = self._course
        if course.state is CallState.ANNOUNCING and not self._plan(now):  # phones may have come and gone meanwhile
            return
        if course.state in (CallState.OFFERED, CallState.ANNOUNCING):
            course.line.set_alarm("no-answer", now + course.around.settings.limits.answer_timeout)
        course.step(Step.DIAL)
        try:
            course.parties.dialling.dial(
                course.parties.branch,
                self._offer_to,
                parts=course.parts,
                max_forwards=course.max_forwards,
                extras=course.invitation,
                now=now,
            )
        except NegotiationError as error:
            course.end(Termination(Result.REFUSED, str(error), Side.CALLER, 488), now, cause=(488, None))

    def _offer_to(self, branch: OutboundInvite) -> SessionDescription | None:
        """What the callee is offered: what the caller offered, or what was agreed with it; None = nothing said yet."""
        course = self._course
        session = course.caller.session
        theirs = session.remote or course.offer
        if theirs is None:
            return None
        keep = course.wishes.agreed(session) if self._greeted else course.wishes.keep(theirs)
        return branch.leg.session.face(theirs, course.streams.at(Side.CALLEE), keep)

    def progressed(self, branch: OutboundInvite, signal: Progressed, now: float) -> None:
        """It rings, or plays something."""
        course = self._course
        if course.state not in _CALLING:
            return
        course.step(Step.RING)
        if course.timings.ringing is None:
            course.reached(ringing=now)
            course.around.tell(CallRinging(course.snapshot()))
        description = signal.description
        if description is not None:
            self._early = self._early or branch
            if self._early is not branch:
                description = None  # one early stream at a time: the first that came
        if course.parties.inbound.open:
            face = None if description is None or self._greeted else self._to_caller(description)
            status = 180 if face is None and signal.status == 183 else signal.status
            fork = "" if self._greeted else f"{branch.leg.number}.{signal.fork}"
            course.parties.inbound.progress(status, face, fork, signal.extras, now)
        if description is not None:  # heard, never recorded
            for leg in (course.caller, branch.leg):
                course.streams.aim(leg)
            course.streams.bridge(course.caller, branch.leg)

    def refused(self, signal: Refused, now: float) -> None:
        """A branch said no: others may still ring, another trunk may do better."""
        course = self._course
        if course.state not in _CALLING:
            return
        best = course.parties.dialling.refused(signal, persistent=course.route.emergency and signal.status < 600)
        if best is not None:
            self._give_up(best, now)
        elif not course.parties.dialling.ringing:
            self._early = None
            self._dial(now)

    def unanswered(self, now: float) -> None:
        """It rang long enough."""
        self._give_up(NO_ANSWER, now)

    def _give_up(self, best: Refused, now: float) -> None:
        status = passthrough.refusal(best.status)
        if best is NO_ANSWER or best.status == 408:
            result = Result.UNANSWERED
        else:
            result = Result.FAILED_THERE if best.status in (500, 502, 503, 504) else Result.REFUSED
        termination = Termination(result, best.reason or "refused", Side.CALLEE, status)
        self._course.end(termination, now, extras=best.extras, cause=(status, best.reason))

    # --- the answer -------------------------------------------------------------------------------------------------

    def accepted(self, branch: OutboundInvite, signal: Accepted, now: float) -> None:
        """The callee answered: so do we."""
        course = self._course
        if course.state not in _CALLING:
            branch.leg.hang_up((), now)  # nobody waits for it any more
            return
        course.parties.dialling.won(branch, now)
        course.line.clear_alarm("no-answer")
        course.line.set_alarm("duration", now + course.around.settings.limits.max_duration)
        course.step(Step.ANSWER)
        course.reached(answered=now)
        course.answered_at = course.around.at(now)
        if course.parties.inbound.open:
            try:
                self._answer_caller(branch.leg, signal, now)
            except NegotiationError as error:
                course.end(Termination(Result.FAILED_THERE, str(error), Side.CALLEE, 488), now, cause=(488, None))
                return
        course.around.tell(CallAnswered(course.snapshot()))
        if not branch.leg.late:
            self._connect(branch.leg, now)

    def _answer_caller(self, callee: Leg, signal: Accepted, now: float) -> None:
        inbound = self._course.parties.inbound
        theirs = signal.description or callee.session.remote
        if self._greeted or theirs is None:
            inbound.accept(None, "", signal.extras, now)  # the caller has our answer already
        else:
            inbound.accept(self._to_caller(theirs), f"{callee.number}.{signal.fork}", signal.extras, now)

    def acknowledged(self, leg: Leg, signal: Acknowledged, now: float) -> None:
        """The caller's ACK; it matters when it answers a late offer."""
        course = self._course
        if signal.answer is None:
            return
        course.streams.aim(leg)
        callee = course.callee
        if callee is None:
            if course.state is CallState.OFFERED:
                self._announce(now)
        elif callee.late:
            answer_late(callee, callee.session.face(signal.answer, course.streams.at(Side.CALLEE)))
            self._connect(callee, now)

    def _to_caller(self, description: SessionDescription) -> SessionDescription:
        course = self._course
        at = course.streams.at(Side.CALLER)
        return course.caller.session.face(description, at, course.wishes.keep(description))

    def _connect(self, callee: Leg, now: float) -> None:
        course = self._course
        for leg in (course.caller, callee):
            course.streams.aim(leg)
        if course.consent.when is When.AT_ANSWER:
            self._announce(now)
        else:
            self._bridge(callee, now)

    def _bridge(self, callee: Leg, now: float) -> None:
        course = self._course
        if course.requirement.gives_up(course.around.unrecordable or course.consent.failure):
            self._announce(now)
            return
        course.step(Step.BRIDGE)
        course.streams.bridge(course.caller, callee)
        course.reached(bridged=now)
        if course.consent.may_record and course.streams.anchored:
            formats = {leg.side: formats_of(leg.session.local) for leg in (course.caller, callee)}
            course.recording.start(course.snapshot(), course.consent, formats)
        course.around.tell(CallBridged(course.snapshot()))
