"""Trunks: challenges answered, registration kept alive, probes, and the next trunk when one fails."""

from dataclasses import replace
from itertools import pairwise

import pytest

from skryba.b2bua.notices import TrunkChanged
from skryba.b2bua.settings import TrunkSettings
from skryba.sip.digest import Authenticator, Challenge, Credentials, Verdict, ha1
from skryba.terms import SocketAddress
from tests.support.phone import Phone
from tests.support.stage import CARRIER, NEVER, Stage, settings

STATIC = TrunkSettings("carrier", "carrier.example", CARRIER, username="acct", password="pw", options_interval=0)
REGISTERING = replace(STATIC, register=True, expires=300)
PROBED = replace(STATIC, options_interval=60.0)
SECOND = SocketAddress("203.0.113.6", 5060)


def checked(challenge: Challenge, value: str | None, method: str) -> bool:
    credentials = Credentials.parse(value or "")
    authenticator = Authenticator("carrier", b"k", algorithms=("MD5", "SHA-256"))
    return (
        authenticator.check(
            credentials,
            method=method,
            ha1_of=lambda user, algorithm: ha1(user, "carrier", "pw", algorithm) if user == "acct" else None,
            now=0.0,
        )
        is not Verdict.WRONG
    )


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_challenged_invite_is_repeated_with_credentials(status: int, header: str, algorithm: str) -> None:
    stage = Stage(NEVER, configured=settings(trunks=(STATIC,))).registered()
    stage.carrier.challenge_with = Challenge("carrier", "n1", algorithm, ("auth",), None, False)
    stage.carrier.challenge_status = status
    call = stage.alice.call("+48600123456")
    stage.run(1)
    first, second = (request for request in stage.carrier.requests if request.method == "INVITE")
    assert checked(stage.carrier.challenge_with, second.headers.get(header), "INVITE")
    assert (second.cseq.number, second.call_id, second.from_.tag) == (
        first.cseq.number + 1,
        first.call_id,
        first.from_.tag,
    )
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert call.provisional == [100]
    acks = [data for _, to, data in stage.wire if to == CARRIER and data.startswith(b"ACK")]
    assert header.encode() in acks[-1]  # RFC 3261 §22.1
    call.hang_up()
    stage.settle()


def test_a_wrong_password_is_our_fault_and_a_502() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(STATIC,))).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    challenge = Challenge("carrier", "n1", "MD5", ("auth",), None, False)
    stage.carrier.calls[0].refuse(407, (("Proxy-Authenticate", str(challenge)),))
    stage.run(1)
    stage.carrier.calls[1].refuse(407, (("Proxy-Authenticate", str(replace(challenge, nonce="n2"))),))
    stage.run(1)
    assert len(stage.carrier.calls) == 2
    assert call.final == 502
    stage.settle()


def test_a_stale_nonce_is_tried_again_but_not_for_ever() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(STATIC,))).registered()
    call = stage.alice.call("+48600123456")
    for number in range(10):
        stage.run(1)
        if call.final is not None:
            break
        challenge = Challenge("carrier", f"n{number}", "MD5", ("auth",), None, number > 0)
        stage.carrier.calls[-1].refuse(407, (("Proxy-Authenticate", str(challenge)),))
    assert call.final == 502
    assert len(stage.carrier.calls) == 5
    stage.settle()


def test_a_challenged_bye_and_reinvite_are_repeated_too() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(STATIC,))).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    there.challenge_once = True
    call.reinvite(stage.alice.sdp(direction="sendonly"))
    stage.run(1)
    assert call.reinvite_finals == [200]
    assert [bool(r.headers.get("Proxy-Authorization")) for r in there.reinvites] == [False, True]
    there.challenge_once = True
    call.hang_up()
    stage.run(1)
    assert there.bye is not None
    assert there.bye.headers.get("Proxy-Authorization")
    stage.settle()


def test_registration_is_refreshed_in_time_and_makes_the_trunk_up() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(REGISTERING,)))
    stage.carrier.challenge_with = Challenge("carrier", "n1", "SHA-256", ("auth",), None, False)
    stage.carrier.challenge_status = 401
    assert [trunk.up for trunk in stage.agent.trunks] == [False]
    stage.agent.start_trunks(stage.now)
    stage.run(1)
    assert [trunk.up for trunk in stage.agent.trunks] == [True]
    assert [trunk.registered for trunk in stage.agent.trunks] == [True]
    first, second = stage.carrier.requests
    assert first.uri == "sip:carrier.example"
    assert second.headers.get("Contact") == "<sip:acct@192.0.2.1:5060>"
    stage.run(300)
    refreshes = stage.carrier.requests[2:]
    assert 2 <= len(refreshes) <= 4
    assert refreshes[0].call_id == first.call_id
    numbers = [request.cseq.number for request in stage.carrier.requests]
    assert numbers == sorted(set(numbers))
    assert [n.up for n in stage.notices if isinstance(n, TrunkChanged)] == [True]


