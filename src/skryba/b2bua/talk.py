"""Talk: what happens between two parties that are connected — re-INVITE, hold, INFO, silence.

May not know how they came to be connected.
"""

from skryba.b2bua.course import Course
from skryba.b2bua.leg import Leg
from skryba.b2bua.reoffer import Reoffer
from skryba.b2bua.signals import Acknowledged, Informed, ReofferAccepted, Reoffered, ReofferRefused
from skryba.b2bua.snapshot import CallState
from skryba.b2bua.states import Step
from skryba.b2bua.streams import formats_of
from skryba.errors import NegotiationError
from skryba.terms import Result, Side, Termination

_SILENT_TOGETHER = 15.0  # seconds: both streams were reported silent within this time of each other


class Talk:
    """Of one call."""

    __slots__ = ("_course", "_reoffer", "_silent")

    def __init__(self, course: Course) -> None:
        self._course = course
        self._reoffer = Reoffer(course.streams, course.wishes)
        self._silent: dict[Side, float] = {}

    def reoffered(self, leg: Leg, signal: Reoffered, now: float) -> None:
        """A re-INVITE: carried to the other party, or answered while there is none."""
        other = self._course.parties.other(leg)
        if other is None:
            self._reoffer.answer_here(leg, signal, now)
        else:
            self._reoffer.carry(leg, other, signal, now)

    def reoffer_accepted(self, leg: Leg, signal: ReofferAccepted, now: float) -> None:
        """The other party took it."""
        try:
            origin = self._reoffer.accepted(leg, signal, now)
        except NegotiationError as error:  # its session has changed and the first's cannot follow
            self._course.end(Termination(Result.FAILED_THERE, str(error), leg.side), now, cause=(488, None))
            return
        if origin is not None:
            self._changed(origin)

    def reoffer_refused(self, leg: Leg, signal: ReofferRefused, now: float) -> None:
        """The other party did not; some refusals say that it is gone."""
        self._reoffer.refused(signal, now)
        if signal.fatal:
            termination = Termination(Result.FAILED_THERE, f"re-INVITE: {signal.reason}", leg.side)
            self._course.end(termination, now, cause=(signal.status, None))

    def acknowledged(self, leg: Leg, signal: Acknowledged) -> bool:
        """An ACK that may bring the answer to a late offer of a re-INVITE. False = it was not for us."""
        if leg is not self._reoffer.origin:
            return False
        if signal.answer is not None and self._reoffer.acknowledged(leg, signal.answer) is not None:
            self._changed(leg)
        return True

    def informed(self, leg: Leg, signal: Informed, now: float) -> None:
        """INFO crosses when there is somebody to hear it."""
        other = self._course.parties.other(leg)
        if other is not None:
            other.inform(signal.content_type, signal.body, now)

    def silent(self, side: Side, now: float) -> None:
        """No packet of this party for the configured time. Both, and nobody holds: the call is dead (R-S13)."""
        self._silent[side] = now
        other = self._silent.get(side.other)
        if self._course.state is CallState.ACTIVE and other is not None and now - other <= _SILENT_TOGETHER:
            termination = Termination(Result.FAILED_THERE, "media silent on both sides")
            self._course.end(termination, now, cause=(408, "media silent"))

    def begun(self) -> None:
        """Bridged: one party may have answered on hold."""
        callee = self._course.callee
        if callee is not None:
            self._follow_hold(callee)

    def _changed(self, origin: Leg) -> None:
        """An exchange is complete: media follows it, and the recording is told."""
        course = self._course
        callee = course.callee
        if callee is None:
            return
        self._silent.clear()
        for leg in (course.caller, callee):
            course.streams.aim(leg)
            course.recording.change(leg.side, formats_of(leg.session.local))
        if course.state in (CallState.ACTIVE, CallState.HELD):
            course.streams.bridge(course.caller, callee)
            course.recording.mark("reinvite", origin.side)
            self._follow_hold(origin)

    def _follow_hold(self, origin: Leg) -> None:
        course = self._course
        callee = course.callee
        held = course.caller.session.held or (callee is not None and callee.session.held)
        if held and course.state is CallState.ACTIVE:
            course.step(Step.HOLD)
            course.recording.mark("hold", origin.side)
        elif not held and course.state is CallState.HELD:
            course.step(Step.RESUME)
            course.recording.mark("resume", origin.side)
