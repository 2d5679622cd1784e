"""The shared words: tokens, quotes, escapes, parameters, lists, hosts."""

import pytest

from skryba.errors import ParseError
from skryba.sip import grammar


@pytest.mark.parametrize(
    ("text", "yes"), [("a-Z0.!%*_+`'~", True), ("", False), ("a b", False), ("ą", False), ("a/b", False)]
)
def test_token(text: str, yes: bool) -> None:
    assert grammar.is_token(text) is yes


def test_number() -> None:
    assert grammar.number(" 0042\t", limit=42, name="x") == 42
    assert grammar.number("0" * 5000, limit=9, name="x") == 0


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1_0", "٣", "43", "9" * 5000])
def test_no_number(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.number(text, limit=42, name="x")


@pytest.mark.parametrize("text", ["", "plain", 'a "b"', "back\\slash", '\\"', "Łódź"])
def test_quoting_is_undone(text: str) -> None:
    assert grammar.unquote(grammar.quote(text)) == text
    assert grammar.quoted_prefix(grammar.quote(text) + " rest") == (text, len(grammar.quote(text)))


def test_unquote_leaves_the_rest_alone() -> None:
    assert [grammar.unquote(text) for text in ("token", '"', '"open', "")] == ["token", '"', '"open', ""]


@pytest.mark.parametrize("text", ["x", '"open', '"open\\"'])
def test_no_quoted_string(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.quoted_prefix(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("a%20b", "a b"), ("%C5%81%c3%b3d%C5%BA", "Łódź"), ("100%", "100%"), ("%zz", "%zz"), ("%2541", "%41")],
)
def test_unescape(text: str, plain: str) -> None:
    assert grammar.unescape(text) == plain


def test_unescape_keeps_octets_that_are_no_utf8() -> None:
    assert grammar.unescape("%ff").encode("utf-8", "surrogateescape") == b"\xff"


def test_params_stay_as_written() -> None:
    found = grammar.params(' ; A = b ;flag;q="x;\\"y" \r\n ;base=ab==/+')
    assert found == (("A", "b"), ("flag", None), ("q", '"x;\\"y"'), ("base", "ab==/+"))
    assert grammar.format_params(found) == ';A=b;flag;q="x;\\"y";base=ab==/+'
    assert grammar.params("  ") == ()


@pytest.mark.parametrize("text", ["a=b", ";", ";;a", ";a;", ";a=", ";=b", ';a="b', ";a b", ";a=b,c", ";a=b c", ";ą=b"])
def test_no_params(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.params(text)


def test_a_param_is_found_and_replaced_in_any_case() -> None:
    values = (("Tag", "1"), ("lr", None))
    assert grammar.find_param(values, "tag") == (True, "1")
    assert grammar.find_param(values, "LR") == (True, None)
    assert grammar.find_param(values, "x") == (False, None)
    assert grammar.replace_param(values, "TAG", "2") == (("Tag", "2"), ("lr", None))
    assert grammar.replace_param(values, "x", None) == (("Tag", "1"), ("lr", None), ("x", None))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        (" a ", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a,b",<c,d>,e', ['"a,b"', "<c,d>", "e"]),
        ('<a"b,c>,d', ['<a"b,c>', "d"]),
        ('"\\",",x', ['"\\","', "x"]),
        (",", ["", ""]),
    ],
)
def test_split_list(text: str, parts: list[str]) -> None:
    assert grammar.split_list(text) == parts


def test_a_list_with_an_open_quote_is_refused() -> None:
    with pytest.raises(ParseError):
        grammar.split_list('a,"b')


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.net", "example.net", None),
        ("192.0.2.1:5060", "192.0.2.1", 5060),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[::1]:0", "::1", 0),
        ("a : 1", "a", 1),
    ],
)
def test_host_port(text: str, host: str, port: int | None) -> None:
    assert grammar.host_port(text) == (host, port)
    assert grammar.host_port(grammar.format_host(host, port)) == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":5060", "a:", "a:b", "a:65536", "::1", "[::1", "[::g]", "[1.2.3.4]", "a b", "ą.pl"]
)
def test_no_host(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.host_port(text)
