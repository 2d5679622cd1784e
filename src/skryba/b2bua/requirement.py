"""Requirement: whether a call may go on unrecorded, and what its parties are told when it may not (product rule C17).

May not know legs, media or why the recorder is ill.
"""

from skryba.policy.model import Decision, IfUnrecordable, Mode, Notice

FAREWELL = "unrecorded"  # prompt that says why the call ends


class Requirement:
    """One call's. `farewell` is set once the call has been given up."""

    __slots__ = ("_decision", "_language", "farewell", "reason")

    def __init__(self, decision: Decision, language: str) -> None:
        """`language` is that of calls whose rule names none."""
        self._decision = decision
        self._language = decision.notice.language if decision.notice else language
        self.farewell: Notice | None = None
        self.reason = ""

    @property
    def strict(self) -> bool:
        """Must it be recorded or not be?"""
        decision = self._decision
        recorded = decision.mode is Mode.AUTOMATIC and not decision.emergency
        return recorded and decision.if_unrecordable is not IfUnrecordable.CONTINUE

    def refuses(self, why: str) -> bool:
        """True if a call that begins now is to be refused outright; `why` is empty when it can be recorded."""
        return bool(why) and self.strict and self._decision.if_unrecordable is IfUnrecordable.REFUSE

    def gives_up(self, why: str) -> bool:
        """True if the call must end; from now on `farewell` is what to play first."""
        if self.strict and why and self.farewell is None:
            self.farewell = Notice(FAREWELL, self._language)
            self.reason = f"recording required: {why}"
        return self.farewell is not None
