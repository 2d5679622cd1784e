"""The one terminal state of every call, and how a call comes to it (product rule J3, R-F8).

Knows no database and no live call: values in, a state out.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Protocol

from skryba.policy.model import Mode


class Terminal(StrEnum):
    """What became of the recording that a call should, or should not, have had."""

    RECORDED = "recorded"
    DEGRADED = "degraded"  # recorded, with reasons that the manifest names
    INCOMPLETE = "incomplete"  # recorded up to a crash
    FAILED = "failed"  # began, and nothing usable came of it
    NOT_RECORDED = "not_recorded"  # lawfully; the call's rule says why
    DECLINED = "declined"  # a party objected
    PRIVATE = "private"  # a party marked the call as private
    NOT_RECORDABLE = "not_recordable"  # no notice could be played, or no audio that we can keep
    UNANSWERED = "unanswered"  # the parties never spoke: there was nothing to record
    MISSING = "missing"  # began to be recorded, and no seal ever came: somebody must look


ALARMING: Final = frozenset({Terminal.FAILED, Terminal.MISSING})
# From bad to worse: a call with several recordings is what the worst of them is.
_OF_RECORDING: Final = {
    "ok": Terminal.RECORDED,
    "degraded": Terminal.DEGRADED,
    "incomplete": Terminal.INCOMPLETE,
    "failed": Terminal.FAILED,
}
_ORDER: Final = tuple(_OF_RECORDING.values())
_WISHES: Final = {"declined": Terminal.DECLINED, "private": Terminal.PRIVATE}


class Ended(Protocol):
    """What is asked of a call; a `CallRow`, or a row of the ledger."""

    @property
    def result(self) -> str | None: ...
    @property
    def recording(self) -> str | None: ...
    @property
    def bridged_at(self) -> object | None: ...
    @property
    def wish(self) -> str | None: ...
    @property
    def emergency(self) -> bool: ...
    @property
    def mode(self) -> str: ...


def of_recordings(states: Iterable[str]) -> Terminal:
    """Of a call by the states of its recordings, at least one. KeyError: no state of a recording."""
    return max((_OF_RECORDING[state] for state in states), key=_ORDER.index)


def of_call(row: Ended) -> Terminal | None:
    """As far as the call itself can tell. None: it still runs, or its recorder has the last word."""
    if row.result is None or row.recording is not None:
        return None
    if row.bridged_at is None:
        return Terminal.UNANSWERED
    if row.wish is not None:
        return _WISHES[row.wish]
    if row.emergency or row.mode == Mode.NEVER:
        return Terminal.NOT_RECORDED
    return Terminal.NOT_RECORDABLE
