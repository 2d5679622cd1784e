"""StreamFramer: messages, keep-alives and broken streams, however they are cut."""

import itertools

import pytest

from skryba.errors import ParseError
from skryba.sip.framing import StreamFramer
from skryba.sip.message import parse_message, validate

ONE = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 4\r\n\r\nbody"
TWO = b"BYE sip:a@b SIP/2.0\r\nl :\r\n 0\r\nCall-ID: 2\r\n\r\n"
THREE = b"SIP/2.0 200 OK\nCall-ID: 3\nCONTENT-LENGTH: 2\n\nok"
STREAM = ONE + b"\r\n\r\n" + TWO + b"\r\n" + THREE + b"\r\n\r\n\r\n\r\n" + ONE


def run(pieces: list[bytes]) -> tuple[list[bytes], int]:
    framer = StreamFramer()
    return [message for piece in pieces for message in framer.feed(piece)], framer.pings


def test_whole_stream() -> None:
    assert run([STREAM]) == ([ONE, TWO, THREE, ONE], 3)


def test_octet_by_octet() -> None:
    assert run([STREAM[i : i + 1] for i in range(len(STREAM))]) == ([ONE, TWO, THREE, ONE], 3)


def test_cut_anywhere_into_three() -> None:
    for first, second in itertools.combinations(range(0, len(STREAM), 5), 2):
        assert run([STREAM[:first], STREAM[first:second], STREAM[second:]]) == ([ONE, TWO, THREE, ONE], 3)


def test_pings_alone() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n\r\n\r\n") == []
    assert framer.pings == 1
    assert framer.feed(b"\r") == framer.feed(b"\n") == []
    assert framer.pings == 2


def test_a_pong_is_no_ping() -> None:
    assert run([b"\r\n", ONE]) == ([ONE], 0)


def test_empty_lines_of_bare_lf_are_skipped() -> None:
    assert run([b"\n\n", ONE + b"\n", TWO]) == ([ONE, TWO], 0)


def test_without_a_length_there_is_no_body() -> None:
    head = b"ACK sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n"
    assert run([head + ONE]) == ([head, ONE], 0)


def test_an_octet_of_the_body_is_never_a_header() -> None:
    body = b"\r\nContent-Length: 900\r\n\r\n"
    message = b"MESSAGE sip:a@b SIP/2.0\r\nX-Content-Length: 7\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert run([message + ONE]) == ([message, ONE], 0)


@pytest.mark.parametrize(
    "length", [b"Content-Length: -5", b"l: 3\r\nContent-Length: 3", b"Content-Length: x", b"Content-Length:"]
)
def test_a_hidden_end_gives_the_head_to_answer_and_ends_the_stream(length: bytes) -> None:  # RFC 4475 §3.1.2.3, §3.3.9
    head = b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n" + length + b"\r\n\r\n"
    framer = StreamFramer()
    assert framer.feed(ONE + head + b"body" + ONE) == [ONE, head]
    assert framer.failed
    with pytest.raises(ParseError) as refused:
        validate(parse_message(head))
    assert refused.value.status == 400
    with pytest.raises(ParseError):
        framer.feed(b"")


def test_a_head_without_end_is_refused() -> None:
    framer = StreamFramer(max_size=100)
    assert framer.feed(b"x" * 100) == []
    assert not framer.failed
    with pytest.raises(ParseError) as caught:
        framer.feed(b"x")
    assert caught.value.status == 513
    assert framer.failed


@pytest.mark.parametrize("length", [b"90", b"9999999999999999999999"])
def test_a_message_too_large_is_refused_before_it_comes(length: bytes) -> None:
    framer = StreamFramer(max_size=100)
    with pytest.raises(ParseError):
        framer.feed(b"BYE sip:a@b SIP/2.0\r\nl: " + length + b"\r\n\r\n")


def test_messages_before_the_fault_are_not_lost() -> None:
    framer = StreamFramer(max_size=100)
    assert framer.feed(ONE + b"y" * 101) == [ONE]
    assert framer.failed
    with pytest.raises(ParseError):
        framer.feed(ONE)


def test_the_limit_is_for_one_message_not_for_the_stream() -> None:
    framer = StreamFramer(max_size=len(ONE))
    assert framer.feed(ONE * 50) == [ONE] * 50
