"""Many patterns in one look-up."""

import pytest

from skryba.policy.matcher import Matcher

MATCHER = Matcher([("*", 1), ("+4822*", 2), ("+48221234567", 4), ("+48*", 8), ("101", 16), ("101", 32), ("+4822*", 64)])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+48221234567", 1 | 2 | 4 | 8 | 64),
        ("+48121234567", 1 | 8),
        ("+4822", 1 | 2 | 8 | 64),
        ("+482", 1 | 8),
        ("101", 1 | 16 | 32),
        ("1011", 1),
        ("", 1),
        (None, 1),
    ],
)
def test_bits(value: str | None, expected: int) -> None:
    assert MATCHER.bits(value) == expected


def test_any_of_several() -> None:
    assert MATCHER.bits_of_any(["101", "+48600100200"]) == 1 | 8 | 16 | 32
    assert MATCHER.bits_of_any([]) == 1


def test_without_patterns_nothing_fits() -> None:
    assert Matcher().bits("101") == 0
    assert Matcher().bits_of_any(["101", "*"]) == 0
