"""The rules one by one, with the status each carries."""

from collections.abc import Callable

import pytest

from skryba.errors import ParseError
from skryba.sip import validation
from skryba.sip.cseq import CSeq
from skryba.sip.headers import Headers
from skryba.sip.via import Via

WHOLE = [("Via", "a"), ("From", "b"), ("To", "c"), ("Call-ID", "d"), ("CSeq", "e")]


def status_of(check: Callable[[], None]) -> int:
    with pytest.raises(ParseError) as caught:
        check()
    return caught.value.status


@pytest.mark.parametrize("version", ["SIP/1.0", "SIP/2.1", "SIP/7.0", "SIP/2.00"])
def test_version(version: str) -> None:
    validation.check_version("sip/2.0")
    assert status_of(lambda: validation.check_version(version)) == 505


@pytest.mark.parametrize("name", [name for name, _ in WHOLE])
def test_each_mandatory_header_must_be_there(name: str) -> None:
    headers = Headers(WHOLE)
    validation.check_presence(headers)
    headers.remove(name)
    assert status_of(lambda: validation.check_presence(headers)) == 400


@pytest.mark.parametrize(
    "name", ["f", "To", "i", "CSeq", "Max-Forwards", "l", "c", "Expires", "r", "x", "Event", "Replaces"]
)
def test_each_single_header_stands_once(name: str) -> None:
    headers = Headers([*WHOLE, (name, "1"), (name, "1")])
    assert status_of(lambda: validation.check_presence(headers)) == 400


def test_lists_may_stand_often() -> None:
    validation.check_presence(
        Headers([*WHOLE, *(2 * [("Via", "a"), ("Contact", "b"), ("Route", "c"), ("X-Any", "d")])])
    )


@pytest.mark.parametrize(("value", "body"), [("0", b""), ("3", b"abc"), ("003", b"abc"), ("2", b"abc")])
def test_length_right(value: str, body: bytes) -> None:
    validation.check_length(Headers([("Content-Length", value)]), body)
    validation.check_length(Headers(), body)


@pytest.mark.parametrize("value", ["4", "-1", "+3", "", "x", "3 3", "9" * 5000])
def test_length_wrong(value: str) -> None:
    assert status_of(lambda: validation.check_length(Headers([("l", value)]), b"abc")) == 400


def test_method_and_cseq() -> None:
    validation.check_method("BYE", CSeq(1, "BYE"))
    validation.check_method("SING", CSeq(1, "SING"))
    assert status_of(lambda: validation.check_method("BYE", CSeq(1, "bye"))) == 400
    assert status_of(lambda: validation.check_method("SING", CSeq(1, "BYE"))) == 501


@pytest.mark.parametrize("uri", ["sip:a@b", "SIPS:b", "tel:+48221234567"])
def test_target_right(uri: str) -> None:
    validation.check_target(uri)


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("<sip:a@b>", 400),
        ("sip:a@b ;lr", 400),
        ("sip:a@b?Route=x", 400),
        ("a@b", 400),
        ("x.y:z", 416),
        ("http://a/", 416),
    ],
)
def test_target_wrong(uri: str, status: int) -> None:
    assert status_of(lambda: validation.check_target(uri)) == status


def test_branch() -> None:
    for branch in (";branch=z9hG4bKx", ";branch=old", ""):
        validation.check_branch(Via.parse(f"SIP/2.0/UDP h{branch}"))
    assert status_of(lambda: validation.check_branch(Via.parse("SIP/2.0/UDP h;branch=z9hG4bK"))) == 400


def test_return_path() -> None:
    via = Via.parse("SIP/2.0/UDP h;branch=z9hG4bKx")
    validation.check_return_path([via])
    assert status_of(lambda: validation.check_return_path([via, via])) == 400
