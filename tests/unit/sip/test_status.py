"""Reason phrases."""

import pytest

from skryba.sip.status import REASONS, reason


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (100, "Trying"),
        (200, "OK"),
        (487, "Request Terminated"),
        (299, "Success"),
        (699, "Global Failure"),
        (999, "Unknown"),
    ],
)
def test_phrase(status: int, phrase: str) -> None:
    assert reason(status) == phrase


def test_every_code_is_of_a_class() -> None:
    assert {status // 100 for status in REASONS} == {1, 2, 3, 4, 5, 6}
