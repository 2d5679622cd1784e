"""Client transactions at work, on a virtual clock: what leaves when, what the user hears, what remains."""

import pytest

from skryba.sip.events import ClientKey, FailureKind, Flow, ResponseReceived, TransactionFailed
from skryba.sip.message import Message, Request, Response
from skryba.terms import SocketAddress
from tests.support.virtual_stack import HERE, TCP, THERE, UDP, VirtualStack, answer, request

T1, T2 = 0.5, 4.0


def begin(play: VirtualStack, method: str = "INVITE", flow: Flow = UDP) -> tuple[ClientKey, Request]:
    key = play.stack.request(request(method), flow, play.at, via_host=HERE)
    (sent,) = play.messages()
    assert isinstance(sent, Request)
    return key, sent


def statuses(play: VirtualStack) -> list[int]:
    events = play.events()
    assert all(isinstance(event, ResponseReceived) for event in events)
    return [event.response.status for event in events if isinstance(event, ResponseReceived)]


def methods(messages: list[Message]) -> list[str]:
    return [message.method for message in messages if isinstance(message, Request)]


class TestInvite:
    def test_unanswered_over_udp(self) -> None:
        play = VirtualStack()
        key = play.stack.request(request(), UDP, play.at, via_host=HERE)
        play.drain()
        play.run(100)
        assert {data for _, _, data in play.sent} == {play.sent[0][2]}, "each time the same bytes"
        assert play.moments() == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        assert play.events() == [TransactionFailed(key, FailureKind.TIMEOUT)]
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.next_timeout() is None
        assert (play.stack.counters.timeouts, play.stack.counters.retransmissions_sent) == (1, 6)

    def test_the_failure_comes_at_64_t1(self) -> None:
        play = VirtualStack()
        begin(play)
        play.run(31.999)
        assert play.events() == []
        play.run(0.001)
        assert len(play.events()) == 1

    def test_unanswered_over_tcp_it_is_sent_once(self) -> None:
        play = VirtualStack()
        key, _ = begin(play, flow=TCP)
        play.run(100)
        assert play.moments() == []
        assert play.events() == [TransactionFailed(key, FailureKind.TIMEOUT)]
        assert play.alive == (0, 0, 0, 0)

    def test_a_provisional_response_stops_repetition_and_time_out(self) -> None:
        play = VirtualStack()
        key, sent = begin(play)
        play.run(1.0)
        play.messages()
        play.receive(answer(sent, 180))
        (event,) = play.events()
        assert isinstance(event, ResponseReceived)
        assert (event.response.status, event.transaction, event.flow) == (180, key, UDP)
        play.run(1000)
        assert play.moments() == []
        assert play.alive == (1, 0, 0, 0), "as long as it rings"
        play.receive(answer(sent, 183))
        assert statuses(play) == [183]

    def test_100_is_passed_too(self) -> None:
        play = VirtualStack()
        _, sent = begin(play)
        play.receive(answer(sent, 100))
        assert statuses(play) == [100]

    @pytest.mark.parametrize("ringing", [True, False])
    def test_a_refusal_is_acknowledged_each_time_and_told_once(self, ringing: bool) -> None:
        play = VirtualStack()
        _, sent = begin(play)
        if ringing:
            play.receive(answer(sent, 180))
            play.events()
        play.receive(answer(sent, 486))
        assert statuses(play) == [486]
        play.run(0.5)
        play.receive(answer(sent, 486))
        play.run(31.4)
        play.receive(answer(sent, 486))
        acks = play.messages()
        assert methods(acks) == ["ACK"] * 3
        assert acks[0] == acks[1] == acks[2]
        assert acks[0].via == sent.via
        assert play.events() == []
        play.run(0.1)
        assert play.alive == (0, 0, 0, 0)
        play.receive(answer(sent, 486))
        assert play.messages() == []
        assert play.stack.counters.stray_responses == 1

    def test_over_tcp_a_refusal_ends_it_at_once(self) -> None:
        play = VirtualStack()
        _, sent = begin(play, flow=TCP)
        play.receive(answer(sent, 404), TCP)
        assert methods(play.messages()) == ["ACK"]
        assert statuses(play) == [404]
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.next_timeout() is None

    @pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])
    def test_each_2xx_is_passed_for_64_t1_and_never_acknowledged_here(self, flow: Flow) -> None:
        play = VirtualStack()
        _, sent = begin(play, flow=flow)
        play.receive(answer(sent, 200, "one"), flow)
        play.run(0.5)
        play.receive(answer(sent, 200, "one"), flow)
        play.receive(answer(sent, 200, "another-fork"), flow)
        assert statuses(play) == [200, 200, 200]
        play.receive(answer(sent, 180), flow)
        play.receive(answer(sent, 486), flow)
        assert play.events() == [], "no refusal after a 2xx"
        play.run(31.4)
        play.receive(answer(sent, 200, "one"), flow)
        assert statuses(play) == [200]
        play.run(0.1)
        assert play.alive == (0, 0, 0, 0)
        play.receive(answer(sent, 200, "one"), flow)
        assert play.events() == []
        assert play.messages() == []

    def test_a_2xx_or_a_provisional_after_a_refusal_is_absorbed(self) -> None:
        play = VirtualStack()
        _, sent = begin(play)
        play.receive(answer(sent, 486))
        play.receive(answer(sent, 200))
        play.receive(answer(sent, 180))
        assert statuses(play) == [486]


