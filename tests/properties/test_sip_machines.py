"""The SIP stack under any order of messages, wishes and time: promises that hold whatever happens.

To a request of ours: one final outcome, then none. To a request of theirs: one final answer, the same each time.
When everybody has had his say and the timers have run, nothing is left.
"""

from itertools import count

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from skryba.sip.events import (
    AckReceived,
    CancelReceived,
    ClientKey,
    Flow,
    MalformedReceived,
    RequestReceived,
    ResponseReceived,
    ServerKey,
    TransactionFailed,
)
from skryba.sip.message import Message, Request, Response, parse_message, response_to
from skryba.sip.stack import Stack
from skryba.terms import SocketAddress
from tests.support.virtual_stack import HERE, TCP, UDP, answer, received, request

METHODS = st.sampled_from(["INVITE", "INVITE", "BYE", "OPTIONS", "REGISTER"])
STATUSES = st.sampled_from([100, 180, 183, 200, 202, 302, 401, 486, 487, 503, 603])
FLOWS = st.sampled_from([UDP, TCP])
LONG = 64 * 0.5 * 3


class Machines(RuleBasedStateMachine):
    """Both halves of one stack, used and abused."""

    ours = Bundle("ours")  # (key, request as sent, flow)
    theirs = Bundle("theirs")  # (request as received, flow)

    def __init__(self) -> None:
        super().__init__()
        tokens, self.numbers = count(), count()
        self.now = 500.0
        self.stack = Stack(token=lambda: f"t{next(tokens)}")
        self.finals: dict[ClientKey, list[int]] = {}  # what the user was told, 0 for a failure
        self.asked: dict[ClientKey, str] = {}
        self.open: dict[ServerKey, Request] = {}  # what the user has to answer
        self.said: dict[tuple[str, str], set[int]] = {}  # final answers on the wire, by branch and method
        self.told: set[ServerKey] = set()

    @initialize()
    def begin(self) -> None:
        assert self.stack.next_timeout() is None

    def drain(self) -> list[Message]:
        for event in self.stack.events():
            match event:
                case ResponseReceived(response, key, _):
                    if response.status >= 200:
                        self.finals.setdefault(key, []).append(response.status)
                    else:
                        assert not self.finals.get(key), "a provisional response after a final one"
                case TransactionFailed(key, _):
                    self.finals.setdefault(key, []).append(0)
                case RequestReceived(incoming, key, _):
                    assert incoming.method not in ("ACK", "CANCEL")
                    assert key not in self.open or key.method != "INVITE", "only others end unanswered"
                    self.open[key] = incoming
                    self.said.pop((incoming.via.branch or "", incoming.method), None)  # a new transaction
                    self.told.add(key)
                case CancelReceived(key, _):
                    assert key in self.open, "cancelled what was answered or never came"
                case AckReceived() | MalformedReceived():
                    pass
        for key, statuses in self.finals.items():
            if self.asked[key] == "INVITE" and statuses[0] // 100 == 2:
                assert all(status // 100 == 2 for status in statuses)
            else:
                assert len(statuses) == 1, "a second final outcome"
        messages = []
        for send in self.stack.sends():
            message = parse_message(send.data)
            messages.append(message)
            # A CANCEL that comes again after its transaction ended is a new one, and may find nothing
            if isinstance(message, Response) and message.status >= 200 and message.cseq.method != "CANCEL":
                said = self.said.setdefault((message.via.branch or "", message.cseq.method), set())
                said.add(message.status)
                accepted = message.cseq.method == "INVITE" and all(status // 100 == 2 for status in said)
                assert len(said) == 1 or accepted, "a second final answer"
        return messages

    # requests of ours

    @rule(target=ours, method=METHODS, flow=FLOWS)
    def ask(self, method: str, flow: Flow) -> tuple[ClientKey, Request, Flow]:
        number = next(self.numbers)
        key = self.stack.request(request(method, call_id=f"ours-{number}"), flow, self.now, via_host=HERE)
        self.asked[key] = method
        (sent,) = self.drain()
        assert isinstance(sent, Request)
        return key, sent, flow

    @rule(one=ours, status=STATUSES)
    def they_answer(self, one: tuple[ClientKey, Request, Flow], status: int) -> None:
        self.stack.receive(bytes(answer(one[1], status)), one[2], self.now)
        self.drain()

    @rule(one=ours)
    def we_cancel(self, one: tuple[ClientKey, Request, Flow]) -> None:
        self.stack.cancel(one[0], self.now)
        for message in self.drain():
            assert isinstance(message, Request)
            assert message.method == "CANCEL"
            assert one[0] not in self.finals

    @rule(one=ours, status=STATUSES)
    def they_answer_the_cancel(self, one: tuple[ClientKey, Request, Flow], status: int) -> None:
        response = answer(one[1], status)
        response.headers.set("CSeq", f"{one[1].cseq.number} CANCEL")
        self.stack.receive(bytes(response), one[2], self.now)
        assert all(not isinstance(message, Response) for message in self.drain())

    @rule(flow=FLOWS)
    def a_flow_breaks(self, flow: Flow) -> None:
        self.stack.transport_failed(flow, self.now)
        self.drain()

    # requests of theirs

    @rule(target=theirs, method=METHODS, flow=FLOWS, cookie=st.booleans())
    def they_ask(self, method: str, flow: Flow, cookie: bool) -> tuple[Request, Flow]:
        number = next(self.numbers)
        incoming = received(
            method, branch=f"{'z9hG4bK' if cookie else ''}p{number}", call_id=f"theirs-{number}", rport=True
        )
        self.stack.receive(bytes(incoming), flow, self.now)
        assert self.drain() == []
        return incoming, flow

    @rule(one=theirs)
    def they_repeat(self, one: tuple[Request, Flow]) -> None:
        before = len(self.told)
        alive = self.alive()
        self.stack.receive(bytes(one[0]), one[1], self.now)
        self.drain()
        assert len(self.told) == before or self.alive() > alive, "told twice of one transaction"

    @rule(one=theirs)
    def they_cancel(self, one: tuple[Request, Flow]) -> None:
        cancel = Request("CANCEL", one[0].uri, one[0].headers.copy())
        cancel.headers.set("CSeq", f"{one[0].cseq.number} CANCEL")
        self.stack.receive(bytes(cancel), one[1], self.now)
        (answered,) = self.drain()
        assert isinstance(answered, Response)
        assert answered.status in (200, 481)

    @rule(one=theirs)
    def they_acknowledge(self, one: tuple[Request, Flow]) -> None:
        ack = Request("ACK", one[0].uri, one[0].headers.copy())
        ack.headers.set("CSeq", f"{one[0].cseq.number} ACK")
        ack.headers.set("To", "<sip:piotr@example.net>;tag=ours")
        self.stack.receive(bytes(ack), one[1], self.now)
        assert self.drain() == [], "nothing answers an ACK"

    @rule(data=st.data(), status=STATUSES)
    def we_answer(self, data: st.DataObject, status: int) -> None:
        if not self.open:
            return
        key = data.draw(st.sampled_from(sorted(self.open)))
        self.say(key, status)

    @rule(one=consumes(theirs), status=STATUSES)
    def we_answer_again(self, one: tuple[Request, Flow], status: int) -> None:
        """Whatever was said before; `drain` sees what reaches the wire."""
        for key in self.told:
            if key.method == one[0].method and (one[0].via.branch or "") in key.branch and key not in self.open:
                self.stack.respond(key, response_to(one[0], status, to_tag="ours"), self.now)
        self.drain()

    def say(self, key: ServerKey, status: int) -> None:
        incoming = self.open[key]
        if status >= 200:
            del self.open[key]
        self.stack.respond(key, response_to(incoming, status, to_tag="ours"), self.now)
        self.drain()

    # time and strangers

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0, 4.0, 5.0, 10.0, 32.0]), late=st.booleans())
    def time_passes(self, seconds: float, late: bool) -> None:
        until = self.now + seconds
        while not late and (due := self.stack.next_timeout()) is not None and due <= until:
            assert due >= self.now
            self.now = due
            self.stack.handle_timeout(self.now)
            self.drain()
        self.now = until
        self.stack.handle_timeout(self.now)
        self.drain()

    @rule(data=st.binary(max_size=60), flow=FLOWS)
    def noise(self, data: bytes, flow: Flow) -> None:
        alive = self.alive()
        self.stack.receive(data, flow, self.now)
        assert self.drain() == []
        assert self.alive() == alive

    def alive(self) -> int:
        c = self.stack.counters
        counts = (c.invite_clients, c.other_clients, c.invite_servers, c.other_servers)
        assert min(counts) >= 0
        return sum(counts)

    @invariant()
    def what_waits_has_a_timer(self) -> None:
        ringing = sum(1 for key, method in self.asked.items() if method == "INVITE" and key not in self.finals)
        unanswered = sum(1 for key in self.open if key.method == "INVITE")
        if self.alive() > ringing + unanswered:
            assert self.stack.next_timeout() is not None

    def teardown(self) -> None:
        """Everybody has his say: all requests answered, all rings cancelled, all timers run."""
        for unanswered in sorted(self.open):
            self.say(unanswered, 500)
        for asked in self.asked:
            self.stack.cancel(asked, self.now)
        for _ in range(2):  # a CANCEL may wait for a time-out to end it
            end = self.now + LONG
            while (due := self.stack.next_timeout()) is not None and due <= end:
                self.now = max(due, self.now)
                self.stack.handle_timeout(self.now)
                self.drain()
        assert self.alive() == 0
        assert self.stack.next_timeout() is None
        assert self.finals.keys() == self.asked.keys(), "each request of ours had an outcome"


