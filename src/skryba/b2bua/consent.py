"""Consent: which notice a call owes to whom and when, what was really played, and whether recording may follow.

May not know legs or SIP. Evidence is kept as the world reported it.
"""

from collections.abc import Collection
from enum import StrEnum

from skryba.b2bua.commands import PromptEvidence
from skryba.policy.model import Decision, Mode, Notice, NoticeMoment
from skryba.terms import Direction, Side


class When(StrEnum):
    """Where in the call the notice stands."""

    NEVER = "never"
    FIRST_ANSWERED = "first_answered"  # inbound: answer the caller, play, then dial
    FIRST_EARLY = "first_early"  # inbound: 183 to the caller, play, then dial
    AT_ANSWER = "at_answer"  # outbound, internal: at the callee's answer to both, then bridge


class Outcome(StrEnum):
    """What became of the notice."""

    NOT_OWED = "not owed"
    OWED = "owed"
    PLAYING = "playing"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"  # a party hung up during it
    FAILED = "failed"  # could not be played: the call goes on unrecorded


class Consent:
    """One call's notice."""

    __slots__ = ("_outstanding", "decision", "evidence", "failure", "outcome", "when")

    def __init__(self, decision: Decision, direction: Direction) -> None:
        self.decision = decision
        self.evidence: dict[Side, PromptEvidence] = {}
        self.failure = ""
        self._outstanding: set[Side] = set()
        self.when = _when(decision, direction)
        self.outcome = Outcome.NOT_OWED if self.when is When.NEVER else Outcome.OWED

    @property
    def notice(self) -> Notice | None:
        """The notice that is owed, if any."""
        return self.decision.notice if self.when is not When.NEVER else None

    @property
    def first(self) -> bool:
        """Must the caller hear it before the callee is dialled?"""
        return self.when in (When.FIRST_ANSWERED, When.FIRST_EARLY)

    @property
    def may_record(self) -> bool:
        """May recording begin now? (product rules B2, B7)"""
        return (
            self.decision.mode is Mode.AUTOMATIC
            and not self.decision.emergency
            and self.outcome in (Outcome.NOT_OWED, Outcome.COMPLETED)
        )

    def begin(self, sides: tuple[Side, ...], known: Collection[tuple[str, str]]) -> Notice | None:
        """The notice to play now to these sides; None = it cannot be played, `failure` says why."""
        notice = self.notice
        if notice is None:
            return None
        if (notice.prompt, notice.language) not in known:
            self.fail(f"no prompt {notice.prompt!r} in language {notice.language!r}")
            return None
        self._outstanding = set(sides)
        self.outcome = Outcome.PLAYING
        return notice

    def finish(self, side: Side, evidence: PromptEvidence) -> bool:
        """One side has heard it, or not all of it. True = nobody is waiting any more."""
        self.evidence[side] = evidence
        if side not in self._outstanding:
            return False
        self._outstanding.discard(side)
        if not evidence.completed and self.outcome is Outcome.PLAYING:
            self.fail(f"not played to its end toward the {side}")
        elif not self._outstanding and self.outcome is Outcome.PLAYING:
            self.outcome = Outcome.COMPLETED
        return not self._outstanding

    def fail(self, reason: str) -> None:
        """It cannot be played, or not to its end."""
        self.outcome = Outcome.FAILED
        self.failure = reason
        self._outstanding.clear()

    def interrupt(self) -> None:
        """The call ends while it plays."""
        if self.outcome is Outcome.PLAYING:
            self.outcome = Outcome.INTERRUPTED

    def facts(self) -> dict[str, object] | None:
        """Evidence for the manifest, JSON-ready."""
        notice = self.notice
        if notice is None:
            return None
        return {
            "prompt": notice.prompt,
            "language": notice.language,
            "outcome": str(self.outcome),
            "failure": self.failure or None,
            "played": [
                {
                    "side": str(side),
                    "version": evidence.version,
                    "sha256": evidence.sha256,
                    "started_ns": evidence.started_ns,
                    "ended_ns": evidence.ended_ns,
                    "completed": evidence.completed,
                }
                for side, evidence in self.evidence.items()
            ],
        }


def _when(decision: Decision, direction: Direction) -> When:
    if decision.emergency or decision.mode is not Mode.AUTOMATIC or decision.notice is None:
        return When.NEVER
    if direction is not Direction.INBOUND:
        return When.AT_ANSWER
    return When.FIRST_EARLY if decision.notice.moment is NoticeMoment.EARLY_MEDIA else When.FIRST_ANSWERED
