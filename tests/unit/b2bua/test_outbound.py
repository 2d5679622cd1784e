"""OutboundInvite: one INVITE of ours and all that may come back."""

import pytest

from skryba.b2bua.bodies import Part
from skryba.b2bua.outbound import OutboundInvite, Target
from skryba.b2bua.signals import Accepted, Progressed, Refused, Signal
from skryba.sip.events import ResponseReceived
from skryba.sip.message import parse_message
from tests.support.room import FROM_CARRIER, SDP, Desk, answer, sdp
from tests.support.stage import Stage

TARGET = Target(
    "sip:1@x",
    FROM_CARRIER,
    "<sip:1@x>",
    "<sip:us@x>",
    "<sip:us@y>",
    routes=("<sip:edge;lr>",),
    extras=(("Privacy", "id"),),
)


class Ringing:
    """An INVITE under way. `respond` is what the party says."""

    def __init__(self, offer: bool = True, parts: tuple[Part, ...] = ()) -> None:
        self.desk = Desk()
        self.leg = self.desk.leg(number=2)
        self.invite = OutboundInvite(self.leg, TARGET)
        self.invite.start(sdp() if offer else None, parts, 42, (("Subject", "s"),), 0.0)
        (self.sent,) = self.desk.sent()

    def respond(self, status: str, *, body: str = "", tag: str = "callee", extra: str = "") -> list[Signal]:
        self.desk.stack.receive(
            answer(self.sent, status, body=body, to_tag=tag, extra=extra).encode(), FROM_CARRIER, 0.0
        )
        signals: list[Signal] = []
        for event in self.desk.stack.events():
            assert isinstance(event, ResponseReceived)
            signals += self.invite.receive_response(event.transaction, event.response, 0.0)
        return signals


def test_the_invite_is_built_from_the_target() -> None:
    request = parse_message(Ringing(parts=(Part("application/pidf+xml", None, b"<x/>"),)).sent.encode())
    assert request.headers.get("Route") == "<sip:edge;lr>"
    assert request.headers.get("Privacy") == "id"
    assert request.headers.get("Subject") == "s"
    assert request.max_forwards == 42
    assert request.content_type == "multipart/mixed"
    assert request.from_.tag


def test_100_is_nothing_and_180_is_progress() -> None:
    ringing = Ringing()
    assert ringing.respond("100 Trying") == []
    assert ringing.respond("180 Ringing", extra="Alert-Info: x") == [
        Progressed(180, "Ringing", None, "callee", (("Alert-Info", "x"),))
    ]
    (early,) = ringing.respond("183 Session Progress", body=SDP, tag="b")
    assert early == Progressed(183, "Session Progress", sdp(), "b")


def test_200_makes_a_leg_and_is_acknowledged_each_time() -> None:
    ringing = Ringing()
    assert ringing.respond("200 OK", body=SDP) == [Accepted(sdp(), "callee")]
    assert not ringing.invite.open
    assert ringing.leg.confirmed
    assert ringing.respond("200 OK", body=SDP) == []
    assert [line.split()[0] for line in ringing.desk.starts()] == ["ACK", "ACK"]


def test_another_forks_200_is_acknowledged_and_ended() -> None:
    ringing = Ringing()
    ringing.respond("200 OK", body=SDP)
    ringing.desk.sent()
    assert ringing.respond("200 OK", body=SDP, tag="other") == []
    ack, bye = (parse_message(data.encode()) for data in ringing.desk.sent())
    assert ack.to.tag == bye.to.tag == "other"
    assert bye.cseq.number == ack.cseq.number + 1


def test_an_offer_in_the_200_waits_for_its_answer() -> None:
    ringing = Ringing(offer=False)
    assert ringing.respond("183 Session Progress", body=SDP) == [Progressed(183, "Session Progress", None, "callee")]
    assert ringing.respond("200 OK", body=SDP) == [Accepted(sdp(), "callee")]
    assert ringing.leg.late
    assert ringing.desk.starts() == []
    ringing.leg.session.answer(ringing.leg.session.face(sdp(), None))
    ringing.leg.acknowledge(ringing.leg.session.local)
    assert parse_message(ringing.desk.sent()[0].encode()).body


@pytest.mark.parametrize(
    ("status", "elsewhere"),
    [("486 Busy Here", False), ("503 No", True), ("500 No", True), ("408 Slow", True), ("603 No", False)],
)
def test_refusals(status: str, elsewhere: bool) -> None:
    ringing = Ringing()
    (refused,) = ringing.respond(status, extra="Reason: Q.850;cause=17")
    code, _, reason = status.partition(" ")
    assert refused == Refused(int(code), reason, (("Reason", "Q.850;cause=17"),), elsewhere)
    assert ringing.leg.gone


def test_cancelled_then_200_is_thanked_and_hung_up() -> None:
    ringing = Ringing()
    ringing.respond("180 Ringing")
    ringing.invite.cancel(0.0)
    ringing.invite.cancel(0.0)
    assert ringing.respond("180 Ringing") == []
    assert ringing.respond("200 OK", body=SDP) == []
    assert [line.split()[0] for line in ringing.desk.starts()] == ["CANCEL", "ACK", "BYE"]


def test_cancelled_then_487_is_nothing() -> None:
    ringing = Ringing()
    ringing.respond("180 Ringing")
    ringing.invite.cancel(0.0)
    assert ringing.respond("487 Request Terminated") == []
    assert ringing.leg.gone


@pytest.mark.parametrize(("kind", "status"), [("timeout", 408), ("transport", 503)])
def test_no_answer_at_all(kind: str, status: int) -> None:
    ringing = Ringing()
    (refused,) = ringing.invite.transaction_failed(kind)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.retry_elsewhere) == (status, True)
    assert ringing.invite.transaction_failed(kind) == []


@pytest.mark.parametrize("body", ["", SDP.replace("8 0 101", "3"), "v=0\r\nbroken"])
def test_a_200_that_cannot_be_used_is_thanked_and_hung_up(body: str) -> None:
    ringing = Ringing()
    (refused,) = ringing.respond("200 OK", body=body)
    assert isinstance(refused, Refused)
    assert refused.status == 500
    assert [line.split()[0] for line in ringing.desk.starts()] == ["ACK", "BYE"]


def test_nothing_crosses_by_accident() -> None:
    assert Stage().settings.pass_headers == frozenset()
