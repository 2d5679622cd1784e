"""Server transactions at work, on a virtual clock: what is answered when, what the user hears, what remains."""

import pytest

from skryba.sip.events import AckReceived, CancelReceived, Flow, RequestReceived
from skryba.sip.message import Request, Response, response_to
from skryba.terms import SocketAddress
from tests.support.virtual_stack import HERE, TCP, UDP, VirtualStack, received


def begin(play: VirtualStack, message: Request | None = None, flow: Flow = UDP) -> RequestReceived:
    play.receive(message or received(), flow)
    (event,) = play.events()
    assert isinstance(event, RequestReceived)
    return event


def respond(play: VirtualStack, event: RequestReceived, status: int, tag: str = "ours") -> None:
    play.stack.respond(event.transaction, response_to(event.request, status, to_tag=tag), play.at)


def statuses(play: VirtualStack) -> list[int]:
    messages = play.messages()
    assert all(isinstance(message, Response) for message in messages)
    return [message.status for message in messages if isinstance(message, Response)]


class TestInvite:
    def test_it_is_told_once_however_often_it_comes(self) -> None:
        play = VirtualStack()
        event = begin(play)
        assert (event.request.method, event.flow) == ("INVITE", UDP)
        play.receive(received())
        assert play.events() == []
        assert statuses(play) == [], "nothing said yet, so nothing to repeat"
        assert play.stack.counters.retransmissions_received == 1

    def test_a_silent_user_gets_100_said_for_him_after_200_ms(self) -> None:
        play = VirtualStack()
        begin(play)
        play.run(10)
        ((at, flow, _),) = play.sent
        assert (round(at, 6), flow) == (0.2, UDP)
        (trying,) = play.messages()
        assert isinstance(trying, Response)
        assert (trying.status, trying.to.tag, trying.via.branch) == (100, None, "z9hG4bKpeer1")

    @pytest.mark.parametrize("status", [100, 180, 200, 486])
    def test_a_user_who_speaks_gets_no_100(self, status: int) -> None:
        play = VirtualStack()
        event = begin(play, flow=TCP)
        play.run(0.19)
        respond(play, event, status)
        assert statuses(play) == [status]
        play.run(5)
        assert statuses(play) == []

    def test_a_retransmission_gets_the_last_provisional_response(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 180)
        respond(play, event, 183)
        play.receive(received())
        assert statuses(play) == [180, 183, 183]

    def test_a_refusal_is_repeated_until_its_ack_then_copies_are_absorbed_for_t4(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 486)
        play.run(8)
        assert play.moments() == [0, 0.5, 1.5, 3.5, 7.5]
        play.receive(received())
        assert statuses(play) == [486], "a copy of the INVITE gets it too"
        play.receive(received("ACK", to_tag="ours"))
        play.receive(received("ACK", to_tag="ours"))
        play.receive(received())
        play.run(4.999)
        assert statuses(play) == []
        assert play.events() == [], "the ACK of a refusal ends here"
        assert play.alive == (0, 0, 1, 0)
        play.run(0.001)
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.counters.unacknowledged == 0

    def test_a_refusal_without_ack_ends_after_64_t1(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 486)
        play.run(100)
        assert play.moments() == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.counters.unacknowledged == 1
        assert play.stack.next_timeout() is None

    def test_over_tcp_a_refusal_is_said_once_and_its_ack_ends_it(self) -> None:
        play = VirtualStack()
        event = begin(play, received(transport="TCP"), TCP)
        respond(play, event, 486)
        play.run(20)
        assert play.moments() == [0]
        play.receive(received("ACK", to_tag="ours", transport="TCP"), TCP)
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.next_timeout() is None

    @pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])
    def test_a_2xx_is_repeated_by_the_user_only_and_copies_are_absorbed_for_64_t1(self, flow: Flow) -> None:
        play = VirtualStack()
        event = begin(play, flow=flow)
        respond(play, event, 200)
        play.run(10)
        assert play.moments() == [0]
        play.receive(received(), flow)
        assert play.messages() == []
        respond(play, event, 200)
        assert statuses(play) == [200]
        play.run(21.999)
        assert play.alive == (0, 0, 1, 0)
        play.run(0.001)
        assert play.alive == (0, 0, 0, 0)
        respond(play, event, 200)
        assert play.messages() == [], "nobody waits any more"

    @pytest.mark.parametrize(("first", "second"), [(200, 486), (486, 200), (486, 603), (200, 180), (486, 180)])
    def test_after_a_final_response_nothing_else_is_said(self, first: int, second: int) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, first)
        respond(play, event, second)
        play.receive(received())
        assert set(statuses(play)) == {first}

    def test_the_ack_of_a_2xx_is_passed_on_whatever_its_branch(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 200)
        play.receive(received("ACK", branch="z9hG4bKack", to_tag="ours"))
        play.receive(received("ACK", to_tag="ours"))  # wrong by §13.2.2.4, and seen
        heard = play.events()
        assert [type(each) for each in heard] == [AckReceived, AckReceived]
        assert all(isinstance(each, AckReceived) and each.request.to.tag == "ours" for each in heard)

    def test_an_ack_before_any_final_response_means_nothing(self) -> None:
        play = VirtualStack()
        begin(play)
        play.receive(received("ACK", to_tag="ours"))
        assert play.events() == []

    def test_a_broken_flow_leaves_it_alive(self) -> None:
        play = VirtualStack()
        event = begin(play, flow=TCP)
        play.stack.transport_failed(TCP, play.at)
        respond(play, event, 486)
        assert statuses(play) == [486]

    def test_an_rfc_2543_client_is_served_too(self) -> None:
        play = VirtualStack()
        event = begin(play, received(branch="1"))
        play.receive(received(branch="1"))
        respond(play, event, 486)
        play.receive(received("ACK", branch="1", to_tag="ours"))
        assert play.events() == []
        play.run(10)
        assert statuses(play) == [486]
        assert play.alive == (0, 0, 0, 0)


