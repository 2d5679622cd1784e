"""Call: what reaches it goes to the leg meant, and what the legs say goes to setup or talk."""

from skryba.b2bua.commands import AimStream, Bridge, CloseMedia, OpenMedia
from skryba.b2bua.notices import CallEnded
from skryba.b2bua.snapshot import CallState
from skryba.terms import Result
from tests.support.playbook import Playbook
from tests.support.room import FROM_CARRIER, PORTS, SDP, agent, answer, text

INVITE = text("INVITE", "sip:+48221110101@skryba.test", body=SDP)


def ringing(play: Playbook) -> None:
    play >> INVITE << OpenMedia
    play >> (lambda a, now: a.media_opened("id1", PORTS, now)) << "INVITE sip:101"
    play >> answer(play.sent("INVITE"), "180 Ringing") << "SIP/2.0 180"


def talking(play: Playbook) -> str:
    ringing(play)
    play >> answer(play.sent("INVITE"), "200 OK", body=SDP) << AimStream << AimStream << Bridge
    play << "ACK sip:101" << "SIP/2.0 200 OK"
    tag = play.header("SIP/2.0 200 OK", "To").partition("tag=")[2]
    play >> text("ACK", "sip:skryba@192.0.2.1", branch="b2", to_tag=tag)
    return tag


def ended(play: Playbook) -> CallEnded:
    (notice,) = [notice for notice in play.agent.notices() if isinstance(notice, CallEnded)]
    return notice


def test_cancel() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        ringing(play)
        play >> text("CANCEL", "sip:+48221110101@skryba.test") << CloseMedia << "SIP/2.0 200" << "SIP/2.0 487"
        play << "CANCEL sip:101@198.51.100.11:5062"
        assert ended(play).termination.result is Result.CANCELLED
        assert [call.state for call in play.agent.calls] == [CallState.ENDING]
        play >> answer(play.sent("INVITE"), "487 Request Terminated") << "ACK sip:101"
        assert play.agent.calls == []


def test_bye_in_the_callers_early_dialog() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        ringing(play)
        tag = play.header("SIP/2.0 180", "To").partition("tag=")[2]
        play >> text("BYE", "sip:skryba@192.0.2.1", branch="b9", to_tag=tag, cseq=2) << CloseMedia << "SIP/2.0 200"
        play << "SIP/2.0 487" << "CANCEL sip:101"


def test_the_callees_bye_reaches_the_caller() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        talking(play)
        ours = play.header("INVITE", "From").partition("tag=")[2]
        call_id = play.header("INVITE", "Call-ID")
        (
            play
            >> text("BYE", "sip:skryba@192.0.2.1", branch="b9", tag="callee", to_tag=ours, call_id=call_id)
            << CloseMedia
        )
        play << "SIP/2.0 200" << "BYE sip:carrier@203.0.113.5"
        assert ended(play).termination.reason == "the callee hung up"


def test_no_answer_and_maximum_duration_are_its_own_alarms() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        ringing(play)
        play >> 60.0 << "SIP/2.0 180"
        play >> 60.0 << "SIP/2.0 180"
        play >> 60.0 << CloseMedia << "SIP/2.0 480" << "CANCEL sip:101"
    with Playbook(agent(), FROM_CARRIER) as play:
        talking(play)
        play >> 14400.0 << CloseMedia << "BYE" << "BYE"
        assert ended(play).termination.reason == "maximum duration"


def test_a_dead_callee_is_a_timeout() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> (lambda a, now: a.media_opened("id1", PORTS, now)) << "INVITE sip:101"
        play >> 31.9 << "SIP/2.0 100"
        for _ in range(6):
            play << "INVITE"  # repeated after 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 seconds
        play >> 0.2 << CloseMedia << "SIP/2.0 408"


def test_an_operator_and_a_failing_world() -> None:
    with Playbook(agent(), FROM_CARRIER) as play:
        talking(play)
        play >> (lambda a, now: a.hang_up("id1", "night", now)) << CloseMedia << "BYE" << "BYE"
        assert 'text="night"' in play.sent("BYE")
    with Playbook(agent(), FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> (lambda a, now: a.media_failed("id1", "no ports", now)) << "SIP/2.0 503"
        assert ended(play).termination.reason == "no ports"
