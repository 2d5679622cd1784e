"""Reading leniently, judging strictly, writing, answering. The rules of RFC 4475 have a file of their own."""

import pytest

from skryba.errors import ParseError
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response, parse_message, response_to, salvage, validate

INVITE = (
    b"INVITE sip:anna@example.net SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\n"
    b"v: SIP/2.0/TCP far.example;branch=z9hG4bK2\r\n"
    b"Record-Route: <sip:edge.example;lr>\r\n"
    b"From: <sip:piotr@example.net>;tag=1\r\n"
    b"To: <sip:anna@example.net>\r\n"
    b"Call-ID: abc\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Timestamp: 54\r\n"
    b"Contact: <sip:piotr@198.51.100.7>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"v=0\r\n"
)


def request(data: bytes = INVITE) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def test_a_request_is_read_and_written_as_it_was() -> None:
    message = request()
    validate(message)
    assert (message.method, message.uri, message.version, message.body) == (
        "INVITE",
        "sip:anna@example.net",
        "SIP/2.0",
        b"v=0\r\n",
    )
    assert bytes(message) == INVITE


def test_a_response_is_read_and_written_as_it_was() -> None:
    data = INVITE.replace(b"INVITE sip:anna@example.net SIP/2.0", b"SIP/2.0 183 Session  Progress").replace(
        b"v: SIP/2.0/TCP far.example;branch=z9hG4bK2\r\n", b""
    )
    message = parse_message(data)
    assert isinstance(message, Response)
    validate(message)
    assert (message.status, message.reason) == (183, "Session  Progress")
    assert bytes(message) == data


def test_octets_that_are_no_utf8_survive() -> None:
    data = INVITE.replace(b"Timestamp: 54", b"X-Latin: Za\xbf\xf3\xb3\xe6")
    message = parse_message(data)
    assert bytes(message) == data
    assert message.headers.get("x-latin") == "Za\udcbf\udcf3\udcb3\udce6"


@pytest.mark.parametrize(
    "data",
    [
        INVITE.replace(b"\r\n", b"\n").replace(b"Length: 5", b"Length: 4"),
        b"\r\n\r\n" + INVITE,
        INVITE.replace(b"Call-ID: abc", b"CALL-id \t:  \t abc \t"),
        INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: 1\r\n\tINVITE"),
        INVITE.replace(b"CSeq: 1 INVITE", b"CSeq:\n 1 INVITE"),
        INVITE + b"and octets behind",
        INVITE.replace(b"Content-Length: 5\r\n", b""),
        INVITE.replace(b"INVITE sip:anna@example.net SIP/2.0", b"INVITE  sip:anna@example.net  sip/2.0 "),
    ],
)
def test_tolerated(data: bytes) -> None:
    message = request(data)
    validate(message)
    assert (message.call_id, message.cseq.number, message.body.rstrip()) == ("abc", 1, b"v=0")


