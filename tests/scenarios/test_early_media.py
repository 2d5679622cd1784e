"""Early media: heard at once, never recorded; our address toward a party does not move (R-M3)."""

from skryba.b2bua.commands import AimStream, Bridge, StartRecording
from skryba.sdp.description import SessionDescription
from skryba.terms import Side, SocketAddress
from tests.support.stage import MEDIA_HOST, RECORD, Stage


def test_a_183_is_bridged_and_the_200_starts_the_recording() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.answer_to(there.invite), headers=(("P-Early-Media", "sendonly"),))
    stage.run(5)
    assert call.provisional[-1] == 183
    early = call.responses[-1]
    assert early.headers.get("P-Early-Media") == "sendonly"
    assert SessionDescription.parse(early.body).connection == MEDIA_HOST
    assert len(stage.of(Bridge)) == 1
    assert not stage.of(StartRecording)
    there.answer(there.phone.answer_to(there.invite))
    stage.run(1)
    assert (
        SessionDescription.parse(call.responses[-1].body).media[0].port
        == SessionDescription.parse(early.body).media[0].port
    )
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


def test_a_second_183_from_elsewhere_moves_our_aim_and_not_our_port() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.answer_to(there.invite))
    stage.run(1)
    other = stage.carrier.answer_to(there.invite).replace(b"203.0.113.5", b"203.0.113.50")
    there.ring(183, other)
    stage.run(1)
    bodies = [SessionDescription.parse(response.body) for response in call.responses if response.body]
    assert len({(body.connection, body.media[0].port) for body in bodies}) == 1
    assert stage.of(AimStream)[-1].audio.remote == SocketAddress("203.0.113.50", 40000)
    assert stage.of(AimStream)[-1].side is Side.CALLEE
    there.answer(other)
    stage.run(1)
    call.hang_up()
    stage.settle()


def test_a_200_without_description_after_a_183_keeps_what_the_183_said() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.answer_to(there.invite))
    stage.run(1)
    there.answer(b"")
    stage.run(1)
    assert call.final == 200
    assert call.responses[-1].body
    assert len(stage.of(StartRecording)) == 1
    call.hang_up()
    stage.settle()


def test_a_183_whose_description_is_broken_still_rings() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, b"v=0\r\nbroken")
    stage.run(1)
    assert call.provisional[-1] == 180
    assert not stage.of(Bridge)
    there.answer()
    stage.run(1)
    assert call.final == 200
    call.hang_up()
    stage.settle()


def test_the_caller_cancels_in_early_media_and_nothing_was_recorded() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.ring(183, stage.carrier.answer_to(there.invite))
    stage.run(1)
    call.cancel()
    stage.run(1)
    assert call.final == 487
    assert not stage.of(StartRecording)
    stage.settle()
