"""The client machines: INVITE (RFC 3261 §17.1.1 with RFC 6026 §7.2) and all others (§17.1.2), as tables.

Knows the request it belongs to and its own state; knows no clock and no other transaction. `Clients` acts on what
comes out.
"""

from enum import StrEnum
from typing import Final

from skryba.sip.events import ClientKey, Flow
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response
from skryba.sip.schedule import Alarm
from skryba.sip.timers import Timers


class State(StrEnum):
    """Where a client transaction stands."""

    CALLING = "calling"  # INVITE only: nothing heard
    TRYING = "trying"  # others: nothing heard
    PROCEEDING = "proceeding"  # a provisional response was heard
    COMPLETED = "completed"  # final response heard; INVITE: a refusal, acknowledged
    ACCEPTED = "accepted"  # INVITE only: 2xx heard, more may follow (RFC 6026)
    TERMINATED = "terminated"


class Input(StrEnum):
    """What can happen to a client transaction."""

    PROVISIONAL = "provisional"  # 1xx
    SUCCESS = "success"  # 2xx
    FAILURE = "failure"  # 300–699
    REPEAT = "repeat"  # timer A or E
    EXPIRE = "expire"  # timer B or F; after CANCEL: 64*T1 without a final response (§9.1)
    LINGER = "linger"  # timer D, K or M
    TRANSPORT_ERROR = "transport error"


class Action(StrEnum):
    """What is to be done about it."""

    RESEND = "resend"  # the request
    BACK_OFF = "back off"  # arm `repeat` with the doubled interval: timer A
    BACK_OFF_CAPPED = "back off capped"  # doubled, at most T2: timer E while trying
    SLOW = "slow"  # arm `repeat` with T2: timer E while proceeding
    STOP = "stop"  # cancel `repeat` and `expire`
    PASS = "pass"  # the response to the user
    ACK = "ack"  # acknowledge the refusal, on the same branch
    LINGER_D = "linger d"
    LINGER_K = "linger k"
    LINGER_M = "linger m"
    TELL_TIMEOUT = "tell timeout"
    TELL_TRANSPORT = "tell transport"


Table = dict[tuple[State, Input], tuple[State, tuple[Action, ...]]]

# A pair that is not in the table is absorbed: nothing happens, the state stays.
INVITE: Final[Table] = {
    (State.CALLING, Input.REPEAT): (State.CALLING, (Action.RESEND, Action.BACK_OFF)),
    (State.CALLING, Input.EXPIRE): (State.TERMINATED, (Action.TELL_TIMEOUT,)),
    (State.CALLING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.TELL_TRANSPORT,)),
    (State.CALLING, Input.PROVISIONAL): (State.PROCEEDING, (Action.STOP, Action.PASS)),
    (State.CALLING, Input.SUCCESS): (State.ACCEPTED, (Action.STOP, Action.PASS, Action.LINGER_M)),
    (State.CALLING, Input.FAILURE): (State.COMPLETED, (Action.STOP, Action.ACK, Action.PASS, Action.LINGER_D)),
    # No timer of its own: how long a phone may ring is the user's to say, who then cancels.
    # A lost connection changes nothing: the response may come by a new one (§18.2.2)
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
    (State.PROCEEDING, Input.SUCCESS): (State.ACCEPTED, (Action.STOP, Action.PASS, Action.LINGER_M)),
    (State.PROCEEDING, Input.FAILURE): (State.COMPLETED, (Action.STOP, Action.ACK, Action.PASS, Action.LINGER_D)),
    (State.PROCEEDING, Input.EXPIRE): (State.TERMINATED, (Action.TELL_TIMEOUT,)),
    (State.COMPLETED, Input.FAILURE): (State.COMPLETED, (Action.ACK,)),
    # §17.1.1.2 ends here on a transport error and tells the user, who has had the final response. We go on absorbing
    (State.COMPLETED, Input.LINGER): (State.TERMINATED, ()),
    (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, (Action.PASS,)),
    (State.ACCEPTED, Input.LINGER): (State.TERMINATED, ()),
}

