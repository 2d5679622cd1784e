"""Re-INVITE: hold and resume, new addresses and codecs, glare, refusals — always asked of the other party."""

import pytest

from skryba.b2bua.commands import AimStream, ChangeFormats, MarkRecording
from skryba.b2bua.snapshot import CallState
from skryba.sdp.description import SessionDescription
from skryba.sip.message import parse_message
from skryba.terms import Result, Side, SocketAddress
from tests.support.phone_call import PhoneCall
from tests.support.stage import MEDIA_HOST, RECORD, Stage, announced


def talking() -> tuple[Stage, PhoneCall, PhoneCall]:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    assert state(stage) is CallState.ACTIVE
    return stage, call, there


def state(stage: Stage) -> CallState:
    return stage.agent.calls[0].state


def direction(description: SessionDescription | None) -> str:
    assert description is not None
    return str(description.media[0].direction)


@pytest.mark.parametrize("caller", [True, False])
@pytest.mark.parametrize(
    ("held", "seen", "answered"), [("sendonly", "sendonly", "recvonly"), ("inactive", "inactive", "inactive")]
)
def test_hold_and_resume_are_carried_and_marked(caller: bool, held: str, seen: str, answered: str) -> None:
    stage, call, there = talking()
    holder, other = (call, there) if caller else (there, call)
    side = Side.CALLER if caller else Side.CALLEE
    holder.reinvite(holder.phone.sdp(direction=held))
    stage.run(1)
    assert direction(other.remote) == seen
    assert direction(holder.remote) == answered
    assert state(stage) is CallState.HELD
    holder.reinvite(holder.phone.sdp())
    stage.run(1)
    assert direction(other.remote) == direction(holder.remote) == "sendrecv"
    assert state(stage) is CallState.ACTIVE
    marks = [(mark.kind, mark.side) for mark in stage.of(MarkRecording)]
    assert marks == [("reinvite", side), ("hold", side), ("reinvite", side), ("resume", side)]
    call.hang_up()
    stage.settle()


def test_legacy_hold_by_a_nowhere_address_is_passed_on_as_a_direction() -> None:
    stage, call, there = talking()
    call.reinvite(stage.alice.sdp(address="0.0.0.0"))
    stage.run(1)
    assert there.remote is not None
    assert there.remote.connection == MEDIA_HOST
    assert direction(there.remote) in ("sendonly", "inactive")
    assert state(stage) is CallState.HELD
    call.hang_up()
    stage.settle()


@pytest.mark.parametrize("caller", [True, False])
def test_a_new_address_is_aimed_at_and_the_other_party_sees_no_change(caller: bool) -> None:
    stage, call, there = talking()
    mover, other = (call, there) if caller else (there, call)
    before = bytes(other.remote or b"")
    mover.reinvite(mover.phone.sdp(address="198.51.100.200" if caller else "203.0.113.200", port=41000))
    stage.run(1)
    aimed = stage.of(AimStream)[-1]
    assert aimed.side is (Side.CALLER if caller else Side.CALLEE)
    assert aimed.audio.remote == SocketAddress("198.51.100.200" if caller else "203.0.113.200", 41000)
    assert bytes(other.remote or b"") == before  # same address, same version: nothing changed (RFC 3264 §8)
    call.hang_up()
    stage.settle()


def test_a_codec_change_reaches_the_other_party_and_the_recorder() -> None:
    stage, call, there = talking()
    call.reinvite(stage.alice.sdp(codecs=("0 PCMU/8000",)))
    stage.run(1)
    assert there.remote is not None
    assert [str(codec) for codec in there.remote.media[0].codecs()] == ["PCMU/8000"]
    assert {change.side: change.formats for change in stage.of(ChangeFormats)} == {
        Side.CALLER: {0: "PCMU/8000"},
        Side.CALLEE: {0: "PCMU/8000"},
    }
    call.hang_up()
    stage.settle()


