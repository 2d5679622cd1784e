"""States: the life of a call as a table of (state, step) → state.

May not know what is done at a step, only whether it may be taken now.
"""

from enum import StrEnum

from skryba.b2bua.snapshot import CallState
from skryba.errors import StateError


class Step(StrEnum):
    """What the life of a call is made of."""

    ANNOUNCE = "announce"  # the notice begins
    DIAL = "dial"  # the callee is invited
    RING = "ring"  # a provisional answer of the callee
    ANSWER = "answer"  # the callee's 200
    BRIDGE = "bridge"  # both may talk
    HOLD = "hold"
    RESUME = "resume"
    END = "end"  # over for people
    RELEASE = "release"  # the last transaction is done


_S = CallState
_UNFINISHED = (_S.OFFERED, _S.ANNOUNCING, _S.DIALLING, _S.RINGING, _S.ANSWERED, _S.ACTIVE, _S.HELD)

TABLE: dict[tuple[CallState, Step], CallState] = {
    (_S.OFFERED, Step.ANNOUNCE): _S.ANNOUNCING,  # inbound: the caller hears it before anything else
    (_S.OFFERED, Step.DIAL): _S.DIALLING,
    (_S.ANNOUNCING, Step.DIAL): _S.DIALLING,
    (_S.DIALLING, Step.DIAL): _S.DIALLING,  # next trunk
    (_S.RINGING, Step.DIAL): _S.DIALLING,
    (_S.DIALLING, Step.RING): _S.RINGING,
    (_S.RINGING, Step.RING): _S.RINGING,
    (_S.DIALLING, Step.ANSWER): _S.ANSWERED,
    (_S.RINGING, Step.ANSWER): _S.ANSWERED,
    (_S.ANSWERED, Step.ANNOUNCE): _S.ANNOUNCING,  # outbound: both hear it at the answer
    (_S.ANNOUNCING, Step.ANNOUNCE): _S.ANNOUNCING,  # the farewell of a call that had to be recorded and cannot be
    (_S.ACTIVE, Step.ANNOUNCE): _S.ANNOUNCING,
    (_S.HELD, Step.ANNOUNCE): _S.ANNOUNCING,
    (_S.ANSWERED, Step.BRIDGE): _S.ACTIVE,
    (_S.ANNOUNCING, Step.BRIDGE): _S.ACTIVE,
    (_S.ACTIVE, Step.HOLD): _S.HELD,
    (_S.HELD, Step.RESUME): _S.ACTIVE,
    **{(state, Step.END): _S.ENDING for state in _UNFINISHED},
    (_S.ENDING, Step.RELEASE): _S.ENDED,
}


def after(state: CallState, step: Step) -> CallState:
    """The state after the step. StateError when the table does not know it: a bug of ours."""
    try:
        return TABLE[state, step]
    except KeyError:
        raise StateError(f"a call that is {state} cannot {step}") from None