class TestOthers:
    @pytest.mark.parametrize("status", [200, 404])
    def test_a_copy_gets_the_answer_again_for_64_t1(self, status: int) -> None:
        play = VirtualStack()
        event = begin(play, received("OPTIONS"))
        play.receive(received("OPTIONS"))
        assert play.messages() == []
        respond(play, event, status)
        respond(play, event, 500)
        play.run(31.9)
        play.receive(received("OPTIONS"))
        assert statuses(play) == [status, status]
        play.run(0.1)
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.next_timeout() is None

    def test_a_copy_gets_the_provisional_answer_meanwhile(self) -> None:
        play = VirtualStack()
        event = begin(play, received("REGISTER"))
        respond(play, event, 100)
        play.receive(received("REGISTER"))
        respond(play, event, 100)
        respond(play, event, 200)
        assert statuses(play) == [100, 100, 100, 200]

    def test_over_tcp_the_answer_ends_it(self) -> None:
        play = VirtualStack()
        event = begin(play, received("OPTIONS", transport="TCP"), TCP)
        respond(play, event, 200)
        assert statuses(play) == [200]
        assert play.alive == (0, 0, 0, 0)
        assert play.stack.next_timeout() is None

    @pytest.mark.parametrize("provisional", [True, False])
    def test_one_that_the_user_forgets_ends_after_64_t1_without_a_word(self, provisional: bool) -> None:
        play = VirtualStack()
        event = begin(play, received("INFO"))
        if provisional:
            respond(play, event, 100)
            play.messages()
        play.run(32)
        assert play.alive == (0, 0, 0, 0)
        respond(play, event, 200)
        assert play.messages() == []


class TestCancel:
    def test_it_is_answered_here_and_told(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 180)
        play.messages()
        play.receive(received("CANCEL"))
        (told,) = play.events()
        assert isinstance(told, CancelReceived)
        assert told.transaction == event.transaction
        (ok,) = play.messages()
        assert isinstance(ok, Response)
        assert (ok.status, str(ok.cseq), ok.to.tag) == (200, "1 CANCEL", "ours")
        play.receive(received("CANCEL"))
        assert statuses(play) == [200]
        assert play.events() == [], "told once"
        respond(play, event, 487)
        play.receive(received("ACK", to_tag="ours"))
        assert statuses(play) == [487]
        play.run(40)
        assert play.alive == (0, 0, 0, 0)

    def test_before_the_user_said_a_tag_it_gets_one_of_its_own(self) -> None:
        play = VirtualStack()
        begin(play)
        play.receive(received("CANCEL"))
        (ok,) = play.messages()
        assert ok.to.tag == "token1"

    @pytest.mark.parametrize("status", [200, 486])
    def test_after_a_final_response_it_changes_nothing(self, status: int) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, status)
        play.messages()
        play.receive(received("CANCEL"))
        assert statuses(play) == [200]
        assert play.events() == []

    @pytest.mark.parametrize(("branch", "sent_by"), [("z9hG4bKother", None), (None, "198.51.100.7:5999")])
    def test_what_matches_nothing_gets_481(self, branch: str | None, sent_by: str | None) -> None:
        play = VirtualStack()
        begin(play)
        play.receive(
            received("CANCEL", branch=branch or "z9hG4bKpeer1", sent_by=sent_by or "198.51.100.7:5070", rport=True)
        )
        (refusal,) = play.messages()
        assert isinstance(refusal, Response)
        assert (refusal.status, refusal.to.tag) == (481, "token1")
        assert play.events() == []


