"""Whatever the octets: SIP parsers raise nothing but ParseError, and what they read they write again."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.errors import ParseError
from skryba.sip.cseq import LARGEST, CSeq
from skryba.sip.digest import Authenticator, Challenge, Credentials, Verdict, answer, ha1
from skryba.sip.framing import StreamFramer
from skryba.sip.headers import Headers
from skryba.sip.message import Message, Request, Response, parse_message, response_to, salvage, validate
from skryba.sip.name_addr import NameAddr
from skryba.sip.uri import Uri
from skryba.sip.via import Via

VIEWS = [
    "vias", "via", "from_", "to", "call_id", "cseq", "contacts", "contact_star", "max_forwards", "expires", "routes",
    "record_routes", "content_type", "supported", "require", "proxy_require", "allow",
]  # fmt: skip

# Texts made of the pieces that grammars trip over, so that they get far before they break.
PIECES = [
    "sip:", "sips:", "tel:", "+48", "anna", "@", "example.net", "[::1]", "192.0.2.1", ":", "5060", "lr", "tag",
    "branch", "z9hG4bK", "SIP", "/", "2.0", "UDP", "INVITE", "1", "99999999999", "Digest", "realm", "nonce", "qop",
    "auth", "*", ";", ",", "=", "?", "&", "<", ">", '"', "\\", '\\"', "%", "%41", "%zz", "nc=00000001", "ą", "\x00",
    "\udcff", "-", " ", "\t", "\r\n ",
]  # fmt: skip
PARSERS: list[Callable[[str], Any]] = [Uri.parse, NameAddr.parse, Via.parse, CSeq.parse]
PARSERS += [Challenge.parse, Credentials.parse]
NAMES = ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Max-Forwards", "Expires", "l", "c", "X")
text = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60)

token = st.from_regex(re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,12}", re.ASCII), fullmatch=True)
host = st.from_regex(re.compile(r"[a-zA-Z0-9_.\-]{1,20}", re.ASCII), fullmatch=True) | st.ip_addresses(v=6).map(str)
port = st.none() | st.integers(0, 65535)
escaped = st.from_regex(re.compile(r"(?:[A-Za-z0-9\-_.!~*'()]|%[0-9A-Fa-f]{2}){1,12}", re.ASCII), fullmatch=True)
printable = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)
quoted = printable.map(lambda value: '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"')
params = st.lists(st.tuples(token, st.none() | token | quoted), max_size=4).map(tuple)
uri_params = st.lists(st.tuples(escaped, st.none() | escaped), max_size=3).map(tuple)
sip_uris = st.builds(
    Uri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=escaped,
    password=st.none() | escaped,
    host=host,
    port=port,
    params=uri_params,
    headers=st.none() | escaped,
) | st.builds(Uri, scheme=st.just("sip"), host=host, port=port, params=uri_params)
uris = (
    sip_uris
    | st.builds(Uri, scheme=st.just("tel"), opaque=st.from_regex(r"\A\+?[0-9\-.]{1,15}\Z"), params=uri_params)
    | st.builds(Uri, scheme=st.sampled_from(["urn", "http", "x-y.z+1"]), opaque=escaped)
)
name_addrs = st.builds(NameAddr, uri=uris, display=st.none() | printable, params=params)
vias = st.builds(Via, transport=token.map(str.upper), host=host, port=port, params=params)
cseqs = st.builds(CSeq, number=st.integers(0, LARGEST), method=token)
challenges = st.builds(
    Challenge,
    realm=printable,
    nonce=printable,
    algorithm=token,
    qop=st.lists(token.map(str.lower), max_size=3).map(tuple),
    opaque=st.none() | printable,
    stale=st.booleans(),
)
credentials = st.builds(
    Credentials,
    username=printable,
    realm=printable,
    nonce=printable,
    uri=printable,
    response=st.from_regex(r"\A[0-9a-f]{0,64}\Z"),
    algorithm=token,
    qop=token.map(str.lower),
    cnonce=printable,
    nc=st.integers(0, 2**32 - 1),
    opaque=st.none() | printable,
)
values = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30).map(lambda value: value.strip(" "))
headers = st.lists(st.tuples(token, values), max_size=6).map(
    lambda items: Headers(item for item in items if item[0].lower() not in ("l", "content-length"))
)
requests = st.builds(Request, method=token, uri=uris.map(str), headers=headers, body=st.binary(max_size=40))
responses = st.builds(
    Response, status=st.integers(100, 699), reason=values.map(str.strip), headers=headers, body=st.binary(max_size=40)
)


@pytest.mark.parametrize("parse", [*PARSERS, NameAddr.parse_many, Via.parse_many])
@given(value=text)
def test_a_parser_raises_nothing_but_parse_error(parse: Callable[[str], Any], value: str) -> None:
    with suppress(ParseError):
        parse(value)


@pytest.mark.parametrize("parse", PARSERS)
@given(value=text)
def test_what_any_text_reads_as_is_written_and_read_the_same(parse: Callable[[str], Any], value: str) -> None:
    try:
        found = parse(value)
    except ParseError:
        return
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        (Uri, uris),
        (NameAddr, name_addrs),
        (Via, vias),
        (CSeq, cseqs),
        (Challenge, challenges),
        (Credentials, credentials),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@given(data=st.data())
def test_what_is_written_is_read_the_same(kind: Any, strategy: st.SearchStrategy[Any], data: st.DataObject) -> None:
    value = data.draw(strategy)
    assert kind.parse(str(value)) == value


@given(st.lists(name_addrs, min_size=1, max_size=4))
def test_a_list_is_cut_where_it_was_joined(addresses: list[NameAddr]) -> None:
    assert NameAddr.parse_many(", ".join(map(str, addresses))) == addresses


@given(sip_uris)
def test_a_uri_matches_itself_in_capitals(uri: Uri) -> None:
    assert uri.matches(uri)
    assert uri.matches(uri.with_(host=uri.host.upper()))
    assert not uri.matches(uri.with_(port=1 if uri.port is None else None))


@given(requests | responses)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    again = parse_message(bytes(message))
    assert again.headers.get("Content-Length") == str(len(message.body))
    again.headers.remove("Content-Length")
    assert again == message


def look_at(data: bytes) -> None:
    with suppress(ParseError):
        message = parse_message(data)
        for name in VIEWS:
            with suppress(ParseError):
                getattr(message, name)
        with suppress(ParseError):
            validate(message)
        assert parse_message(bytes(message)).body == message.body
    request = salvage(data)
    if request is not None:
        bytes(response_to(request, 400, to_tag="x"))


lines = st.lists(
    st.tuples(st.sampled_from(NAMES), text),
    max_size=8,
)
starts = st.sampled_from(["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK", "ACK <x> SIP/3.0", "OPTIONS http:x SIP/2.0"])


@given(start=starts, lines=lines, body=st.binary(max_size=20))
def test_a_strange_message_does_no_harm(start: str, lines: list[tuple[str, str]], body: bytes) -> None:
    head = "\r\n".join([start, *(f"{name}: {value}" for name, value in lines)])
    look_at(head.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body)


@given(st.binary(max_size=200))
def test_any_octets_do_no_harm(data: bytes) -> None:
    look_at(data)
    look_at(b"BYE sip:a@b SIP/2.0\r\n" + data + b"\r\n\r\n")


@given(st.lists(requests | responses, max_size=4), st.data())
def test_a_stream_gives_the_same_messages_however_cut(messages: list[Message], data: st.DataObject) -> None:
    pings = data.draw(st.lists(st.integers(0, 2), min_size=len(messages), max_size=len(messages)))
    stream = b"".join(b"\r\n\r\n" * count + bytes(message) for count, message in zip(pings, messages, strict=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    framer = StreamFramer()
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[start:end])
    assert found == [bytes(message) for message in messages]
    assert framer.pings == sum(pings)


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", b"l: 5\r\n", b"\r\n\r\n", b"BYE x SIP/2.0\r\n"])))
def test_a_stream_of_anything_ends_in_parse_error_at_worst(pieces: list[bytes]) -> None:
    framer = StreamFramer(max_size=100)
    with suppress(ParseError):
        for piece in pieces:
            for message in framer.feed(piece):
                assert len(message) <= 100


@given(
    username=printable, password=printable, method=token, uri=printable, cnonce=printable, nc=st.integers(1, 2**32 - 1)
)
def test_the_two_roles_of_digest_agree(
    username: str, password: str, method: str, uri: str, cnonce: str, nc: int
) -> None:
    server = Authenticator("example.net", b"s")
    for challenge in server.challenges(1.0):
        sent = answer(
            Challenge.parse(str(challenge)),
            method=method,
            uri=uri,
            username=username,
            password=password,
            cnonce=cnonce,
            nc=nc,
        )
        received = Credentials.parse(str(sent))
        of = Authenticator("example.net", b"s")

        def find(name: str, algorithm: str) -> str:
            return ha1(name, "example.net", password, algorithm)

        assert of.check(received, method=method, ha1_of=find, now=2.0) is Verdict.OK
        assert of.check(received, method=method, ha1_of=find, now=2.0) is Verdict.REPLAYED


HOSTILE = [
    " " * 60000,
    "\t" * 60000 + "x",
    ";" * 60000,
    "," * 60000,
    '"' * 60001,
    '"' + "\\" * 60001,
    "<" * 60000,
    "<sip:" + "a" * 60000,
    "sip:" + "a" * 60000,
    "sip:" + "%" * 60000,
    "sip:a@b" + ";a" * 30000 + ";;",
    "<sip:a@b>" + ";a=" * 20000,
    "<sip:a@b>" + ' ;a="' * 10000,
    "SIP/2.0/UDP a" + " " * 60000 + "b,",
    "SIP" + " /" * 30000,
    "Digest " + 'a="\\"' * 10000,
    "Digest " + "a=b," * 15000 + " ",
    "1" + " " * 60000,
]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:12]))
def test_no_text_makes_a_parser_slow(value: str) -> None:
    """Each takes milliseconds when linear, minutes when anything in it is quadratic in a datagram's size."""
    for parse in (*PARSERS, NameAddr.parse_many, Via.parse_many):
        with suppress(ParseError):
            parse(value)
    look_at(f"BYE sip:a@b SIP/2.0\r\nTo: {value}\r\nVia: {value}\r\nContact: {value}\r\n\r\n".encode())
    look_at(f"BYE {value} SIP/2.0\r\n{value}\r\n\r\n".encode())
