"""Via: reading, and what a server writes into it."""

import pytest

from skryba.errors import ParseError
from skryba.sip.via import Via


def test_parts() -> None:
    via = Via.parse("SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1;received=203.0.113.9;rport=40000")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "198.51.100.7", 5070, "z9hG4bK1")
    assert (via.received, via.has_rport, via.rport) == ("203.0.113.9", True, 40000)
    assert str(via) == "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1;received=203.0.113.9;rport=40000"


def test_white_space_around_every_separator() -> None:
    via = Via.parse("sip / 2.0\r\n / tcp\t [2001:db8::1] : 5061 ; branch = x ; rport ")
    assert (via.transport, via.host, via.port, via.branch) == ("TCP", "2001:db8::1", 5061, "x")
    assert (via.has_rport, via.rport, via.received) == (True, None, None)
    assert str(via) == "SIP/2.0/TCP [2001:db8::1]:5061;branch=x;rport"


@pytest.mark.parametrize("value", ["x", "99999", "123456", "٥"])
def test_an_unusable_rport_is_none(value: str) -> None:
    via = Via.parse(f"SIP/2.0/UDP h;rport={value}")
    assert (via.has_rport, via.rport) == (True, None)


@pytest.mark.parametrize("text", ["SIP/2.0/UDP h;received=[2001:db8::5]", "SIP/2.0/UDP h;received=2001:db8::5"])
def test_received_of_either_ipv6_form(text: str) -> None:
    assert Via.parse(text).received == "2001:db8::5"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ;branch=x",
        "SIP/2.0 h",
        "SIP/2.0/UDPh",
        "SIP/7.0/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h;;branch=x",
        "SIP/2.0/UDP h, SIP/2.0/UDP g",
        "SIP/2.0/UDP h h",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP [::1",
    ],
)
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Via.parse(text)


def test_several_in_one_value() -> None:
    assert [via.host for via in Via.parse_many('SIP/2.0/UDP a;x=",",SIP/2.0/TCP b')] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "sent_by"),
    [
        ("SIP/2.0/UDP Host.Example", ("host.example", 5060)),
        ("SIP/2.0/TLS h", ("h", 5061)),
        ("SIP/2.0/WSS h", ("h", 443)),
        ("SIP/2.0/TCP h:7", ("h", 7)),
    ],
)
def test_sent_by(text: str, sent_by: tuple[str, int]) -> None:
    assert Via.parse(text).sent_by == sent_by


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        # RFC 3581 §4: asked for, so both are written, the same host or not
        ("SIP/2.0/UDP 10.0.0.1;rport;branch=x", "SIP/2.0/UDP 10.0.0.1;rport=40000;branch=x;received=10.0.0.1"),
        ("SIP/2.0/UDP h;rport=5;received=lie", "SIP/2.0/UDP h;rport=40000;received=10.0.0.1"),
        # RFC 3261 §18.2.1: not asked for, so the host only, and only when it differs
        ("SIP/2.0/UDP 10.0.0.1;branch=x", "SIP/2.0/UDP 10.0.0.1;branch=x"),
        ("SIP/2.0/UDP h;branch=x", "SIP/2.0/UDP h;branch=x;received=10.0.0.1"),
    ],
)
def test_completed_with_the_source(text: str, completed: str) -> None:
    assert str(Via.parse(text).with_received("10.0.0.1", 40000)) == completed
