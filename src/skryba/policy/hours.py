"""Hours of the week in a named time zone: "mon-fri 08:00-16:00", over midnight if need be, with or without holidays.

May not know rules, nor what time it is. Wall-clock time counts: 08:00 stays 08:00 when summer time begins.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from skryba.policy.holidays import is_holiday

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_SPAN = re.compile(r"([a-z,\- ]*?)\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\Z")


class Holidays(StrEnum):
    """What Polish public holidays are to a rule. The date on the wall counts, also in a span over midnight."""

    ANY = "any"  # days like others
    EXCEPT = "except"  # never within
    ONLY = "only"  # nothing else is within


class HoursError(ValueError):
    """What is wrong with the words for hours, in English and, in `polish`, in Polish."""

    def __init__(self, english: str, polish: str) -> None:
        super().__init__(english)
        self.polish = polish


@dataclass(frozen=True, slots=True)
class Hours:
    """`parse` makes one. `week` has a byte for each minute since Monday 00:00, 1 = within."""

    text: str
    zone: ZoneInfo
    week: bytes = field(repr=False)
    holidays: Holidays = Holidays.ANY

    @classmethod
    def parse(cls, text: str, zone: str = "Europe/Warsaw", holidays: Holidays = Holidays.ANY) -> "Hours":
        """Spans `DAYS HH:MM-HH:MM` joined by `;`, days such as `mon-fri` or `mon,wed,fri-sun`, none = every day.

        A span whose end is not after its start runs into the next day. HoursError says what is wrong, in words for
        the person who wrote it.
        """
        try:
            where = ZoneInfo(zone)
        except (OSError, ValueError, LookupError) as error:
            raise HoursError(f"there is no time zone {zone!r}", f"nie ma strefy czasowej „{zone}”") from error
        return cls(text, where, _week(text.lower()), holidays)

    def contains(self, at: datetime) -> bool:
        """Is this moment within? `at` must be aware."""
        try:
            local = at.astimezone(self.zone)
        except (OverflowError, ValueError):  # year 1 or 9999: no zone reaches there
            local = at
        if self.week[local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute] != 1:
            return False
        return self.holidays is Holidays.ANY or is_holiday(local.date()) is (self.holidays is Holidays.ONLY)

    def covers(self, other: "Hours") -> bool:
        """Is every moment of the other's within ours, for certain?"""
        if self.zone.key != other.zone.key or self.holidays not in (Holidays.ANY, other.holidays):
            return False
        return not int.from_bytes(other.week) & ~int.from_bytes(self.week)

    def meets(self, other: "Hours") -> bool:
        """May a moment be within both? Different zones are not compared: they may."""
        if {self.holidays, other.holidays} == {Holidays.EXCEPT, Holidays.ONLY}:
            return False
        if self.zone.key != other.zone.key:
            return True
        return bool(int.from_bytes(other.week) & int.from_bytes(self.week))

    def __str__(self) -> str:
        words = f"{self.text} {self.zone.key}"
        return words if self.holidays is Holidays.ANY else f"{words}, {self.holidays} holidays"


@lru_cache(maxsize=256)
def _week(text: str) -> bytes:
    """Shared by all who say the same."""
    week = bytearray(_WEEK_MINUTES)
    for span in text.split(";"):
        _mark(week, span.strip())
    return bytes(week)


def _mark(week: bytearray, span: str) -> None:
    found = _SPAN.match(span)
    if found is None:
        raise HoursError(
            f"{span!r} is not of the form mon-fri 08:00-16:00", f"„{span}” nie ma postaci mon-fri 08:00-16:00"
        )
    start, end = _minute(found[2], found[3]), _minute(found[4], found[5])
    if start == end:
        raise HoursError(
            f"{span!r} is empty; a whole day is 00:00-24:00", f"„{span}” jest pusty; cała doba to 00:00-24:00"
        )
    length = end - start if end > start else end + _DAY_MINUTES - start
    for day in _days(found[1]):
        first = day * _DAY_MINUTES + start
        for minute in range(first, first + length):
            week[minute % _WEEK_MINUTES] = 1


def _minute(hour: str, minute: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > _DAY_MINUTES:
        raise HoursError(f"{hour}:{minute} is no time of day", f"{hour}:{minute} nie jest godziną")
    return total


def _days(text: str) -> list[int]:
    if not text.strip():
        return list(range(7))
    days = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        for name in (first, last) if dash else (first,):
            if name not in DAYS:
                days_known = ", ".join(DAYS)
                raise HoursError(
                    f"{name!r} is no day; days are {days_known}", f"„{name}” nie jest dniem; dni to {days_known}"
                )
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        days += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return days
