"""Dialling: rounds, the winner, the best refusal."""

from skryba.b2bua.dialling import Dialling
from skryba.b2bua.outbound import OutboundInvite, Target
from skryba.b2bua.signals import Refused
from tests.support.room import FROM_CARRIER, Desk, sdp


def target(name: str) -> Target:
    return Target(f"sip:{name}@x", FROM_CARRIER, f"<sip:{name}@x>", "<sip:us@x>", "<sip:us@y>", trunk=name)


def dialled(*rounds: list[str]) -> tuple[Desk, Dialling]:
    desk = Desk()
    dialling = Dialling()
    dialling.plan([[target(name) for name in names] for names in rounds])
    dial(desk, dialling)
    return desk, dialling


def dial(desk: Desk, dialling: Dialling) -> None:
    dialling.dial(
        lambda to: OutboundInvite(desk.leg(number=len(dialling.branches) + 2), to),
        lambda branch: sdp(),
        parts=(),
        max_forwards=69,
        extras=(("Subject", "x"),),
        now=0.0,
    )


def test_a_round_rings_at_once_and_the_next_waits() -> None:
    desk, dialling = dialled(["a", "b"], ["c"])
    assert [line.split()[1] for line in desk.starts()] == ["sip:a@x", "sip:b@x"]
    assert not dialling.exhausted
    assert dialling.first.uri == "sip:c@x"
    dial(desk, dialling)
    assert dialling.exhausted
    assert dialling.trunk == "c"


def refuse(dialling: Dialling, index: int, refusal: Refused, *, persistent: bool = False) -> Refused | None:
    dialling.branches[index].transaction_failed("timeout")
    return dialling.refused(refusal, persistent=persistent)


def test_the_best_of_all_refusals_is_told() -> None:
    _, dialling = dialled(["a", "b", "c"])
    assert refuse(dialling, 0, Refused(404, "")) is None
    assert refuse(dialling, 1, Refused(486, "")) is None
    assert refuse(dialling, 2, Refused(408, "")) == Refused(486, "")


def test_a_decline_for_everyone_beats_busy() -> None:
    _, dialling = dialled(["a", "b"])
    refuse(dialling, 0, Refused(486, ""))
    assert refuse(dialling, 1, Refused(603, "")) == Refused(603, "")


def test_the_next_round_is_due_only_when_it_may_do_better() -> None:
    _, dialling = dialled(["a"], ["b"])
    assert refuse(dialling, 0, Refused(503, "", retry_elsewhere=True)) is None
    _, dialling = dialled(["a"], ["b"])
    assert refuse(dialling, 0, Refused(486, "")) == Refused(486, "")
    _, dialling = dialled(["a"], ["b"])
    assert refuse(dialling, 0, Refused(404, ""), persistent=True) is None


def test_the_winner_calls_the_others_off_and_gone_branches_are_forgotten() -> None:
    _, dialling = dialled(["a", "b"])
    first, second = dialling.branches
    dialling.won(first, 0.0)
    assert dialling.winner is first
    assert second._cancelled
    assert not first._cancelled
    second.transaction_failed("timeout")
    dialling.prune()
    assert dialling.branches == [first]
    assert list(dialling) == [first]


def test_calling_off_ends_open_and_answered_branches() -> None:
    _, dialling = dialled(["a"])
    assert dialling.ringing
    dialling.call_off((), 0.0)
    assert dialling.branches[0]._cancelled
    dialling.branches[0].transaction_failed("timeout")
    assert not dialling.ringing
    assert dialling.owner(dialling.branches[0]._key) is dialling.branches[0]
