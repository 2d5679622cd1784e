"""Answered calls in three directions: who is called, what is shown, what is recorded, and that nothing is left."""

import pytest

from skryba.b2bua.commands import AimStream, Bridge, OpenMedia, PlayPrompt, StartRecording, StopRecording, Transmit
from skryba.b2bua.notices import CallAnswered, CallBridged, CallEnded, CallRinging, CallStarted
from skryba.b2bua.snapshot import CallState
from skryba.sip.events import Flow
from skryba.sip.message import parse_message
from skryba.terms import Channel, Direction, Result, Side, SocketAddress, Termination
from tests.support.phone import PROXY
from tests.support.stage import CARRIER, NEVER, RECORD, Stage

CALL_NOTICES = (CallStarted, CallRinging, CallAnswered, CallBridged, CallEnded)


def test_alice_calls_out_talks_and_hangs_up() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call(
        "+48600123456", headers=(("Subject", "offer"), ("X-Secret", "no"), ("User-To-User", "56a1"))
    )
    stage.run(1)
    there = stage.carrier.calls[0]
    assert there.invite.uri == "sip:+48600123456@carrier.example"
    assert there.invite.headers.get("Subject") == "offer"
    assert there.invite.headers.get("User-to-User") == "56a1"
    assert there.invite.headers.get("X-Secret") is None
    assert there.invite.max_forwards == 69
    assert there.invite.headers.get("P-Asserted-Identity") == "<sip:+48221110101@skryba.test>"
    there.ring(headers=(("Alert-Info", "<urn:alert:service:normal>"),))
    stage.run(1)
    assert call.provisional == [100, 180]
    assert call.responses[-1].headers.get("Alert-Info") == "<urn:alert:service:normal>"
    there.answer()
    stage.run(1)
    assert call.final == 200
    assert there.acked == 1
    assert [snapshot.state for snapshot in stage.agent.calls] == [CallState.ACTIVE]
    stage.run(60)
    call.hang_up(headers=(("Reason", 'Q.850;cause=16;text="Normal call clearing"'),))
    stage.run(1)
    assert there.ended
    assert there.bye is not None
    assert there.bye.headers.get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
    assert stage.termination == Termination(Result.COMPLETED, "the caller hung up", Side.CALLER)
    assert [type(n) for n in stage.notices if isinstance(n, CALL_NOTICES)] == list(CALL_NOTICES)
    stage.settle()


def test_the_recording_starts_at_the_answer_and_left_is_the_station() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].ring()
    stage.run(5)
    assert not stage.of(StartRecording)
    stage.carrier.calls[0].answer()
    stage.run(1)
    (start,) = stage.of(StartRecording)
    assert start.channels == {Side.CALLER: Channel.LEFT, Side.CALLEE: Channel.RIGHT}
    assert start.formats[Side.CALLER] == {8: "PCMA/8000", 0: "PCMU/8000", 101: "telephone-event/8000"}
    assert start.facts["station"] == "101"
    assert start.facts["notice"] is None
    assert start.facts["answered_at"] == "2026-11-24T10:00:07.010000+00:00"
    assert not stage.of(PlayPrompt)
    call.hang_up()
    stage.run(1)
    (stop,) = stage.of(StopRecording)
    assert stop.termination.result is Result.COMPLETED
    stage.settle()


def test_a_customer_calls_in_and_left_is_still_the_station() -> None:
    stage = Stage(RECORD).registered()
    call = stage.carrier.call("+48221110101", from_='"Jan" <sip:+48600123456@carrier.example>')
    stage.run(1)
    bell = stage.alice.calls[0]
    assert bell.invite.uri == "sip:101@198.51.100.11:5062"
    assert bell.invite.from_.display == "Jan"
    assert str(bell.invite.from_.uri) == "sip:+48600123456@skryba.test"
    bell.ring()
    stage.run(2)
    bell.answer()
    stage.run(10)
    assert call.final == 200
    (start,) = stage.of(StartRecording)
    assert start.channels == {Side.CALLEE: Channel.LEFT, Side.CALLER: Channel.RIGHT}
    assert start.facts["direction"] == "inbound"
    facts = stage.facts[0]
    assert (facts.direction, facts.station, facts.trunk, facts.did) == (
        Direction.INBOUND,
        "101",
        "carrier",
        "+48221110101",
    )
    assert facts.groups == {"sales"}
    bell.hang_up()
    stage.run(1)
    assert call.ended
    assert stage.termination.side is Side.CALLEE
    stage.settle()


