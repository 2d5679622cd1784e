"""Headers: order, names, forms, and the views that follow every change."""

from collections.abc import Callable

import pytest

from skryba.errors import ParseError
from skryba.sip.headers import Headers, is_name, key_of


def sample() -> Headers:
    return Headers([("Via", "one"), ("f", "sip:a@b"), ("VIA", "two"), ("X-Odd", ""), ("v", "three")])


def test_names_are_found_in_any_case_and_form() -> None:
    headers = sample()
    assert headers.get("via") == "one"
    assert headers.get_all("V") == ["one", "two", "three"]
    assert headers.get("FROM") == headers.get("F") == "sip:a@b"
    assert headers.get("x-odd") == ""
    assert headers.get("to") is None
    assert headers.get_all("to") == []
    assert "from" in headers
    assert "to" not in headers
    assert 7 not in headers


@pytest.mark.parametrize(
    ("compact", "key"),
    [
        ("v", "via"),
        ("F", "from"),
        ("t", "to"),
        ("i", "call-id"),
        ("m", "contact"),
        ("l", "content-length"),
        ("C", "content-type"),
        ("e", "content-encoding"),
        ("k", "supported"),
        ("s", "subject"),
        ("o", "event"),
        ("r", "refer-to"),
        ("b", "referred-by"),
        ("u", "allow-events"),
        ("x", "session-expires"),
        ("a", "accept-contact"),
        ("d", "request-disposition"),
        ("j", "reject-contact"),
        ("y", "identity"),
        ("Via", "via"),
        ("CALL-ID", "call-id"),
        ("X-Other", "x-other"),
    ],
)
def test_key(compact: str, key: str) -> None:
    assert key_of(compact) == key


def test_iteration_gives_what_was_received() -> None:
    headers = sample()
    assert list(headers)[1:3] == [("f", "sip:a@b"), ("VIA", "two")]
    assert len(headers) == 5


def test_set_replaces_all_in_the_place_of_the_first() -> None:
    headers = sample()
    headers.set("Via", "new")
    assert list(headers) == [("Via", "new"), ("f", "sip:a@b"), ("X-Odd", "")]
    headers.set("To", "sip:c@d")
    assert list(headers)[-1] == ("To", "sip:c@d")


def test_add_prepend_remove() -> None:
    headers = sample()
    headers.add("Via", "four")
    headers.prepend("v", "zero")
    assert headers.get_all("via") == ["zero", "one", "two", "three", "four"]
    headers.remove_first("VIA")
    assert headers.get_all("via") == ["one", "two", "three", "four"]
    headers.remove("v")
    assert list(headers) == [("f", "sip:a@b"), ("X-Odd", "")]
    headers.remove_first("Via")
    headers.remove("Via")
    assert len(headers) == 2


def test_a_copy_is_its_own() -> None:
    headers = sample()
    other = headers.copy()
    assert other == headers
    other.add("To", "x")
    assert "To" not in headers
    assert other != headers


def test_equality_looks_through_the_form_of_names() -> None:
    assert Headers([("v", "a"), ("To", "b")]) == Headers([("Via", "a"), ("TO", "b")])
    assert Headers([("v", "a"), ("To", "b")]) != Headers([("To", "b"), ("v", "a")])
    assert Headers([("v", "a")]) != Headers([("v", "A")])
    assert Headers() != []


def test_a_list_handed_out_changes_nothing() -> None:
    headers = sample()
    headers.get_all("via").append("smuggled")
    assert headers.get_all("via") == ["one", "two", "three"]


def test_repeated() -> None:
    assert sample().repeated() == ["via"]


@pytest.mark.parametrize("value", ["a\r\nEvil: yes", "a\nb", "a\rb"])
def test_no_value_makes_a_second_header(value: str) -> None:
    headers = Headers()
    for put in (headers.add, headers.set, headers.prepend):
        with pytest.raises(ParseError):
            put("Subject", value)
    with pytest.raises(ParseError):
        Headers([("Subject", value)])
    with pytest.raises(ParseError):
        headers.add(value, "x")
    assert len(headers) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.set("Via", "x"),
        lambda headers: headers.add("Via", "x"),
        lambda headers: headers.prepend("Via", "x"),
        lambda headers: headers.remove("Via"),
        lambda headers: headers.remove_first("Via"),
    ],
)
def test_a_view_lasts_until_the_headers_change(change: Callable[[Headers], None]) -> None:
    headers = sample()
    calls: list[int] = []

    def read(of: Headers) -> list[str]:
        calls.append(1)
        return of.get_all("via")

    assert headers.view("vias", read) is headers.view("vias", read)
    assert len(calls) == 1
    change(headers)
    assert headers.view("vias", read) == headers.get_all("via") != ["one", "two", "three"]
    assert len(calls) == 2


def test_a_view_of_nothing_is_remembered_too() -> None:
    headers = Headers()
    calls: list[int] = []
    for _ in range(2):
        assert headers.view("nothing", lambda _: calls.append(1)) is None
    assert calls == [1]


@pytest.mark.parametrize(("text", "yes"), [("Via", True), ("x-a!", True), ("", False), ("a b", False), ("a:", False)])
def test_is_name(text: str, yes: bool) -> None:
    assert is_name(text) is yes


def test_repr_shows_the_items() -> None:
    assert repr(Headers([("To", "x")])) == "Headers([('To', 'x')])"
