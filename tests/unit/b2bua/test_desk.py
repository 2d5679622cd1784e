"""Desk: requests that belong to no dialog yet."""

import pytest

from skryba.b2bua.commands import OpenMedia
from skryba.b2bua.notices import RequestRefused
from skryba.policy.model import CallFacts, Decision
from skryba.sip.status import reason
from skryba.terms import Direction
from tests.support.playbook import Playbook
from tests.support.room import FROM_CARRIER, SDP, agent, text
from tests.support.stage import CARRIER, EMERGENCY, NEVER

OURS = "sip:+48221110101@skryba.test"


@pytest.mark.parametrize(
    ("method", "uri", "extra", "status"),
    [
        ("OPTIONS", "sip:skryba.test", "", "200"),
        ("OPTIONS", "sip:skryba.test", "Require: x", "420"),
        ("REGISTER", "sip:skryba.test", "", "401"),
        ("INVITE", "sip:+4899@skryba.test", "", "404"),
        ("BYE", OURS, "", "481"),
        ("MESSAGE", OURS, "", "405"),
        ("FLY", OURS, "", "501"),
    ],
)
def test_answers_without_a_call(method: str, uri: str, extra: str, status: str) -> None:
    made = agent()
    with Playbook(made, FROM_CARRIER) as play:
        play >> text(method, uri, extra=extra) << f"SIP/2.0 {status}"
    refused = (
        [RequestRefused(method, int(status), reason(int(status)), CARRIER)] if status not in ("200", "401") else []
    )
    assert made.notices() == refused
    assert made.calls == []


def test_policy_is_told_the_facts() -> None:
    asked: list[CallFacts] = []

    def decide(facts: CallFacts) -> Decision:
        asked.append(facts)
        return NEVER

    with Playbook(agent(decide), FROM_CARRIER) as play:
        play >> text("INVITE", OURS, body=SDP, extra="Resource-Priority: esnet.1") << OpenMedia
    (facts,) = asked
    assert facts.direction is Direction.INBOUND
    assert (facts.station, facts.trunk, facts.caller, facts.callee) == (
        "101",
        "carrier",
        "+48600123456",
        "+48221110101",
    )
    assert facts.priority
    assert facts.at.isoformat() == "2026-11-24T10:00:00+00:00"


@pytest.mark.parametrize("error", [OSError, KeyError, ZeroDivisionError])
def test_a_policy_that_fails_stops_nobody(error: type[Exception]) -> None:
    def broken(facts: CallFacts) -> Decision:
        raise error

    made = agent(broken)
    with Playbook(made, FROM_CARRIER) as play:
        play >> text("INVITE", OURS, body=SDP) << OpenMedia
    assert made.calls[0].decision.rule == "fallback"
    assert error.__name__ in made.calls[0].decision.reason


@pytest.mark.parametrize(("decision", "let_in"), [(NEVER, False), (EMERGENCY, True)])
def test_a_draining_house_lets_in_only_what_is_urgent(decision: Decision, let_in: bool) -> None:
    made = agent(decision)
    made.drain(1000.0)
    with Playbook(made, FROM_CARRIER) as play:
        play >> text("INVITE", OURS, body=SDP) << (OpenMedia if let_in else "SIP/2.0 503")


def test_an_unreadable_body_leaves_nothing_behind() -> None:
    made = agent()
    with Playbook(made, FROM_CARRIER) as play:
        play >> text("INVITE", OURS, body="v=7") << "SIP/2.0 400"
    assert made.held == dict.fromkeys(made.held, 0)
