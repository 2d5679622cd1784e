"""Hours of the week, by the clock on the wall."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from skryba.policy.hours import Holidays, Hours, HoursError


def warsaw(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    """November 2026: the 23rd is a Monday; Warsaw is an hour ahead of UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("mon-fri 08:00-16:00", warsaw(23, 8), True),
        ("mon-fri 08:00-16:00", warsaw(23, 7, 59), False),
        ("mon-fri 08:00-16:00", warsaw(27, 15, 59), True),
        ("mon-fri 08:00-16:00", warsaw(27, 16), False),
        ("mon-fri 08:00-16:00", warsaw(28, 12), False),
        ("mon,wed-thu 08:00-16:00", warsaw(24, 12), False),
        ("mon,wed-thu 08:00-16:00", warsaw(26, 12), True),
        ("SAT-MON 8:00 - 16:00", warsaw(29, 12), True),
        ("sat-mon 08:00-16:00", warsaw(23, 12), True),
        ("sat-mon 08:00-16:00", warsaw(24, 12), False),
        ("fri 22:00-06:00", warsaw(27, 23), True),
        ("fri 22:00-06:00", warsaw(28, 5, 59), True),
        ("fri 22:00-06:00", warsaw(28, 6), False),
        ("fri 22:00-06:00", warsaw(27, 5), False),
        ("sun 22:00-06:00", warsaw(23, 5), True),
        ("08:00-16:00", warsaw(29, 12), True),
        ("sat 00:00-24:00", warsaw(28, 23, 59), True),
        ("sat 00:00-24:00", warsaw(29, 0), False),
        ("mon-fri 08:00-16:00; sat 09:00-13:00", warsaw(28, 9), True),
        ("mon-fri 08:00-16:00; sat 09:00-13:00", warsaw(28, 13), False),
    ],
)
def test_contains(text: str, at: datetime, expected: bool) -> None:
    assert Hours.parse(text).contains(at) is expected


def test_the_clock_on_the_wall_counts_in_summer_too() -> None:
    hours = Hours.parse("mon-fri 08:00-16:00")
    assert hours.contains(datetime(2026, 7, 6, 6, 0, tzinfo=UTC))
    assert not hours.contains(datetime(2026, 7, 6, 5, 59, tzinfo=UTC))
    assert not hours.contains(datetime(2026, 11, 23, 6, 30, tzinfo=UTC))


def test_the_zone_counts_and_not_that_of_the_moment() -> None:
    tokyo = Hours.parse("mon 08:00-16:00", "Asia/Tokyo")
    assert tokyo.contains(datetime(2026, 11, 22, 23, 0, tzinfo=UTC))
    assert tokyo.contains(datetime(2026, 11, 22, 18, 0, tzinfo=timezone(timedelta(hours=-5))))


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time(at: datetime) -> None:
    assert Hours.parse("00:00-24:00", "Asia/Tokyo").contains(at)
    assert Hours.parse("00:00-24:00", "America/New_York").contains(at)


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("", "Europe/Warsaw", "is not of the form"),
        ("mon-fri", "Europe/Warsaw", "is not of the form"),
        ("mon 08:00-16:00;", "Europe/Warsaw", "is not of the form"),
        ("pon 08:00-16:00", "Europe/Warsaw", "'pon' is no day"),
        ("mon- 08:00-16:00", "Europe/Warsaw", "'' is no day"),
        ("mon 08:00-25:00", "Europe/Warsaw", "25:00 is no time"),
        ("mon 08:60-09:00", "Europe/Warsaw", "08:60 is no time"),
        ("mon 24:01-09:00", "Europe/Warsaw", "24:01 is no time"),
        ("mon 08:00-08:00", "Europe/Warsaw", "is empty"),
        ("mon 08:00-16:00", "Europe/Nowhere", "no time zone 'Europe/Nowhere'"),
        ("mon 08:00-16:00", "../etc", "no time zone"),
        ("mon 08:00-16:00", "", "no time zone"),
    ],
)
def test_faults_are_told_in_words(text: str, zone: str, message: str) -> None:
    with pytest.raises(HoursError, match=message) as caught:
        Hours.parse(text, zone)
    assert caught.value.polish
    assert caught.value.polish != str(caught.value)


def test_prints_itself() -> None:
    assert str(Hours.parse("mon-fri 08:00-16:00")) == "mon-fri 08:00-16:00 Europe/Warsaw"
    told = str(Hours.parse("mon-fri 08:00-16:00", holidays=Holidays.EXCEPT))
    assert told == "mon-fri 08:00-16:00 Europe/Warsaw, except holidays"


@pytest.mark.parametrize(
    ("holidays", "working_day", "holiday"),
    [(Holidays.ANY, True, True), (Holidays.EXCEPT, True, False), (Holidays.ONLY, False, True)],
)
def test_a3_public_holidays(holidays: Holidays, working_day: bool, holiday: bool) -> None:
    hours = Hours.parse("mon-fri 08:00-16:00", holidays=holidays)
    assert hours.contains(warsaw(12, 10)) is working_day  # a Thursday
    assert hours.contains(warsaw(11, 10)) is holiday  # Independence Day, a Wednesday
    assert not hours.contains(warsaw(11, 17))


def test_a3_a_holiday_is_one_by_the_clock_on_the_wall() -> None:
    only = Hours.parse("00:00-24:00", holidays=Holidays.ONLY)
    assert only.contains(datetime(2026, 11, 10, 23, 30, tzinfo=UTC))  # half past midnight in Warsaw
    assert not only.contains(datetime(2026, 11, 11, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("wide", "narrow", "covers", "meets"),
    [
        (("mon-fri 08:00-16:00",), ("tue 09:00-10:00",), True, True),
        (("tue 09:00-10:00",), ("mon-fri 08:00-16:00",), False, True),
        (("mon 08:00-16:00",), ("mon 16:00-17:00",), False, False),
        (("mon 08:00-16:00", "Europe/Berlin"), ("mon 08:00-16:00",), False, True),
        (("08:00-16:00",), ("08:00-16:00", "Europe/Warsaw", Holidays.ONLY), True, True),
        (("08:00-16:00", "Europe/Warsaw", Holidays.EXCEPT), ("08:00-16:00",), False, True),
        (
            ("08:00-16:00", "Europe/Warsaw", Holidays.EXCEPT),
            ("08:00-16:00", "Europe/Warsaw", Holidays.ONLY),
            False,
            False,
        ),
        (("08:00-16:00", "Europe/Warsaw", Holidays.ONLY), ("09:00-10:00", "Europe/Warsaw", Holidays.ONLY), True, True),
    ],
)
def test_a17_hours_are_compared(wide: tuple[Any, ...], narrow: tuple[Any, ...], covers: bool, meets: bool) -> None:
    assert Hours.parse(*wide).covers(Hours.parse(*narrow)) is covers
    assert Hours.parse(*wide).meets(Hours.parse(*narrow)) is meets
    assert Hours.parse(*narrow).meets(Hours.parse(*wide)) is meets
