"""Wishes: which codecs a call may use."""

import pytest

from skryba.b2bua.consent import Consent
from skryba.b2bua.session import Session, keep_all
from skryba.b2bua.wishes import Wishes
from skryba.errors import NegotiationError
from skryba.policy.model import Decision
from skryba.sdp.description import RtpMap
from skryba.terms import Direction, SocketAddress
from tests.support.room import SDP, sdp
from tests.support.stage import EMERGENCY, NEVER, RECORD, announced, settings

AT = SocketAddress("192.0.2.1", 20000)
G729, PCMU, EVENTS = RtpMap(18, "G729", 8000), RtpMap(0, "PCMU", 8000), RtpMap(101, "telephone-event", 8000)
MIXED = sdp(SDP.replace("8 0 101", "18 0 101"))
FOREIGN = sdp(SDP.replace("8 0 101", "18 101"))


def wishes(decision: Decision) -> Wishes:
    return Wishes(settings(), Consent(decision, Direction.INBOUND))


@pytest.mark.parametrize("decision", [NEVER, EMERGENCY])
def test_an_unrecorded_call_keeps_all(decision: Decision) -> None:
    assert wishes(decision).keep(MIXED) is keep_all


def test_a_recorded_call_keeps_what_we_can_decode_if_there_is_any() -> None:
    keep = wishes(RECORD).keep(MIXED)
    assert [keep(codec) for codec in (G729, PCMU, EVENTS)] == [False, True, True]
    assert wishes(RECORD).keep(FOREIGN) is keep_all
    assert wishes(RECORD).keep(None) is keep_all


def test_our_answer_has_one_codec_and_events() -> None:
    session = Session("77")
    session.offered(MIXED)
    answer = wishes(announced()).answer(MIXED, session, AT)
    assert answer.media[0].codecs() == [PCMU, EVENTS]
    session.answer(answer)
    agreed = wishes(announced()).agreed(session)
    assert [agreed(codec) for codec in (G729, PCMU, EVENTS)] == [False, True, True]


def test_a_later_answer_stays_with_the_codec_the_callee_is_being_offered() -> None:
    session = Session("77")
    session.offered(MIXED)
    session.answer(wishes(announced()).answer(MIXED, session, AT))
    session.settled()
    session.offered(sdp())  # now PCMA first
    again = wishes(announced()).answer(sdp(), session, AT)
    assert again.media[0].codecs()[0] == PCMU
    assert again.origin.version == "1"


def test_no_codec_a_prompt_exists_in() -> None:
    session = Session("77")
    session.offered(FOREIGN)
    with pytest.raises(NegotiationError):
        wishes(announced()).answer(FOREIGN, session, AT)


def test_our_own_offer_is_what_every_phone_has() -> None:
    offer = wishes(announced()).offer(Session("77"), AT)
    assert [str(codec) for codec in offer.media[0].codecs()] == ["PCMA/8000", "PCMU/8000", "telephone-event/8000"]
