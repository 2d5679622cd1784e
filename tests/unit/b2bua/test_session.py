"""Session: one leg's exchanges, its origin's version, and an offer that several early dialogs answer."""

import pytest

from skryba.b2bua.session import Session
from skryba.errors import NegotiationError
from skryba.sdp.description import RtpMap
from skryba.terms import SocketAddress
from tests.support.room import SDP, sdp

AT = SocketAddress("192.0.2.1", 20000)
HELD = SDP + "a=sendonly\r\n"


def test_a_face_has_our_address_and_origin_only() -> None:
    face = Session("77").face(sdp(), AT)
    assert "203.0.113" not in str(face)
    assert str(face.origin) == "- 77 0 IN IP4 192.0.2.1"
    assert face.media[0].port == 20000


def test_a_face_can_leave_codecs_out() -> None:
    face = Session("77").face(sdp(), AT, lambda codec: codec.encoding == "PCMU")
    assert face.media[0].codecs() == [RtpMap(0, "PCMU", 8000)]


def test_without_a_place_of_ours_it_is_shown_as_it_is() -> None:
    assert Session("77").face(sdp(), None) == sdp()


def test_a_first_description_with_nothing_to_carry() -> None:
    with pytest.raises(NegotiationError):
        Session("77").face(sdp(SDP.replace("RTP/AVP", "RTP/SAVP")), AT)


def test_the_version_grows_with_a_change_only() -> None:
    session = Session("77")
    session.offer(session.face(sdp(), AT))
    session.answered(sdp())
    session.settled()
    assert session.face(sdp(), AT) is session.local
    held = session.face(sdp(HELD), AT)
    assert held.origin.version == "1"
    session.offer(held)
    session.reject()
    assert session.face(sdp(SDP.replace(" 0 101", " 0")), AT).origin.version == "2"


def test_one_offer_may_be_answered_again_until_the_invite_is_over() -> None:
    session = Session("77")
    session.offer(session.face(sdp(), AT))
    session.answered(sdp())
    assert session.audio is not None
    elsewhere = sdp(SDP.replace("40000", "41000"))
    session.answered(elsewhere)
    assert session.audio.remote is not None
    assert session.audio.remote.port == 41000
    session.settled()
    session.answered(sdp())
    assert session.audio.remote.port == 41000


def test_we_may_answer_one_offer_again_for_another_fork() -> None:
    session = Session("77")
    session.offered(sdp())
    first = session.answer(session.face(sdp(), AT))
    assert session.answer(first) is first
    other = session.face(sdp(SDP.replace("8 0 101", "0 101")), AT)
    session.answer(other)
    assert session.local == other


def test_held_is_what_the_last_exchange_says() -> None:
    session = Session("77")
    session.offered(sdp(HELD))
    assert session.owes_answer
    assert not session.held
    session.answer(session.face(sdp(SDP + "a=recvonly\r\n"), AT))
    assert session.held
    session.settled()
    session.offered(sdp())
    session.reject()
    session.reject()
    assert session.held
    assert not session.owes_answer


def test_origins_for_descriptions_of_our_own() -> None:
    session = Session("77")
    assert session.next_origin(AT).version == "0"
    session.offer(session.face(sdp(), AT))
    assert session.awaits_answer
    session.answered(sdp())
    assert session.next_origin(AT).version == "1"
    assert session.origin(SocketAddress("2001:db8::1", 1)).addr_type == "IP6"
