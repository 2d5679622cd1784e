"""All client transactions alive: starts them, finds the one a response is for, does what their tables say.

Knows messages, transactions and the schedule; knows no server transaction, no dialog, no clock.
"""

from collections.abc import Callable
from functools import partial
from typing import assert_never

from skryba.sip.client_transaction import Action, ClientTransaction, Input, State, input_of
from skryba.sip.counters import Counters, method_label
from skryba.sip.events import ClientKey, Event, FailureKind, Flow, ResponseReceived, TransactionFailed
from skryba.sip.matching import client_key
from skryba.sip.message import Request, Response
from skryba.sip.schedule import Schedule
from skryba.sip.timers import Timers


class Clients:
    """The half of the stack that asks."""

    def __init__(
        self,
        *,
        send: Callable[[Flow, bytes], None],
        tell: Callable[[Event], None],
        schedule: Schedule,
        timers: Timers,
        counters: Counters,
    ) -> None:
        self._send = send
        self._tell = tell
        self._schedule = schedule
        self._timers = timers
        self._counters = counters
        self._alive: dict[ClientKey, ClientTransaction] = {}
        self._waiting: dict[Flow, set[ClientKey]] = {}  # who suffers when a flow breaks

    def start(self, key: ClientKey, request: Request, flow: Flow, now: float, *, quiet: bool = False) -> None:
        """Sends `request`, its Via on top, and keeps at it; `quiet` tells nobody what becomes of it."""
        timers, counters = self._timers, self._counters
        transaction = ClientTransaction(key, request, flow, timers, quiet=quiet)
        self._alive[key] = transaction
        self._waiting.setdefault(flow, set()).add(key)
        counters.requests_sent[method_label(key.method)] += 1
        if key.method == "INVITE":
            counters.invite_clients += 1
        else:
            counters.other_clients += 1
        self._send(flow, transaction.data)
        if not flow.reliable:
            self._arm_repeat(transaction, now, timers.t1)
        self._arm_end(transaction, Input.EXPIRE, now, timers.timeout)

    def receive(self, response: Response, flow: Flow, now: float) -> None:
        """A valid response; one that nobody asked for is counted and dropped (§18.1.2, RFC 6026 §7.3)."""
        transaction = self._alive.get(client_key(response))
        if transaction is None:
            self._counters.stray_responses += 1
            return
        self._counters.responses_received[response.status] += 1
        self._step(transaction, input_of(response.status), now, response, flow)

    def cancel(self, key: ClientKey, now: float) -> None:
        """As `Stack.cancel` says."""
        transaction = self._alive.get(key)
        if transaction is None or transaction.cancelled or key.method != "INVITE":
            return
        transaction.cancelled = True
        if transaction.state is State.PROCEEDING:  # else when the first 1xx comes (§9.1)
            self._send_cancel(transaction, now)

    def transport_failed(self, flow: Flow, now: float) -> None:
        """Whoever waits for a first answer to what was sent by `flow` waits in vain."""
        for key in sorted(self._waiting.get(flow, ())):
            self._step(self._alive[key], Input.TRANSPORT_ERROR, now)

    def _send_cancel(self, transaction: ClientTransaction, now: float) -> None:
        cancel = transaction.cancel()
        if cancel is None:
            return
        self.start(transaction.key._replace(method="CANCEL"), cancel, transaction.flow, now, quiet=True)
        self._arm_end(transaction, Input.EXPIRE, now, self._timers.timeout)

    def _step(
        self,
        transaction: ClientTransaction,
        what: Input,
        now: float,
        response: Response | None = None,
        flow: Flow | None = None,
    ) -> None:
        calling = transaction.state is State.CALLING
        for action in transaction.step(what):
            self._act(transaction, action, now, response, flow)
        if transaction.state is State.TERMINATED:
            self._remove(transaction)
        elif calling and transaction.cancelled and transaction.state is State.PROCEEDING:
            self._send_cancel(transaction, now)

    def _act(
        self, transaction: ClientTransaction, action: Action, now: float, response: Response | None, flow: Flow | None
    ) -> None:
        match action:
            case Action.PASS:
                self._pass(transaction, response, flow)
            case Action.STOP:
                self._disarm(transaction)
                self._stop_waiting(transaction)
            case Action.RESEND:
                self._counters.retransmissions_sent += 1
                self._send(transaction.flow, transaction.data)
            case Action.BACK_OFF:
                self._arm_repeat(transaction, now, 2 * transaction.interval)
            case Action.BACK_OFF_CAPPED:
                self._arm_repeat(transaction, now, min(2 * transaction.interval, self._timers.t2))
            case Action.SLOW:
                self._arm_repeat(transaction, now, self._timers.t2)
            case Action.ACK:
                if response is not None:
                    self._send(transaction.flow, transaction.ack(response))
            case Action.LINGER_D | Action.LINGER_K | Action.LINGER_M:
                self._linger(transaction, action, now)
            case Action.TELL_TIMEOUT:
                self._counters.timeouts += 1
                self._fail(transaction, FailureKind.TIMEOUT)
            case Action.TELL_TRANSPORT:
                self._counters.transport_failures += 1
                self._fail(transaction, FailureKind.TRANSPORT)
            case _:
                assert_never(action)

    def _pass(self, transaction: ClientTransaction, response: Response | None, flow: Flow | None) -> None:
        if response is not None and flow is not None and not transaction.quiet:
            self._tell(ResponseReceived(response, transaction.key, flow))

    def _fail(self, transaction: ClientTransaction, kind: FailureKind) -> None:
        if not transaction.quiet:
            self._tell(TransactionFailed(transaction.key, kind))

    def _linger(self, transaction: ClientTransaction, action: Action, now: float) -> None:
        transaction.release()
        timers = self._timers
        seconds = {Action.LINGER_D: timers.d, Action.LINGER_K: timers.k}.get(action, timers.accepted)
        if action is Action.LINGER_M or not transaction.flow.reliable:
            self._arm_end(transaction, Input.LINGER, now, seconds)
        else:
            transaction.step(Input.LINGER)

    def _arm_repeat(self, transaction: ClientTransaction, now: float, interval: float) -> None:
        transaction.interval = interval
        transaction.repeat = self._schedule.arm(now + interval, partial(self._step, transaction, Input.REPEAT))

    def _arm_end(self, transaction: ClientTransaction, what: Input, now: float, seconds: float) -> None:
        transaction.end = self._schedule.arm(now + seconds, partial(self._step, transaction, what))

    def _disarm(self, transaction: ClientTransaction) -> None:
        self._schedule.cancel(transaction.repeat)
        self._schedule.cancel(transaction.end)

    def _stop_waiting(self, transaction: ClientTransaction) -> None:
        keys = self._waiting.get(transaction.flow)
        if keys is not None:
            keys.discard(transaction.key)
            if not keys:
                del self._waiting[transaction.flow]

    def _remove(self, transaction: ClientTransaction) -> None:
        self._disarm(transaction)
        self._stop_waiting(transaction)
        del self._alive[transaction.key]
        if transaction.key.method == "INVITE":
            self._counters.invite_clients -= 1
        else:
            self._counters.other_clients -= 1
