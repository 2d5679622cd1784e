"""Limits: silence, longest duration, full house, draining, loops, dialogs nobody knows."""

import pytest

from skryba.b2bua.settings import Limits
from skryba.b2bua.snapshot import CallState
from skryba.terms import Result, Side
from tests.support.phone_call import PhoneCall
from tests.support.stage import NEVER, RECORD, Stage, settings


def talking(limits: Limits | None = None) -> tuple[Stage, PhoneCall, PhoneCall]:
    stage = Stage(RECORD, configured=settings(limits=limits or Limits())).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    return stage, call, stage.carrier.calls[0]


def silent(stage: Stage, *sides: Side) -> None:
    for side in sides:
        stage.agent.media_silent(stage.agent.calls[0].id, side, stage.now)
    stage.run(0.5)


def test_silence_on_both_sides_ends_the_call() -> None:
    stage, call, there = talking()
    silent(stage, Side.CALLER, Side.CALLEE)
    assert call.ended
    assert there.ended
    assert stage.termination.reason == "media silent on both sides"
    assert stage.termination.result is Result.FAILED_THERE
    stage.settle()


def test_silence_on_one_side_does_not() -> None:
    stage, call, _ = talking()
    for _ in range(10):
        silent(stage, Side.CALLEE)
    assert not call.ended
    call.hang_up()
    stage.settle()


def test_silence_of_one_long_ago_and_of_the_other_now_does_not() -> None:
    stage, call, _ = talking()
    silent(stage, Side.CALLEE)
    stage.run(20)
    silent(stage, Side.CALLER)
    assert not call.ended
    call.hang_up()
    stage.settle()


def test_silence_while_held_does_not_and_counts_anew_after() -> None:
    stage, call, _ = talking()
    call.reinvite(stage.alice.sdp(direction="inactive"))
    stage.run(1)
    silent(stage, Side.CALLER, Side.CALLEE)
    assert stage.agent.calls[0].state is CallState.HELD
    call.reinvite(stage.alice.sdp())
    stage.run(1)
    silent(stage, Side.CALLER)
    assert not call.ended
    silent(stage, Side.CALLEE)
    assert call.ended
    stage.settle()


def test_the_longest_duration_counts_from_the_answer() -> None:
    stage, call, there = talking(Limits(max_duration=600))
    stage.run(590)
    assert not call.ended
    stage.run(15)
    assert call.ended
    assert there.ended
    assert call.bye is not None
    assert "maximum duration" in (call.bye.headers.get("Reason") or "")
    stage.settle()


def test_an_operator_hangs_up() -> None:
    stage, call, there = talking()
    stage.agent.hang_up("nobody", "no such call", stage.now)
    stage.agent.hang_up(stage.agent.calls[0].id, "maintenance", stage.now)
    stage.run(1)
    assert call.ended
    assert there.ended
    assert stage.termination.result is Result.FAILED_HERE
    stage.settle()


def test_a_full_house_says_503_and_when_to_come_again() -> None:
    stage = Stage(NEVER, configured=settings(limits=Limits(calls=1))).registered()
    stage.alice.call("+48600123456")
    stage.run(1)
    refused = stage.bob.call("+48600123456")
    stage.run(1)
    assert refused.final == 503
    assert refused.responses[-1].headers.get("Retry-After") == "30"
    stage.carrier.calls[0].refuse(486)
    stage.run(1)
    stage.bob.call("+48600123456")
    stage.run(1)
    assert len(stage.carrier.calls) == 2
    stage.carrier.calls[1].refuse(486)
    stage.settle()


def test_no_ports_is_a_503() -> None:
    stage = Stage(NEVER).registered()
    stage.media_available = False
    call = stage.alice.call("+48600123456")
    stage.run(1)
    assert call.final == 503
    assert call.responses[-1].headers.get("Retry-After") == "30"
    assert not stage.carrier.calls
    stage.settle()


def test_draining_takes_nothing_new_and_finishes_what_runs() -> None:
    stage, call, there = talking()
    stage.agent.drain(stage.now)
    assert stage.agent.draining
    new = stage.bob.call("101")
    stage.bob.send("OPTIONS")
    stage.bob.register(cseq=20)
    stage.run(1)
    assert new.final == 503
    assert new.responses[-1].headers.get("Retry-After") == "30"
    assert [answer.status for answer in stage.bob.answers[1:]] == [503, 200]
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    assert call.reinvite_finals == [200]
    there.hang_up()
    stage.run(1)
    assert call.ended
    stage.settle()


def test_options_is_answered_with_what_we_can() -> None:
    stage = Stage(NEVER)
    stage.carrier.send("OPTIONS")
    stage.run(1)
    (told,) = stage.carrier.answers
    assert told.status == 200
    assert "INVITE" in (told.headers.get("Allow") or "")
    assert told.headers.get("Accept") == "application/sdp, multipart/mixed"


def test_a_loop_stops_at_483() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456", max_forwards=0)
    stage.run(1)
    assert call.final == 483
    last = stage.alice.call("+48600123456", max_forwards=1)
    stage.run(1)
    assert stage.carrier.calls[0].invite.max_forwards == 0
    stage.carrier.calls[0].refuse(483)
    stage.run(1)
    assert last.final == 483
    stage.settle()


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "UPDATE", "OPTIONS"])
def test_a_dialog_nobody_knows_is_a_481(method: str) -> None:
    stage = Stage(NEVER)
    stage.carrier.send(method, to_tag="nobody")
    stage.run(1)
    assert [answer.status for answer in stage.carrier.answers] == [481]


def test_a_dialog_with_a_wrong_remote_tag_is_a_481_and_stays_as_it_is() -> None:
    stage, call, _ = talking()
    assert call.dialog is not None
    stage.check_hiding = False  # the stranger has learnt the Call-ID and gets it back
    stage.bob.send("BYE", call_id=call.invite.call_id, to_tag=call.dialog.remote_tag, cseq=9)
    stage.run(1)
    assert stage.bob.answers[-1].status == 481
    assert not call.ended
    call.hang_up()
    stage.settle()


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("REFER", 405),
        ("FLY", 501),
        ("BYE", 481),
        ("PRACK", 481),
        ("NOTIFY", 481),
    ],
)
def test_requests_that_make_no_call(method: str, status: int) -> None:
    stage = Stage(NEVER)
    stage.carrier.send(method)
    stage.run(1)
    (told,) = stage.carrier.answers
    assert told.status == status
    assert ("Allow" in told.headers) is (status in (405, 501))
    (refused,) = stage.of_notice("RequestRefused")
    assert getattr(refused, "status") == status  # noqa: B009 - a notice of any kind


def test_an_extension_that_is_required_and_not_ours_is_a_420() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456", headers=(("Require", "100rel, timer"),))
    stage.run(1)
    assert call.final == 420
    assert call.responses[-1].headers.get("Unsupported") == "100rel, timer"
    stage.settle()


def test_a_number_that_is_none_is_a_484() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("", uri="sip:skryba.test")
    stage.run(1)
    assert call.final == 484
    stage.settle()
