"""The daily report of assurance (product rule J5): was everything recorded that should have been, and how well.

Knows no database and no mail; counts come in, values and words go out. Names no call and no number.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from skryba.archive.outcome import Terminal

FORECAST_DAYS: Final = 14.0  # a disk that is full sooner is worth a word
_GOOD: Final = (Terminal.RECORDED, Terminal.DEGRADED)
_EXPECTED: Final = (*_GOOD, Terminal.INCOMPLETE, Terminal.FAILED, Terminal.MISSING, Terminal.NOT_RECORDABLE)
SILENT: Final = "no sound"  # how the recorder's self-check begins its alarms
ONE_WAY: Final = "one-way"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one day. `alarms` and `reasons` count what manifests say, up to a colon; what follows it is of one case."""

    terminals: Mapping[Terminal, int] = field(default_factory=dict)
    open_calls: int = 0  # without a terminal state yet
    alarms: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    notice_failures: int = 0  # calls of which a notice could not be played
    findings: int = 0  # open differences of reconciliation
    disk_days_left: float | None = None  # at the pace of late; None: not known
    upload_backlog: int = 0
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """`concerns` in English, most urgent first; empty: all is well."""

    day: date
    expected: int  # calls that should have been recorded
    recorded: int  # of these, whole or degraded
    share: float | None  # recorded / expected; None: nothing was expected
    silent: int
    one_way: int
    counts: Counts
    concerns: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "day": self.day.isoformat(),
            "expected": self.expected,
            "recorded": self.recorded,
            "share": self.share,
            "silent": self.silent,
            "one_way": self.one_way,
            "notice_failures": self.counts.notice_failures,
            "terminal_states": {state.value: self.counts.terminals.get(state, 0) for state in Terminal},
            "open_calls": self.counts.open_calls,
            "alarms": dict(sorted(self.counts.alarms.items())),
            "reasons": dict(sorted(self.counts.reasons.items())),
            "findings": self.counts.findings,
            "disk_days_left": self.counts.disk_days_left,
            "upload_backlog": self.counts.upload_backlog,
            "dead_letters": self.counts.dead_letters,
            "concerns": list(self.concerns),
        }


def tally(said: Iterable[Iterable[str]]) -> dict[str, int]:
    """How often each was said, for `Counts`."""
    return dict(Counter(words.partition(":")[0] for each in said for words in each))


def report(day: date, counts: Counts) -> Report:
    """What the counts of a day mean."""
    expected = sum(counts.terminals.get(state, 0) for state in _EXPECTED)
    recorded = sum(counts.terminals.get(state, 0) for state in _GOOD)
    silent, one_way = (
        sum(count for alarm, count in counts.alarms.items() if alarm.startswith(beginning))
        for beginning in (SILENT, ONE_WAY)
    )
    return Report(
        day=day,
        expected=expected,
        recorded=recorded,
        share=recorded / expected if expected else None,
        silent=silent,
        one_way=one_way,
        counts=counts,
        concerns=_concerns(counts, silent, one_way),
    )


def _concerns(counts: Counts, silent: int, one_way: int) -> tuple[str, ...]:
    state = counts.terminals.get
    numbered = (
        (state(Terminal.MISSING, 0), "calls began to be recorded and have no recording"),
        (state(Terminal.FAILED, 0), "recordings failed"),
        (counts.findings, "differences between ledger, chain, catalogue and storage are open"),
        (counts.notice_failures, "calls had a notice that could not be played"),
        (state(Terminal.NOT_RECORDABLE, 0), "calls could not be recorded"),
        (silent, "recordings are silent"),
        (one_way, "recordings have one party only"),
        (state(Terminal.INCOMPLETE, 0), "recordings end at a crash"),
        (counts.dead_letters, "messages to hooks were given up"),
    )
    concerns = [f"{count} {what}" for count, what in numbered if count]
    if counts.disk_days_left is not None and counts.disk_days_left < FORECAST_DAYS:
        concerns.insert(0, f"the disk is full in {counts.disk_days_left:.1f} days")
    return tuple(concerns)