def test_a_423_is_obeyed() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(REGISTERING,)))
    stage.carrier.register_answers = [(423, (("Min-Expires", "1800"),)), (200, ())]
    stage.agent.start_trunks(stage.now)
    stage.run(1)
    assert [request.expires for request in stage.carrier.requests] == [300, 1800]
    assert stage.agent.trunks[0].up


def test_a_failed_registration_backs_off_and_comes_back() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(REGISTERING,)))
    stage.carrier.register_answers = [(503, ())] * 6
    stage.agent.start_trunks(stage.now)
    times = []
    for _ in range(800):
        before = len(stage.carrier.requests)
        stage.run(0.5)
        times += [stage.now] * (len(stage.carrier.requests) - before)
        if stage.agent.trunks[0].up:
            break
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 7
    for number, gap in enumerate(gaps):
        assert 2.5 * 2**number - 0.6 <= gap <= 5.0 * 2**number + 0.6
    assert stage.agent.trunks[0].up


def test_retry_after_of_a_registrar_is_respected() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(REGISTERING,)))
    stage.carrier.register_answers = [(503, (("Retry-After", "120 (busy)"),))]
    stage.agent.start_trunks(stage.now)
    stage.run(119)
    assert len(stage.carrier.requests) == 1
    stage.run(3)
    assert len(stage.carrier.requests) == 2


def test_probes_take_a_dead_trunk_down_and_bring_it_back() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(PROBED,)))
    stage.agent.start_trunks(stage.now)
    stage.run(1)
    assert [request.method for request in stage.carrier.requests] == ["OPTIONS"]
    assert stage.agent.trunks[0].up
    stage.carrier.silent = True
    stage.run(120)
    assert not stage.agent.trunks[0].up
    assert "timeout" in stage.agent.trunks[0].detail
    stage.carrier.silent = False
    stage.run(120)
    assert stage.agent.trunks[0].up
    assert [n.up for n in stage.notices if isinstance(n, TrunkChanged)] == [False, True]


@pytest.mark.parametrize(("status", "up"), [(200, True), (404, True), (405, True), (503, False)])
def test_what_an_answer_to_a_probe_means(status: int, up: bool) -> None:
    stage = Stage(NEVER, configured=settings(trunks=(PROBED,)))
    stage.carrier.default_status = status
    stage.agent.start_trunks(stage.now)
    stage.run(1)
    assert stage.agent.trunks[0].up is up


def test_the_next_trunk_is_tried_when_the_first_cannot_serve() -> None:
    other = replace(STATIC, id="second", host="second.example", address=SECOND)
    stage = Stage(NEVER, configured=settings(trunks=(STATIC, other))).registered()
    second = stage.add(Phone("second", SECOND))
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].refuse(503)
    stage.run(1)
    assert call.final is None
    assert second.calls[0].invite.uri == "sip:+48600123456@second.example"
    second.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    assert stage.agent.calls[0].trunk == "second"
    call.hang_up()
    stage.settle()


def test_busy_is_busy_and_no_other_trunk_is_asked() -> None:
    other = replace(STATIC, id="second", host="second.example", address=SECOND)
    stage = Stage(NEVER, configured=settings(trunks=(STATIC, other))).registered()
    second = stage.add(Phone("second", SECOND))
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].refuse(486)
    stage.run(1)
    assert call.final == 486
    assert not second.calls
    stage.settle()


def test_prefixes_choose_the_trunk() -> None:
    abroad = replace(STATIC, id="second", host="second.example", address=SECOND, prefixes=("+49*",))
    home = replace(STATIC, prefixes=("+48*",))
    stage = Stage(NEVER, configured=settings(trunks=(home, abroad))).registered()
    second = stage.add(Phone("second", SECOND))
    stage.alice.call("0049301234567")
    call = stage.alice.call("+33123456789")
    stage.run(1)
    assert len(second.calls) == 1
    assert not stage.carrier.calls
    assert call.final == 404
    second.calls[0].refuse(486)
    stage.settle()


def test_a_registered_trunk_calls_us_by_our_account_and_names_the_number_in_to() -> None:
    stage = Stage(NEVER, configured=settings(trunks=(REGISTERING,)))
    stage.alice.register()
    stage.agent.start_trunks(stage.now)
    stage.run(1)
    stage.carrier.call("+48221110101", uri="sip:acct@192.0.2.1:5060")
    stage.run(1)
    assert len(stage.alice.calls) == 1
    stage.alice.calls[0].refuse(486)
    stage.run(40)


def test_an_unknown_called_number_is_a_404() -> None:
    stage = Stage(NEVER).registered()
    call = stage.carrier.call("+48229999999")
    stage.run(1)
    assert call.final == 404
    stage.settle()


def test_a_trunk_that_no_binding_reaches_is_down_and_says_why() -> None:
    six = replace(REGISTERING, address=SocketAddress("2001:db8::5", 5060))
    stage = Stage(NEVER, configured=settings(trunks=(six,)))
    stage.agent.start_trunks(stage.now)
    stage.run(10)
    (trunk,) = stage.agent.trunks
    assert not trunk.up
    assert "no udp binding" in trunk.detail
