"""Polish public holidays, against calendars that were printed."""

from datetime import date

import pytest

from skryba.policy.holidays import easter, is_holiday, polish_holidays

YEAR_2026 = [
    "2026-01-01", "2026-01-06", "2026-04-05", "2026-04-06", "2026-05-01", "2026-05-03", "2026-05-24", "2026-06-04",
    "2026-08-15", "2026-11-01", "2026-11-11", "2026-12-24", "2026-12-25", "2026-12-26",
]  # fmt: skip


@pytest.mark.parametrize(
    "expected",
    ["1818-03-22", "1943-04-25", "1954-04-18", "1981-04-19", "2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31",
     "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2049-04-18", "2285-03-22"],
)  # fmt: skip
def test_a3_easter(expected: str) -> None:
    day = date.fromisoformat(expected)
    assert easter(day.year) == day


def test_a3_the_holidays_of_a_year() -> None:
    assert sorted(map(str, polish_holidays(2026))) == YEAR_2026
    assert all(english and polish for english, polish in polish_holidays(2026).values())


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 12, 24), False),
        (date(2025, 12, 24), True),
        (date(2010, 1, 6), False),
        (date(2011, 1, 6), True),
        (date(2026, 12, 27), False),
        (date(2026, 4, 3), False),  # Good Friday is a working day
        (date(2008, 5, 1), True),  # Labour Day, and Ascension besides
    ],
)
def test_a3_days_that_became_holidays_by_law(day: date, expected: bool) -> None:
    assert is_holiday(day) is expected


@pytest.mark.parametrize("year", [1, 1582, 9999])
def test_the_ends_of_time(year: int) -> None:
    assert easter(year).weekday() == 6
    assert date(year, 12, 25) in polish_holidays(year)
