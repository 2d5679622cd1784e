"""Agent: the front door, as a play."""

import pytest

from skryba.b2bua.commands import AimStream, Bridge, CloseMedia, OpenMedia, StartRecording, StopRecording
from skryba.b2bua.notices import CallEnded, CallFaulted, CallStarted
from skryba.terms import Side
from tests.support.playbook import Playbook
from tests.support.room import AT, FROM_CARRIER, PORTS, SDP, agent, answer, text
from tests.support.stage import RECORD

INVITE = text("INVITE", "sip:+48221110101@skryba.test", body=SDP)


def test_a_call_comes_in_is_recorded_and_ends() -> None:
    made = agent(RECORD)
    with Playbook(made, FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> (lambda a, now: a.media_opened("id1", PORTS, now)) << "INVITE sip:101@198.51.100.11:5062"
        play >> answer(play.sent("INVITE"), "180 Ringing") << "SIP/2.0 180 Ringing"
        play >> answer(play.sent("INVITE"), "200 OK", body=SDP) << AimStream << AimStream << Bridge << StartRecording
        play << "ACK sip:101@198.51.100.11:5062" << "SIP/2.0 200 OK"
        tag = play.header("SIP/2.0 200 OK", "To").partition("tag=")[2]
        play >> text("ACK", "sip:skryba@192.0.2.1", branch="b2", to_tag=tag)
        play >> 10.0
        play >> text("BYE", "sip:skryba@192.0.2.1", branch="b3", to_tag=tag, cseq=2) << StopRecording << CloseMedia
        play << "SIP/2.0 200 OK" << "BYE sip:101@198.51.100.11:5062"
        play >> answer(play.sent("BYE"), "200 OK")
        assert made.calls == []
        assert made.held == dict.fromkeys(made.held, 0)


def test_100_is_said_when_nothing_else_is() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> 0.1
        play >> 0.2 << "SIP/2.0 100 Trying"


def test_retransmissions_make_no_second_call() -> None:
    made = agent()
    with Playbook(made, FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> INVITE
        assert len(made.calls) == 1


def test_commands_and_notices_are_drained_once() -> None:
    made = agent()
    made.receive(INVITE.encode(), FROM_CARRIER, 1000.0, AT)
    assert len(made.commands()) == 1
    assert made.commands() == []
    assert [type(notice) for notice in made.notices()] == [CallStarted]
    assert made.notices() == []


def test_a_bug_at_the_desk_is_a_500_and_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = agent()

    def bug(*args: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(made._desk, "receive", bug)
    with Playbook(made, FROM_CARRIER) as play:
        play >> INVITE << "SIP/2.0 500"
    assert made.notices() == [CallFaulted("", "KeyError: 'bug'")]


def test_a_bug_in_a_call_ends_it_with_500(monkeypatch: pytest.MonkeyPatch) -> None:
    made = agent()
    with Playbook(made, FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        monkeypatch.setattr("skryba.b2bua.setup.Setup.media_opened", lambda *args: 1 / 0)
        play >> (lambda a, now: a.media_opened("id1", PORTS, now)) << CloseMedia << "SIP/2.0 500"
    kinds = [type(notice) for notice in made.notices()]
    assert kinds == [CallStarted, CallFaulted, CallEnded]
    assert made.calls == []


def test_the_next_timeout_is_the_earliest_of_all() -> None:
    made = agent(register=False)
    assert made.next_timeout() is None
    assert agent().next_timeout() == 4600.0
    made.receive(INVITE.encode(), FROM_CARRIER, 1000.0, AT)
    assert made.next_timeout() is not None


def test_looking() -> None:
    made = agent()
    made.receive(INVITE.encode(), FROM_CARRIER, 1000.0, AT)
    assert [call.id for call in made.calls] == ["id1"]
    assert [trunk.id for trunk in made.trunks] == ["carrier"]
    assert list(made.registrations(1000.0)) == ["101"]
    assert made.held["calls"] == 1
    made.hang_up("id1", "x", 1000.0)
    assert made.calls == []
    made.media_silent("id1", Side.CALLER, 1000.0)


def test_draining_is_said_to_those_who_ask() -> None:
    made = agent()
    made.drain(1000.0)
    with Playbook(made, FROM_CARRIER) as play:
        play >> text("OPTIONS", "sip:skryba.test") << "SIP/2.0 503"
        assert play.header("SIP/2.0 503", "Retry-After") == "30"