def test_a_lost_empty_line_is_tolerated() -> None:
    message = request(b"BYE sip:a@b SIP/2.0\r\nCall-ID: x\r\n")
    assert (message.call_id, message.body) == ("x", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"hello\r\n\r\n",
        b"INVITE sip:a@b\r\n\r\n",
        b"INVITE SIP/2.0\r\n\r\n",
        b"INVITE  SIP/2.0\r\n\r\n",
        b"INV ITE\r\n\r\n",
        b"IN[VITE sip:a@b SIP/2.0\r\n\r\n",
        b"INVITE sip:a@b HTTP/1.1\r\n\r\n",
        b"INVITE sip:a@b SIP/2\r\n\r\n",
        b"SIP/2.0 OK\r\n\r\n",
        b"SIP/2.0 99 Low\r\n\r\n",
        b"SIP/2.0 2000 High\r\n\r\n",
        b"SIP/2.0 200OK\r\n\r\n",
        b"SIP/x 200 OK\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nno colon\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\n: no name\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nbad name: x\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nSubject: a\rEvil: b\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nSubject: never finished",
        INVITE[:-1],
        INVITE.replace(b"Length: 5", b"Length: 99999999999999999999"),
    ],
)
def test_unreadable(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_message(data)


def test_content_length_is_set_right() -> None:
    message = request()
    message.body = b"longer body"
    assert b"\r\nContent-Length: 11\r\n\r\nlonger body" in bytes(message)
    assert bytes(Request("BYE", "sip:a@b")) == b"BYE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    twice = Response(200, "OK", Headers([("l", "9"), ("To", "x"), ("Content-Length", "8")]), b"abc")
    assert bytes(twice) == b"SIP/2.0 200 OK\r\nl: 3\r\nTo: x\r\n\r\nabc"


@pytest.mark.parametrize(
    "message", [Request("BYE", "sip:a@b\r\nEvil: x"), Request("BYE\n", "sip:a@b"), Response(200, "OK\r\nEvil: x")]
)
def test_no_start_line_makes_a_header(message: Request | Response) -> None:
    with pytest.raises(ParseError):
        bytes(message)


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        (b"From: <sip:piotr@example.net>;tag=1", b"From: <sip:piotr@example.net"),
        (b"To: <sip:anna@example.net>", b'To: "Anna <sip:anna@example.net>'),
        (b"Call-ID: abc", b"Call-ID: a b"),
        (b"v: SIP/2.0/TCP far.example;branch=z9hG4bK2", b"v: SIP/2.0/TCP"),
        (b"Contact: <sip:piotr@198.51.100.7>", b"Contact: piotr"),
        (b"Record-Route: <sip:edge.example;lr>", b"Record-Route: <edge>"),
        (b"Timestamp: 54", b"Route: <sip:edge.example"),
        (b"Timestamp: 54", b"Max-Forwards: many"),
        (b"Timestamp: 54", b"Expires: never"),
        (b"Content-Type: application/sdp", b"Content-Type: sdp"),
        (b"Content-Length: 5", b"Content-Length: five"),
    ],
)
def test_every_typed_header_is_judged(line: bytes, broken: bytes) -> None:
    assert line in INVITE
    with pytest.raises(ParseError) as caught:
        validate(parse_message(INVITE.replace(line, broken)))
    assert caught.value.status == 400


def test_salvage_reads_past_what_is_broken() -> None:
    found = salvage(INVITE.replace(b"Timestamp: 54", b"no header at all").replace(b"Length: 5", b"Length: 500"))
    assert found is not None
    assert (found.method, found.call_id, len(found.vias)) == ("INVITE", "abc", 2)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: x",
        INVITE.replace(b"Via: ", b"Vja: ").replace(b"v: ", b"w: "),
        INVITE.replace(b"INVITE sip", b"ACK sip"),
        INVITE.replace(b"INVITE sip:anna@example.net SIP/2.0", b"SIP/2.0 200 OK"),
    ],
)
def test_nobody_to_answer(data: bytes) -> None:
    assert salvage(data) is None


def test_a_response_takes_its_headers_from_the_request() -> None:  # §8.2.6.2
    response = response_to(request(), 486, to_tag="ours")
    assert (response.status, response.reason, response.body) == (486, "Busy Here", b"")
    assert list(response.headers) == [
        ("Via", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/TCP far.example;branch=z9hG4bK2"),
        ("From", "<sip:piotr@example.net>;tag=1"),
        ("To", "<sip:anna@example.net>;tag=ours"),
        ("Call-ID", "abc"),
        ("CSeq", "1 INVITE"),
    ]


def test_a_response_that_may_form_a_dialog_keeps_the_route() -> None:  # §12.1.1
    assert response_to(request(), 183).headers.get_all("Record-Route") == ["<sip:edge.example;lr>"]
    assert response_to(request(), 200).headers.get_all("Record-Route") == ["<sip:edge.example;lr>"]
    assert "Record-Route" not in response_to(request(), 100).headers
    assert "Record-Route" not in response_to(request(), 302).headers
    assert "Record-Route" not in response_to(request(INVITE.replace(b"INVITE", b"OPTIONS")), 200).headers


def test_trying_has_the_timestamp_and_no_tag() -> None:  # §8.2.6.1, §8.2.6.2
    trying = response_to(request(), 100, to_tag="ours")
    assert trying.headers.get("Timestamp") == "54"
    assert trying.to.tag is None
    assert "Timestamp" not in response_to(request(), 180).headers


def test_a_to_tag_already_there_stays() -> None:
    data = INVITE.replace(b"To: <sip:anna@example.net>", b"To: sip:anna@example.net;tag=theirs")
    assert response_to(request(data), 200, to_tag="ours").to.tag == "theirs"
    assert response_to(request(), 200).to.tag is None


def test_own_reason() -> None:
    assert response_to(request(), 503, "Draining").reason == "Draining"


def test_views_follow_a_message_that_is_changed() -> None:
    message = request()
    assert len(message.vias) == 2
    message.headers.remove_first("Via")
    assert [via.branch for via in message.vias] == ["z9hG4bK2"]
    assert message.via.branch == "z9hG4bK2"
