from dataclasses import replace
from itertools import product

import pytest

from skryba.archive.model import CallRow
from skryba.archive.outcome import Terminal, of_call, of_recordings
from tests.support.catalogue import BEGUN, ROW

OVER = replace(ROW, bridged_at=BEGUN, ended_at=BEGUN, result="completed")


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (ROW, None),
        (replace(OVER, result=None), None),
        (replace(OVER, recording="r1"), None),  # its recorder will say
        (OVER, Terminal.NOT_RECORDABLE),
        (replace(OVER, mode="never"), Terminal.NOT_RECORDED),
        (replace(OVER, emergency=True), Terminal.NOT_RECORDED),
        (replace(OVER, wish="declined"), Terminal.DECLINED),
        (replace(OVER, wish="private"), Terminal.PRIVATE),
        (replace(OVER, bridged_at=None), Terminal.UNANSWERED),
        (replace(OVER, bridged_at=None, mode="never"), Terminal.UNANSWERED),
    ],
)
def test_a_call_says_what_it_can(row: CallRow, state: Terminal | None) -> None:
    assert of_call(row) is state


def test_every_call_that_is_over_comes_to_one_state_and_no_call_that_runs() -> None:
    choices = product(
        (None, "completed", "refused", "unanswered", "cancelled", "failed_here", "failed_there", "unknown"),
        (None, "r1"),
        (None, BEGUN),
        (None, "declined", "private"),
        (False, True),
        ("never", "automatic"),
    )
    for result, recording, bridged_at, wish, emergency, mode in choices:
        row = replace(
            ROW, result=result, recording=recording, bridged_at=bridged_at, wish=wish, emergency=emergency, mode=mode
        )
        assert (of_call(row) is None) == (result is None or recording is not None)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["ok"], Terminal.RECORDED),
        (["degraded", "ok"], Terminal.DEGRADED),
        (["ok", "incomplete", "degraded"], Terminal.INCOMPLETE),
        (["failed", "ok"], Terminal.FAILED),
    ],
)
def test_several_recordings_are_as_good_as_the_worst(states: list[str], state: Terminal) -> None:
    assert of_recordings(states) is state


def test_an_unknown_state_is_no_state() -> None:
    with pytest.raises(KeyError):
        of_recordings(["splendid"])
