"""Uri: reading, writing, comparing."""

import pytest

from skryba.errors import ParseError
from skryba.sip.uri import Uri


def test_parts_of_a_sip_uri() -> None:
    uri = Uri.parse("SIP:anna:pass%40@example.net:5070;transport=tcp;lr?Subject=a%20b&Route=%3Cx%3E")
    assert uri == Uri(
        "sip",
        "anna",
        "pass%40",
        "example.net",
        5070,
        (("transport", "tcp"), ("lr", None)),
        "Subject=a%20b&Route=%3Cx%3E",
    )
    assert str(uri) == "sip:anna:pass%40@example.net:5070;transport=tcp;lr?Subject=a%20b&Route=%3Cx%3E"


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.net",
        "sips:anna@example.net:5061",
        "sip:[2001:db8::1]:5060;lr",
        "sip:[::1]",
        "sip:*21#@example.net",
        "sip:a;b=c?d@example.net",
        "sip:a:@example.net",
        "sip:my_pbx:5060",
        "tel:+48-22-123.45.67;phone-context=example.net",
        "urn:service:sos",
        "http://example.net/a?b=c#d",
    ],
)
def test_what_is_read_is_written(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna@example.net",
        ":x",
        "1sip:x",
        "sip:",
        "sip:@example.net",
        "sip:an na@example.net",
        "sip:anna@",
        "sip:anna@exa mple.net",
        " sip:anna@example.net",
        "sip:anna@example.net ",
        "sip:anna@example.net;",
        "sip:anna@example.net;;lr",
        "sip:anna@example.net; lr",
        "sip:anna@example.net;=x",
        "sip:anna@example.net;a=b=c",
        "sip:anna@example.net?",
        "sip:anna@example.net?a=<b>",
        "sip:anna@example.net:",
        "sip:anna@example.net:65536",
        "sip:anna@example.net:+5",
        "sip:anna@example.net:٥",
        "sip:an%4na@example.net",
        "sip:anna:p%x@example.net",
        "sip:anna:p a@example.net",
        "sip:example.net;x=%",
        "sip:example.net?x=%1",
        "sip:[::1",
        "sip:[::1]x",
        "sip:[1.2.3.4]",
        "sip:[fe80::1%25eth0]",
        "sip:anna@[]",
        "tel:",
        "tel:+48 22",
        "tel:anna",
        "tel:+48;",
        "mailto:",
        "mailto:a b",
        "x:<y>",
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Uri.parse(text)


def test_the_first_at_sign_ends_the_user() -> None:
    uri = Uri.parse("sip:user;par=u%40h@example.net")
    assert (uri.user, uri.user_text, uri.host, uri.params) == ("user;par=u%40h", "user;par=u@h", "example.net", ())


def test_other_schemes_keep_their_text() -> None:
    uri = Uri.parse("mailto:anna@example.net")
    assert (uri.scheme, uri.opaque, uri.host, uri.user, uri.user_text) == (
        "mailto",
        "anna@example.net",
        "",
        None,
        None,
    )


def test_tel_has_number_and_parameters() -> None:
    uri = Uri.parse("tel:+48-22-1;ext=7")
    assert (uri.opaque, uri.param("ext")) == ("+48-22-1", "7")


def test_parameters_are_found_in_any_case_and_unescaped() -> None:
    uri = Uri.parse("sip:example.net;%4cR;Na%6De=%41b")
    assert uri.has_param("lr")
    assert uri.param("lr") is None
    assert uri.param("name") == "Ab"
    assert not uri.has_param("maddr")
    assert uri.param("maddr") is None


def test_with_changes_a_copy() -> None:
    uri = Uri.parse("sip:anna@example.net")
    assert str(uri.with_(host="::1", port=5080)) == "sip:anna@[::1]:5080"
    assert uri.port is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:b.com;method=REGISTER;transport=tcp?to=sip:b%40c",
            "sip:b.com;transport=tcp;method=REGISTER?To=sip:b%40c",
        ),
        ("sip:a@c.com?subject=x&priority=urgent", "sip:a@c.com?priority=urgent&subject=x"),
        ("tel:+48-22-123", "tel:+48(22)123"),
        ("sip:a:p%61@c.com", "sip:a:pa@c.com"),
        ("urn:service:sos", "URN:service:sos"),
    ],
)
def test_equivalent(one: str, other: str) -> None:  # §19.1.4
    assert Uri.parse(one).matches(Uri.parse(other))
    assert Uri.parse(other).matches(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:ALICE@atlanta.com", "sip:alice@atlanta.com"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;maddr=x"),
        ("sip:bob@biloxi.com;user=phone", "sip:bob@biloxi.com"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next"),
        ("sip:carol@chicago.com", "sip:carol@phone21.chicago.com"),
        ("sip:a:x@c.com", "sip:a@c.com"),
        ("tel:+4822", "tel:+4822;ext=1"),
        ("tel:+4822", "tel:4822"),
        ("urn:service:sos", "urn:service:sos.fire"),
    ],
)
def test_not_equivalent(one: str, other: str) -> None:
    assert not Uri.parse(one).matches(Uri.parse(other))
    assert not Uri.parse(other).matches(Uri.parse(one))
