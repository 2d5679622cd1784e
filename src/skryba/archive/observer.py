"""From the calls' notices and the recorder's words to rows of the ledger.

Knows notices and messages, no database. Holds the notices' evidence of running calls and nothing else.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

from skryba.archive.model import CallRow, RecordingRow
from skryba.b2bua.notices import CallBridged, CallEnded, CallStarted, Notice, NoticeFailed, NoticePlayed
from skryba.b2bua.snapshot import CallSnapshot
from skryba.policy.model import Step
from skryba.terms import Termination


class Book(Protocol):
    """Where rows go; the ledger."""

    def record_call(self, row: CallRow) -> None: ...
    def record_recording(self, row: RecordingRow) -> None: ...


class LedgerObserver:
    """A row at the start, one at the bridge (the recording is known), one at the end."""

    def __init__(self, ledger: Book) -> None:
        self._ledger = ledger
        self._evidence: dict[str, list[Mapping[str, Any]]] = {}  # by call

    def receive(self, notice: Notice) -> None:
        match notice:
            case CallStarted(call):
                self._evidence[call.id] = []
                self._ledger.record_call(self._row(call, None))
            case NoticePlayed(call_id, side, evidence) if call_id in self._evidence:
                self._evidence[call_id].append({"side": side.value, **asdict(evidence)})
            case NoticeFailed(call_id, prompt, language, reason) if call_id in self._evidence:
                self._evidence[call_id].append({"prompt": prompt, "language": language, "failed": reason})
            case CallBridged(call):
                self._ledger.record_call(self._row(call, None))
            case CallEnded(call, termination):
                self._ledger.record_call(self._row(call, termination))
                self._evidence.pop(call.id, None)
            case _:
                pass  # ringing, registrations, trunks and refusals make no row

    def recorder_message(self, message: Mapping[str, Any]) -> None:
        """What the recorder says over its link."""
        if message.get("op") == "sealed":
            self._ledger.record_recording(
                RecordingRow(
                    recording=message["id"],
                    recording_state=message["state"],
                    recording_file=message["file"],
                    recording_reasons=list(message["reasons"]),
                    recording_ms=message["duration_ms"],
                )
            )

    def _row(self, call: CallSnapshot, end: Termination | None) -> CallRow:
        decision, timings = call.decision, call.timings

        def moment(of: float | None) -> datetime | None:
            return None if of is None else call.started_at + timedelta(seconds=of - timings.started)

        caller_call_id, callee_call_id = (*call.sip_call_ids, None, None)[:2]
        return CallRow(
            id=call.id,
            direction=call.direction.value,
            station=call.station,
            trunk=call.trunk,
            caller=call.caller,
            callee=call.callee,
            started_at=call.started_at,
            answered_at=call.answered_at,
            ended_at=moment(timings.ended),
            result=end.result.value if end else None,
            reason=end.reason if end else None,
            side=end.side.value if end and end.side else None,
            status=end.status if end else None,
            rule=decision.rule,
            mode=decision.mode.value,
            rules_version=decision.version,
            decision_reason=decision.reason,
            decision_reason_pl=decision.reason_pl,
            decision_path=[_step(step) for step in decision.path],
            emergency=decision.emergency,
            purpose=decision.purpose,
            legal_basis=decision.legal_basis,
            retention=decision.retention,
            notice=list(self._evidence.get(call.id, [])),
            caller_call_id=caller_call_id,
            callee_call_id=callee_call_id,
            recording=call.recording,
            bridged_at=moment(timings.bridged),
        )


def _step(step: Step) -> dict[str, Any]:
    # what asdict says, without its deep copies: this runs thrice a call, on the loop's thread
    return {"rule": step.rule, "matched": step.matched, "reason": step.reason, "reason_pl": step.reason_pl}
