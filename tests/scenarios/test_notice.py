"""The notice: who hears it and when, that nothing is recorded before its end, and what a failure costs."""

import pytest

from skryba.b2bua.commands import Bridge, PlayPrompt, StartRecording, StopPrompt, Unbridge
from skryba.b2bua.notices import NoticeFailed, NoticePlayed
from skryba.b2bua.snapshot import CallState
from skryba.policy.model import NoticeMoment
from skryba.sip.message import parse_message
from skryba.terms import Result, Side
from tests.support.phone import Phone
from tests.support.stage import ALICE, RECORD, Stage, announced


def state(stage: Stage) -> CallState:
    return stage.agent.calls[0].state


def test_outbound_both_hear_it_at_the_answer_and_are_bridged_at_its_end() -> None:
    stage = Stage(announced()).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    (prompt,) = stage.of(PlayPrompt)
    assert prompt.sides == (Side.CALLER, Side.CALLEE)
    assert (prompt.prompt, prompt.language) == ("standard", "pl")
    assert {side: str(codec) for side, codec in prompt.codecs.items()} == {
        Side.CALLER: "PCMA/8000",
        Side.CALLEE: "PCMA/8000",
    }
    assert state(stage) is CallState.ANNOUNCING
    assert not stage.of(Bridge)
    assert not stage.of(StartRecording)
    stage.run(3)
    ended = max(notice.evidence.ended_ns for notice in stage.notices if isinstance(notice, NoticePlayed)) / 1e9
    assert ended <= stage.times(Bridge)[0] <= ended + 0.3
    assert stage.times(StartRecording)[0] >= ended
    facts = stage.of(StartRecording)[0].facts["notice"]
    assert isinstance(facts, dict)
    assert facts["outcome"] == "completed"
    assert [played["side"] for played in facts["played"]] == ["caller", "callee"]
    call.hang_up()
    stage.settle()


def test_inbound_is_answered_first_hears_it_and_only_then_the_phone_rings() -> None:
    stage = Stage(announced()).registered()
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    assert call.final == 200
    assert call.remote is not None
    assert [str(codec) for codec in call.remote.media[0].codecs()] == ["PCMA/8000", "telephone-event/8000"]
    assert not stage.alice.calls
    assert stage.of(PlayPrompt)[0].sides == (Side.CALLER,)
    stage.run(3)
    bell = stage.alice.calls[0]
    assert bell.remote is not None
    assert [str(codec) for codec in bell.remote.media[0].codecs()] == ["PCMA/8000", "telephone-event/8000"]
    assert not stage.of(StartRecording)
    bell.ring()
    stage.run(4)
    assert not stage.of(Bridge)
    bell.answer()
    stage.run(1)
    assert len(stage.of(Bridge)) == 1
    assert len(stage.of(StartRecording)) == 1
    assert call.acked == 0
    bell.hang_up()
    stage.run(1)
    assert call.ended
    stage.settle()


def test_inbound_by_early_media_hears_it_before_the_call_is_answered() -> None:
    stage = Stage(announced(NoticeMoment.EARLY_MEDIA)).registered()
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    assert call.provisional[-1] == 183
    assert call.final is None
    early = call.responses[-1]
    assert early.body
    assert not stage.alice.calls
    stage.run(3)
    bell = stage.alice.calls[0]
    bell.ring()
    stage.run(1)
    assert call.provisional[-1] == 180
    assert not call.responses[-1].body
    bell.answer()
    stage.run(1)
    assert call.final == 200
    assert call.responses[-1].body == early.body
    assert call.responses[-1].to.tag == early.to.tag
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


def test_refused_after_early_media_the_status_is_passed_on() -> None:
    stage = Stage(announced(NoticeMoment.EARLY_MEDIA)).registered()
    call = stage.carrier.call("+48221110101")
    stage.run(4)
    stage.alice.calls[0].refuse(486)
    stage.run(1)
    assert call.final == 486
    assert not stage.of(StartRecording)
    stage.settle()


