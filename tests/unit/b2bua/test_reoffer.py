"""Reoffer: an exchange of one party carried to the other, one at a time."""

import pytest

from skryba.b2bua.commands import MediaCommand
from skryba.b2bua.consent import Consent
from skryba.b2bua.leg import Leg
from skryba.b2bua.reoffer import Reoffer, answer_late
from skryba.b2bua.signals import ReofferAccepted, Reoffered, ReofferRefused
from skryba.b2bua.streams import Streams
from skryba.b2bua.wishes import Wishes
from skryba.errors import NegotiationError
from skryba.sip.message import parse_message
from skryba.terms import Direction, Side
from tests.support.room import PORTS, SDP, sdp
from tests.support.stage import NEVER, settings
from tests.unit.b2bua.test_leg import Talking

HELD = SDP + "a=sendonly\r\n"
HOLDING = SDP + "a=recvonly\r\n"


class Pair:
    """Two parties that talk, and a reoffer between them."""

    def __init__(self) -> None:
        self.one, self.two = Talking(), Talking()
        self.two.leg.side = Side.CALLEE
        emitted: list[MediaCommand] = []
        streams = Streams("c", emitted.append)
        streams.open({})
        streams.opened(PORTS)
        self.reoffer = Reoffer(streams, Wishes(settings(), Consent(NEVER, Direction.OUTBOUND)))
        self.emitted = emitted

    @property
    def legs(self) -> tuple[Leg, Leg]:
        return self.one.leg, self.two.leg

    def asked(self, body: str) -> None:
        (signal,) = self.one.say("INVITE", body)
        assert isinstance(signal, Reoffered)
        self.reoffer.carry(*self.legs, signal, 0.0)


def test_offer_and_answer_are_carried_with_our_address() -> None:
    pair = Pair()
    pair.asked(HELD)
    (invite,) = pair.two.desk.sent()
    carried = parse_message(invite.encode()).body
    assert b"sendonly" in carried
    assert b"192.0.2.1" in carried
    assert pair.reoffer.origin is pair.one.leg
    (signal,) = pair.two.respond("200 OK", HOLDING, to=invite)
    assert isinstance(signal, ReofferAccepted)
    assert pair.reoffer.accepted(pair.two.leg, signal, 0.0) is pair.one.leg
    (told,) = pair.one.desk.sent()
    assert "recvonly" in told
    assert pair.reoffer.origin is None


def test_refusals_come_back_and_491_stays_491() -> None:
    for status, told in ((491, "491"), (488, "488"), (503, "500")):
        pair = Pair()
        pair.asked(HELD)
        pair.reoffer.refused(ReofferRefused(status, "", fatal=False), 0.0)
        assert pair.one.starts() == [told]
        assert pair.reoffer.origin is None


def test_a_busy_or_leaving_other_party_is_a_491() -> None:
    pair = Pair()
    pair.two.say("INVITE", SDP)
    pair.asked(HELD)
    assert pair.one.starts() == ["491"]
    pair = Pair()
    pair.two.leg.hang_up((), 0.0)
    pair.asked(HELD)
    assert pair.one.starts() == ["491"]


def test_a_late_offer_is_answered_by_the_ack() -> None:
    pair = Pair()
    pair.asked("")
    (invite,) = pair.two.desk.sent()
    (signal,) = pair.two.respond("200 OK", SDP, to=invite)
    assert isinstance(signal, ReofferAccepted)
    assert pair.reoffer.accepted(pair.two.leg, signal, 0.0) is None
    assert pair.two.leg.late
    (acknowledged,) = pair.one.ack(SDP)
    assert pair.reoffer.acknowledged(pair.two.leg, sdp()) is None  # not who asked
    assert pair.reoffer.acknowledged(pair.one.leg, acknowledged.answer) is pair.one.leg  # type: ignore[union-attr, arg-type]
    assert pair.two.starts() == ["ACK"]


def test_a_200_that_is_not_expected_or_says_nothing() -> None:
    pair = Pair()
    assert pair.reoffer.accepted(pair.two.leg, ReofferAccepted(sdp()), 0.0) is None
    pair.asked(HELD)
    with pytest.raises(NegotiationError):
        pair.reoffer.accepted(pair.two.leg, ReofferAccepted(None), 0.0)


def test_while_there_is_nobody_to_ask_we_answer() -> None:
    pair = Pair()
    (signal,) = pair.one.say("INVITE", HELD)
    assert isinstance(signal, Reoffered)
    pair.reoffer.answer_here(pair.one.leg, signal, 0.0)
    (told,) = pair.one.desk.sent()
    assert told.startswith("SIP/2.0 200")
    assert "recvonly" in told
    pair.one.ack()
    (signal,) = pair.one.say("INVITE", SDP.replace("8 0 101", "18"))
    assert isinstance(signal, Reoffered)
    pair.reoffer.answer_here(pair.one.leg, signal, 0.0)
    assert pair.one.starts() == ["488"]
    (signal,) = pair.one.say("INVITE")
    assert isinstance(signal, Reoffered)
    pair.reoffer.answer_here(pair.one.leg, signal, 0.0)
    assert pair.one.starts() == ["200"]


def test_a_late_answer_settles_the_session() -> None:
    pair = Pair()
    pair.two.leg.reoffer(None, (), 0.0)
    pair.two.respond("200 OK", SDP)
    answer_late(pair.two.leg, pair.two.leg.session.face(sdp(), PORTS[Side.CALLEE]))
    assert not pair.two.leg.late
    assert not pair.two.leg.busy
