"""Typed views: what each reads, what it refuses, and that it follows its headers."""

import pytest

from skryba.errors import ParseError
from skryba.sip import views
from skryba.sip.headers import Headers
from skryba.sip.message import Request


def request(*items: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:a@b", Headers(items))


def test_one_value_each() -> None:
    message = request(
        ("v", "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b"),
        ("Via", "SIP/2.0/TCP c"),
        ("f", "<sip:f@x>;tag=1"),
        ("t", "<sip:t@x>"),
        ("i", "call@x"),
        ("CSeq", "4 INVITE"),
        ("Max-Forwards", "070"),
        ("Expires", "0060"),
        ("c", "Application/SDP;charset=utf-8"),
    )
    assert [via.host for via in message.vias] == ["a", "b", "c"]
    assert (message.via.host, message.via.branch) == ("a", "1")
    assert (message.from_.tag, str(message.to.uri), message.call_id) == ("1", "sip:t@x", "call@x")
    assert (message.cseq.number, message.cseq.method) == (4, "INVITE")
    assert (message.max_forwards, message.expires, message.content_type) == (70, 60, "application/sdp")


def test_lists() -> None:
    message = request(
        ("m", "<sip:1@x>, <sip:2@x>;q=1"),
        ("Contact", "<sip:3@x>"),
        ("Route", "<sip:r1;lr>,<sip:r2;lr>"),
        ("Record-Route", "<sip:rr;lr>"),
        ("k", "path, 100rel"),
        ("Supported", ""),
        ("Supported", "timer"),
        ("Require", "x ,, y"),
        ("Proxy-Require", "z"),
        ("Allow", "INVITE,ACK"),
    )
    assert [contact.uri.user for contact in message.contacts] == ["1", "2", "3"]
    assert [route.uri.host for route in message.routes] == ["r1", "r2"]
    assert [route.uri.host for route in message.record_routes] == ["rr"]
    assert message.supported == ["path", "100rel", "timer"]
    assert (message.require, message.proxy_require, message.allow) == (["x", "y"], ["z"], ["INVITE", "ACK"])


def test_what_is_absent() -> None:
    message = request()
    assert (message.vias, message.contacts, message.routes, message.supported) == ([], [], [], [])
    assert (message.max_forwards, message.expires, message.content_type, message.contact_star) == (
        None,
        None,
        None,
        False,
    )


@pytest.mark.parametrize("name", ["via", "from_", "to", "call_id", "cseq"])
def test_what_must_be_there(name: str) -> None:
    with pytest.raises(ParseError, match="missing"):
        getattr(request(), name)


@pytest.mark.parametrize(
    ("header", "value", "name"),
    [
        ("Via", "x", "via"),
        ("Via", "SIP/2.0/UDP a,", "vias"),
        ("From", "x", "from_"),
        ("Call-ID", "", "call_id"),
        ("Call-ID", "a b", "call_id"),
        ("Call-ID", "a\x00b", "call_id"),
        ("CSeq", "x", "cseq"),
        ("Contact", "<sip:a@b>,", "contacts"),
        ("Route", "", "routes"),
        ("Max-Forwards", "256", "max_forwards"),
        ("Max-Forwards", "x", "max_forwards"),
        ("Expires", "-1", "expires"),
        ("Expires", "soon", "expires"),
        ("Content-Type", "text", "content_type"),
        ("Content-Type", "a b/c", "content_type"),
        ("Content-Type", "text/", "content_type"),
    ],
)
def test_what_breaks_its_grammar_is_refused_each_time(header: str, value: str, name: str) -> None:
    message = request((header, value))
    for _ in range(2):
        with pytest.raises(ParseError):
            getattr(message, name)


def test_star() -> None:
    assert request(("Contact", "*")).contact_star
    assert request(("Contact", "*")).contacts == []
    with pytest.raises(ParseError):
        _ = request(("Contact", "*"), ("Contact", "<sip:a@b>")).contacts


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("4294967295", 2**32 - 1), ("4294967296", 2**32 - 1), ("0" * 50 + "7", 7), ("9" * 9000, 2**32 - 1)],
)
def test_expires_has_a_limit(value: str, seconds: int) -> None:
    assert request(("Expires", value)).expires == seconds


def test_a_view_follows_its_headers() -> None:
    message = request(("To", "<sip:a@b>"), ("Contact", "<sip:1@x>"))
    assert message.to.tag is None
    message.headers.set("To", "<sip:a@b>;tag=2")
    assert message.to.tag == "2"
    assert len(message.contacts) == 1
    message.headers.add("Contact", "<sip:2@x>")
    assert len(message.contacts) == 2
    message.headers = Headers([("To", "<sip:a@b>;tag=3")])
    assert message.to.tag == "3"


def test_a_list_view_is_the_readers_own() -> None:
    message = request(("Contact", "<sip:1@x>"))
    message.contacts.clear()
    assert len(message.contacts) == 1


def test_on_the_class_a_view_is_itself() -> None:
    assert Request.via is views.VIA
    assert Request.vias is views.VIAS
