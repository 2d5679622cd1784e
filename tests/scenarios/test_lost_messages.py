"""Lost messages: the 200 that did not arrive, the ACK that did not, the peer that went away."""

import pytest

from skryba.sip.message import parse_message
from skryba.terms import Result, Side
from tests.support.stage import NEVER, RECORD, Stage


def lose(stage: Stage, matching: list[bytes], times: int) -> list[bytes]:
    """Lose the next `times` datagrams that contain all these bytes; they are listed."""
    lost: list[bytes] = []

    def fate(data: bytes) -> list[float]:
        if len(lost) < times and all(part in data for part in matching):
            lost.append(data)
            return []
        return [0.01]

    stage.network.fate = fate
    return lost


def test_the_200_to_the_caller_is_lost_twice_and_repeated() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    lost = lose(stage, [b"SIP/2.0 200", b"INVITE", b"101zz"], 2)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final is None
    stage.run(1)
    assert call.final == 200
    assert len(lost) == 2
    assert len(set(lost)) == 1  # the same response, byte for byte
    sent = len([1 for _, _, data in stage.wire if data == lost[0]])
    stage.run(20)
    assert len([1 for _, _, data in stage.wire if data == lost[0]]) == sent == 3
    call.hang_up()
    stage.settle()


def test_the_callers_ack_is_lost_and_the_200_comes_again_until_it_is_there() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    lost = lose(stage, [b"ACK sip:skryba@"], 2)
    stage.carrier.calls[0].answer()
    stage.run(4)
    assert len(lost) == 2
    assert [response.status for response in call.responses].count(200) == 3
    call.hang_up()
    stage.run(1)
    assert stage.carrier.calls[0].ended
    stage.settle()


def test_our_ack_is_lost_and_sent_again_for_each_repeated_200() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    lost = lose(stage, [b"ACK sip:carrier"], 1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    assert (len(lost), there.acked) == (1, 0)
    there.repeat_answer()
    there.repeat_answer()
    stage.run(1)
    assert there.acked == 2
    first, second = (parse_message(data) for _, _, data in stage.wire[-2:])
    assert first.via.branch != second.via.branch
    call.hang_up()
    stage.settle()


def test_a_caller_who_never_acknowledges_is_hung_up_after_32_seconds() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    call.withhold_ack = True
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(31.5)
    assert not call.ended
    stage.run(1)
    assert call.ended
    assert stage.carrier.calls[0].ended
    assert stage.termination.result is Result.FAILED_THERE
    assert stage.termination.reason == "no ACK"
    assert stage.termination.side is Side.CALLER
    stage.settle()


def test_the_callee_hangs_up_before_the_callers_ack_and_our_bye_waits_for_it() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    call.withhold_ack = True
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(0.2)
    there.hang_up()
    stage.run(0.2)
    assert there.ended
    assert not call.ended  # RFC 3261 §15: no BYE before the ACK
    call.withhold_ack = False
    stage.run(2)
    assert call.ended
    stage.settle()


def test_the_callee_hangs_up_and_the_caller_never_acknowledges() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    call.withhold_ack = True
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(0.2)
    there.hang_up()
    stage.run(33)
    assert call.ended
    stage.settle()


def test_a_caller_whose_phone_died_does_not_keep_the_call_after_the_callees_bye() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    stage.phones.pop(stage.alice.address)
    there.hang_up()
    stage.run(5)
    assert there.bye_status == 200
    assert len([1 for _, _, data in stage.wire if data.startswith(b"BYE sip:101")]) >= 4
    stage.settle()


def test_a_connection_that_fails_under_an_invite_is_a_500() -> None:
    stage = Stage(NEVER).registered()
    stage.carrier.silent = True
    stage.phones.pop(stage.carrier.address)
    call = stage.alice.call("+48600123456")
    stage.run(0.1)
    flow = next(
        flow
        for flow in (c.flow for _, c in stage.commands if hasattr(c, "flow"))
        if flow.remote == stage.carrier.address
    )
    stage.agent.transport_failed(flow, stage.now)
    stage.run(1)
    assert call.final == 500
    stage.settle()


@pytest.mark.parametrize("status", [481, 408])
def test_a_party_that_answers_info_with_a_lost_dialog_ends_the_call(status: int) -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    assert there.dialog is not None
    there.dialog.local_tag = "forgotten"  # the carrier knows the dialog no more
    call.send("INFO", b"Signal=1", kind="application/dtmf-relay")
    stage.run(1)
    assert call.ended
    assert stage.termination.result is Result.FAILED_THERE
    stage.settle()
