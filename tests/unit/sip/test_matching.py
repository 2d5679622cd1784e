"""Which transaction a message belongs to, and which way responses go."""

import pytest

from skryba.errors import ParseError
from skryba.sip.events import ClientKey, Flow, ServerKey
from skryba.sip.matching import call_key, client_key, complete_via, reply_flow, sent_by, server_key
from skryba.sip.message import response_to
from skryba.terms import SocketAddress
from tests.support.virtual_stack import HERE, TCP, THERE, UDP, answer, received


def test_a_request_is_known_by_branch_sent_by_and_method() -> None:
    key = server_key(received())
    assert key == ServerKey("z9hG4bKpeer1", "198.51.100.7:5070", "INVITE")
    assert server_key(received(branch="z9hG4bKpeer2")) != key
    assert server_key(received(sent_by="198.51.100.7:5071")) != key
    assert server_key(received("CANCEL")) != key


def test_an_ack_has_the_key_of_its_invite() -> None:
    assert server_key(received("ACK", to_tag="t")) == server_key(received())


def test_sent_by_is_compared_without_case_and_with_the_default_port() -> None:
    assert server_key(received(sent_by="Phone.example")) == server_key(received(sent_by="phone.EXAMPLE:5060"))


def test_the_cookie_is_known_in_any_case() -> None:
    assert server_key(received(branch="Z9HG4BKx")).branch == "Z9HG4BKx"


@pytest.mark.parametrize("branch", [None, "1", "z9hG4b"])
def test_without_the_cookie_the_rules_of_rfc_2543_hold(branch: str | None) -> None:
    key = server_key(received(branch=branch))
    assert server_key(received(branch=branch)) == key
    assert server_key(received("ACK", branch=branch, to_tag="ours")) == key
    assert server_key(received("CANCEL", branch=branch)) == key._replace(method="CANCEL")
    assert server_key(received(branch=branch, cseq=2)) != key
    assert server_key(received(branch=branch, call_id="other")) != key
    assert server_key(received(branch=branch, sent_by="198.51.100.8")) != key
    completed = received(branch=branch, rport=True)
    complete_via(completed, SocketAddress("203.0.113.8", 9999))
    assert server_key(completed) == key, "the same after the address translator's memory was short"
    other_uri = received(branch=branch)
    other_uri.uri = "sip:ewa@example.net"
    assert server_key(other_uri) != key
    other_tag = received(branch=branch)
    other_tag.headers.set("From", "<sip:anna@example.net>;tag=a2")
    assert server_key(other_tag) != key


def test_an_unreadable_via_has_no_key() -> None:
    broken = received()
    broken.headers.set("Via", "nonsense")
    with pytest.raises(ParseError):
        server_key(broken)


def test_a_response_is_known_by_what_we_wrote() -> None:
    sent = received(branch="z9hG4bKours", sent_by="192.0.2.1:5060")
    assert client_key(answer(sent, 200)) == ClientKey("z9hG4bKours", sent_by(HERE), "INVITE")
    assert sent_by(SocketAddress("2001:DB8::1", 5060)) == "2001:db8::1:5060"
    six = received(branch="z9hG4bKours", sent_by="[2001:db8::1]")
    assert client_key(answer(six, 200)).sent_by == sent_by(SocketAddress("2001:db8::1", 5060))


def test_copies_of_a_request_outside_dialogs_share_a_call_key() -> None:
    assert call_key(received(branch="z9hG4bKone")) == call_key(received(branch="z9hG4bKtwo"))
    assert call_key(received(cseq=2)) != call_key(received())
    assert call_key(received(call_id="other")) != call_key(received())
    assert call_key(received("OPTIONS")) != call_key(received())
    assert call_key(received(to_tag="in-dialog")) is None


class TestVia:
    def test_a_truthful_via_stays_as_it_was(self) -> None:
        message = received()
        before = list(message.headers)
        complete_via(message, THERE)
        assert list(message.headers) == before

    def test_another_source_host_is_noted(self) -> None:
        message = received(sent_by="10.0.0.5:5060")
        complete_via(message, THERE)
        assert message.headers.get("Via") == "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKpeer1;received=198.51.100.7"

    def test_rport_is_filled_in_together_with_received(self) -> None:
        message = received(rport=True)
        complete_via(message, THERE)
        assert (message.via.received, message.via.rport) == ("198.51.100.7", 5070)

    def test_a_link_local_scope_is_not_told(self) -> None:
        message = received(rport=True)
        complete_via(message, SocketAddress("fe80::1%eth0", 5060))
        assert message.via.received == "fe80::1"

    def test_lower_vias_stay_whether_in_the_same_header_or_not(self) -> None:
        message = received(rport=True)
        first = message.headers.get("Via")
        message.headers.set("Via", f"{first}, SIP/2.0/UDP b.example;branch=z9hG4bKb")
        message.headers.add("v", "SIP/2.0/TCP c.example;branch=z9hG4bKc")
        complete_via(message, THERE)
        assert [(via.host, via.rport) for via in message.vias] == [
            ("198.51.100.7", 5070),
            ("b.example", None),
            ("c.example", None),
        ]
        assert [via.host for via in response_to(message, 200).vias] == ["198.51.100.7", "b.example", "c.example"]


class TestReplyFlow:
    def test_with_rport_back_to_the_source(self) -> None:
        assert reply_flow(UDP, received(sent_by="10.0.0.5:6000", rport=True).via) == UDP

    def test_without_rport_to_the_source_host_and_the_port_of_the_via(self) -> None:
        assert reply_flow(UDP, received(sent_by="10.0.0.5:6000").via) == Flow(
            "udp", HERE, SocketAddress("198.51.100.7", 6000)
        )
        assert reply_flow(UDP, received(sent_by="10.0.0.5").via).remote.port == 5060
        assert reply_flow(UDP, received().via) == UDP

    def test_over_tcp_by_the_same_connection(self) -> None:
        assert reply_flow(TCP, received(sent_by="10.0.0.5:6000", transport="TCP").via) == TCP

    def test_maddr_aims_at_nobody(self) -> None:
        message = received()
        message.headers.set("Via", "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1;maddr=203.0.113.9")
        assert reply_flow(UDP, message.via) == UDP
