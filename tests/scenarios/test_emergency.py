"""Emergency: nothing stands between the caller and help — no notice, no recording, no missing floor of the house."""

from dataclasses import replace

import pytest

from skryba.b2bua.commands import Bridge, PlayPrompt, StartRecording
from skryba.b2bua.settings import Limits
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, Decision
from skryba.sdp.description import SessionDescription
from skryba.terms import SocketAddress
from tests.support.phone import Phone
from tests.support.stage import CARRIER, EMERGENCY, Stage, announced, settings

SECOND = SocketAddress("203.0.113.6", 5060)


def broken(facts: CallFacts) -> Decision:
    raise OSError("the rules are gone")


def by_policy(facts: CallFacts) -> Decision:
    return Engine(None, emergency=frozenset({"112"})).decide(facts)


@pytest.mark.parametrize("policy", [broken, by_policy, EMERGENCY])
@pytest.mark.parametrize("number", ["112", "999"])
def test_it_connects_at_once_unannounced_and_unrecorded(policy: object, number: str) -> None:
    stage = Stage(policy).registered()  # type: ignore[arg-type]
    call = stage.alice.call(number)
    stage.run(0.2)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(0.2)
    assert call.final == 200
    assert len(stage.of(Bridge)) == 1
    assert not stage.of(PlayPrompt)
    assert not stage.of(StartRecording)
    call.hang_up()
    stage.settle()


def test_an_ordinary_call_connects_unrecorded_when_the_policy_engine_fails() -> None:
    stage = Stage(broken).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    (snapshot,) = stage.agent.calls
    assert snapshot.decision.rule == "fallback"
    assert "OSError" in snapshot.decision.reason
    assert not stage.of(StartRecording)
    call.hang_up()
    stage.settle()


def test_without_ports_the_descriptions_pass_as_they_are() -> None:
    stage = Stage(EMERGENCY).registered()
    stage.media_available = False
    stage.check_hiding = False  # the one exception: better heard than hidden
    call = stage.alice.call("112")
    stage.run(1)
    there = stage.carrier.calls[0]
    assert SessionDescription.parse(there.invite.body).connection == "198.51.100.11"
    there.answer()
    stage.run(1)
    assert call.final == 200
    assert not stage.of(Bridge)
    call.hang_up()
    stage.run(1)
    assert there.ended
    stage.settle()


def test_every_trunk_is_tried_even_those_that_seem_down_or_are_for_other_numbers() -> None:
    first = replace(settings().trunks[0], prefixes=("+48*",))
    second = replace(first, id="second", host="second.example", address=SECOND, prefixes=("+49*",))
    stage = Stage(EMERGENCY, configured=settings(trunks=(first, second))).registered()
    helper = stage.add(Phone("second", SECOND))
    call = stage.alice.call("112")
    stage.run(1)
    stage.carrier.calls[0].refuse(404)
    stage.run(1)
    helper.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    call.hang_up()
    stage.settle()


def test_a_full_and_draining_house_still_lets_it_through() -> None:
    stage = Stage(EMERGENCY, configured=settings(limits=Limits(calls=0))).registered()
    stage.agent.drain(stage.now)
    call = stage.alice.call("112")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    assert call.final == 200
    call.hang_up()
    stage.settle()


def test_resource_priority_bypasses_the_notice_and_crosses() -> None:
    def decide(facts: CallFacts) -> Decision:
        return EMERGENCY if facts.priority else announced()

    stage = Stage(decide).registered()
    stage.alice.call("+48600123456", headers=(("Resource-Priority", "esnet.1"),))
    stage.run(1)
    there = stage.carrier.calls[0]
    assert there.invite.headers.get("Resource-Priority") == "esnet.1"
    there.answer()
    stage.run(1)
    assert not stage.of(PlayPrompt)
    assert len(stage.of(Bridge)) == 1
    there.hang_up()
    stage.settle()


def test_the_trunk_is_the_first_that_is_up() -> None:
    first = settings().trunks[0]
    down = replace(first, id="down", register=True, host="down.example", address=SECOND)
    stage = Stage(EMERGENCY, configured=settings(trunks=(down, first))).registered()
    stage.alice.call("112")
    stage.run(1)
    assert [to for _, to, data in stage.wire if data.startswith(b"INVITE")] == [CARRIER]
    stage.carrier.calls[0].refuse(603)
    stage.settle()
