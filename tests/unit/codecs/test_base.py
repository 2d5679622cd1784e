"""Formats as SDP writes them, payloads as arrays."""

import numpy as np
import pytest

from skryba.codecs.base import Format, octets_of


@pytest.mark.parametrize("text", ["PCMU/8000", "L16/44100/2", "telephone-event/8000", "opus/48000/2"])
def test_text_and_format_are_inverses(text: str) -> None:
    assert str(Format.parse(text)).lower() == text.lower()


def test_encoding_is_upper_case_and_one_channel_is_not_written() -> None:
    assert Format.parse(" pcma/8000/1 ") == Format("PCMA", 8000, 1)
    assert str(Format("PCMA", 8000)) == "PCMA/8000"


@pytest.mark.parametrize("text", ["", "PCMU", "/8000", "PCMU/x", "PCMU/0", "PCMU/8000/0", "a/1/2/3"])
def test_what_is_no_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Format.parse(text)


def test_arrays_and_octets_are_taken_alike() -> None:
    array = np.arange(4, dtype=np.uint8)
    assert octets_of(array) is array
    assert octets_of(b"\x00\x01\x02\x03").tolist() == octets_of(array.data).tolist() == [0, 1, 2, 3]