def test_two_stations_talk_and_left_is_the_caller() -> None:
    stage = Stage(RECORD).registered()
    stage.alice.call("102")
    stage.run(1)
    bell = stage.bob.calls[0]
    assert str(bell.invite.from_).startswith('"Alice" <sip:101@skryba.test>')
    bell.answer()
    stage.run(1)
    (start,) = stage.of(StartRecording)
    assert start.channels == {Side.CALLER: Channel.LEFT, Side.CALLEE: Channel.RIGHT}
    assert stage.facts[0].direction is Direction.INTERNAL
    bell.hang_up()
    stage.settle()


def test_a_number_of_ours_dialled_inside_stays_inside() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.call("+48221110102")
    stage.run(1)
    assert len(stage.bob.calls) == 1
    assert not stage.carrier.calls
    stage.bob.calls[0].refuse(486)
    stage.settle()


def test_a_call_that_is_not_recorded_is_bridged_and_nothing_else() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(30)
    kinds = [type(command).__name__ for _, command in stage.commands if not isinstance(command, Transmit)]
    assert kinds == ["OpenMedia", "AimStream", "AimStream", "Bridge"]
    call.hang_up()
    stage.settle()


def test_media_is_aimed_before_the_answer_leaves() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    order = [command for _, command in stage.commands]
    aimed = next(i for i, c in enumerate(order) if isinstance(c, AimStream))
    answered = next(
        i
        for i, c in enumerate(order)
        if isinstance(c, Transmit) and c.data.startswith(b"SIP/2.0 200") and b"INVITE" in c.data
    )
    bridged = next(i for i, c in enumerate(order) if isinstance(c, Bridge))
    assert aimed < answered
    assert bridged < answered
    first = stage.of(AimStream)[0]
    assert first.audio.remote == SocketAddress("198.51.100.11", 40000)
    assert first.accept == ("198.51.100.11",)
    assert stage.of(OpenMedia)[0].hosts == {Side.CALLER: "198.51.100.11", Side.CALLEE: "203.0.113.5"}
    stage.carrier.calls[0].hang_up()
    stage.settle()