def test_our_version_grows_by_one_with_each_change_and_only_then() -> None:
    stage, call, there = talking()
    versions = []
    for held in ("sendonly", "sendonly", "sendrecv"):
        call.reinvite(stage.alice.sdp(direction=held))
        stage.run(1)
        assert there.remote is not None
        versions.append(there.remote.origin.version)
    assert versions == ["1", "1", "2"]
    call.hang_up()
    stage.settle()


def test_glare_both_sides_at_once_get_491() -> None:
    stage, call, there = talking()
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    there.on_reinvite = 491
    there.reinvite(stage.carrier.sdp(direction="sendonly"))
    stage.run(1)
    assert call.reinvite_finals == [491]
    assert there.reinvite_finals == [491]
    assert state(stage) is CallState.ACTIVE
    there.on_reinvite = 200
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    assert call.reinvite_finals == [491, 200]
    call.hang_up()
    stage.settle()


def test_a_second_reinvite_while_the_first_is_open_is_told_to_come_later() -> None:
    stage, call, there = talking()
    there.on_reinvite = None
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(0.5)
    call.reinvite(stage.alice.sdp())
    stage.run(0.5)
    assert call.reinvite_finals == [500]
    assert 0 <= int(call.responses[-1].headers.get("Retry-After") or "") <= 10
    there.answer_reinvite()
    stage.run(1)
    assert call.reinvite_finals == [500, 200]
    call.hang_up()
    stage.settle()


@pytest.mark.parametrize(("said", "told"), [(488, 488), (606, 606), (415, 415), (500, 500), (407, 502)])
def test_a_refused_reinvite_is_refused_and_the_old_session_stays(said: int, told: int) -> None:
    stage, call, there = talking()
    there.on_reinvite = said
    aimed = len(stage.of(AimStream))
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    assert call.reinvite_finals == [told]
    assert state(stage) is CallState.ACTIVE
    assert len(stage.of(AimStream)) == aimed
    there.on_reinvite = 200
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    assert state(stage) is CallState.HELD
    call.hang_up()
    stage.settle()


@pytest.mark.parametrize("status", [481, 408])
def test_a_reinvite_that_finds_no_dialog_ends_the_call(status: int) -> None:
    stage, call, there = talking()
    there.on_reinvite = status
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    assert call.ended
    assert stage.termination.result is Result.FAILED_THERE
    stage.settle()


def test_a_reinvite_that_nobody_answers_ends_the_call_after_32_seconds() -> None:
    stage, call, _ = talking()
    stage.phones.pop(stage.carrier.address)
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(33)
    assert call.reinvite_finals == [408]
    assert call.ended
    stage.settle()


@pytest.mark.parametrize("caller", [True, False])
def test_bye_while_a_reinvite_is_open(caller: bool) -> None:
    stage, call, there = talking()
    there.on_reinvite = None
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(0.5)
    (call if caller else there).hang_up()
    stage.run(0.5)
    there.answer_reinvite()
    stage.run(2)
    assert call.reinvite_finals == [487]
    assert call.ended
    assert there.ended
    stage.settle()


def test_a_reinvite_without_offer_asks_the_other_party_for_one() -> None:
    stage, call, there = talking()
    call.reinvite(None)
    stage.run(1)
    assert not there.reinvites[-1].body
    assert call.reinvite_finals == [200]
    ack = there.acks[there.reinvites[-1].cseq.number]
    assert ack.body
    answer = SessionDescription.parse(ack.body)
    assert answer.connection == MEDIA_HOST
    assert state(stage) is CallState.ACTIVE
    assert [mark.kind for mark in stage.of(MarkRecording)] == ["reinvite"]
    call.hang_up()
    stage.settle()


def test_a_late_reinvite_whose_ack_brings_no_answer_ends_the_call() -> None:
    stage, call, there = talking()
    call.late_answer = b""
    call.reinvite(None)
    stage.run(1)
    assert call.ended
    assert there.ended
    assert there.acks[there.reinvites[-1].cseq.number].body == b""
    assert stage.termination.reason == "no answer in ACK"
    stage.settle()


