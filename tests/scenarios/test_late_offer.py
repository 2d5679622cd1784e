"""Late offer: an INVITE without a description asks the callee for one; the caller's ACK answers it."""

from skryba.b2bua.commands import Bridge, PlayPrompt, StartRecording
from skryba.b2bua.snapshot import CallState
from skryba.sdp.description import SessionDescription
from tests.support.stage import MEDIA_HOST, RECORD, Stage, announced


def test_the_offer_is_the_callees_and_the_answer_travels_in_the_acks() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456", late=True)
    stage.run(1)
    there = stage.carrier.calls[0]
    assert not there.invite.body
    there.answer()
    stage.run(1)
    assert call.final == 200
    assert call.remote is not None
    assert call.remote.connection == MEDIA_HOST
    ack = there.acks[1]
    answer = SessionDescription.parse(ack.body)
    assert answer.connection == MEDIA_HOST
    assert answer.media[0].port != call.remote.media[0].port
    assert stage.agent.calls[0].state is CallState.ACTIVE
    assert len(stage.of(StartRecording)) == len(stage.of(Bridge)) == 1
    call.hang_up()
    stage.settle()


def test_the_callee_is_not_acknowledged_before_the_caller_has_answered() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456", late=True)
    call.withhold_ack = True
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(0.3)
    there.repeat_answer()
    stage.run(0.3)
    assert there.acked == 0
    assert not stage.of(Bridge)
    call.withhold_ack = False
    stage.run(3)
    assert there.acked == 1
    there.repeat_answer()
    stage.run(0.3)
    assert there.acked == 2
    call.hang_up()
    stage.settle()


def test_the_notice_plays_when_both_descriptions_are_there() -> None:
    stage = Stage(announced()).registered()
    call = stage.alice.call("+48600123456", late=True)
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert len(stage.of(PlayPrompt)) == 1
    stage.run(3)
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


def test_inbound_with_notice_we_make_the_offer_and_the_callee_gets_the_answer() -> None:
    stage = Stage(announced()).registered()
    call = stage.carrier.call("+48221110101", late=True)
    stage.run(1)
    assert call.final == 200
    assert call.remote is not None
    assert [str(codec) for codec in call.remote.media[0].codecs()] == ["PCMA/8000", "PCMU/8000", "telephone-event/8000"]
    assert len(stage.of(PlayPrompt)) == 1
    stage.run(3)
    bell = stage.alice.calls[0]
    assert bell.remote is not None
    bell.answer()
    stage.run(1)
    assert stage.agent.calls[0].state is CallState.ACTIVE
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


def test_an_ack_without_answer_ends_the_call() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456", late=True)
    call.late_answer = b""
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    assert call.ended
    assert there.ended
    assert there.acked == 1
    assert stage.termination.reason == "no answer in ACK"
    stage.settle()


def test_a_183_with_a_description_is_only_ringing_when_we_made_no_offer() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456", late=True)
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.sdp())
    stage.run(1)
    assert call.provisional[-1] == 180
    call.cancel()
    stage.settle()
