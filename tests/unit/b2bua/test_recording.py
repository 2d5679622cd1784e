"""Recording: sides and channels for life, and no command without a change."""

import json

from skryba.b2bua.commands import ChangeFormats, MarkRecording, MediaCommand, StartRecording, StopRecording
from skryba.b2bua.consent import Consent
from skryba.b2bua.recording import Recording, channels, decision_facts, facts
from skryba.b2bua.snapshot import CallSnapshot, CallState, Timings
from skryba.terms import Channel, Direction, Result, Side, Termination
from tests.support.room import AT
from tests.support.stage import RECORD, announced

CALL = CallSnapshot(
    "id1", CallState.ACTIVE, Direction.INBOUND, "101", "carrier", "+48600", "+48221110101", RECORD, None, False, AT, AT,
    Timings(0.0), ("c1", "c2"),
)  # fmt: skip
FORMATS = {Side.CALLER: {8: "PCMA/8000"}, Side.CALLEE: {0: "PCMU/8000"}}
DONE = Termination(Result.COMPLETED, "x")


def test_left_is_our_station_for_life() -> None:
    assert channels(Direction.OUTBOUND) == {Side.CALLER: Channel.LEFT, Side.CALLEE: Channel.RIGHT}
    assert channels(Direction.INBOUND) == {Side.CALLEE: Channel.LEFT, Side.CALLER: Channel.RIGHT}
    assert channels(Direction.INTERNAL) == channels(Direction.OUTBOUND)


def test_nothing_before_the_start_and_nothing_after_the_end() -> None:
    emitted: list[MediaCommand] = []
    recording = Recording("id1", "rec1", emitted.append)
    recording.mark("hold")
    recording.change(Side.CALLER, {9: "G722/8000"})
    recording.stop(DONE)
    assert emitted == []
    recording.start(CALL, Consent(RECORD, Direction.INBOUND), FORMATS)
    recording.change(Side.CALLER, {8: "PCMA/8000"})
    recording.change(Side.CALLER, {9: "G722/8000"})
    recording.mark("hold", Side.CALLER, {"x": 1})
    recording.stop(DONE)
    recording.stop(DONE)
    recording.mark("late")
    assert [type(command) for command in emitted] == [StartRecording, ChangeFormats, MarkRecording, StopRecording]
    assert recording.started
    assert not recording.running


def test_facts_are_ready_for_json() -> None:
    consent = Consent(announced(), Direction.INBOUND)
    told = facts(CALL, consent, "rec1")
    again = json.loads(json.dumps(told))
    assert again["sip_call_ids"] == ["c1", "c2"]
    assert again["answered_at"] == "2026-11-24T10:00:00+00:00"
    assert again["notice"]["outcome"] == "owed"
    assert "path" not in decision_facts(RECORD)
    assert decision_facts(RECORD)["purpose"] == "quality"