class TestMerged:
    def test_a_second_copy_by_another_way_gets_482(self) -> None:
        play = VirtualStack()
        event = begin(play)
        play.receive(received(branch="z9hG4bKdetour"))
        assert play.events() == []
        (merged,) = play.messages()
        assert isinstance(merged, Response)
        assert (merged.status, merged.via.branch, merged.to.tag) == (482, "z9hG4bKdetour", "token1")
        assert play.stack.counters.merged == 1
        play.receive(received("ACK", branch="z9hG4bKdetour", to_tag="token1"))
        respond(play, event, 200)
        assert statuses(play) == [200]
        play.receive(received(branch="z9hG4bKthird"))
        assert statuses(play) == [482], "answered, and still the same call"

    def test_once_refused_it_may_be_tried_again_unchanged(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 401)
        begin(play, received(branch="z9hG4bKagain"))
        assert statuses(play) == [401]

    def test_a_keep_alive_that_never_counts_up_is_answered_each_time(self) -> None:
        play = VirtualStack()
        for number in range(3):
            event = begin(play, received("OPTIONS", branch=f"z9hG4bK{number}"))
            respond(play, event, 200)
            play.run(1)
        assert statuses(play) == [200, 200, 200]

    def test_within_a_dialog_nothing_is_merged(self) -> None:
        play = VirtualStack()
        begin(play, received(to_tag="ours"))
        begin(play, received(to_tag="ours", branch="z9hG4bKdetour"))
        assert play.stack.counters.merged == 0

    def test_nothing_is_remembered_when_all_is_over(self) -> None:
        play = VirtualStack()
        event = begin(play)
        respond(play, event, 200)
        play.run(32)
        begin(play, received(branch="z9hG4bKlate"))
        assert play.stack.counters.merged == 0


class TestWayBack:
    def test_with_rport_to_the_source_port(self) -> None:
        play = VirtualStack()
        event = begin(play, received(sent_by="10.0.0.5:6000", rport=True))
        assert (event.request.via.received, event.request.via.rport) == ("198.51.100.7", 5070)
        respond(play, event, 180)
        play.drain()
        assert [flow for _, flow, _ in play.sent] == [UDP]
        (ringing,) = play.messages()
        assert (ringing.via.received, ringing.via.rport) == ("198.51.100.7", 5070)

    def test_without_it_to_the_source_host_and_the_port_of_the_via(self) -> None:
        play = VirtualStack()
        event = begin(play, received(sent_by="10.0.0.5"))
        respond(play, event, 486)
        play.receive(received(sent_by="10.0.0.5"))
        play.drain()
        assert {flow for _, flow, _ in play.sent} == {Flow("udp", HERE, SocketAddress("198.51.100.7", 5060))}


class TestRoom:
    def test_above_capacity_new_requests_get_503_and_the_rest_goes_on(self) -> None:
        play = VirtualStack(capacity=2)
        first = begin(play)
        begin(play, received(branch="z9hG4bK2", call_id="call-2"))
        play.receive(received(branch="z9hG4bK3", call_id="call-3"))
        assert play.events() == []
        assert statuses(play) == [503]
        assert play.stack.counters.overload == 1
        assert play.alive == (0, 0, 2, 0)
        play.receive(received("CANCEL"))
        assert statuses(play) == [200]
        assert len(play.events()) == 1
        respond(play, first, 487)
        play.receive(received("ACK", to_tag="ours"))
        play.run(32)
        begin(play, received(branch="z9hG4bK3", call_id="call-3"))

    def test_the_same_request_gets_the_same_503(self) -> None:
        play = VirtualStack(capacity=0)
        for _ in range(2):
            play.receive(received())
        first, second = play.messages()
        assert first == second
        assert first.to.tag
