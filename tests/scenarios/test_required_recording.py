"""Recording that is required and not possible (product rules C16, C17): refused, or ended with a farewell."""

from dataclasses import replace

import pytest

from skryba.b2bua.commands import Bridge, MarkRecording, OpenMedia, PlayPrompt, StartRecording, StopRecording
from skryba.b2bua.notices import CallEnded, RecordingFailed
from skryba.policy.model import Decision, IfUnrecordable
from skryba.terms import Result
from tests.support.stage import EMERGENCY, RECORD, Stage, announced

FULL = "the disk of the spools is full"


def strict(choice: IfUnrecordable, decision: Decision = RECORD) -> Stage:
    return Stage(replace(decision, if_unrecordable=choice)).registered()


def fail(stage: Stage, why: str = FULL) -> None:
    stage.agent.recorder_changed(why, stage.now)
    stage.flush()


def test_default_goes_on_unharmed() -> None:
    stage = Stage(RECORD).registered()
    fail(stage)
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert len(stage.of(Bridge)) == 1
    call.hang_up()
    stage.settle()


def test_refused_before_anybody_is_rung() -> None:
    stage = strict(IfUnrecordable.REFUSE)
    fail(stage)
    call = stage.alice.call("+48600123456")
    stage.run(1)
    assert call.final == 503
    assert not stage.carrier.calls
    assert not stage.of(OpenMedia)
    assert stage.termination.reason == f"recording required: {FULL}"
    assert stage.termination.result is Result.FAILED_HERE
    stage.settle()


def test_refused_only_while_it_lasts() -> None:
    stage = strict(IfUnrecordable.REFUSE)
    fail(stage)
    fail(stage, "")
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


@pytest.mark.parametrize("decision", [RECORD, announced()], ids=["without notice", "with notice"])
def test_answered_told_why_and_ended(decision: Decision) -> None:
    stage = strict(IfUnrecordable.END, decision)
    fail(stage)
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    assert call.final == 200
    assert not stage.alice.calls
    assert [(prompt.prompt, prompt.language) for prompt in stage.of(PlayPrompt)] == [("unrecorded", "pl")]
    assert not call.ended
    stage.run(3)
    assert call.ended
    assert not stage.alice.calls
    assert not stage.of(StartRecording)
    assert stage.termination.reason == f"recording required: {FULL}"
    stage.settle()


@pytest.mark.parametrize("choice", [IfUnrecordable.REFUSE, IfUnrecordable.END])
def test_running_call_is_told_why_and_ended(choice: IfUnrecordable) -> None:
    stage = strict(choice)
    call = stage.alice.call("+48600123456")
    stage.run(1)
    answered = stage.carrier.calls[0]
    answered.answer()
    stage.run(10)
    assert len(stage.of(StartRecording)) == 1
    fail(stage)
    stage.run(1)
    fail(stage, "the disk of the spools is fuller still")
    (prompt,) = stage.of(PlayPrompt)
    assert prompt.prompt == "unrecorded"
    assert len(prompt.sides) == 2
    assert "recording failed" in [mark.kind for mark in stage.of(MarkRecording)]
    stage.run(4)
    assert call.ended
    assert answered.ended
    assert len(stage.of(StopRecording)) == 1
    assert stage.termination.status == 503
    stage.settle()


def test_failure_between_answer_and_bridge_ends_the_call_unbridged() -> None:
    stage = strict(IfUnrecordable.END, announced())
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    fail(stage)
    stage.run(8)
    assert [prompt.prompt for prompt in stage.of(PlayPrompt)] == ["standard", "unrecorded"]
    assert not stage.of(Bridge)
    assert call.ended
    stage.settle()


def test_without_the_farewell_prompt_the_call_still_ends() -> None:
    stage = strict(IfUnrecordable.END)
    stage.prompt_outcome = "failed"
    fail(stage)
    call = stage.carrier.call("+48221110101")
    stage.run(2)
    assert call.ended
    assert not stage.alice.calls
    stage.settle()


def test_notice_that_cannot_be_heard_ends_a_call_that_must_be_recorded() -> None:
    stage = strict(IfUnrecordable.END, announced(prompt="missing"))
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(6)
    assert call.ended
    assert not stage.of(Bridge)
    stage.settle()


def refuse(stage: Stage) -> None:
    (started,) = stage.of(StartRecording)
    stage.agent.recording_refused(started.recording, FULL, stage.now)
    stage.flush()


@pytest.mark.parametrize("choice", [IfUnrecordable.REFUSE, IfUnrecordable.END])
def test_a_call_whose_recording_cannot_begin_is_told_why_and_ended(choice: IfUnrecordable) -> None:
    stage = strict(choice)
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    refuse(stage)
    assert [(prompt.prompt, len(prompt.sides)) for prompt in stage.of(PlayPrompt)] == [("unrecorded", 2)]
    stage.run(4)
    assert call.ended
    assert stage.termination.reason == f"recording required: {FULL}"
    (ended,) = (notice for notice in stage.notices if isinstance(notice, CallEnded))
    assert ended.call.recording is None
    stage.settle()


def test_a_call_whose_recording_cannot_begin_goes_on_and_is_not_called_recorded() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    refuse(stage)
    refuse(stage)
    assert not call.ended
    (snapshot,) = stage.agent.calls
    assert (snapshot.recording, snapshot.recorded_now) == (None, False)
    failed = [notice for notice in stage.notices if isinstance(notice, RecordingFailed)]
    assert [(notice.call, notice.reason) for notice in failed] == [(snapshot.id, FULL)]
    call.hang_up()
    stage.settle()
    assert len(stage.of(StopRecording)) == 1, "the ports are given back"


def test_what_concerns_new_recordings_only_ends_no_call() -> None:
    stage = strict(IfUnrecordable.END)
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    stage.agent.recorder_changed("the reserve is reached", stage.now, running=False)
    stage.run(4)
    assert not call.ended
    later = stage.carrier.call("+48221110101")
    stage.run(1)
    assert [prompt.prompt for prompt in stage.of(PlayPrompt)] == ["unrecorded"]
    stage.run(4)
    assert later.ended
    call.hang_up()
    stage.settle()


def test_emergency_is_never_held_up() -> None:
    stage = Stage(replace(EMERGENCY, if_unrecordable=IfUnrecordable.REFUSE)).registered()
    fail(stage)
    call = stage.alice.call("112")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    call.hang_up()
    stage.settle()
