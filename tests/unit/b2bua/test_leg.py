"""Leg: what a party does within its dialog becomes signals; what the call orders becomes requests."""

import pytest

from skryba.b2bua.leg import Leg
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.signals import (
    Acknowledged,
    HungUp,
    Informed,
    Lost,
    ReofferAccepted,
    Reoffered,
    ReofferRefused,
    Signal,
)
from skryba.sip.dialog import Dialog
from skryba.sip.events import AckReceived, ResponseReceived
from skryba.sip.message import parse_message, response_to
from tests.support.room import FROM_CARRIER, PORTS, SDP, Desk, answer, sdp, text

AT = PORTS["caller"]  # type: ignore[index]
HELD = SDP + "a=sendonly\r\n"


class Talking:
    """A leg that answered an INVITE; `acked` unless told otherwise."""

    def __init__(self, *, acked: bool = True, late: bool = False) -> None:
        self.desk = Desk()
        self.leg: Leg = self.desk.leg()
        request, key = self.desk.receive(text("INVITE", "sip:1@x", body="" if late else SDP))
        response = response_to(request, 200, to_tag="near")
        face = self.leg.session.face(sdp(), AT)
        if late:
            self.leg.session.offer(face)
        else:
            self.leg.session.offered(sdp())
            self.leg.session.answer(face)
        self.leg.session.settled()
        self.leg.establish(Dialog.as_uas(request, response))
        self.leg.accept(key, response, 0.0)
        self.desk.sent()
        self.cseq = 1
        if acked:
            self.ack()

    def ack(self, body: str = "", cseq: int | None = None) -> list[Signal]:
        number = cseq or self.cseq
        data = text("ACK", "sip:us@x", branch=f"a{number}", to_tag="near", cseq=number, body=body)
        self.desk.stack.receive(data.encode(), FROM_CARRIER, 0.0)
        signals: list[Signal] = []
        for event in self.desk.stack.events():
            assert isinstance(event, AckReceived)
            signals += self.leg.receive_ack(event.request, 0.0)
        return signals

    def say(
        self, method: str, body: str = "", *, extra: str = "", cseq: int | None = None, tag: str = "far"
    ) -> list[Signal]:
        self.cseq = cseq or self.cseq + 1
        data = text(
            method,
            "sip:us@x",
            branch=f"r{self.cseq}{tag}",
            to_tag="near",
            cseq=self.cseq,
            body=body,
            extra=extra,
            tag=tag,
        )
        if "Content-Type" in extra:
            data = data.replace("Content-Type: application/sdp\r\n", "")
        request, key = self.desk.receive(data)
        return self.leg.receive_request(request, key, FROM_CARRIER, 0.0)

    def respond(self, status: str, body: str = "", *, to: str | None = None) -> list[Signal]:
        sent = to or self.desk.sent()[-1]
        self.desk.stack.receive(answer(sent, status, body=body).encode(), FROM_CARRIER, 0.0)
        signals: list[Signal] = []
        for event in self.desk.stack.events():
            assert isinstance(event, ResponseReceived)
            signals += self.leg.receive_response(event.transaction, event.response, 0.0)
        return signals

    def starts(self) -> list[str]:
        return [line.removesuffix(" SIP/2.0").removeprefix("SIP/2.0 ").split(" ")[0] for line in self.desk.starts()]


def test_an_ack_is_told_once() -> None:
    talking = Talking(acked=False)
    assert talking.leg.busy
    assert talking.ack(cseq=9) == []
    assert talking.ack() == [Acknowledged(None)]
    assert talking.ack() == []
    assert not talking.leg.busy


def test_a_late_answer_comes_with_the_ack_or_the_party_is_lost() -> None:
    assert Talking(acked=False, late=True).ack(SDP) == [Acknowledged(sdp())]
    assert Talking(acked=False, late=True).ack() == [Lost("no answer in ACK")]
    (lost,) = Talking(acked=False, late=True).ack(SDP.replace("8 0 101", "3"))
    assert isinstance(lost, Lost)


def test_no_ack_is_a_loss_after_64_t1() -> None:
    talking = Talking(acked=False)
    assert talking.leg.alarm("ack", 0.5) == []
    assert talking.starts() == ["200"]
    assert talking.leg.alarm("ack", 32.0) == [Lost("no ACK")]
    assert talking.leg.alarm("ack", 33.0) == []


