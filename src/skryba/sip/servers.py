"""All server transactions alive: finds or starts the one a request is for, does what their tables say.

Knows messages, transactions and the schedule; knows no client transaction, no dialog, no clock.
"""

from collections.abc import Callable
from functools import partial
from typing import assert_never
from zlib import crc32

from skryba.errors import ParseError
from skryba.sip.counters import Counters, method_label
from skryba.sip.events import AckReceived, CancelReceived, Event, Flow, RequestReceived, ServerKey
from skryba.sip.matching import call_key, reply_flow, server_key
from skryba.sip.message import Request, Response, response_to
from skryba.sip.schedule import Schedule
from skryba.sip.server_transaction import Action, CallKey, Input, ServerTransaction, State, input_of
from skryba.sip.timers import Timers

TRYING_DELAY = 0.2  # §17.2.1: how long the user may stay silent before the stack says 100 itself


class Servers:
    """The half of the stack that answers."""

    def __init__(
        self,
        *,
        send: Callable[[Flow, bytes], None],
        tell: Callable[[Event], None],
        token: Callable[[], str],
        schedule: Schedule,
        timers: Timers,
        counters: Counters,
        capacity: int,
    ) -> None:
        self._send = send
        self._tell = tell
        self._token = token
        self._schedule = schedule
        self._timers = timers
        self._counters = counters
        self._capacity = capacity
        self._alive: dict[ServerKey, ServerTransaction] = {}
        self._calls: set[CallKey] = set()  # requests outside dialogs that are not refused yet

    def receive(self, request: Request, flow: Flow, now: float) -> None:
        """A valid request of any method, its Via completed."""
        method = request.method
        key = server_key(request)
        known = self._alive.get(key)
        if method == "ACK":
            self._counters.requests_received["ACK"] += 1
            if known is None:
                self._tell(AckReceived(request, flow))
            else:
                self._step(known, Input.ACK, now, ack=AckReceived(request, flow))
            return
        if known is not None:
            self._counters.retransmissions_received += 1
            self._step(known, Input.AGAIN, now)
            return
        self._counters.requests_received[method_label(method)] += 1
        if method == "CANCEL":
            self._receive_cancel(key, request, flow, now)
            return
        if len(self._alive) >= self._capacity:
            self._counters.overload += 1
            self.refuse(request, 503, flow)
            return
        call = call_key(request)
        if call is not None and call in self._calls:  # §8.2.2.2: it came by two ways; the first is served
            self._counters.merged += 1
            self._start(key, request, flow, now, None)
            self.respond(key, response_to(request, 482, to_tag=self._token()), now)
            return
        self._start(key, request, flow, now, call)
        self._tell(RequestReceived(request, key, flow))

    def respond(self, key: ServerKey, response: Response, now: float) -> None:
        """As `Stack.respond` says."""
        transaction = self._alive.get(key)
        if transaction is not None:
            self._step(transaction, input_of(response.status), now, response)

    def refuse(self, request: Request, status: int, flow: Flow) -> None:
        """Answers without a transaction, the same bytes with the same answer (§8.2.7).

        Not an ACK (§17), and not what has no Via: its sender could not tell what the answer is to.
        """
        if request.method == "ACK" or "Via" not in request.headers:
            return
        try:
            way = reply_flow(flow, request.via)
        except ParseError:
            way = flow
        tag = crc32(repr(request.headers).encode("utf-8", "surrogateescape"))
        self._counters.responses_sent[status] += 1
        self._send(way, bytes(response_to(request, status, to_tag=f"{tag:08x}")))

    def _receive_cancel(self, key: ServerKey, cancel: Request, flow: Flow, now: float) -> None:
        """§9.2: answered here at once, whatever becomes of the INVITE."""
        invite = self._alive.get(key._replace(method="INVITE"))
        self._start(key, cancel, flow, now, None)
        if invite is None:
            self.respond(key, response_to(cancel, 481, to_tag=self._token()), now)
            return
        self.respond(key, response_to(cancel, 200, to_tag=invite.to_tag() or self._token()), now)
        if invite.state is State.PROCEEDING:
            self._tell(CancelReceived(invite.key, cancel))

    def _start(self, key: ServerKey, request: Request, flow: Flow, now: float, call: CallKey | None) -> None:
        transaction = ServerTransaction(key, request, reply_flow(flow, request.via), call=call)
        self._alive[key] = transaction
        if call is not None:
            self._calls.add(call)
        if key.method == "INVITE":
            self._counters.invite_servers += 1
            self._arm_repeat(transaction, Input.TRYING, now, TRYING_DELAY)
        else:
            self._counters.other_servers += 1
            self._arm_end(transaction, now, self._timers.f)

    def _step(
        self,
        transaction: ServerTransaction,
        what: Input,
        now: float,
        response: Response | None = None,
        ack: AckReceived | None = None,
    ) -> None:
        if what is Input.EXPIRE and transaction.key.method == "INVITE" and transaction.state is State.COMPLETED:
            self._counters.unacknowledged += 1
        for action in transaction.step(what):
            self._act(transaction, action, now, response, ack)
        if transaction.state is State.TERMINATED:
            self._remove(transaction)

    def _act(
        self,
        transaction: ServerTransaction,
        action: Action,
        now: float,
        response: Response | None,
        ack: AckReceived | None,
    ) -> None:
        match action:
            case Action.SEND:
                self._say(transaction, response)
            case Action.SEND_TRYING:
                self._say(transaction, None if transaction.request is None else response_to(transaction.request, 100))
            case Action.RESEND:
                self._say_again(transaction)
            case Action.STOP:
                self._disarm(transaction)
            case Action.REPEAT_G:
                self._arm_repeat(transaction, Input.REPEAT, now, self._timers.g)
            case Action.BACK_OFF:
                self._arm_repeat(transaction, Input.REPEAT, now, min(2 * transaction.interval, self._timers.t2))
            case Action.EXPIRE_H | Action.EXPIRE_I | Action.EXPIRE_J | Action.EXPIRE_L:
                self._expire(transaction, action, now)
            case Action.PASS_ACK:
                if ack is not None:
                    self._tell(ack)
            case _:
                assert_never(action)

    def _say(self, transaction: ServerTransaction, response: Response | None) -> None:
        if response is None:
            return
        transaction.last = bytes(response)
        transaction.request = None
        self._counters.responses_sent[response.status] += 1
        self._send(transaction.flow, transaction.last)
        if response.status >= 300 or (response.status >= 200 and transaction.key.method != "INVITE"):
            self._decide(transaction)

    def _say_again(self, transaction: ServerTransaction) -> None:
        if transaction.last:
            self._counters.retransmissions_sent += 1
            self._send(transaction.flow, transaction.last)

    def _arm_repeat(self, transaction: ServerTransaction, what: Input, now: float, interval: float) -> None:
        if what is Input.REPEAT and transaction.flow.reliable:
            return
        transaction.interval = interval
        transaction.repeat = self._schedule.arm(now + interval, partial(self._step, transaction, what))

    def _expire(self, transaction: ServerTransaction, action: Action, now: float) -> None:
        timers = self._timers
        if action in (Action.EXPIRE_I, Action.EXPIRE_J) and transaction.flow.reliable:
            transaction.step(Input.EXPIRE)  # both timers are zero: nothing will be repeated
            return
        seconds = {Action.EXPIRE_H: timers.h, Action.EXPIRE_I: timers.i, Action.EXPIRE_J: timers.j}
        self._arm_end(transaction, now, seconds.get(action, timers.accepted))

    def _arm_end(self, transaction: ServerTransaction, now: float, seconds: float) -> None:
        transaction.end = self._schedule.arm(now + seconds, partial(self._step, transaction, Input.EXPIRE))

    def _disarm(self, transaction: ServerTransaction) -> None:
        self._schedule.cancel(transaction.repeat)
        self._schedule.cancel(transaction.end)

    def _decide(self, transaction: ServerTransaction) -> None:
        """Another copy of this request is no merged one any more: a client that does not count up may try again."""
        if transaction.call is not None:
            self._calls.discard(transaction.call)
            transaction.call = None

    def _remove(self, transaction: ServerTransaction) -> None:
        self._disarm(transaction)
        self._decide(transaction)
        del self._alive[transaction.key]
        if transaction.key.method == "INVITE":
            self._counters.invite_servers -= 1
        else:
            self._counters.other_servers -= 1
