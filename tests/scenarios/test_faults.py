"""Faults: a bug in one call ends that call and no other; hostile and useless bytes end nothing."""

import random

import pytest

from skryba.b2bua.notices import CallFaulted
from skryba.b2bua.setup import Setup
from skryba.b2bua.talk import Talk
from skryba.sip.events import Flow
from skryba.terms import Result
from tests.support.phone import PROXY
from tests.support.stage import CARRIER, NEVER, Stage


def bug(*args: object) -> None:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("method", ["start", "media_opened", "progressed", "accepted"])
def test_a_bug_before_the_answer_is_a_500_and_the_other_call_lives(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    stage = Stage(NEVER).registered()
    other = stage.bob.call("+48600999999")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    monkeypatch.setattr(Setup, method, bug)
    call = stage.alice.call("+48600123456")
    stage.run(1)
    if len(stage.carrier.calls) > 1:
        stage.carrier.calls[1].ring()
        stage.run(1)
    if len(stage.carrier.calls) > 1 and call.final is None:
        stage.carrier.calls[1].answer()
        stage.run(1)
    assert call.final == 500
    assert [n.error for n in stage.notices if isinstance(n, CallFaulted)] == ["ZeroDivisionError: a bug"]
    monkeypatch.undo()
    assert not other.ended
    other.hang_up()
    stage.run(1)
    assert stage.carrier.calls[0].ended
    stage.forgive_faults = True
    stage.settle()


def test_a_bug_while_they_talk_hangs_both_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    monkeypatch.setattr(Talk, "informed", bug)
    call.send("INFO", b"Signal=1", kind="application/dtmf-relay")
    stage.run(1)
    assert call.ended
    assert there.ended
    assert stage.termination.result is Result.FAILED_HERE
    assert stage.termination.reason == "internal error"
    stage.forgive_faults = True
    stage.settle()


def test_a_bug_in_ending_the_call_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    stage.carrier.calls[0].answer()
    stage.run(1)
    monkeypatch.setattr("skryba.b2bua.parties.Parties.part", bug)
    call.hang_up()
    stage.run(1)
    assert len(stage.of_notice("CallFaulted")) == 1
    assert not stage.agent.calls
    assert not any(stage.open_media.values())
    stage.forgive_faults = True
    stage.settle()


def test_useless_bytes_change_nothing() -> None:
    stage = Stage(NEVER).registered()
    call = stage.alice.call("+48600123456")
    stage.run(1)
    there = stage.carrier.calls[0]
    there.answer()
    stage.run(1)
    dice = random.Random(7)
    good = [data for _, _, data in stage.wire]
    for _ in range(500):
        data = bytearray(dice.choice(good))
        for _ in range(dice.randrange(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        stage.agent.receive(bytes(data), Flow("udp", PROXY, CARRIER), stage.now, stage.at)
        stage.flush()
    assert not stage.of_notice("CallFaulted")
    call.hang_up()
    there.hang_up()
    stage.run(40)
    assert call.ended


def test_reports_of_the_world_about_calls_that_are_gone_are_harmless() -> None:
    stage = Stage(NEVER)
    stage.agent.media_opened("gone", {}, stage.now)
    stage.agent.media_failed("gone", "late", stage.now)
    stage.agent.prompt_failed("gone", "late", stage.now)
    for side in ("caller", "callee"):
        stage.agent.media_silent("gone", side, stage.now)  # type: ignore[arg-type]
    assert stage.agent.commands() == []
    assert stage.agent.notices() == []