def test_bye_ends_it() -> None:
    talking = Talking()
    assert talking.say("BYE", extra="Reason: x") == [HungUp((("Reason", "x"),))]
    assert talking.starts() == ["200"]
    assert talking.leg.gone
    assert not talking.desk.board.dialogs


def test_our_bye_ends_it_when_answered_and_theirs_may_cross_it() -> None:
    talking = Talking()
    talking.leg.hang_up((("Reason", "x"),), 0.0)
    talking.leg.hang_up((), 0.0)
    bye = talking.desk.sent()
    assert len(bye) == 1
    assert "Reason: x" in bye[0]
    assert talking.say("BYE") == []
    assert not talking.leg.gone
    talking.respond("481 Gone", to=bye[0])
    assert talking.leg.gone


def test_our_bye_waits_for_the_ack() -> None:
    talking = Talking(acked=False)
    talking.leg.hang_up((), 0.0)
    assert talking.starts() == []
    assert talking.ack() == []
    assert talking.starts() == ["BYE"]
    other = Talking(acked=False)
    other.leg.hang_up((), 0.0)
    assert other.leg.alarm("ack", 32.0) == []
    assert other.starts() == ["BYE"]


def test_a_leg_without_a_dialog_is_just_gone() -> None:
    leg = Desk().leg()
    leg.hang_up((), 0.0)
    assert leg.gone


def test_a_reinvite_is_told_and_answered() -> None:
    talking = Talking()
    assert talking.say("INVITE", HELD) == [Reoffered(sdp(HELD))]
    assert talking.leg.busy
    talking.leg.answer_reoffer(talking.leg.session.face(sdp(SDP + "a=recvonly\r\n"), AT), 0.0)
    assert talking.starts() == ["200"]
    assert talking.leg.session.held
    assert talking.ack() == [Acknowledged(None)]
    talking.leg.answer_reoffer(sdp(), 0.0)  # nothing is open any more
    assert talking.starts() == []


def test_a_refused_reinvite_changes_nothing() -> None:
    talking = Talking()
    talking.say("INVITE", HELD)
    talking.leg.refuse_reoffer(Refusal(488), 0.0)
    talking.leg.refuse_reoffer(Refusal(500), 0.0)
    assert talking.starts() == ["488"]
    assert not talking.leg.session.held
    assert talking.say("INVITE") == [Reoffered(None)]


@pytest.mark.parametrize(("body", "status"), [("v=0\r\nx", "400"), (SDP.partition("m=")[0], "488")])
def test_an_unusable_offer_is_refused_here(body: str, status: str) -> None:
    talking = Talking()
    assert talking.say("INVITE", body) == []
    assert talking.starts() == [status]


def test_glare_and_impatience() -> None:
    talking = Talking()
    talking.leg.reoffer(talking.leg.session.face(sdp(HELD), AT), (), 0.0)
    talking.desk.sent()
    assert talking.say("INVITE", SDP) == []
    assert talking.starts() == ["491"]
    other = Talking()
    other.say("INVITE", SDP)
    assert other.say("INVITE", HELD) == []
    (told,) = other.desk.sent()
    assert told.startswith("SIP/2.0 500")
    assert "Retry-After" in told


def test_our_reinvite_is_acknowledged_and_its_answer_told() -> None:
    talking = Talking()
    talking.leg.reoffer(talking.leg.session.face(sdp(HELD), AT), (("Session-ID", "s"),), 0.0)
    (invite,) = talking.desk.sent()
    assert "Session-ID: s" in invite
    assert talking.respond("200 OK", SDP + "a=recvonly\r\n", to=invite) == [
        ReofferAccepted(sdp(SDP + "a=recvonly\r\n"))
    ]
    assert talking.starts() == ["ACK"]
    assert talking.respond("200 OK", SDP, to=invite) == []
    assert talking.starts() == ["ACK"]
    assert talking.desk.board.alarms.next_timeout() is None


