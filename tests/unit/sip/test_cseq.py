"""CSeq: number and method."""

import pytest

from skryba.errors import ParseError
from skryba.sip.cseq import CSeq


@pytest.mark.parametrize(
    ("text", "cseq"),
    [
        ("1 INVITE", CSeq(1, "INVITE")),
        (" 0009\r\n \tbye ", CSeq(9, "bye")),
        ("2147483647 ACK", CSeq(2**31 - 1, "ACK")),
        ("0 OPTIONS", CSeq(0, "OPTIONS")),
    ],
)
def test_reading(text: str, cseq: CSeq) -> None:
    assert CSeq.parse(text) == cseq
    assert CSeq.parse(str(cseq)) == cseq


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "1INVITE", "-1 INVITE", "1 IN VITE", "1 (", "2147483648 ACK", "9" * 5000 + " A", "٣ A"]
)
def test_what_is_no_cseq_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        CSeq.parse(text)
