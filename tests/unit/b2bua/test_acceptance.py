"""Acceptance: T1, doubling up to T2, until the ACK or 64*T1."""

from skryba.b2bua.acceptance import Acceptance
from skryba.sip.message import response_to
from tests.support.room import Desk, text


def accepted() -> tuple[Desk, Acceptance]:
    desk = Desk()
    request, key = desk.receive(text("INVITE", "sip:1@x", cseq=7))
    response = response_to(request, 200, to_tag="t")
    return desk, Acceptance(desk.line, "1.ack", key, response, 0.0)


def test_it_is_repeated_at_growing_intervals_and_given_up() -> None:
    desk, acceptance = accepted()
    times = []
    while (due := desk.board.alarms.next_timeout()) is not None:
        times.append(due)
        assert len(list(desk.board.alarms.due(due))) == 1
        if not acceptance.repeat(due):
            break
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32.0]
    assert desk.starts() == ["SIP/2.0 200 OK"] * 11
    assert acceptance.cseq == 7


def test_stopping_leaves_no_alarm() -> None:
    desk, acceptance = accepted()
    acceptance.stop()
    assert desk.board.alarms.next_timeout() is None