def test_a_reinvite_without_offer_is_acknowledged_with_the_answer() -> None:
    talking = Talking()
    talking.leg.reoffer(None, (), 0.0)
    assert talking.respond("200 OK", SDP) == [ReofferAccepted(sdp())]
    assert talking.leg.late
    assert talking.starts() == []
    talking.leg.session.answer(talking.leg.session.face(sdp(), AT))
    talking.leg.acknowledge(talking.leg.session.local)
    assert parse_message(talking.desk.sent()[0].encode()).body


def test_hanging_up_with_a_late_ack_owed_pays_it_first() -> None:
    talking = Talking()
    talking.leg.reoffer(None, (), 0.0)
    talking.respond("200 OK", SDP)
    talking.leg.hang_up((), 0.0)
    assert talking.starts() == ["ACK", "BYE"]


@pytest.mark.parametrize(
    ("status", "fatal"), [("488 No", False), ("491 Glare", False), ("481 Gone", True), ("408 Slow", True)]
)
def test_refusals_of_our_reinvite(status: str, fatal: bool) -> None:
    talking = Talking()
    talking.leg.reoffer(talking.leg.session.face(sdp(HELD), AT), (), 0.0)
    code, _, reason = status.partition(" ")
    assert talking.respond(status) == [ReofferRefused(int(code), reason, fatal)]
    assert not talking.leg.session.awaits_answer


@pytest.mark.parametrize("body", ["", "v=0\r\nx"])
def test_a_200_without_a_usable_description_loses_the_party(body: str) -> None:
    talking = Talking()
    talking.leg.reoffer(talking.leg.session.face(sdp(HELD), AT), (), 0.0)
    (lost,) = talking.respond("200 OK", body)
    assert isinstance(lost, Lost)


def test_a_reinvite_kept_waiting_is_called_off() -> None:
    talking = Talking()
    talking.leg.reoffer(None, (), 0.0)
    talking.respond("100 Trying")
    assert talking.desk.board.alarms.next_timeout() == 32.0
    assert talking.leg.alarm("reoffer", 32.0) == []
    assert talking.starts() == ["CANCEL"]


@pytest.mark.parametrize("method", ["INVITE", "INFO", "BYE"])
def test_a_request_that_fails(method: str) -> None:
    talking = Talking()
    leg = talking.leg
    if method == "INVITE":
        leg.reoffer(None, (), 0.0)
    elif method == "INFO":
        leg.inform("a/b", b"x", 0.0)
    else:
        leg.hang_up((), 0.0)
    (key,) = talking.desk.board.clients
    assert leg.owns(key)
    signals = leg.transaction_failed(key, "timeout", 32.0)
    expected: dict[str, list[Signal]] = {
        "INVITE": [ReofferRefused(408, "timeout", fatal=True)],
        "INFO": [Lost("INFO unanswered: timeout")],
        "BYE": [],
    }
    assert signals == expected[method]
    assert leg.gone is (method == "BYE")
    assert leg.transaction_failed(key, "timeout", 33.0) == []


def test_info_on_the_list_is_told_and_other_info_is_not() -> None:
    talking = Talking()
    assert talking.say("INFO", "Signal=5", extra="Content-Type: application/dtmf-relay") == [
        Informed("application/dtmf-relay", b"Signal=5")
    ]
    assert talking.say("INFO", "x", extra="Content-Type: a/b") == []
    assert talking.say("INFO") == []
    assert talking.starts() == ["200", "415", "200"]


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", "200"), ("REFER", "603"), ("NOTIFY", "481"), ("UPDATE", "405"), ("FLY", "501")]
)
def test_other_requests(method: str, status: str) -> None:
    talking = Talking()
    assert talking.say(method) == []
    assert talking.starts() == [status]


def test_requests_that_are_not_the_partys_or_out_of_order() -> None:
    talking = Talking()
    talking.say("BYE", tag="stranger")
    talking.say("OPTIONS", cseq=10)
    talking.say("OPTIONS", cseq=5)
    talking.say("OPTIONS", cseq=11, extra="Require: 100rel")
    assert talking.starts() == ["481", "200", "500", "420"]
    assert talking.leg.confirmed


def test_after_our_bye_a_reinvite_finds_no_dialog() -> None:
    talking = Talking()
    talking.leg.hang_up((), 0.0)
    talking.desk.sent()
    talking.say("INVITE", SDP)
    assert talking.starts() == ["481"]
