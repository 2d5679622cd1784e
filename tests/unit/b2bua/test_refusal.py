"""Refusal: a no with what the RFC wants beside it."""

from skryba.b2bua.refusal import Refusal, capabilities, unsupported_extensions, unwanted_method
from tests.support.room import message


def test_a_refusal_carries_its_fields_and_our_tag() -> None:
    response = Refusal(503, None, (("Retry-After", "30"),)).respond(message("INVITE", "sip:x"), "t1")
    assert (response.status, response.reason, response.to.tag) == (503, "Service Unavailable", "t1")
    assert response.headers.get("Retry-After") == "30"
    assert Refusal(500, "CSeq Out of Order").respond(message("BYE", "sip:x"), "t").reason == "CSeq Out of Order"


def test_extensions_we_lack_are_named() -> None:
    refusal = unsupported_extensions(message("INVITE", "sip:x", extra="Require: 100rel, path"))
    assert refusal == Refusal(420, None, (("Unsupported", "100rel, path"),))
    assert unsupported_extensions(message("REGISTER", "sip:x", extra="Require: path")) is None
    assert unsupported_extensions(message("INVITE", "sip:x")) is None


def test_known_methods_are_405_and_unknown_501_both_with_allow() -> None:
    for method, status in (("UPDATE", 405), ("REGISTER", 405), ("FLY", 501)):
        refusal = unwanted_method(method)
        assert refusal.status == status
        assert refusal.extras[0][0] == "Allow"


def test_capabilities_say_what_we_take() -> None:
    response = capabilities(message("OPTIONS", "sip:x"), "t")
    assert response.status == 200
    assert "INVITE" in (response.headers.get("Allow") or "")
