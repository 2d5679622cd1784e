"""Every row of the client tables, and that there are no others; what ACK and CANCEL are made of."""

import pytest

from skryba.sip.client_transaction import INVITE, OTHER, Action, ClientTransaction, Input, State, Table, input_of
from skryba.sip.events import ClientKey
from skryba.sip.headers import Headers
from skryba.sip.message import Request, parse_message, response_to
from skryba.sip.timers import Timers
from tests.support.virtual_stack import UDP, answer, request

# state, input, next state, actions: figure 5 of RFC 3261 as RFC 6026 §7.2 mends it
INVITE_ROWS = """
calling    | repeat          | calling    | resend, back off
calling    | expire          | terminated | tell timeout
calling    | transport error | terminated | tell transport
calling    | provisional     | proceeding | stop, pass
calling    | success         | accepted   | stop, pass, linger m
calling    | failure         | completed  | stop, ack, pass, linger d
proceeding | provisional     | proceeding | pass
proceeding | success         | accepted   | stop, pass, linger m
proceeding | failure         | completed  | stop, ack, pass, linger d
proceeding | expire          | terminated | tell timeout
completed  | failure         | completed  | ack
completed  | linger          | terminated |
accepted   | success         | accepted   | pass
accepted   | linger          | terminated |
"""
# figure 6
OTHER_ROWS = """
trying     | repeat          | trying     | resend, back off capped
trying     | expire          | terminated | tell timeout
trying     | transport error | terminated | tell transport
trying     | provisional     | proceeding | pass
trying     | success         | completed  | stop, pass, linger k
trying     | failure         | completed  | stop, pass, linger k
proceeding | repeat          | proceeding | resend, slow
proceeding | expire          | terminated | tell timeout
proceeding | transport error | terminated | tell transport
proceeding | provisional     | proceeding | pass
proceeding | success         | completed  | stop, pass, linger k
proceeding | failure         | completed  | stop, pass, linger k
completed  | linger          | terminated |
"""


def rows(text: str) -> Table:
    table: Table = {}
    for line in text.strip().splitlines():
        state, what, after, actions = (part.strip() for part in line.split("|"))
        table[State(state), Input(what)] = (State(after), tuple(Action(a) for a in actions.split(", ") if a))
    return table


def transaction(method: str, state: State) -> ClientTransaction:
    sent = request(method)
    sent.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport")
    made = ClientTransaction(ClientKey("z9hG4bKx", "192.0.2.1:5060", method), sent, UDP, Timers())
    made.state = state
    return made


@pytest.mark.parametrize(
    ("method", "table", "expected"),
    [("INVITE", INVITE, rows(INVITE_ROWS)), ("BYE", OTHER, rows(OTHER_ROWS))],
    ids=["INVITE", "other"],
)
def test_every_pair_of_state_and_input_does_what_the_figure_says(method: str, table: Table, expected: Table) -> None:
    assert table.keys() == expected.keys()
    for state in State:
        for what in Input:
            machine = transaction(method, state)
            after, actions = expected.get((state, what), (state, ()))
            assert (machine.step(what), machine.state) == (actions, after), f"{state} + {what}"


def test_every_state_but_the_last_has_a_way_to_the_last() -> None:
    for table, first in ((INVITE, State.CALLING), (OTHER, State.TRYING)):
        reached = {first}
        while more := {after for (state, _), (after, _) in table.items() if state in reached} - reached:
            reached |= more
        for state in reached - {State.TERMINATED}:
            onward = {state}
            while more := {after for (s, _), (after, _) in table.items() if s in onward} - onward:
                onward |= more
            assert State.TERMINATED in onward, state


def test_a_request_begins_where_its_kind_begins() -> None:
    sent = request("INVITE")
    sent.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.1")
    assert ClientTransaction(ClientKey("b", "s", "INVITE"), sent, UDP, Timers()).state is State.CALLING
    assert ClientTransaction(ClientKey("b", "s", "OPTIONS"), sent, UDP, Timers()).state is State.TRYING


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (100, Input.PROVISIONAL),
        (199, Input.PROVISIONAL),
        (200, Input.SUCCESS),
        (299, Input.SUCCESS),
        (300, Input.FAILURE),
        (699, Input.FAILURE),
    ],
)
def test_responses_have_three_classes(status: int, what: Input) -> None:
    assert input_of(status) is what


def routed_invite() -> ClientTransaction:
    fields = [
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport"),
        ("Route", "<sip:p1.example;lr>"),
        ("Route", "<sip:p2.example;lr>"),
        *request("INVITE", cseq=7).headers,
        ("Require", "100rel"),
        ("Proxy-Require", "sec-agree"),
        ("Content-Type", "application/sdp"),
    ]
    sent = Request("INVITE", "sip:piotr@example.net", Headers(fields), b"v=0\r\n")
    return ClientTransaction(ClientKey("z9hG4bKx", "192.0.2.1:5060", "INVITE"), sent, UDP, Timers())


def test_the_ack_of_a_refusal_is_made_of_the_invite_and_the_to_of_the_response() -> None:
    invite = routed_invite()
    assert invite.request is not None
    ack = parse_message(invite.ack(answer(invite.request, 486, "busy")))
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.body) == ("ACK", "sip:piotr@example.net", b"")
    assert list(ack.headers) == [
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport"),
        ("Route", "<sip:p1.example;lr>"),
        ("Route", "<sip:p2.example;lr>"),
        ("Max-Forwards", "70"),
        ("From", "<sip:anna@example.net>;tag=a1"),
        ("Call-ID", "call-1"),
        ("To", "<sip:piotr@example.net>;tag=busy"),
        ("CSeq", "7 ACK"),
        ("Content-Length", "0"),
    ]


def test_the_ack_of_a_repeated_refusal_is_the_same_after_all_else_was_let_go() -> None:
    invite = routed_invite()
    assert invite.request is not None
    refusal = answer(invite.request, 486, "busy")
    first = invite.ack(refusal)
    invite.release()
    assert invite.data == b""
    assert invite.ack(refusal) == first


def test_the_cancel_has_the_via_of_the_invite_and_asks_for_nothing() -> None:
    cancel = routed_invite().cancel()
    assert cancel is not None
    assert (cancel.method, cancel.uri, cancel.body) == ("CANCEL", "sip:piotr@example.net", b"")
    assert list(cancel.headers) == [
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport"),
        ("Route", "<sip:p1.example;lr>"),
        ("Route", "<sip:p2.example;lr>"),
        ("Max-Forwards", "70"),
        ("From", "<sip:anna@example.net>;tag=a1"),
        ("Call-ID", "call-1"),
        ("To", "<sip:piotr@example.net>"),
        ("CSeq", "7 CANCEL"),
    ]


def test_after_the_final_response_there_is_nothing_to_cancel() -> None:
    invite = routed_invite()
    invite.release()
    assert invite.cancel() is None


def test_the_wire_form_is_the_request() -> None:
    invite = routed_invite()
    assert invite.request is not None
    assert parse_message(invite.data) == parse_message(bytes(invite.request))
    assert response_to(invite.request, 200).via.branch == "z9hG4bKx"