class TestOthers:
    def test_unanswered_over_udp(self) -> None:
        play = VirtualStack()
        key = play.stack.request(request("OPTIONS"), UDP, play.at, via_host=HERE)
        play.run(100)
        assert play.moments() == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert play.events() == [TransactionFailed(key, FailureKind.TIMEOUT)]
        assert play.alive == (0, 0, 0, 0)

    def test_a_provisional_response_slows_repetition_to_t2_and_time_runs_on(self) -> None:
        play = VirtualStack()
        key, sent = begin(play, "BYE")
        play.run(0.6)
        play.receive(answer(sent, 100))
        play.receive(answer(sent, 100))
        assert statuses(play) == [100, 100]
        play.run(100)
        assert play.moments() == [0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
        assert play.events() == [TransactionFailed(key, FailureKind.TIMEOUT)]

    @pytest.mark.parametrize("status", [200, 404])
    def test_the_final_response_is_told_once_and_its_copies_absorbed_for_t4(self, status: int) -> None:
        play = VirtualStack()
        _, sent = begin(play, "BYE")
        play.receive(answer(sent, status))
        play.receive(answer(sent, status))
        play.receive(answer(sent, 100))
        assert statuses(play) == [status]
        play.run(4.999)
        assert play.alive == (0, 1, 0, 0)
        play.run(0.001)
        assert play.alive == (0, 0, 0, 0)
        assert play.messages() == []

    def test_over_tcp_the_final_response_ends_it_at_once(self) -> None:
        play = VirtualStack()
        _, sent = begin(play, "BYE", TCP)
        play.receive(answer(sent, 200), TCP)
        assert statuses(play) == [200]
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.next_timeout() is None


class TestCancel:
    def test_while_ringing_it_leaves_at_once_and_its_answer_is_nobodys_business(self) -> None:
        play = VirtualStack()
        key, sent = begin(play)
        play.receive(answer(sent, 180))
        play.events()
        play.stack.cancel(key, play.at)
        play.stack.cancel(key, play.at)
        (cancel,) = play.messages()
        assert isinstance(cancel, Request)
        assert (cancel.method, cancel.via, str(cancel.cseq)) == ("CANCEL", sent.via, "1 CANCEL")
        play.receive(answer(cancel, 200))
        assert play.events() == []
        play.receive(answer(sent, 487))
        assert statuses(play) == [487]
        assert methods(play.messages()) == ["ACK"]
        play.run(40)
        assert play.alive == (0, 0, 0, 0)
        assert play.events() == []

    def test_before_any_response_it_waits_for_a_provisional_one(self) -> None:
        play = VirtualStack()
        key, sent = begin(play)
        play.stack.cancel(key, play.at)
        play.run(0.5)
        assert methods(play.messages()) == ["INVITE"]
        play.receive(answer(sent, 100))
        assert methods(play.messages()) == ["CANCEL"]
        play.receive(answer(sent, 180))
        assert play.messages() == [], "one CANCEL"

    @pytest.mark.parametrize("status", [200, 486])
    def test_a_final_response_that_comes_first_makes_it_void(self, status: int) -> None:
        play = VirtualStack()
        key, sent = begin(play)
        play.stack.cancel(key, play.at)
        play.receive(answer(sent, status))
        assert "CANCEL" not in methods(play.messages())
        play.stack.cancel(key, play.at)
        assert play.messages() == []
        assert statuses(play) == [status]

    def test_an_answer_may_cross_it(self) -> None:
        play = VirtualStack()
        key, sent = begin(play)
        play.receive(answer(sent, 180))
        play.stack.cancel(key, play.at)
        play.receive(answer(sent, 200))
        assert statuses(play) == [180, 200]
        play.run(40)
        assert play.events() == []
        assert play.alive == (0, 0, 0, 0)

    def test_without_a_final_response_the_invite_fails_64_t1_after_it(self) -> None:
        play = VirtualStack()
        key, sent = begin(play)
        play.receive(answer(sent, 180))
        play.run(60)
        play.events()
        play.stack.cancel(key, play.at)
        play.run(31.999)
        assert play.events() == []
        play.run(0.001)
        assert play.events() == [TransactionFailed(key, FailureKind.TIMEOUT)]
        assert play.alive == (0, 0, 0, 0)

    def test_nothing_else_can_be_cancelled(self) -> None:
        play = VirtualStack()
        key, sent = begin(play, "OPTIONS")
        play.receive(answer(sent, 100))
        play.stack.cancel(key, play.at)
        play.stack.cancel(key._replace(branch="z9hG4bKunknown", method="INVITE"), play.at)
        assert play.messages() == []


class TestTransportFailure:
    @pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])
    def test_whoever_waits_there_fails_once(self, flow: Flow) -> None:
        play = VirtualStack()
        invite, _ = begin(play, flow=flow)
        bye, _ = begin(play, "BYE", flow)
        elsewhere, _ = begin(play, "OPTIONS", Flow(flow.transport, HERE, SocketAddress("203.0.113.5", 5060)))
        play.stack.transport_failed(flow, play.at)
        play.stack.transport_failed(flow, play.at)
        play.drain()
        assert set(play.events()) == {
            TransactionFailed(invite, FailureKind.TRANSPORT),
            TransactionFailed(bye, FailureKind.TRANSPORT),
        }
        assert play.alive == (0, 1, 0, 0)
        assert play.stack.counters.transport_failures == 2
        play.run(40)
        assert play.events() == [TransactionFailed(elsewhere, FailureKind.TIMEOUT)]
        assert play.stack.next_timeout() is None

    def test_a_ringing_invite_goes_on(self) -> None:
        play = VirtualStack()
        _, sent = begin(play, flow=TCP)
        play.receive(answer(sent, 180), TCP)
        play.stack.transport_failed(TCP, play.at)
        play.receive(answer(sent, 200), Flow("tcp", HERE, SocketAddress("198.51.100.7", 40000)))
        assert statuses(play) == [180, 200]

    def test_a_proceeding_other_request_fails(self) -> None:
        play = VirtualStack()
        key, sent = begin(play, "BYE", TCP)
        play.receive(answer(sent, 100), TCP)
        play.events()
        play.stack.transport_failed(TCP, play.at)
        play.drain()
        assert play.events() == [TransactionFailed(key, FailureKind.TRANSPORT)]

    def test_after_a_final_response_nobody_hears_of_it(self) -> None:
        play = VirtualStack()
        _, invite = begin(play)
        _, bye = begin(play, "BYE")
        play.receive(answer(invite, 486))
        play.receive(answer(bye, 200))
        play.events()
        play.stack.transport_failed(UDP, play.at)
        play.drain()
        assert play.events() == []


