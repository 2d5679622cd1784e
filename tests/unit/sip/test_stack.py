"""The stack's front door: what requests look like when they leave, what broken bytes get, both halves together."""

import dataclasses
from itertools import count

import pytest

from skryba.sip.events import AckReceived, Event, Flow, MalformedReceived, RequestReceived, ResponseReceived
from skryba.sip.message import Request, Response, parse_message, response_to
from skryba.sip.stack import Send, Stack
from skryba.sip.timers import Timers
from skryba.terms import SocketAddress
from tests.support.sip_cases import Case, load
from tests.support.virtual_stack import HERE, TCP, THERE, UDP, VirtualStack, answer, received, request


class TestRequest:
    @pytest.mark.parametrize(
        ("flow", "address", "via"),
        [
            (UDP, HERE, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtoken1;rport"),
            (TCP, HERE, "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKtoken1;rport"),
            (UDP, SocketAddress("2001:db8::1", 5062), "SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bKtoken1;rport"),
        ],
    )
    def test_it_leaves_with_a_via_of_ours_on_top(self, flow: Flow, address: SocketAddress, via: str) -> None:
        play = VirtualStack()
        wanted = request()
        wanted.body = b"v=0\r\n"
        key = play.stack.request(wanted, flow, play.at, via_host=address)
        (send,) = play.stack.sends()
        assert send.flow == flow
        sent = parse_message(send.data)
        assert isinstance(sent, Request)
        assert next(iter(sent.headers)) == ("Via", via)
        assert list(sent.headers)[1:-1] == list(wanted.headers)
        assert (sent.method, sent.uri, sent.body) == ("INVITE", "sip:piotr@example.net", b"v=0\r\n")
        assert key.branch == "z9hG4bKtoken1"
        play.receive(answer(sent, 180), flow)
        (event,) = play.events()
        assert isinstance(event, ResponseReceived)
        assert event.transaction == key

    def test_the_request_handed_in_is_not_touched_and_may_be_used_again(self) -> None:
        play = VirtualStack()
        wanted = request("REGISTER")
        before = list(wanted.headers)
        first = play.stack.request(wanted, UDP, play.at, via_host=HERE)
        assert list(wanted.headers) == before
        wanted.headers.set("CSeq", "2 REGISTER")
        wanted.headers.add("Authorization", "Digest x")
        second = play.stack.request(wanted, UDP, play.at, via_host=HERE)
        assert first != second
        assert [str(message.cseq) for message in play.messages()] == ["1 REGISTER", "2 REGISTER"]

    def test_changing_it_afterwards_changes_neither_cancel_nor_ack(self) -> None:
        play = VirtualStack()
        wanted = request()
        key = play.stack.request(wanted, UDP, play.at, via_host=HERE)
        (sent,) = play.messages()
        wanted.headers.set("CSeq", "2 INVITE")
        wanted.headers.set("Call-ID", "other")
        play.receive(answer(sent, 180))
        play.stack.cancel(key, play.at)
        play.receive(answer(sent, 487))
        assert [(str(m.cseq), m.call_id) for m in play.messages()] == [("1 CANCEL", "call-1"), ("1 ACK", "call-1")]

    def test_the_ack_of_a_2xx_leaves_on_a_branch_of_its_own_and_leaves_nothing_behind(self) -> None:
        play = VirtualStack()
        play.stack.request(request(), UDP, play.at, via_host=HERE)
        (invite,) = play.messages()
        ack = request("ACK", to_tag="peer")
        for _ in range(2):
            play.stack.acknowledge(ack, TCP, via_host=HERE)
        play.drain()
        assert [flow for _, flow, _ in play.sent] == [TCP, TCP]
        first, second = play.messages()
        assert len({invite.via.branch, first.via.branch, second.via.branch}) == 3
        assert "Via" not in ack.headers
        assert play.alive == (1, 0, 0, 0)
        assert dict(play.stack.counters.requests_sent) == {"INVITE": 1, "ACK": 2}


class TestReceive:
    @pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0"])
    def test_keep_alives_mean_nothing(self, data: bytes) -> None:
        play = VirtualStack()
        play.receive(data)
        assert play.events() == []
        assert play.messages() == []
        assert play.stack.counters.malformed == 0

    @pytest.mark.parametrize(
        "data",
        [
            b"hello",
            b"\xff\xfe\x00",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"SIP/2.0 99999 OK\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nFrom: x\r\n\r\n",
        ],
    )
    def test_what_nobody_can_answer_is_told_and_counted(self, data: bytes) -> None:
        play = VirtualStack()
        play.receive(data)
        (event,) = play.events()
        assert isinstance(event, MalformedReceived)
        assert event.flow == UDP
        assert event.reason
        assert play.messages() == []
        assert play.stack.counters.malformed == 1
        assert play.alive == (0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("header", "value", "status"),
        [
            ("CSeq", "1 OPTIONS", 400),
            ("CSeq", "99999999999 INVITE", 400),
            ("From", "<<>>", 400),
            ("Content-Length", "-5", 400),
            ("Max-Forwards", "300", 400),
        ],
    )
    def test_a_broken_request_gets_its_status_without_a_transaction(self, header: str, value: str, status: int) -> None:
        play = VirtualStack()
        data = bytes(received())
        broken = received()
        broken.headers.set(header, value)
        data = (
            bytes(broken) if header != "Content-Length" else data.replace(b"Content-Length: 0", b"Content-Length: -5")
        )
        play.receive(data)
        play.receive(data)
        assert [type(event) for event in play.events()] == [MalformedReceived] * 2
        first, second = play.messages()
        assert isinstance(first, Response)
        assert first == second, "no state, so the same answer"
        assert first.status == status
        assert first.headers.get("Via") == "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKpeer1"
        assert play.alive == (0, 0, 0, 0)

    @pytest.mark.parametrize("case", load("invalid.toml"), ids=lambda case: case.name)
    def test_each_known_torture_is_told_and_answered_as_its_rule_says(self, case: Case) -> None:
        play = VirtualStack()
        play.receive(case.data)
        assert [type(event) for event in play.events()] == [MalformedReceived]
        request_with_via = not case.data.startswith(b"SIP/") and b"Via:" in case.data
        assert [data[8:11] for _, _, data in play.sent] == ([b"%d" % (case.status or 0)] if request_with_via else [])
        assert play.alive == (0, 0, 0, 0)

    def test_it_goes_back_the_way_it_came_rport_included(self) -> None:
        play = VirtualStack()
        broken = received(sent_by="10.0.0.5:6000", rport=True)
        broken.headers.remove("Call-ID")
        play.receive(broken)
        play.drain()
        ((_, flow, _),) = play.sent
        assert flow == UDP
        assert play.messages()[0].via.rport == THERE.port

    def test_another_version_gets_505_though_its_via_cannot_be_read(self) -> None:
        play = VirtualStack()
        play.receive(bytes(received()).replace(b"SIP/2.0", b"SIP/7.0"))
        ((_, flow, data),) = play.sent
        assert flow == UDP
        assert data.startswith(b"SIP/2.0 505 ")

    def test_a_truncated_request_gets_400(self) -> None:
        play = VirtualStack()
        play.receive(bytes(received()).replace(b"Content-Length: 0", b"Content-Length: 500"))
        (refusal,) = play.messages()
        assert isinstance(refusal, Response)
        assert refusal.status == 400

    def test_a_broken_ack_or_response_gets_nothing(self) -> None:
        play = VirtualStack()
        ack = received("ACK")
        ack.headers.remove("Call-ID")
        play.receive(ack)
        response = answer(received(), 200)
        response.headers.set("CSeq", "x")
        play.receive(response)
        assert play.messages() == []
        assert [type(event) for event in play.events()] == [MalformedReceived] * 2

    def test_requests_are_counted_by_method_and_never_by_a_stranger_s_word(self) -> None:
        play = VirtualStack()
        for number, method in enumerate(("INVITE", "OPTIONS", "FROBNICATE", "FUMBLE")):
            play.receive(received(method, branch=f"z9hG4bK{number}"))
        play.receive(received("ACK", branch="z9hG4bKa", to_tag="t"))
        assert dict(play.stack.counters.requests_received) == {"INVITE": 1, "OPTIONS": 1, "other": 2, "ACK": 1}

    def test_what_was_drained_is_gone(self) -> None:
        play = VirtualStack()
        play.stack.receive(bytes(received("CANCEL")), UDP, play.at)
        assert len(play.stack.sends()) == 1
        assert play.stack.sends() == []
        play.stack.receive(bytes(received("INVITE")), UDP, play.at)
        assert len(play.stack.events()) == 1
        assert play.stack.events() == []


def test_nothing_to_do_means_no_timer() -> None:
    stack = Stack(token=lambda: "t")
    assert stack.next_timeout() is None
    stack.handle_timeout(1e9)
    assert stack.sends() == []
    assert stack.events() == []


def test_shorter_timers_are_obeyed() -> None:
    stack = Stack(token=lambda: "t", timers=Timers(t1=0.01, t2=0.02, t4=0.03, d=0.04))
    stack.request(request("OPTIONS"), UDP, 0.0, via_host=HERE)
    assert stack.next_timeout() == 0.01
    stack.handle_timeout(0.64)
    assert stack.next_timeout() is None


def test_a_send_is_a_value() -> None:
    send = Send(UDP, b"x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        send.data = b"y"  # type: ignore[misc]


def test_two_stacks_make_a_call_and_end_it() -> None:
    """Whole dialog over a wire without loss: INVITE, 180, 200, ACK, BYE, 200; afterwards nothing is left."""
    tokens = count()
    caller, callee = (Stack(token=lambda: f"t{next(tokens)}") for _ in range(2))
    there_to_here = Flow("udp", THERE, HERE)
    heard: list[str] = []

    def react(event: Event, now: float) -> None:
        match event:
            case RequestReceived(incoming, key, _) if incoming.method == "INVITE":
                callee.respond(key, response_to(incoming, 180, to_tag="callee"), now)
                callee.respond(key, response_to(incoming, 200, to_tag="callee"), now)
            case RequestReceived(incoming, key, _):
                caller.respond(key, response_to(incoming, 200), now)
            case ResponseReceived(response, _, _) if response.status == 200 and response.cseq.method == "INVITE":
                caller.acknowledge(request("ACK", to_tag="callee"), UDP, via_host=HERE)
            case AckReceived():
                callee.request(request("BYE", to_tag="caller", cseq=1), there_to_here, now, via_host=THERE)
            case _:
                pass
        heard.append(f"{type(event).__name__}")

    def exchange(now: float) -> None:
        while sends := caller.sends() + callee.sends():
            for send in sends:
                (callee if send.flow.remote == THERE else caller).receive(
                    send.data, Flow("udp", send.flow.remote, send.flow.local), now
                )
            for event in caller.events() + callee.events():
                react(event, now)

    caller.request(request(), UDP, 0.0, via_host=HERE)
    exchange(0.0)
    assert heard == [
        "RequestReceived",
        "ResponseReceived",
        "ResponseReceived",
        "AckReceived",
        "RequestReceived",
        "ResponseReceived",
    ]
    for stack in (caller, callee):
        stack.handle_timeout(32.0)
        assert stack.sends() == []
        assert stack.next_timeout() is None
        c = stack.counters
        assert (c.invite_clients, c.other_clients, c.invite_servers, c.other_servers) == (0, 0, 0, 0)
        assert c.retransmissions_sent == c.retransmissions_received == c.stray_responses == 0
