"""The server machines: INVITE (RFC 3261 §17.2.1 with RFC 6026 §7.1) and all others (§17.2.2), as tables.

Knows its own state and the last response; knows no clock and no other transaction. `Servers` acts on what comes out.
"""

from enum import StrEnum
from typing import Final

from skryba.sip.events import Flow, ServerKey
from skryba.sip.message import Request, parse_message
from skryba.sip.schedule import Alarm


class State(StrEnum):
    """Where a server transaction stands."""

    TRYING = "trying"  # not for INVITE: nothing said yet
    PROCEEDING = "proceeding"
    COMPLETED = "completed"  # finally answered; INVITE: refused, ACK awaited
    CONFIRMED = "confirmed"  # INVITE only: the refusal's ACK was heard
    ACCEPTED = "accepted"  # INVITE only: 2xx said; the user repeats it until its ACK (RFC 6026)
    TERMINATED = "terminated"


class Input(StrEnum):
    """What can happen to a server transaction."""

    AGAIN = "again"  # the request was retransmitted
    ACK = "ack"  # on the same branch
    PROVISIONAL = "provisional"  # the user says 1xx
    SUCCESS = "success"  # the user says 2xx
    FAILURE = "failure"  # the user says 300–699
    TRYING = "trying"  # 200 ms of silence from the user
    REPEAT = "repeat"  # timer G
    EXPIRE = "expire"  # timer H, I, J or L; not INVITE: nobody waits for an answer any more (RFC 4320 §4.2)


class Action(StrEnum):
    """What is to be done about it."""

    SEND = "send"  # what the user says
    SEND_TRYING = "send trying"  # 100, by the stack itself
    RESEND = "resend"  # the last response, if there is one
    STOP = "stop"  # cancel `repeat` and `end`
    REPEAT_G = "repeat g"  # arm `repeat` with T1, unreliable transport only
    BACK_OFF = "back off"  # arm `repeat` with the doubled interval, at most T2
    EXPIRE_H = "expire h"
    EXPIRE_I = "expire i"
    EXPIRE_J = "expire j"
    EXPIRE_L = "expire l"
    PASS_ACK = "pass ack"


Table = dict[tuple[State, Input], tuple[State, tuple[Action, ...]]]

# A pair that is not in the table is absorbed: nothing happens, the state stays. Transport errors are no input:
# a server transaction must not end because a response could not be sent (RFC 6026 §7.1).
INVITE: Final[Table] = {
    (State.PROCEEDING, Input.AGAIN): (State.PROCEEDING, (Action.RESEND,)),
    (State.PROCEEDING, Input.TRYING): (State.PROCEEDING, (Action.SEND_TRYING,)),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.STOP, Action.SEND)),
    (State.PROCEEDING, Input.SUCCESS): (State.ACCEPTED, (Action.STOP, Action.SEND, Action.EXPIRE_L)),
    (State.PROCEEDING, Input.FAILURE): (
        State.COMPLETED,
        (Action.STOP, Action.SEND, Action.REPEAT_G, Action.EXPIRE_H),
    ),
    (State.COMPLETED, Input.AGAIN): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Input.REPEAT): (State.COMPLETED, (Action.RESEND, Action.BACK_OFF)),
    (State.COMPLETED, Input.ACK): (State.CONFIRMED, (Action.STOP, Action.EXPIRE_I)),
    (State.COMPLETED, Input.EXPIRE): (State.TERMINATED, ()),
    (State.CONFIRMED, Input.EXPIRE): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (Action.SEND,)),
    (State.ACCEPTED, Input.ACK): (State.ACCEPTED, (Action.PASS_ACK,)),
    (State.ACCEPTED, Input.EXPIRE): (State.TERMINATED, ()),
}

OTHER: Final[Table] = {
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND,)),
    (State.TRYING, Input.SUCCESS): (State.COMPLETED, (Action.STOP, Action.SEND, Action.EXPIRE_J)),
    (State.TRYING, Input.FAILURE): (State.COMPLETED, (Action.STOP, Action.SEND, Action.EXPIRE_J)),
    (State.TRYING, Input.EXPIRE): (State.TERMINATED, ()),
    (State.PROCEEDING, Input.AGAIN): (State.PROCEEDING, (Action.RESEND,)),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.SEND,)),
    (State.PROCEEDING, Input.SUCCESS): (State.COMPLETED, (Action.STOP, Action.SEND, Action.EXPIRE_J)),
    (State.PROCEEDING, Input.FAILURE): (State.COMPLETED, (Action.STOP, Action.SEND, Action.EXPIRE_J)),
    (State.PROCEEDING, Input.EXPIRE): (State.TERMINATED, ()),
    (State.COMPLETED, Input.AGAIN): (State.COMPLETED, (Action.RESEND,)),
    (State.COMPLETED, Input.EXPIRE): (State.TERMINATED, ()),
}

CallKey = tuple[str, str, int, str]  # Call-ID, From tag, CSeq


def input_of(status: int) -> Input:
    """The class of a response as the tables see it."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class ServerTransaction:
    """One request of theirs and what we said to it."""

    __slots__ = ("call", "end", "flow", "interval", "key", "last", "repeat", "request", "state", "table")

    def __init__(self, key: ServerKey, request: Request, flow: Flow, *, call: CallKey | None) -> None:
        """`flow` is the way its responses go; `call` what a merged request would share with it (§8.2.2.2)."""
        invite = key.method == "INVITE"
        self.key = key
        self.request: Request | None = request if invite else None  # for our 100; until the user says something
        self.flow = flow
        self.call = call
        self.table = INVITE if invite else OTHER
        self.state = State.PROCEEDING if invite else State.TRYING
        self.interval = 0.0
        self.last = b""
        self.repeat: Alarm | None = None
        self.end: Alarm | None = None

    def step(self, what: Input) -> tuple[Action, ...]:
        """Changes the state and says what to do, in order."""
        row = self.table.get((self.state, what))
        if row is None:
            return ()
        self.state, actions = row
        return actions

    def to_tag(self) -> str | None:
        """Our To tag, once the user has said one. Read from what was sent: only CANCEL wants to know (§9.2)."""
        return parse_message(self.last).to.tag if self.last else None
