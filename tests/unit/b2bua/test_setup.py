"""Setup: from the INVITE to the bridge, as plays."""

from skryba.b2bua.agent import Agent
from skryba.b2bua.commands import (
    AimStream,
    Bridge,
    CloseMedia,
    OpenMedia,
    PlayPrompt,
    PromptEvidence,
    StartRecording,
    StopPrompt,
)
from skryba.b2bua.notices import NoticeFailed, NoticePlayed
from skryba.policy.model import NoticeMoment
from skryba.terms import Side
from tests.support.playbook import Playbook
from tests.support.room import FROM_CARRIER, PORTS, SDP, agent, answer, text
from tests.support.stage import NEVER, announced

INVITE = text("INVITE", "sip:+48221110101@skryba.test", body=SDP)
HEARD = PromptEvidence("standard", "1", "pl", "ab", 1, 2, completed=True)


def lend(made: Agent, now: float) -> None:
    made.media_opened("id1", PORTS, now)


def heard(made: Agent, now: float) -> None:
    made.prompt_finished("id1", Side.CALLER, HEARD, now)


def test_answered_first() -> None:
    made = agent(announced())
    with Playbook(made, FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> lend << AimStream << PlayPrompt << "SIP/2.0 200 OK"
        play >> heard << "INVITE sip:101"
        assert "RTP/AVP 8 101" in play.sent("INVITE")
        play >> answer(play.sent("INVITE"), "180 Ringing")  # the caller has been answered: nothing to say
        answered = answer(play.sent("INVITE"), "200 OK", body=SDP)
        play >> answered << AimStream << Bridge << StartRecording << "ACK sip:101"
    assert [type(n) for n in made.notices() if isinstance(n, NoticePlayed | NoticeFailed)] == [NoticePlayed]


def test_by_early_media() -> None:
    with Playbook(agent(announced(NoticeMoment.EARLY_MEDIA)), FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> lend << AimStream << PlayPrompt << "SIP/2.0 183"
        play >> heard << "INVITE sip:101"
        play >> answer(play.sent("INVITE"), "180 Ringing") << "SIP/2.0 180"
        play >> answer(play.sent("INVITE"), "486 Busy Here") << CloseMedia << "ACK sip:101" << "SIP/2.0 486"


def test_a_failing_prompt_lets_the_call_go_on_unrecorded() -> None:
    made = agent(announced())
    with Playbook(made, FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> lend << AimStream << PlayPrompt << "SIP/2.0 200 OK"
        play >> (lambda a, now: a.prompt_failed("id1", "gone", now)) << StopPrompt << "INVITE sip:101"
        play >> heard  # too late to count
        play >> answer(play.sent("INVITE"), "200 OK", body=SDP) << AimStream << Bridge << "ACK"
    (failed,) = [notice for notice in made.notices() if isinstance(notice, NoticeFailed)]
    assert failed.reason == "gone"


def test_early_media_is_joined_once() -> None:
    with Playbook(agent(NEVER), FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> lend << "INVITE sip:101"
        progress = answer(play.sent("INVITE"), "183 Session Progress", body=SDP)
        play >> progress << AimStream << AimStream << Bridge << "SIP/2.0 183"
        play >> progress << "SIP/2.0 183"
        play >> answer(play.sent("INVITE"), "200 OK", body=SDP) << "ACK" << "SIP/2.0 200"


def test_ports_that_come_after_the_caller_has_gone_change_nothing() -> None:
    with Playbook(agent(NEVER), FROM_CARRIER) as play:
        play >> INVITE << OpenMedia
        play >> text("CANCEL", "sip:+48221110101@skryba.test") << CloseMedia << "SIP/2.0 200" << "SIP/2.0 487"
        play >> lend


def test_nobody_to_call() -> None:
    with Playbook(agent(NEVER, register=False), FROM_CARRIER) as play:
        play >> INVITE << "SIP/2.0 480"
