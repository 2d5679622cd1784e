"""Requests: in-dialog requests of ours, their ACKs and the way they take."""

import pytest

from skryba.b2bua.credentials import Account, Authorisation
from skryba.b2bua.requests import Requests
from skryba.sip.dialog import Dialog
from skryba.sip.events import ResponseReceived
from skryba.sip.message import parse_message
from skryba.sip.name_addr import NameAddr
from skryba.sip.uri import Uri
from skryba.terms import SocketAddress
from tests.support.room import FROM_CARRIER, Desk, answer


def requests(desk: Desk, *, target: str = "sip:carrier@203.0.113.5:5060", roams: bool = False) -> Requests:
    made = Requests(
        desk.line, FROM_CARRIER, "<sip:us@192.0.2.1>", Authorisation(Account("a", "b"), desk.token), roams=roams
    )
    made.dialog = Dialog(
        call_id="c1",
        local=NameAddr.parse("<sip:us@x>;tag=l"),
        remote=NameAddr.parse("<sip:them@y>;tag=r"),
        remote_target=Uri.parse(target),
        route_set=(),
        local_cseq=1,
        remote_cseq=None,
        confirmed=True,
    )
    return made


def respond(desk: Desk, made: Requests, status: str, extra: str = "") -> list[str | None]:
    """What `answered` makes of a response to the last request sent."""
    desk.stack.receive(answer(desk.sent()[-1], status, extra=extra).encode(), FROM_CARRIER, 0.0)
    results = []
    for event in desk.stack.events():
        assert isinstance(event, ResponseReceived)
        sent = made.answered(event.transaction, event.response, 0.0)
        results.append(sent.method if sent else None)
    return results


def test_a_request_is_open_until_its_final_answer() -> None:
    desk = Desk()
    made = requests(desk)
    made.send("INFO", b"x", "a/b", (("X", "1"),), 0.0)
    (key,) = desk.board.clients
    assert made.owns(key)
    assert respond(desk, made, "200 OK") == ["INFO"]
    assert not made.owns(key)
    assert not desk.board.clients


def test_a_challenge_is_answered_once_more_with_the_next_cseq() -> None:
    desk = Desk()
    made = requests(desk)
    made.send("BYE", b"", None, (("Reason", "x"),), 0.0)
    assert respond(desk, made, "407 Auth", 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"') == [None]
    again = parse_message(desk.sent()[-1].encode())
    assert (again.cseq.number, again.headers.get("Reason")) == (3, "x")
    assert "Proxy-Authorization" in again.headers


def test_an_invite_counts_as_open_until_its_ack() -> None:
    desk = Desk()
    made = requests(desk)
    made.send("INVITE", b"", None, (), 0.0)
    assert made.inviting
    (key,) = desk.board.clients
    assert respond(desk, made, "200 OK") == ["INVITE"]
    assert not made.inviting
    made.take(key, 2, (("Authorization", "x"),))
    assert made.late
    assert made.inviting
    made.acknowledge(b"v=0")
    assert not made.late
    ack = parse_message(desk.sent()[-1].encode())
    assert (ack.cseq.number, ack.body, ack.headers.get("Authorization")) == (2, b"v=0", "x")
    made.send("INVITE", b"", None, (), 0.0)
    assert not made.owns(key)


def test_a_failed_one_is_named_and_forgotten() -> None:
    desk = Desk()
    made = requests(desk)
    made.send("INFO", b"", None, (), 0.0)
    (key,) = desk.board.clients
    sent = made.failed(key)
    assert sent is not None
    assert sent.method == "INFO"
    assert made.failed(key) is None


def test_calling_off_cancels_an_open_invite_only() -> None:
    desk = Desk()
    made = requests(desk)
    made.send("INVITE", b"", None, (), 0.0)
    invite = desk.sent()[-1]
    made.send("INFO", b"", None, (), 0.0)
    made.call_off(0.0)
    assert desk.starts() == ["INFO sip:carrier@203.0.113.5:5060 SIP/2.0"]  # no CANCEL before a provisional (§9.1)
    desk.stack.receive(answer(invite, "100 Trying").encode(), FROM_CARRIER, 0.0)
    assert desk.starts() == ["CANCEL sip:carrier@203.0.113.5:5060 SIP/2.0"]


@pytest.mark.parametrize(
    ("target", "roams", "went"),
    [
        ("sip:c@203.0.113.5", False, "203.0.113.5:5060"),
        ("sip:c@203.0.113.77:5080", False, "203.0.113.77:5080"),
        ("sip:c@203.0.113.77:5080", True, "203.0.113.5:5060"),
        ("sip:c@carrier.example", False, "203.0.113.5:5060"),
        ("sip:c@[2001:db8::1]", False, "203.0.113.5:5060"),
        ("sip:c@203.0.113.77;transport=tcp", False, "203.0.113.5:5060"),
    ],
)
def test_the_way(target: str, roams: bool, went: str) -> None:
    desk = Desk()
    made = requests(desk, target=target, roams=roams)
    made.send("INFO", b"", None, (), 0.0)
    (send,) = desk.stack.sends()
    assert str(send.flow.remote) == went


def test_only_a_roaming_party_moves_the_flow() -> None:
    desk = Desk()
    moved = FROM_CARRIER.__class__("udp", FROM_CARRIER.local, SocketAddress("203.0.113.99", 5060))
    for roams in (True, False):
        made = requests(desk, roams=roams)
        made.seen(moved)
        assert (made.flow == moved) is roams
