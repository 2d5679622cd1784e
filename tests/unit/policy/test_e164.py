"""One form for a number, however it was written."""

import pytest

from skryba.policy.e164 import matches, normalise


@pytest.mark.parametrize(
    "text",
    [
        # product line A4
        "+48221234567",
        "0048221234567",
        "48221234567",
        "221234567",
        "22 123 45 67",
        # as people, phones and trunks write
        "0221234567",
        "+48 22 123-45-67",
        "(22) 123.45.67",
        "+48 (0)22 123 45 67",
        "0048 (0) 22/1234567".replace("(0) ", "(0)"),
        "+48\u00a022\u2011123\u201145\u201167",
        "tel:+48-22-123-45-67",
        "TEL:221234567;phone-context=+48",
        "sip:+48221234567@example.net;user=phone",
        "sips:48221234567:secret@192.0.2.1:5061",
        "sip:%2B48221234567@example.net",
        "+48221234567;npdi",
        " 221234567 ",
    ],
)
def test_one_number(text: str) -> None:
    assert normalise(text) == "+48221234567"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "anonymous", "Anonymous", "UNAVAILABLE", "restricted", "unknown", "sip:anonymous@anonymous.invalid",
     "sip:anonymous.invalid", "sip:Restricted@192.0.2.1", "sip:@192.0.2.1"],
)  # fmt: skip
def test_withheld(text: str) -> None:
    assert normalise(text) == "anonymous"


@pytest.mark.parametrize(
    "text",
    ["101", "112", "19115", "116111", "*72", "#31#", "alice", "reception-2", "12345678", "4812345678",
     "0012", "000221234567", "49301234567890", "urn:service:sos", "%zz", "²²"],
)  # fmt: skip
def test_what_fits_no_plan_stays_as_it_is(text: str) -> None:
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00491761234567", "+491761234567"),
        ("+491761234567", "+491761234567"),
        ("481234567", "+48481234567"),  # Radom: nine digits are national even when they begin with 48
        ("+48112", "+48112"),
        ("sip:101@192.0.2.1", "101"),
        ("1-0-1", "101"),
    ],
)
def test_other_numbers(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("030 1234567", "+49301234567"),
        ("4930123456789", "+4930123456789"),
        ("123456", "123456"),
        ("3012345", "+493012345"),
    ],
)
def test_another_country(text: str, expected: str) -> None:
    assert normalise(text, country="49") == expected


def test_other_prefixes() -> None:
    assert normalise("011442079460000", country="1", international_prefix="011", national_prefix="1") == "+442079460000"
    assert normalise("12125550100", country="1", international_prefix="011", national_prefix="1") == "+12125550100"


@pytest.mark.parametrize(
    ("pattern", "number", "expected"),
    [
        ("*", "+48221234567", True),
        ("*", "anonymous", True),
        ("+4822*", "+48221234567", True),
        ("+4822*", "+48121234567", False),
        ("2*", "+48221234567", False),
        ("101", "101", True),
        ("101", "1011", False),
        ("anonymous", "anonymous", True),
        ("anonymous", "+48221234567", False),
    ],
)
def test_patterns(pattern: str, number: str, expected: bool) -> None:
    assert matches(pattern, number) is expected