TestMachines = Machines.TestCase
TestMachines.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def corrupt(data: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, new in cuts:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + length :]
    return data


CUTS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [b"\r\n", b"\r", b"\n ", b"\0", b";", b"<", b'"', b",", b"%", b"[::1", b"=" * 9, b"9" * 30]
            ),
        ),
    ),
    max_size=4,
)


@given(
    message=st.sampled_from(
        [
            bytes(received("INVITE", rport=True)),
            bytes(received("ACK", to_tag="x")),
            bytes(received("CANCEL")),
            bytes(received("REGISTER", branch="old")),
            bytes(answer(received(branch="z9hG4bKours", sent_by="192.0.2.1:5060"), 200)),
        ]
    ),
    cuts=CUTS,
    host=st.sampled_from(["198.51.100.7", "::1", "fe80::1%eth0"]),
)
@settings(max_examples=400, deadline=None)
def test_no_bytes_raise_and_each_is_accounted_for(
    message: bytes, cuts: list[tuple[int, int, bytes]], host: str
) -> None:
    stack = Stack(token=lambda: "ours")
    key = stack.request(request(), UDP, 0.0, via_host=HERE)
    stack.sends()
    data = corrupt(message, cuts)
    stack.receive(data, Flow("udp", HERE, SocketAddress(host, 5070)), 0.1)
    c = stack.counters
    seen = sum(c.requests_received.values()) + sum(c.responses_received.values()) + c.stray_responses + c.malformed
    assert seen == (1 if data.strip(b"\r\n\0 ") else 0)
    for send in stack.sends():
        parse_message(send.data)
        assert len(send.data) < len(data) + 300, "no amplification"
    stack.cancel(key, 0.1)
    stack.handle_timeout(1.0)
