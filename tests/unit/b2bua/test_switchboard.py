"""Switchboard: what a line holds is found by it, and closing it leaves nothing."""

from tests.support.room import FROM_CARRIER, Desk, Keeper, message, text


def test_a_request_of_ours_is_entered_and_forgotten() -> None:
    desk = Desk()
    key = desk.line.request(message("OPTIONS", "sip:x"), FROM_CARRIER, 0.0)
    assert desk.board.clients[key] is desk.line
    desk.line.forget(key)
    assert not desk.board.clients
    assert desk.starts() == ["OPTIONS sip:x SIP/2.0"]


def test_a_final_answer_ends_the_wait_for_a_cancel() -> None:
    desk = Desk()
    request, key = desk.receive(text("INVITE", "sip:1@x"))
    desk.line.expect_cancel(key, desk.owner)
    from skryba.sip.message import response_to

    desk.line.respond(key, response_to(request, 180, to_tag="t"), 0.0)
    assert desk.board.servers == {key: desk.owner}
    desk.line.respond(key, response_to(request, 486, to_tag="t"), 0.0)
    assert not desk.board.servers
    assert desk.starts() == ["SIP/2.0 180 Ringing", "SIP/2.0 486 Busy Here"]


def test_setting_an_alarm_again_moves_it_and_it_rings_at_the_owner() -> None:
    desk = Desk()
    desk.line.set_alarm("x", 5.0)
    desk.line.set_alarm("x", 9.0)
    desk.line.clear_alarm("unknown")
    assert desk.board.alarms.next_timeout() == 9.0
    for line, name in desk.board.alarms.due(9.0):
        line.alarm(name, 9.0)
    assert desk.owner.seen == [("alarm", "x", 9.0)]


def test_closing_a_line_leaves_nothing_of_it_and_all_of_the_others() -> None:
    desk = Desk()
    other = desk.board.line(Keeper())
    other.hold_dialog("c9", "t9", Keeper())
    other.set_alarm("stays", 1.0)
    _, key = desk.receive(text("INVITE", "sip:1@x"))
    desk.line.expect_cancel(key, desk.owner)
    desk.line.request(message("OPTIONS", "sip:x"), FROM_CARRIER, 0.0)
    desk.line.hold_dialog("c1", "t1", desk.owner)
    desk.line.set_alarm("a", 5.0)
    desk.line.close()
    assert not desk.board.clients
    assert not desk.board.servers
    assert list(desk.board.dialogs) == [("c9", "t9")]
    assert len(desk.board.alarms) == 1
    other.drop_dialog("c9", "t9")
    assert not desk.board.dialogs
