"""Hours of the week in a named time zone: "mon-fri 08:00-16:00", over midnight if need be.

May not know rules, nor what time it is. Wall-clock time counts: 08:00 stays 08:00 when summer time begins.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_SPAN = re.compile(r"([a-z,\- ]*?)\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\Z")


@dataclass(frozen=True, slots=True)
class Hours:
    """`parse` makes one. `week` has a byte for each minute since Monday 00:00, 1 = within."""

    text: str
    zone: ZoneInfo
    week: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str, zone: str = "Europe/Warsaw") -> "Hours":
        """Spans `DAYS HH:MM-HH:MM` joined by `;`, days such as `mon-fri` or `mon,wed,fri-sun`, none = every day.

        A span whose end is not after its start runs into the next day. ValueError says what is wrong, in words for
        the person who wrote it.
        """
        try:
            where = ZoneInfo(zone)
        except (OSError, ValueError, LookupError) as error:
            raise ValueError(f"there is no time zone {zone!r}") from error
        week = bytearray(_WEEK_MINUTES)
        for span in text.lower().split(";"):
            _mark(week, span.strip())
        return cls(text, where, bytes(week))

    def contains(self, at: datetime) -> bool:
        """Is this moment within? `at` must be aware."""
        try:
            local = at.astimezone(self.zone)
        except (OverflowError, ValueError):  # year 1 or 9999: no zone reaches there
            local = at
        return self.week[local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute] == 1

    def __str__(self) -> str:
        return f"{self.text} {self.zone.key}"


def _mark(week: bytearray, span: str) -> None:
    found = _SPAN.match(span)
    if found is None:
        raise ValueError(f"{span!r} is not of the form mon-fri 08:00-16:00")
    start, end = _minute(found[2], found[3]), _minute(found[4], found[5])
    if start == end:
        raise ValueError(f"{span!r} is empty; a whole day is 00:00-24:00")
    length = end - start if end > start else end + _DAY_MINUTES - start
    for day in _days(found[1]):
        first = day * _DAY_MINUTES + start
        for minute in range(first, first + length):
            week[minute % _WEEK_MINUTES] = 1


def _minute(hour: str, minute: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > _DAY_MINUTES:
        raise ValueError(f"{hour}:{minute} is no time of day")
    return total


def _days(text: str) -> list[int]:
    if not text.strip():
        return list(range(7))
    days = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        for name in (first, last) if dash else (first,):
            if name not in DAYS:
                raise ValueError(f"{name!r} is no day; days are {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        days += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return days