def test_refused_after_being_answered_first_the_caller_gets_a_bye_that_says_why() -> None:
    stage = Stage(announced()).registered()
    call = stage.carrier.call("+48221110101")
    stage.run(4)
    stage.alice.calls[0].refuse(486)
    stage.run(1)
    assert call.ended
    assert call.bye is not None
    assert call.bye.headers.get("Reason") == 'SIP;cause=486;text="Busy Here"'
    assert stage.termination.result is Result.REFUSED
    assert not stage.of(StartRecording)
    stage.settle()


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
@pytest.mark.parametrize("inbound", [False, True])
def test_a_prompt_that_fails_leaves_an_unrecorded_call(outcome: str, inbound: bool) -> None:
    stage = Stage(announced()).registered()
    stage.prompt_outcome = outcome
    call = stage.carrier.call("+48221110101") if inbound else stage.alice.call("+48600123456")
    stage.run(4)
    there = stage.alice.calls[0] if inbound else stage.carrier.calls[0]
    there.answer()
    stage.run(4)
    assert state(stage) is CallState.ACTIVE
    assert len(stage.of(Bridge)) == 1
    assert not stage.of(StartRecording)
    (failed,) = stage.of_notice("NoticeFailed")
    assert isinstance(failed, NoticeFailed)
    call.hang_up()
    stage.settle()


def test_a_prompt_that_nobody_has_is_not_even_asked_for() -> None:
    stage = Stage(announced(prompt="missing")).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert state(stage) is CallState.ACTIVE
    assert not stage.of(PlayPrompt)
    assert not stage.of(StartRecording)
    call.hang_up()
    stage.settle()


def test_a_prompt_that_never_ends_is_cut_off_by_our_own_clock() -> None:
    stage = Stage(announced()).registered()
    stage.prompt_outcome = "silence"
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(59)
    assert state(stage) is CallState.ANNOUNCING
    stage.run(3)
    assert state(stage) is CallState.ACTIVE
    assert len(stage.of(StopPrompt)) == 1
    assert not stage.of(StartRecording)
    call.hang_up()
    stage.settle()


@pytest.mark.parametrize("caller", [True, False])
def test_a_party_hangs_up_during_the_notice(caller: bool) -> None:
    stage = Stage(announced()).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    (call if caller else there).hang_up()
    stage.run(1)
    assert (there if caller else call).ended
    assert len(stage.of(StopPrompt)) == 1
    assert not stage.of(StartRecording)
    played = [notice for notice in stage.notices if isinstance(notice, NoticePlayed)]
    assert [notice.evidence.completed for notice in played] == [False, False]
    assert stage.termination.result is Result.COMPLETED
    stage.settle()


def test_an_inbound_caller_hangs_up_during_the_notice_and_no_phone_rings() -> None:
    stage = Stage(announced()).registered()
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    call.hang_up()
    stage.run(5)
    assert not stage.alice.calls
    assert stage.termination.result is Result.CANCELLED
    stage.settle()


def test_nobody_is_registered_so_the_caller_is_refused_and_not_announced() -> None:
    stage = Stage(announced())
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    assert call.final == 480
    assert not stage.of(PlayPrompt)
    stage.settle()


def test_a_caller_whose_codecs_no_prompt_speaks_is_connected_unrecorded() -> None:
    stage = Stage(announced()).registered()
    stage.carrier.codecs = ("18 G729/8000",)
    stage.alice.codecs = ("18 G729/8000",)
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    stage.alice.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert state(stage) is CallState.ACTIVE
    assert not stage.of(StartRecording)
    call.hang_up()
    stage.settle()


def test_early_media_of_the_callee_ends_where_the_notice_begins() -> None:
    stage = Stage(announced()).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.answer_to(there.invite))
    stage.run(2)
    assert len(stage.of(Bridge)) == 1
    there.answer()
    stage.run(1)
    assert len(stage.of(Unbridge)) == 1
    assert not stage.of(StartRecording)
    stage.run(3)
    assert len(stage.of(Bridge)) == 2
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


def test_a_recorded_call_is_offered_only_in_codecs_that_can_be_decoded() -> None:
    stage = Stage(RECORD).registered()
    stage.alice.codecs = ("18 G729/8000", "8 PCMA/8000", "101 telephone-event/8000")
    stage.alice.call("+48600123456")
    stage.run(1)
    offered = stage.carrier.calls[0].remote
    assert offered is not None
    assert [str(codec) for codec in offered.media[0].codecs()] == ["PCMA/8000", "telephone-event/8000"]
    stage.carrier.calls[0].refuse(486)
    stage.settle()


def test_the_notice_finds_all_phones_of_the_station_afterwards() -> None:
    stage = Stage(announced()).registered()
    stage.carrier.call("+48221110101")
    stage.run(1)
    second = Phone("101", ALICE._replace(host="198.51.100.77"), password="secret101")
    stage.add(second)
    second.register()
    stage.run(4)
    assert len(stage.alice.calls) == len(second.calls) == 1
    assert parse_message(bytes(second.calls[0].invite)).call_id != stage.alice.calls[0].invite.call_id
    second.calls[0].answer()
    stage.run(1)
    assert stage.alice.calls[0].cancelled
    second.calls[0].hang_up()
    stage.settle()
