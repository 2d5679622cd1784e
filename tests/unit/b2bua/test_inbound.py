"""InboundInvite: provisional answers, forks, the final answer, CANCEL."""

from skryba.b2bua.inbound import InboundInvite
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.signals import Cancelled
from skryba.sip.message import parse_message
from tests.support.room import SDP, Desk, message, sdp, text


def invited(body: str = SDP) -> tuple[Desk, InboundInvite]:
    desk = Desk()
    request, key = desk.receive(text("INVITE", "sip:1@x", body=body))
    leg = desk.leg()
    if body:
        leg.session.offered(sdp(body))
    return desk, InboundInvite(leg, desk.owner, request, key)


def test_forks_have_tags_of_their_own_and_the_winner_keeps_his() -> None:
    desk, invite = invited()
    invite.progress(180, None, "2.a", (), 0.0)
    invite.progress(183, sdp(), "2.b", (("Alert-Info", "x"),), 0.0)
    invite.progress(180, None, "2.a", (), 0.0)
    tags = [parse_message(data.encode()).to.tag for data in desk.sent()]
    assert tags[0] == tags[2] != tags[1]
    assert len(desk.board.dialogs) == 2
    invite.accept(sdp(), "2.b", (), 1.0)
    assert list(desk.board.dialogs) == [("c1", tags[1])]
    assert not invite.open
    assert invite.leg.confirmed
    assert parse_message(desk.sent()[0].encode()).to.tag == tags[1]


def test_ringing_is_repeated_each_minute_while_it_is_open() -> None:
    desk, invite = invited()
    invite.progress(180, None, "", (), 0.0)
    assert desk.board.alarms.next_timeout() == 60.0
    invite.alarm(60.0)
    assert desk.starts() == ["SIP/2.0 180 Ringing"] * 2
    invite.refuse(Refusal(486), 61.0)
    invite.alarm(120.0)
    assert desk.starts() == ["SIP/2.0 486 Busy Here"]


def test_a_final_answer_is_given_once() -> None:
    desk, invite = invited()
    invite.refuse(Refusal(486), 0.0)
    invite.refuse(Refusal(500), 0.0)
    invite.accept(sdp(), "", (), 0.0)
    invite.progress(180, None, "", (), 0.0)
    assert desk.starts() == ["SIP/2.0 486 Busy Here"]
    assert invite.leg.gone
    assert not desk.board.dialogs
    assert not desk.board.servers


def test_cancel_is_a_487_and_a_signal_once() -> None:
    desk, invite = invited()
    cancel = message("CANCEL", "sip:1@x", extra="Reason: SIP;cause=200")
    assert invite.receive_cancel(cancel, 0.0) == [Cancelled((("Reason", "SIP;cause=200"),))]
    assert invite.receive_cancel(cancel, 0.0) == []
    assert desk.starts() == ["SIP/2.0 487 Request Terminated"]


def test_without_an_offer_the_200_makes_one() -> None:
    desk, invite = invited(body="")
    invite.accept(sdp(), "", (), 0.0)
    assert invite.leg.session.awaits_answer
    assert parse_message(desk.sent()[0].encode()).body


def test_an_answer_given_early_is_repeated_in_the_200() -> None:
    desk, invite = invited()
    invite.progress(183, sdp(), "", (), 0.0)
    invite.accept(None, "", (), 0.0)
    early, final = (parse_message(data.encode()) for data in desk.sent())
    assert early.body == final.body != b""


def test_requests_in_an_early_dialog() -> None:
    desk, invite = invited()
    invite.progress(180, None, "", (), 0.0)
    tag = parse_message(desk.sent()[0].encode()).to.tag or ""
    for number, (method, status) in enumerate((("PRACK", "405"), ("INVITE", "491"), ("BYE", "200"))):
        request, key = desk.receive(text(method, "sip:1@x", branch=f"e{number}", to_tag=tag, cseq=number + 2))
        signals = invite.receive_request(request, key, 0.0)
        assert desk.starts()[0].split()[1] == status
        assert bool(signals) is (method == "BYE")
