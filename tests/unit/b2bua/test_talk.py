"""Talk: re-INVITE, hold and silence between two connected parties, as plays."""

import pytest

from skryba.b2bua.commands import (
    AimStream,
    Bridge,
    ChangeFormats,
    CloseMedia,
    MarkRecording,
    OpenMedia,
    StartRecording,
    StopRecording,
)
from skryba.b2bua.snapshot import CallState
from skryba.terms import Side
from tests.support.playbook import Playbook
from tests.support.room import FROM_CARRIER, PORTS, SDP, agent, answer, text
from tests.support.stage import RECORD

HELD, HOLDING = SDP + "a=sendonly\r\n", SDP + "a=recvonly\r\n"


def talking() -> tuple[Playbook, str]:
    play = Playbook(agent(RECORD), FROM_CARRIER)
    play >> text("INVITE", "sip:+48221110101@skryba.test", body=SDP) << OpenMedia
    play >> (lambda a, now: a.media_opened("id1", PORTS, now)) << "INVITE sip:101"
    play >> answer(play.sent("INVITE"), "200 OK", body=SDP) << AimStream << AimStream << Bridge << StartRecording
    play << "ACK sip:101" << "SIP/2.0 200 OK"
    tag = play.header("SIP/2.0 200 OK", "To").partition("tag=")[2]
    play >> text("ACK", "sip:skryba@192.0.2.1", branch="b2", to_tag=tag)
    return play, tag


def reinvite(tag: str, body: str, cseq: int) -> str:
    return text("INVITE", "sip:skryba@192.0.2.1", branch=f"r{cseq}", to_tag=tag, cseq=cseq, body=body)


def test_hold_and_resume() -> None:
    play, tag = talking()
    with play:
        play >> reinvite(tag, HELD, 2) << "INVITE sip:101"
        play >> answer(play.sent("INVITE"), "200 OK", body=HOLDING) << AimStream << AimStream
        play << MarkRecording("id1", "reinvite", Side.CALLER) << MarkRecording("id1", "hold", Side.CALLER)
        play << "ACK sip:101" << "SIP/2.0 200"
        play >> text("ACK", "sip:skryba@192.0.2.1", branch="b4", to_tag=tag, cseq=2)
        assert play.agent.calls[0].state is CallState.HELD
        play >> reinvite(tag, SDP, 3) << "INVITE sip:101"
        play >> answer(play.sent("INVITE"), "200 OK", body=SDP) << AimStream << AimStream
        play << MarkRecording << MarkRecording("id1", "resume", Side.CALLER) << "ACK sip:101" << "SIP/2.0 200"


def test_other_codecs_are_told_to_the_recorder() -> None:
    play, tag = talking()
    only = SDP.replace("8 0 101", "0")
    with play:
        play >> reinvite(tag, only, 2) << "INVITE sip:101"
        (
            play
            >> answer(play.sent("INVITE"), "200 OK", body=only)
            << AimStream
            << ChangeFormats("id1", Side.CALLER, {0: "PCMU/8000"})
        )
        play << AimStream << ChangeFormats("id1", Side.CALLEE, {0: "PCMU/8000"})
        play << MarkRecording << "ACK sip:101" << "SIP/2.0 200"


@pytest.mark.parametrize(("status", "ends"), [("488 No", False), ("481 Gone", True)])
def test_a_refusal_is_passed_on_and_some_end_the_call(status: str, ends: bool) -> None:
    play, tag = talking()
    with play:
        play >> reinvite(tag, HELD, 2) << "INVITE sip:101"
        play >> answer(play.sent("INVITE"), status)
        if ends:
            play << StopRecording << CloseMedia << "ACK sip:101" << "SIP/2.0 500" << "BYE sip:carrier" << "BYE sip:101"
        else:
            play << "ACK sip:101" << "SIP/2.0 488"


def test_silence_of_both_ends_the_call_of_one_does_not() -> None:
    play, _ = talking()
    with play:
        play >> (lambda a, now: a.media_silent("id1", Side.CALLER, now))
        play >> 16.0
        play >> (lambda a, now: a.media_silent("id1", Side.CALLEE, now))
        play >> 1.0
        (
            play
            >> (lambda a, now: a.media_silent("id1", Side.CALLER, now))
            << StopRecording
            << CloseMedia
            << "BYE"
            << "BYE"
        )


def test_info_crosses() -> None:
    play, tag = talking()
    info = text("INFO", "sip:skryba@192.0.2.1", branch="i", to_tag=tag, cseq=2, body="Signal=1")
    with play:
        play >> info.replace("application/sdp", "application/dtmf") << "SIP/2.0 200" << "INFO sip:101"
        assert play.sent("INFO").endswith("Signal=1")