OTHER: Final[Table] = {
    (State.TRYING, Input.REPEAT): (State.TRYING, (Action.RESEND, Action.BACK_OFF_CAPPED)),
    (State.TRYING, Input.EXPIRE): (State.TERMINATED, (Action.TELL_TIMEOUT,)),
    (State.TRYING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.TELL_TRANSPORT,)),
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
    (State.TRYING, Input.SUCCESS): (State.COMPLETED, (Action.STOP, Action.PASS, Action.LINGER_K)),
    (State.TRYING, Input.FAILURE): (State.COMPLETED, (Action.STOP, Action.PASS, Action.LINGER_K)),
    (State.PROCEEDING, Input.REPEAT): (State.PROCEEDING, (Action.RESEND, Action.SLOW)),
    (State.PROCEEDING, Input.EXPIRE): (State.TERMINATED, (Action.TELL_TIMEOUT,)),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Action.TELL_TRANSPORT,)),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, (Action.PASS,)),
    (State.PROCEEDING, Input.SUCCESS): (State.COMPLETED, (Action.STOP, Action.PASS, Action.LINGER_K)),
    (State.PROCEEDING, Input.FAILURE): (State.COMPLETED, (Action.STOP, Action.PASS, Action.LINGER_K)),
    (State.COMPLETED, Input.LINGER): (State.TERMINATED, ()),
}


_COPIED = ("From", "Call-ID")  # into ACK and CANCEL, as they stand in the request


def input_of(status: int) -> Input:
    """The class of a response as the tables see it."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class ClientTransaction:
    """One request of ours and what became of it."""

    __slots__ = (
        "_ack",
        "cancelled",
        "data",
        "end",
        "flow",
        "interval",
        "key",
        "quiet",
        "repeat",
        "request",
        "state",
        "table",
    )

    def __init__(self, key: ClientKey, request: Request, flow: Flow, timers: Timers, *, quiet: bool = False) -> None:
        """`request` is this transaction's alone, its own Via on top."""
        invite = key.method == "INVITE"
        self.key = key
        self.request: Request | None = request  # both until the final response
        self.data = bytes(request)
        self.flow = flow
        self.table = INVITE if invite else OTHER
        self.state = State.CALLING if invite else State.TRYING
        self.interval = timers.t1
        self.quiet = quiet  # the stack's own CANCEL: nobody waits for its response
        self.cancelled = False  # the user wants no answer any more
        self.repeat: Alarm | None = None
        self.end: Alarm | None = None
        self._ack = b""

    def step(self, what: Input) -> tuple[Action, ...]:
        """Changes the state and says what to do, in order."""
        row = self.table.get((self.state, what))
        if row is None:
            return ()
        self.state, actions = row
        return actions

    def ack(self, response: Response) -> bytes:
        """What acknowledges a refusal: same branch, To of the response (§17.1.1.3). Repetitions get the same."""
        if self.request is not None and not self._ack:
            self._ack = bytes(_companion("ACK", self.request, response.headers.get("To") or ""))
        return self._ack

    def cancel(self) -> Request | None:
        """The CANCEL of this INVITE (§9.1); None once a final response came."""
        if self.request is None:
            return None
        return _companion("CANCEL", self.request, self.request.headers.get("To") or "")

    def release(self) -> None:
        """After the final response: what only retransmission needed costs memory for up to 32 s."""
        self.request = None
        self.data = b""


def _companion(method: str, request: Request, to: str) -> Request:
    """A request that lives and dies with `request`: same Request-URI, top Via, Route, From, Call-ID and CSeq number."""
    headers = request.headers
    fields = [("Via", headers.get("Via") or "")]
    fields += [("Route", route) for route in headers.get_all("Route")]
    fields.append(("Max-Forwards", "70"))
    fields += [(name, headers.get(name) or "") for name in _COPIED]
    fields += [("To", to), ("CSeq", f"{request.cseq.number} {method}")]
    return Request(method, request.uri, Headers(fields))
