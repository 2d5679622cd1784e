"""Telephone events."""

import pytest

from skryba.errors import ParseError
from skryba.media.dtmf import TelephoneEvent


def test_reads_an_end_packet() -> None:
    event = TelephoneEvent.parse(bytes.fromhex("0b 8a 0320"))
    assert event == TelephoneEvent(event=11, end=True, volume=10, duration=800)
    assert event.key == "#"
    assert bytes(event) == bytes.fromhex("0b8a0320")


def test_the_reserved_bit_is_ignored() -> None:
    assert TelephoneEvent.parse(bytes.fromhex("004a0001")) == TelephoneEvent(0, False, 10, 1)


def test_not_every_event_is_a_key() -> None:
    assert TelephoneEvent(16, False, 0, 0).key is None
    assert TelephoneEvent(15, False, 0, 0).key == "D"


def test_refuses_a_cut_off_event() -> None:
    with pytest.raises(ParseError):
        TelephoneEvent.parse(b"\1\2\3")