class TestMatching:
    def test_a_stranger_s_response_finds_nothing(self) -> None:
        play = VirtualStack()
        _, sent = begin(play)
        for via in (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKguess",
            f"SIP/2.0/UDP 192.0.2.9:5060;branch={sent.via.branch}",
            "SIP/2.0/UDP 192.0.2.1:5060",
        ):
            stray = answer(sent, 200)
            stray.headers.set("Via", via)
            play.receive(stray)
        wrong_method = answer(sent, 200)
        wrong_method.headers.set("CSeq", "1 BYE")
        play.receive(wrong_method)
        assert play.events() == []
        assert play.stack.counters.stray_responses == 4
        play.receive(answer(sent, 200))
        assert statuses(play) == [200]

    def test_a_via_grown_by_received_and_rport_still_matches(self) -> None:
        play = VirtualStack()
        _, sent = begin(play)
        grown = answer(sent, 180)
        grown.headers.set("Via", f"SIP/2.0/UDP 192.0.2.1;branch={sent.via.branch};rport=5060;received=192.0.2.1")
        play.receive(grown)
        assert statuses(play) == [180], "and the default port may be left out"

    def test_the_response_is_counted_and_handed_over_whole(self) -> None:
        play = VirtualStack()
        _, sent = begin(play)
        play.receive(answer(sent, 180))
        (event,) = play.events()
        assert isinstance(event, ResponseReceived)
        assert isinstance(event.response, Response)
        assert event.response.contacts[0].uri.host == THERE.host
        assert dict(play.stack.counters.responses_received) == {180: 1}
