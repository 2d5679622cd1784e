"""NameAddr: display name, URI, header parameters."""

import pytest

from skryba.errors import ParseError
from skryba.sip.name_addr import NameAddr
from skryba.sip.uri import Uri


def test_quoted_display_name() -> None:
    address = NameAddr.parse('"Anna \\"N\\" \\\\" <sip:anna@example.net;lr>;tag=1;q=0.5')
    assert address.display == 'Anna "N" \\'
    assert str(address.uri) == "sip:anna@example.net;lr"
    assert (address.tag, address.param("q")) == ("1", "0.5")
    assert str(address) == '"Anna \\"N\\" \\\\" <sip:anna@example.net;lr>;tag=1;q=0.5'


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("Anna Nowak <sip:a@b>", "Anna Nowak"),
        ("Anna<sip:a@b>", "Anna"),
        ("<sip:a@b>", None),
        ("sip:a@b", None),
        ('"" <sip:a@b>', ""),
        ('"a <b>, c"<sip:a@b>', "a <b>, c"),
        ("Łukasz <sip:a@b>", "Łukasz"),
    ],
)
def test_display_names(text: str, display: str | None) -> None:
    assert NameAddr.parse(text).display == display


def test_without_brackets_parameters_belong_to_the_header() -> None:
    address = NameAddr.parse(" sip:anna@example.net ; user = phone ")
    assert address == NameAddr(Uri.parse("sip:anna@example.net"), None, (("user", "phone"),))
    assert str(address) == "<sip:anna@example.net>;user=phone"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        '"Anna" sip:a@b',
        '"Anna <sip:a@b>',
        '"Anna"',
        "<sip:a@b",
        "< sip:a@b >",
        "Nowak, Anna <sip:a@b>",
        "Anna\x00 <sip:a@b>",
        "sip:a@b?Subject=x",
        "sip:a,b@c",
        "<sip:a@b>;",
        "<sip:a@b>;;tag=1",
        "<sip:a@b>;tag=",
        "<sip:a@b> tag=1",
        '<sip:a@b>;x="open',
        "<sip:a@b>;a=b c",
    ],
)
def test_what_is_no_name_addr_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        NameAddr.parse(text)


def test_a_list_is_cut_at_its_own_commas_only() -> None:
    many = NameAddr.parse_many('"a, b" <sip:x,y@c>;z="1,2" , <sip:d@e>,sip:f@g')
    assert [str(address.uri) for address in many] == ["sip:x,y@c", "sip:d@e", "sip:f@g"]
    assert many[0].param("z") == "1,2"


def test_parameters_are_set_in_their_place() -> None:
    address = NameAddr.parse("<sip:a@b>;TAG=1;x")
    assert str(address.with_tag("2")) == "<sip:a@b>;TAG=2;x"
    assert str(address.with_param("expires", "60")) == "<sip:a@b>;TAG=1;x;expires=60"
    assert address.tag == "1"


def test_parameters_are_found_in_any_case() -> None:
    address = NameAddr.parse('<sip:a@b>;+SIP.instance="<urn:x>";flag')
    assert address.param("+sip.instance") == "<urn:x>"
    assert (address.has_param("flag"), address.param("flag")) == (True, None)
    assert (address.has_param("none"), address.param("none"), address.tag) == (False, None, None)
