"""Every row of the server tables, and that there are no others."""

import pytest

from skryba.sip.events import ServerKey
from skryba.sip.message import response_to
from skryba.sip.server_transaction import INVITE, OTHER, Action, Input, ServerTransaction, State, Table, input_of
from tests.support.virtual_stack import UDP, received

# state, input, next state, actions: figure 7 of RFC 3261 as RFC 6026 §7.1 mends it
INVITE_ROWS = """
proceeding | again       | proceeding | resend
proceeding | trying      | proceeding | send trying
proceeding | provisional | proceeding | stop, send
proceeding | success     | accepted   | stop, send, expire l
proceeding | failure     | completed  | stop, send, repeat g, expire h
completed  | again       | completed  | resend
completed  | repeat      | completed  | resend, back off
completed  | ack         | confirmed  | stop, expire i
completed  | expire      | terminated |
confirmed  | expire      | terminated |
accepted   | success     | accepted   | send
accepted   | ack         | accepted   | pass ack
accepted   | expire      | terminated |
"""
# figure 8; a request whose user is silent for 64*T1 ends as RFC 4320 §4.2 says: without a word
OTHER_ROWS = """
trying     | provisional | proceeding | send
trying     | success     | completed  | stop, send, expire j
trying     | failure     | completed  | stop, send, expire j
trying     | expire      | terminated |
proceeding | again       | proceeding | resend
proceeding | provisional | proceeding | send
proceeding | success     | completed  | stop, send, expire j
proceeding | failure     | completed  | stop, send, expire j
proceeding | expire      | terminated |
completed  | again       | completed  | resend
completed  | expire      | terminated |
"""


def rows(text: str) -> Table:
    table: Table = {}
    for line in text.strip().splitlines():
        state, what, after, actions = (part.strip() for part in line.split("|"))
        table[State(state), Input(what)] = (State(after), tuple(Action(a) for a in actions.split(", ") if a))
    return table


def transaction(method: str) -> ServerTransaction:
    return ServerTransaction(ServerKey("b", "s", method), received(method), UDP, call=None)


@pytest.mark.parametrize(
    ("method", "table", "expected"),
    [("INVITE", INVITE, rows(INVITE_ROWS)), ("BYE", OTHER, rows(OTHER_ROWS))],
    ids=["INVITE", "other"],
)
def test_every_pair_of_state_and_input_does_what_the_figure_says(method: str, table: Table, expected: Table) -> None:
    assert table.keys() == expected.keys()
    for state in State:
        for what in Input:
            machine = transaction(method)
            machine.state = state
            after, actions = expected.get((state, what), (state, ()))
            assert (machine.step(what), machine.state) == (actions, after), f"{state} + {what}"


def test_no_state_sends_a_second_final_response_but_a_2xx_of_invite() -> None:
    for table in (INVITE, OTHER):
        for (state, what), (_, actions) in table.items():
            decided = state in (State.COMPLETED, State.CONFIRMED, State.ACCEPTED)
            if decided and Action.SEND in actions:
                assert (table, state, what) == (INVITE, State.ACCEPTED, Input.SUCCESS)


def test_a_request_begins_where_its_kind_begins() -> None:
    assert transaction("INVITE").state is State.PROCEEDING
    assert transaction("OPTIONS").state is State.TRYING


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


def test_our_to_tag_is_known_once_it_was_said() -> None:
    machine = transaction("INVITE")
    assert machine.to_tag() is None
    machine.last = bytes(response_to(received(), 100))
    assert machine.to_tag() is None
    machine.last = bytes(response_to(received(), 180, to_tag="ours"))
    assert machine.to_tag() == "ours"
