"""Calls that end before they are answered: cancelled, refused, rung out, unreachable — and the races on the way."""

import pytest

from skryba.b2bua.commands import StartRecording
from skryba.b2bua.settings import Limits
from skryba.terms import Result, Side
from tests.support.phone import Phone
from tests.support.stage import ALICE, NEVER, RECORD, Stage, settings


def test_alice_cancels_while_it_rings() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].ring()
    stage.run(1)
    call.cancel()
    stage.run(1)
    assert call.final == 487
    assert stage.carrier.calls[0].cancelled
    assert stage.termination.result is Result.CANCELLED
    assert not stage.of(StartRecording)
    stage.settle()


def test_alice_cancels_before_the_callee_said_anything() -> None:
    stage = Stage(NEVER).registered()
    stage.carrier.silent = True
    call = stage.alice.call("+48600123456")
    stage.run(1)
    call.cancel()
    stage.run(1)
    assert call.final == 487
    stage.settle()


def test_cancel_and_200_cross_on_the_wire_to_the_callee() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring()
    stage.run(1)
    call.cancel()
    stage.run(0.015)  # our CANCEL is under way to the callee
    there.answer()
    stage.run(1)
    assert call.final == 487
    assert there.acked == 1
    assert there.ended
    assert not stage.of(StartRecording)
    stage.settle()


def test_the_callers_cancel_comes_after_our_200() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring()
    stage.run(1)
    there.answer()
    stage.run(0.015)  # our 200 is under way to the caller
    call.cancel()
    stage.run(1)
    assert call.final == 200
    call.hang_up()
    stage.run(1)
    assert there.ended
    stage.settle()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (486, 486),
        (603, 603),
        (404, 404),
        (480, 480),
        (488, 488),
        (600, 600),
        (503, 500),
        (403, 403),
        (302, 480),
        (400, 500),
        (407, 502),
        (699, 603),
    ],
)
def test_what_the_callee_says_the_caller_is_told(said: int, told: int) -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    fields = (("Contact", "<sip:other@203.0.113.77>"),) if said == 302 else ()
    stage.carrier.calls[0].refuse(said, (*fields, ("Reason", "Q.850;cause=17")))
    stage.run(1)
    assert call.final == told
    assert call.responses[-1].headers.get("Reason") == "Q.850;cause=17"
    assert call.responses[-1].headers.get("Contact") is None
    assert stage.termination.side is Side.CALLEE
    stage.settle()


def test_nobody_answers_in_time() -> None:
    stage = Stage(NEVER, configured=settings(limits=Limits(answer_timeout=30))).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].ring()
    stage.run(31)
    assert call.final == 480
    assert stage.carrier.calls[0].cancelled
    assert stage.termination.result is Result.UNANSWERED
    stage.settle()


def test_a_callee_that_is_dead_is_a_408() -> None:
    stage = Stage(NEVER).registered()
    stage.phones.pop(stage.carrier.address)
    call = stage.alice.call("+48600123456")
    stage.run(40)
    assert call.final == 408
    assert stage.termination.result is Result.UNANSWERED
    stage.settle()


def test_a_station_that_is_not_registered_is_a_480() -> None:
    stage = Stage(NEVER)
    stage.alice.register()
    stage.run(1)
    call = stage.alice.call("102")
    stage.run(1)
    assert call.final == 480
    stage.settle()


def test_ringing_goes_on_for_minutes_and_the_caller_is_reminded_each_minute() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].ring()
    stage.run(125)
    assert call.provisional == [100, 180, 180, 180]
    stage.carrier.calls[0].refuse(486)
    stage.settle()


def test_all_phones_of_bob_ring_and_the_first_answer_wins() -> None:
    stage = Stage(NEVER).registered()
    second = stage.add(Phone("102", ALICE._replace(host="198.51.100.99"), password="secret102"))
    second.register()
    stage.run(1)
    call = stage.alice.call("102")
    stage.run(1)
    stage.bob.calls[0].ring()
    second.calls[0].ring()
    stage.run(1)
    assert call.provisional == [100, 180, 180]
    tags = {response.to.tag for response in call.responses if response.status == 180}
    assert len(tags) == 2  # two early dialogs
    second.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert call.responses[-1].to.tag in tags
    assert stage.bob.calls[0].cancelled
    call.hang_up()
    stage.run(1)
    assert second.calls[0].ended
    stage.settle()


