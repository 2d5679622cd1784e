from datetime import UTC, datetime, timedelta

from skryba.archive.model import CallRow, RecordingRow
from skryba.archive.observer import LedgerObserver
from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.notices import CallBridged, CallEnded, CallRinging, CallStarted, NoticeFailed, NoticePlayed
from skryba.b2bua.snapshot import Timings
from skryba.policy.model import Step
from skryba.terms import Result, Side, Termination
from tests.support.calls import CALLEE, CALLER, call, decision

EVIDENCE = PromptEvidence("standard", "1", "pl", "ab12", 5, 9, completed=True)
STARTED = datetime(2026, 11, 24, 10, tzinfo=UTC)


class Book:
    def __init__(self) -> None:
        self.rows: list[CallRow | RecordingRow] = []

    def record_call(self, row: CallRow) -> None:
        self.rows.append(row)

    def record_recording(self, row: RecordingRow) -> None:
        self.rows.append(row)

    @property
    def last(self) -> CallRow:
        row = self.rows[-1]
        assert isinstance(row, CallRow)
        return row


def test_a_call_is_written_at_its_start_bridge_and_end() -> None:
    book = Book()
    observer = LedgerObserver(book)
    observer.receive(CallStarted(call(recording=None, timings=Timings(started=10.0), sip_call_ids=("a",))))
    assert (book.last.result, book.last.ended_at, book.last.recording, book.last.callee_call_id) == (
        None,
        None,
        None,
        None,
    )
    observer.receive(CallRinging(call()))
    observer.receive(NoticePlayed(call().id, Side.CALLER, EVIDENCE))
    observer.receive(CallBridged(call(timings=Timings(started=10.0, bridged=12.0))))
    assert (book.last.recording, book.last.ended_at) == ("r1", None)
    observer.receive(CallEnded(call(answered_at=STARTED), Termination(Result.COMPLETED, "BYE", Side.CALLEE, 200)))
    row = book.last
    assert len(book.rows) == 3
    assert (row.id, row.direction, row.station, row.trunk) == (call().id, "outbound", "101", "carrier")
    assert (row.caller, row.callee) == (CALLER, CALLEE)
    assert (row.started_at, row.answered_at, row.ended_at) == (STARTED, STARTED, STARTED + timedelta(seconds=5.5))
    assert (row.result, row.reason, row.side, row.status) == ("completed", "BYE", "callee", 200)
    assert (row.caller_call_id, row.callee_call_id) == ("a", "b")
    assert [(each["side"], each["sha256"], each["completed"]) for each in row.notice] == [("caller", "ab12", True)]


def test_the_decision_is_kept_with_its_path_and_both_reasons() -> None:
    book = Book()
    path = (Step("never-list", matched=False, reason="not on it", reason_pl="nie ma"),)
    LedgerObserver(book).receive(CallStarted(call(decision=decision(path=path))))
    row = book.last
    assert (row.rule, row.mode, row.rules_version, row.emergency) == ("record-all", "automatic", "v1", False)
    assert (row.decision_reason, row.decision_reason_pl) == ("rule record-all fits", "pasuje reguła record-all")
    assert row.decision_path == [{"rule": "never-list", "matched": False, "reason": "not on it", "reason_pl": "nie ma"}]
    assert (row.purpose, row.legal_basis, row.retention) == ("quality", "art. 6(1)(f) GDPR", "90d")


def test_a_failed_notice_is_evidence_too() -> None:
    book = Book()
    observer = LedgerObserver(book)
    observer.receive(CallStarted(call()))
    observer.receive(NoticeFailed(call().id, "standard", "pl", "no file"))
    observer.receive(CallEnded(call(), Termination(Result.COMPLETED, "BYE")))
    assert book.last.notice == [{"prompt": "standard", "language": "pl", "failed": "no file"}]


def test_nothing_is_held_of_calls_that_are_over() -> None:
    book = Book()
    observer = LedgerObserver(book)
    observer.receive(CallStarted(call()))
    observer.receive(CallEnded(call(), Termination(Result.COMPLETED, "BYE")))
    observer.receive(NoticePlayed(call().id, Side.CALLER, EVIDENCE))
    assert observer._evidence == {}


def test_only_sealed_recordings_make_a_row() -> None:
    book = Book()
    observer = LedgerObserver(book)
    observer.recorder_message({"op": "stats"})
    observer.recorder_message(
        {"op": "sealed", "id": "r1", "state": "degraded", "file": "/x.wav", "reasons": ("overflow",), "duration_ms": 9}
    )
    assert book.rows == [RecordingRow("r1", "degraded", "/x.wav", ["overflow"], 9)]


def test_the_moment_from_which_the_parties_talked_is_kept() -> None:
    book = Book()
    observer = LedgerObserver(book)
    observer.receive(CallStarted(call(timings=Timings(started=10.0))))
    assert book.last.bridged_at is None
    observer.receive(CallEnded(call(), Termination(Result.COMPLETED, "BYE")))
    assert book.last.bridged_at == STARTED + timedelta(seconds=2)
