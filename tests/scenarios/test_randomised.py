"""Random calls on a bad network: whatever happens, nothing of one party crosses, nobody's bug shows, nothing is left.

A failing seed is named by pytest; the same seed gives the same play.
"""

import random
from collections.abc import Callable

import pytest

from skryba.b2bua.commands import (
    Bridge,
    CloseMedia,
    OpenMedia,
    PlayPrompt,
    StartRecording,
    StopRecording,
    Transmit,
    Unbridge,
)
from skryba.b2bua.settings import Limits
from skryba.b2bua.snapshot import CallState
from skryba.policy.model import CallFacts, Decision, NoticeMoment
from tests.support.phone import Phone
from tests.support.phone_call import PhoneCall
from tests.support.stage import ALICE, NEVER, RECORD, Stage, announced, lossy, settings

SCRIPTS = 400
PER_TEST = 50
DECISIONS = (NEVER, RECORD, announced(), announced(NoticeMoment.EARLY_MEDIA), announced(prompt="missing"))
DIRECTIONS = ("sendrecv", "sendonly", "inactive", "recvonly")


class Play:
    """One script: some calls, and at random moments something a party may do then."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        self.decisions: dict[str, Decision] = {}
        limits = Limits(answer_timeout=40, max_duration=120, prompt_timeout=10)
        self.stage = Stage(self.decide, configured=settings(limits=limits)).registered()
        second = self.stage.add(Phone("102", ALICE._replace(host="198.51.100.99"), password="secret102"))
        if dice.random() < 0.5:
            second.register()
            self.stage.run(1)
        self.phones = (self.stage.alice, self.stage.bob, self.stage.carrier, second)
        self.stage.prompt_outcome = dice.choice(
            ("completed", "completed", "completed", "failed", "silence", "interrupted")
        )
        self.stage.network.fate = lossy(
            seed, loss=dice.choice((0, 0.05, 0.2)), duplicate=0.1, jitter=dice.choice((0.0, 0.3))
        )

    def decide(self, facts: CallFacts) -> Decision:
        return self.dice.choice(DECISIONS)

    def run(self) -> None:
        dice = self.dice
        for _ in range(dice.randrange(1, 4)):
            self.place_call()
            self.stage.run(dice.random() * 2)
        for _ in range(dice.randrange(10, 40)):
            self.act()
            self.stage.run(dice.choice((0.0, 0.02, 0.3, 1.0, 2.0)))
        for phone in self.phones:
            for call in phone.calls:
                if call.dialog is not None and not call.ended:
                    call.hang_up()
        self.stage.run(5)
        self.stage.settle(300)
        self.check()

    def place_call(self) -> None:
        dice = self.dice
        caller, number = dice.choice(
            (
                (self.stage.alice, "+48600123456"),
                (self.stage.alice, "102"),
                (self.stage.bob, "+48600123456"),
                (self.stage.carrier, "+48221110101"),
                (self.stage.carrier, "+48221110102"),
            )
        )
        call = caller.call(number, late=dice.random() < 0.15)
        call.withhold_ack = dice.random() < 0.05
        call.on_reinvite = dice.choice((200, 200, 200, None, 491, 488))

    def act(self) -> None:
        calls = [call for phone in self.phones for call in phone.calls if not call.ended]
        if not calls:
            return
        call = self.dice.choice(calls)
        phone = call.phone
        deeds: list[Callable[[], None]] = []
        if call.server is not None and call.final is None:
            deeds += [
                call.ring,
                call.answer,
                call.answer,
                lambda: call.refuse(self.dice.choice((486, 603, 503, 480, 404))),
            ]
            if call.invite.body:
                deeds.append(lambda: call.ring(183, phone.answer_to(call.invite)))
        if call.key is not None and call.final is None:
            deeds.append(call.cancel)
        if call.dialog is not None and not call.ended:
            if self.dice.random() < 0.3:
                deeds.append(call.hang_up)
            deeds += [
                lambda: self.reinvite(call),
                lambda: self.reinvite(call),
                lambda: void(call.send("INFO", b"Signal=1", kind="application/dtmf-relay")),
            ]
        if call.pending_reinvite is not None:
            deeds.append(call.answer_reinvite)
        if deeds:
            self.dice.choice(deeds)()

    def reinvite(self, call: PhoneCall) -> None:
        if self.dice.random() < 0.2:
            call.reinvite(None)
        else:
            port = self.dice.choice((40000, 41000))
            call.reinvite(call.phone.sdp(direction=self.dice.choice(DIRECTIONS), port=port))

    def check(self) -> None:
        """Beyond what `settle` looks at: the order of what was asked of the world, per call."""
        by_call: dict[str, list[object]] = {}
        for _, command in self.stage.commands:
            if not isinstance(command, Transmit):
                by_call.setdefault(command.call, []).append(command)
        for commands in by_call.values():
            kinds = [type(command) for command in commands]
            assert kinds[0] is OpenMedia
            assert kinds[-1] is CloseMedia
            assert kinds.count(OpenMedia) == kinds.count(CloseMedia) == 1
            assert kinds.count(PlayPrompt) <= 1
            assert kinds.count(StartRecording) == kinds.count(StopRecording) <= 1
            if StartRecording in kinds:
                start = kinds.index(StartRecording)
                joined = [kind for kind in kinds[:start] if kind in (Bridge, Unbridge)]
                assert joined[-1] is Bridge
                if PlayPrompt in kinds:
                    assert kinds.index(PlayPrompt) < start
                    assert self.stage.prompt_outcome == "completed"
        states = {snapshot.state for snapshot in self.stage.agent.calls}
        assert states <= {CallState.ENDED}


def void(_: object) -> None:
    """A deed returns nothing."""


@pytest.mark.parametrize("first", range(0, SCRIPTS, PER_TEST))
def test_random_calls_leave_nothing_behind(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        Play(seed).run()


def test_the_plays_are_worth_watching() -> None:
    """Some of them come to talk, to a recording, to hold; else the invariants would have proved nothing."""
    seen: set[str] = set()
    for seed in range(60):
        play = Play(seed)
        play.run()
        seen |= {type(command).__name__ for _, command in play.stage.commands}
        seen |= {getattr(command, "kind", "") for _, command in play.stage.commands}
    assert {
        "Bridge",
        "StartRecording",
        "PlayPrompt",
        "StopPrompt",
        "Unbridge",
        "MarkRecording",
        "hold",
        "resume",
    } <= seen
