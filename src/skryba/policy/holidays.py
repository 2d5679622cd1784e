"""Public holidays of Poland, computed for any year: the days off work of the Act of 18 January 1951, as amended.

May not know rules, hours or zones. Sundays are days off by the same Act, but no holidays here: weekdays say those.
"""

from datetime import date, timedelta
from functools import lru_cache

_FIXED = (
    (1, 1, "New Year", "Nowy Rok"),
    (5, 1, "Labour Day", "Święto Państwowe 1 Maja"),
    (5, 3, "Constitution Day", "Święto Narodowe Trzeciego Maja"),
    (8, 15, "Assumption", "Wniebowzięcie Najświętszej Maryi Panny"),
    (11, 1, "All Saints", "Wszystkich Świętych"),
    (11, 11, "Independence Day", "Narodowe Święto Niepodległości"),
    (12, 25, "Christmas Day", "pierwszy dzień Bożego Narodzenia"),
    (12, 26, "Second Day of Christmas", "drugi dzień Bożego Narodzenia"),
)
_SINCE = (  # added later: the first year in which it was a day off
    (2011, 1, 6, "Epiphany", "Święto Trzech Króli"),
    (2025, 12, 24, "Christmas Eve", "Wigilia Bożego Narodzenia"),
)
_MOVABLE = (  # days after Easter Sunday
    (0, "Easter Sunday", "pierwszy dzień Wielkiej Nocy"),
    (1, "Easter Monday", "drugi dzień Wielkiej Nocy"),
    (49, "Pentecost", "pierwszy dzień Zielonych Świątek"),
    (60, "Corpus Christi", "dzień Bożego Ciała"),
)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the "anonymous" computus, Nature 13, 1876)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leaps, off = divmod(century, 4)
    moon = (19 * golden + century - leaps - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * off + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def polish_holidays(year: int) -> dict[date, tuple[str, str]]:
    """The year's holidays with their English and Polish names. Nobody may change the answer."""
    sunday = easter(year)
    found = {sunday + timedelta(days): (english, polish) for days, english, polish in _MOVABLE}
    fixed = [*_FIXED, *(entry[1:] for entry in _SINCE if year >= entry[0])]
    for month, day, english, polish in fixed:
        found.setdefault(date(year, month, day), (english, polish))
    return found


def is_holiday(day: date) -> bool:
    return day in polish_holidays(day.year)