def test_a_caller_who_withholds_his_number_is_not_named() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.call("+48600123456", headers=(("Privacy", "id"),))
    stage.carrier.call("+48221110102", from_="<sip:anonymous@anonymous.invalid>")
    stage.run(1)
    out, incoming = stage.carrier.calls[-1].invite, stage.bob.calls[0].invite
    assert str(out.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert out.headers.get("Privacy") == "id"
    assert out.headers.get("P-Asserted-Identity") == "<sip:+48221110101@skryba.test>"  # a trusted trunk may know
    assert str(incoming.from_.uri) == "sip:anonymous@anonymous.invalid"
    assert {facts.direction: facts.caller for facts in stage.facts} == {
        Direction.OUTBOUND: "+48221110101",
        Direction.INBOUND: "",
    }
    stage.carrier.calls[-1].refuse(486)
    stage.bob.calls[0].refuse(486)
    stage.settle()


def test_the_phones_own_identity_header_never_crosses() -> None:
    stage = Stage(NEVER).registered()
    stage.alice.call("+48600123456", headers=(("P-Asserted-Identity", "<sip:boss@evil.example>"),))
    stage.run(1)
    assert stage.carrier.calls[0].invite.headers.get_all("P-Asserted-Identity") == ["<sip:+48221110101@skryba.test>"]
    stage.carrier.calls[0].refuse(486)
    stage.settle()


def test_dtmf_by_info_crosses_and_other_info_does_not() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    call.send("INFO", b"Signal=5\r\nDuration=160\r\n", kind="application/dtmf-relay")
    call.send("INFO", b"<x/>", kind="application/unknown+xml")
    call.send("INFO")
    stage.run(1)
    assert [info.body for info in there.infos] == [b"Signal=5\r\nDuration=160\r\n"]
    assert sorted(call.statuses["INFO"]) == [200, 200, 415]
    call.hang_up()
    stage.settle()


def test_methods_that_are_not_offered_are_declined_by_name() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    for method in ("UPDATE", "MESSAGE", "REFER", "NOTIFY", "PRACK", "SUBSCRIBE", "FLY", "OPTIONS"):
        call.send(method)
        stage.run(1)
    assert {method: statuses[0] for method, statuses in call.statuses.items()} == {
        "UPDATE": 405, "MESSAGE": 405, "REFER": 603, "NOTIFY": 481, "PRACK": 405, "SUBSCRIBE": 405,
        "FLY": 501, "OPTIONS": 200,
    }  # fmt: skip
    call.send("OPTIONS", headers=(("Require", "100rel"),))
    stage.run(1)
    assert call.statuses["OPTIONS"][1] == 420
    call.hang_up()
    stage.settle()


def test_a_trunk_that_moves_is_followed_by_its_contact() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    moved = stage.carrier.__class__("carrier", SocketAddress("203.0.113.9", 5080))
    stage.add(moved)
    there = stage.carrier.calls[0]
    stage.carrier.address = moved.address  # its Contact names another machine of the carrier
    there.answer()
    stage.run(1)
    call.hang_up()
    stage.run(1)
    byes = [to for _, to, data in stage.wire if data.startswith(b"BYE")]
    assert byes[0] == SocketAddress("203.0.113.9", 5080)
    stage.settle()


def test_multipart_bodies_give_their_description_and_carry_the_callers_place() -> None:
    stage = Stage(NEVER).registered()
    pidf = b'<presence entity="pres:x"/>'
    body = (
        b"--b1\r\nContent-Type: application/sdp\r\n\r\n" + stage.alice.sdp() + b"\r\n--b1\r\n"
        b"Content-Type: application/pidf+xml\r\nContent-ID: <place@skryba.test>\r\n\r\n" + pidf + b"\r\n--b1--\r\n"
    )
    stage.alice.call(
        "+48600123456",
        body=("multipart/mixed;boundary=b1", body),
        headers=(("Geolocation", "<cid:place@skryba.test>"),),
    )
    stage.run(1)
    (there,) = stage.carrier.requests
    assert there.content_type == "multipart/mixed"
    assert pidf in there.body
    assert b"m=audio 20004" in there.body
    assert there.headers.get("Geolocation") == "<cid:place@skryba.test>"
    stage.carrier.calls[0].refuse(486)
    stage.settle()


def test_the_wire_to_each_party_is_valid_sip() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].ring()
    stage.carrier.calls[0].answer()
    stage.run(1)
    call.hang_up()
    stage.settle()
    for _, address, data in stage.wire:
        message = parse_message(data)
        assert message.call_id
        if address == CARRIER:
            assert message.call_id.startswith("own")


@pytest.mark.parametrize("leak", [b"o=x 1 1 IN IP4 198.51.100.11", b"Call-ID: 101zz11x3", b"User-Agent: phone 101"])
def test_the_look_at_what_leaves_can_fail(leak: bytes) -> None:
    stage = Stage(NEVER)
    toward = Flow("udp", PROXY, CARRIER)
    stage._check_hiding(toward, b"INVITE sip:+48600@carrier.example SIP/2.0")
    with pytest.raises(AssertionError, match="crosses"):
        stage._check_hiding(toward, b"INVITE sip:x SIP/2.0\r\n" + leak)
