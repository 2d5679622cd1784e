"""Decisions that no rule makes: emergency, never-list, always-list, default, and rules that cannot be read.

May not know how a call is found to be one of these.
"""

from dataclasses import replace

from skryba.policy.book import RuleBook
from skryba.policy.model import Decision, Mode, Step
from skryba.policy.verdict import Circumstances, verdict

_CALL = Step("emergency", True, "the called number is an emergency number", "wybrany numer jest numerem alarmowym")
_PRIORITY = Step("emergency", True, "a call with Resource-Priority", "połączenie priorytetowe (Resource-Priority)")
_ORDINARY = Step("emergency", False, "no emergency number", "nie jest to numer alarmowy")
_UNREAD = Step("fallback", True, "the rules cannot be read", "nie można odczytać reguł")
_NEVER = Step("never-list", True, "a party is on the never-list", "strona połączenia jest na liście „nigdy”")
_ALWAYS = Step("always-list", True, "a party is on the always-list", "strona połączenia jest na liście „zawsze”")
_NOT_NEVER = Step("never-list", False, "no party is on the never-list", "żadnej strony nie ma na liście „nigdy”")
_NOT_ALWAYS = Step("always-list", False, "no party is on the always-list", "żadnej strony nie ma na liście „zawsze”")
_NONE = Step("default", True, "no rule matches", "żadna reguła nie pasuje")
BEFORE_RULES = (_ORDINARY, _NOT_NEVER, _NOT_ALWAYS)
AFTER_RULES = (_NONE,)


class Fixed:
    """Of one book."""

    __slots__ = ("default", "emergency", "fallback", "never", "priority")

    def __init__(self, version: str) -> None:
        self.emergency = _unrecorded((_CALL,), version, emergency=True)
        self.priority = _unrecorded((_PRIORITY,), version, emergency=True)
        self.fallback = _unrecorded((_ORDINARY, _UNREAD), version)
        self.never = _unrecorded((_ORDINARY, _NEVER), version)
        self.default = _unrecorded((*BEFORE_RULES, *AFTER_RULES), version)


def always(book: RuleBook, around: Circumstances) -> Decision:
    """Of the always-list, on the terms of `book.like`, which must be there. Law alone may keep it unrecorded."""
    like = book.like
    assert like is not None
    decision, steps = verdict(like, book.version, around)
    path = (_ORDINARY, _NOT_NEVER, _ALWAYS, *steps)
    if decision.mode is not Mode.AUTOMATIC:
        return replace(decision, rule="always-list", path=path)
    return replace(
        decision,
        rule="always-list",
        reason=f"recorded because {_ALWAYS.reason}, on the terms of rule {like.id}",
        reason_pl=f"nagrywane: {_ALWAYS.reason_pl}, na warunkach reguły {like.id}",
        path=path,
    )


def _unrecorded(path: tuple[Step, ...], version: str, *, emergency: bool = False) -> Decision:
    last = path[-1]
    return Decision(
        mode=Mode.NEVER,
        rule=last.rule,
        reason=f"not recorded: {last.reason}",
        reason_pl=f"nienagrywane: {last.reason_pl}",
        emergency=emergency,
        path=path,
        version=version,
    )
