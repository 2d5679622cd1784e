"""Passthrough: lists, not rules."""

import pytest

from skryba.b2bua import passthrough
from skryba.sip.headers import Headers
from skryba.sip.message import Request


def test_only_what_is_listed_crosses_in_its_order() -> None:
    request = Request(
        "INVITE",
        "sip:x",
        Headers(
            [
                ("s", "hello"),
                ("Via", "v"),
                ("USER-TO-USER", "aa"),
                ("X-Own", "1"),
                ("X-Else", "2"),
                ("Contact", "<sip:a>"),
            ]
        ),
    )
    assert passthrough.crossing(request, passthrough.INVITATION, frozenset()) == (
        ("Subject", "hello"),
        ("USER-TO-USER", "aa"),
    )
    assert ("X-Own", "1") in passthrough.crossing(request, passthrough.INVITATION, frozenset({"x-own"}))


def test_control_characters_do_not_cross() -> None:
    request = Request("INVITE", "sip:x", Headers([("Subject", "a\x07b")]))
    assert passthrough.crossing(request, passthrough.INVITATION, frozenset()) == ()


@pytest.mark.parametrize("status", range(300, 700))
def test_every_refusal_becomes_one_we_may_send(status: int) -> None:
    told = passthrough.refusal(status)
    assert 400 <= told < 700
    assert told not in (401, 407, 487, 491, 420)
    assert passthrough.refusal(told) == told or told in (502, 504)


def test_reason_is_safe_to_quote() -> None:
    assert passthrough.cause(486) == ("Reason", 'SIP;cause=486;text="Busy Here"')
    assert passthrough.cause(500, 'a"b\\c\r\nd') == ("Reason", 'SIP;cause=500;text="abcd"')


def test_added_fields_stand_on_the_message() -> None:
    headers = Headers()
    passthrough.add(headers, (("A", "1"), ("A", "2")))
    assert headers.get_all("A") == ["1", "2"]
