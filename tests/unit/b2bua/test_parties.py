"""Parties: which leg is meant."""

from skryba.b2bua.parties import Parties
from skryba.b2bua.refusal import Refusal
from skryba.terms import Side
from tests.support.room import FROM_CARRIER, SDP, Desk, agent, answer, sdp, text
from tests.unit.b2bua.test_dialling import target


def parties() -> tuple[Desk, Parties]:
    desk = Desk()
    request, key = desk.receive(text("INVITE", "sip:1@x", body=SDP))
    made = Parties(
        agent()._desk._around, desk.line, desk.owner, request=request, key=key, flow=FROM_CARRIER, roams=False
    )
    made.caller.session.offered(sdp())
    return desk, made


def test_legs_are_numbered_and_found_by_number_tag_and_side() -> None:
    desk, made = parties()
    made.dialling.plan([[target("a")]])
    made.dialling.dial(made.branch, lambda branch: sdp(), parts=(), max_forwards=9, extras=(), now=0.0)
    (branch,) = made.dialling.branches
    assert [leg.number for leg in made] == [1, 2]
    assert [leg.side for leg in made] == [Side.CALLER, Side.CALLEE]
    assert made.numbered(2) is branch.leg
    assert made.numbered(9) is None
    assert made.callee is None
    assert made.other(made.caller) is None
    assert made.other(branch.leg) is made.caller
    made.inbound.accept(sdp(), "", (), 0.0)
    assert made.caller.dialog is not None
    assert made.of_tag(made.caller.dialog.local_tag) is made.caller
    assert made.of_tag("early") is None
    made.dialling.won(branch, 0.0)
    assert made.other(made.caller) is branch.leg
    assert not made.gone
    desk.sent()


def test_parting_ends_each_in_its_way() -> None:
    desk, made = parties()
    made.dialling.plan([[target("a")]])
    made.dialling.dial(made.branch, lambda branch: sdp(), parts=(), max_forwards=9, extras=(), now=0.0)
    invite = desk.sent()[-1]
    desk.stack.receive(answer(invite, "180 Ringing").encode(), FROM_CARRIER, 0.0)
    made.part(Refusal(486), (), 0.0)
    assert [line.split()[0] for line in desk.starts()] == ["SIP/2.0", "CANCEL"]
    assert made.caller.gone
    assert not made.gone
    made.dialling.branches[0].transaction_failed("timeout")
    assert made.gone


def test_the_sender_of_a_request_is_found() -> None:
    desk, made = parties()
    made.inbound.accept(sdp(), "", (), 0.0)
    made.caller.inform("a/b", b"x", 0.0)
    (key,) = desk.board.clients
    assert made.sender(key) is made.caller
    assert made.sender(key._replace(branch="x")) is None
