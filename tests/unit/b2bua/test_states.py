"""States: the table knows every way a call may go, and no other."""

import pytest

from skryba.b2bua.snapshot import CallState
from skryba.b2bua.states import TABLE, Step, after
from skryba.errors import StateError

S = CallState


@pytest.mark.parametrize(
    ("story", "end"),
    [
        ("dial ring answer bridge hold resume end release", S.ENDED),
        ("dial answer announce bridge end", S.ENDING),
        ("announce dial ring ring answer bridge", S.ACTIVE),
        ("dial ring dial answer", S.ANSWERED),
        ("end release", S.ENDED),
    ],
)
def test_stories(story: str, end: CallState) -> None:
    state = S.OFFERED
    for step in story.split():
        state = after(state, Step(step))
    assert state is end


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (S.OFFERED, Step.BRIDGE),
        (S.ANNOUNCING, Step.RING),
        (S.ACTIVE, Step.BRIDGE),
        (S.ENDING, Step.END),
        (S.ENDED, Step.RELEASE),
        (S.ENDING, Step.BRIDGE),
    ],
)
def test_what_cannot_be(state: CallState, step: Step) -> None:
    with pytest.raises(StateError, match=f"{state} cannot {step}"):
        after(state, step)


def test_every_state_but_the_last_can_be_left_and_can_end() -> None:
    assert {state for state, _ in TABLE} == set(S) - {S.ENDED}
    assert {state for state, step in TABLE if step is Step.END} == set(S) - {S.ENDING, S.ENDED}