def test_two_phones_answer_at_once_and_the_second_is_sent_away() -> None:
    stage = Stage(NEVER).registered()
    second = stage.add(Phone("102", ALICE._replace(host="198.51.100.99"), password="secret102"))
    second.register()
    stage.run(1)
    call = stage.alice.call("102")
    stage.run(1)
    stage.bob.calls[0].answer()
    second.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert [made.ended for made in (stage.bob.calls[0], second.calls[0])].count(True) == 1
    assert stage.bob.calls[0].acked == second.calls[0].acked == 1
    call.hang_up()
    stage.settle()


def test_one_phone_busy_the_other_still_rings_and_the_best_refusal_is_told() -> None:
    stage = Stage(NEVER).registered()
    second = stage.add(Phone("102", ALICE._replace(host="198.51.100.99"), password="secret102"))
    second.register()
    stage.run(1)
    call = stage.alice.call("102")
    stage.run(1)
    stage.bob.calls[0].refuse(486)
    stage.run(1)
    assert call.final is None
    second.calls[0].refuse(480)
    stage.run(1)
    assert call.final == 486
    stage.settle()


def test_a_trunk_that_forks_downstream_gives_the_caller_one_early_dialog_each() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.answer_to(there.invite), tag="carrierzzfork1")
    stage.run(1)
    there.ring(183, stage.carrier.answer_to(there.invite), tag="carrierzzfork2")
    there.answer()
    stage.run(1)
    tags = [response.to.tag for response in call.responses if 100 < response.status < 300]
    assert len(tags) == len(set(tags)) == 3
    assert call.final == 200
    call.hang_up()
    stage.run(1)
    assert there.ended
    stage.settle()


def test_a_second_200_of_another_fork_is_acknowledged_and_ended() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    first_tag = there.tag
    there.answer()
    stage.run(1)
    there.tag = "carrierzzother"
    there.answer()  # the same INVITE, another fork
    stage.run(1)
    assert there.dialog is not None
    assert there.dialog.local_tag == "carrierzzother"
    assert there.ended
    assert call.final == 200
    assert not call.ended
    there.ended = False
    there.dialog.local_tag = first_tag
    call.hang_up()
    stage.run(1)
    assert there.ended
    stage.settle()


def test_the_caller_gives_up_by_bye_in_an_early_dialog() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].ring()
    stage.run(1)
    dialog = stage.alice.early_dialog(call)
    call.dialog = dialog
    call.send("UPDATE")
    call.send("BYE")
    stage.run(1)
    assert call.statuses == {"UPDATE": [405], "BYE": [200]}
    assert [response.status for response in call.responses if response.cseq.method == "INVITE"][-1] == 487
    assert stage.carrier.calls[0].cancelled
    stage.settle()


def test_an_answer_without_a_description_ends_that_leg() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer(b"")
    stage.run(1)
    assert call.final == 500
    assert there.acked == 1
    assert there.ended
    stage.settle()


def test_an_answer_that_was_not_offered_ends_that_leg() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer(stage.carrier.sdp(codecs=("3 GSM/8000",)))
    stage.run(1)
    assert call.final == 500
    assert there.ended
    stage.settle()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (("text/plain", b"hello"), 415),
        (("application/sdp", b"v=1\r\nnonsense"), 400),
        (("multipart/mixed", b"--x"), 400),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_before_anybody_is_called(body: tuple[str, bytes], status: int) -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456", body=body)
    stage.run(1)
    assert call.final == status
    assert not stage.carrier.calls
    assert not stage.of_notice("CallStarted")
    stage.settle()


def test_an_offer_that_we_cannot_carry_is_a_488() -> None:
    stage = Stage(NEVER).registered()
    sdp = stage.alice.sdp().replace(b"RTP/AVP", b"RTP/SAVP")
    call = stage.alice.call("+48600123456", sdp)
    stage.run(1)
    assert call.final == 488
    assert not stage.carrier.calls
    stage.settle()