def test_while_a_200_waits_for_its_ack_the_other_side_is_told_491() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call("+48600123456")
    call.withhold_ack = True
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(0.3)
    there.reinvite(stage.carrier.sdp(direction="sendonly"))
    stage.run(0.3)
    assert there.reinvite_finals == [491]
    call.withhold_ack = False
    stage.run(2)
    there.reinvite(stage.carrier.sdp(direction="sendonly"))
    stage.run(1)
    assert there.reinvite_finals == [491, 200]
    call.hang_up()
    stage.settle()


def test_during_the_inbound_notice_the_caller_is_answered_by_us() -> None:
    stage = Stage(announced()).registered()
    call = stage.carrier.call("+48221110101")
    stage.run(1)
    call.reinvite(stage.carrier.sdp(port=42000))
    stage.run(1)
    assert call.reinvite_finals == [200]
    assert stage.of(AimStream)[-1].audio.remote == SocketAddress("203.0.113.5", 42000)
    call.reinvite(None)
    stage.run(0.5)
    assert call.reinvite_finals == [200, 200]
    call.reinvite(stage.carrier.sdp(codecs=("18 G729/8000",)))
    stage.run(0.5)
    assert call.reinvite_finals == [200, 200, 488]
    stage.run(3)
    stage.alice.calls[0].answer()
    stage.run(1)
    assert state(stage) is CallState.ACTIVE
    call.hang_up()
    stage.settle()


def test_during_the_outbound_notice_hold_is_carried_and_the_call_begins_held() -> None:
    stage = Stage(announced()).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    there.reinvite(stage.carrier.sdp(direction="sendonly"))
    stage.run(4)
    assert direction(call.remote) == "sendonly"
    assert state(stage) is CallState.HELD
    call.hang_up()
    stage.settle()


def test_an_offer_with_fewer_streams_is_a_488_and_changes_nothing() -> None:
    stage, call, _ = talking()
    text = stage.alice.sdp().partition(b"m=audio")[0]
    call.reinvite(text)
    stage.run(1)
    assert call.reinvite_finals == [488]
    assert state(stage) is CallState.ACTIVE
    call.hang_up()
    stage.settle()


def test_video_is_refused_in_its_place_and_audio_goes_on() -> None:
    stage = Stage(RECORD).registered()
    call = stage.alice.call(
        "+48600123456", stage.alice.sdp(extra="m=video 50000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
    )
    stage.run(1)
    there = stage.carrier.calls[0]
    assert there.remote is not None
    assert [(media.kind, bool(media.port)) for media in there.remote.media] == [("audio", True), ("video", False)]
    there.answer()
    stage.run(1)
    assert call.remote is not None
    assert [(media.kind, bool(media.port)) for media in call.remote.media] == [("audio", True), ("video", False)]
    there.reinvite(stage.carrier.answer_to(there.invite))
    stage.run(1)
    assert there.reinvite_finals == [200]
    call.hang_up()
    stage.settle()


def test_requests_out_of_order_get_500() -> None:
    stage, call, _ = talking()
    assert call.dialog is not None
    call.send("OPTIONS")
    stage.run(0.5)
    call.dialog.local_cseq -= 2
    call.send("OPTIONS")
    stage.run(0.5)
    assert call.statuses["OPTIONS"] == [200, 500]
    call.dialog.local_cseq += 2
    call.hang_up()
    stage.settle()


def test_contacts_and_tags_of_a_reinvite_are_ours() -> None:
    stage, call, there = talking()
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    carried = parse_message(bytes(there.reinvites[0]))
    assert str(carried.contacts[0].uri) == "sip:skryba@192.0.2.1:5060"
    assert carried.call_id == there.invite.call_id
    call.hang_up()
    stage.settle()


def test_a_reinvite_that_is_only_kept_waiting_is_called_off() -> None:
    stage, call, there = talking()
    there.on_reinvite = None  # its stack says 100, nobody says more
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(31)
    assert call.reinvite_finals == []
    stage.run(35)
    assert call.reinvite_finals == [408]
    assert call.ended
    assert any(data.startswith(b"CANCEL") for _, _, data in stage.wire)
    stage.settle()
