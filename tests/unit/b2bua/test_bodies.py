"""Bodies: the description within, parts that cross, and what must be understood."""

import pytest

from skryba.b2bua.bodies import Body, Part, read, write
from skryba.errors import ParseError
from skryba.sip.headers import Headers
from skryba.sip.message import Request

PIDF = Part("application/pidf+xml", "<a@b>", b"<presence/>")


def carrying(kind: str | None, body: bytes, **more: str) -> Request:
    request = Request("INVITE", "sip:x", Headers([("Content-Type", kind)] if kind else []), body)
    for name, value in more.items():
        request.headers.add(name.replace("_", "-"), value)
    return request


def test_plain_bodies() -> None:
    assert read(carrying(None, b"")) == Body()
    assert read(carrying("application/sdp", b"v=0")) == Body(b"v=0")
    assert read(carrying("APPLICATION/SDP; charset=utf-8", b"v=0")) == Body(b"v=0")


def test_a_type_we_do_not_know_is_a_415_unless_it_is_optional() -> None:
    with pytest.raises(ParseError) as caught:
        read(carrying("text/plain", b"x"))
    assert caught.value.status == 415
    assert read(carrying("text/plain", b"x", Content_Disposition="render; handling=optional")) == Body()


@pytest.mark.parametrize("boundary", ["b1", '"b 1"'])
def test_multipart(boundary: str) -> None:
    line = boundary.strip('"').encode()
    body = (
        b"preamble\r\n--" + line + b"\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--" + line +
        b"\r\ncontent-type: application/pidf+xml; x=y\r\nContent-ID: <a@b>\r\n\r\n<presence/>\r\n--" + line +
        b"\r\nContent-Type: application/isup\r\n\r\nsecret\r\n--" + line + b"--\r\nepilogue"
    )  # fmt: skip
    assert read(carrying(f"multipart/mixed; boundary={boundary}", body)) == Body(b"v=0\r\n", (PIDF,))


def test_multipart_without_boundary() -> None:
    with pytest.raises(ParseError, match="boundary"):
        read(carrying("multipart/mixed", b"--x"))


def test_what_is_written_can_be_read() -> None:
    message = carrying(None, b"")
    write(message, b"v=0\r\n", (PIDF,), boundary="tok")
    assert message.headers.get("MIME-Version") == "1.0"
    assert read(message) == Body(b"v=0\r\n", (PIDF,))
    plain = carrying(None, b"")
    write(plain, b"v=0")
    assert read(plain) == Body(b"v=0")
    empty = carrying(None, b"")
    write(empty, None)
    assert empty.body == b""
    assert "Content-Type" not in empty.headers


def test_a_content_id_with_a_line_break_does_not_cross() -> None:
    body = b"--b\r\nContent-Type: application/pidf+xml\r\nContent-ID: <a b>\r\n\r\nx\r\n--b--"
    assert read(carrying("multipart/mixed;boundary=b", body)).parts[0].content_id is None
