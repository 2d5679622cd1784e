from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.errors import ConfigError, IntegrityError
from skryba.policy.rules import parse_rules
from skryba.policy.versions import History, Load, Version, diff, digest, signed_by

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def version(number: int, text: str = "") -> Version:
    return Version(number, digest(text), at(number), "Żaneta", "powód", restores=None, over=None)


def history(*loads: tuple[int, float]) -> History:
    versions = tuple(version(number) for number in range(1, 4))
    return History(versions, tuple(Load(number, at(hours)) for number, hours in loads))


def test_a10_a_version_is_called_what_decisions_call_it() -> None:
    assert version(1, 'never = ["101"]').version == parse_rules('never = ["101"]', source="r").version


def test_a10_what_is_written_is_read_again() -> None:
    first = version(1)
    second = Version(2, digest("x"), at(2), 'a "b"\\', "line\u2028separator", restores=1, over=digest("y"))
    lines = [first.line(), Load(1, at(1)).line(), second.line(), Load(2, at(3)).line()]
    assert all(line.count("\n") == 1 and line.endswith("\n") for line in lines)
    assert History.parse("".join(lines)) == History((first, second), (Load(1, at(1)), Load(2, at(3))))
    assert History.parse("") == History()
    assert History.parse(first.line() + second.line()[:-1]) == History((first,)), "cut off: never acknowledged"


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[1]",
        "1",
        '{"do": "save"}',
        version(3).line(),  # version 2 is missing
        version(2).line().replace("save", "keep"),
        version(2).line().replace("+00:00", ""),
        version(2).line().replace(digest(""), "abc"),
        version(2).line().replace("author", "auth0r"),
        version(2).line().replace('"number": 2', '"number": "2"'),
        Load(2, NOON).line(),
        Load(0, NOON).line(),
    ],
)
def test_a10_a_line_that_nobody_wrote_is_named(line: str) -> None:
    with pytest.raises(IntegrityError, match=r"^line 2 of the history of the rules is damaged: "):
        History.parse(version(1).line() + line.rstrip("\n") + "\n")


def test_a10_the_version_in_force_is_the_one_that_was_loaded_last_before() -> None:
    told = history((1, 1), (2, 4), (1, 6))
    found = [told.in_force(at(hours)) for hours in (0.9, 1, 3.9, 4, 6, 900)]
    assert [each and each.number for each in found] == [None, 1, 1, 2, 1, 1]
    assert told.spans(1) == [(at(1), at(4)), (at(6), None)]
    assert told.spans(2) == [(at(4), at(6))]
    assert told.spans(3) == [], "saved, but never in force"


def test_a10_where_the_clock_was_set_back_the_later_load_counts() -> None:
    told = history((1, 5), (2, 3))
    found = [told.in_force(at(hours)) for hours in (4, 6)]
    assert [each and each.number for each in found] == [2, 2]


def test_unknown_versions_are_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no version 4 of the rules\. Versions are 1 to 3"):
        history().version(4)
    with pytest.raises(ConfigError, match="Versions are none yet"):
        History().version(1)


def test_a10_a_difference_shows_changed_lines_with_their_numbers() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 21))
    after = before.replace("line 9\n", "line nine\nand a half\n").replace("line 20\n", "")
    shown = [str(line) for line in diff(before, after, around=1)]
    assert shown == [
        "            …",
        "    8     8   line 8",
        "    9       - line 9",
        "          9 + line nine",
        "         10 + and a half",
        "   10    11   line 10",
        "            …",
        "   19    20   line 19",
        "   20       - line 20",
        "   21    21",
    ]
    assert diff(before, before) == []


@given(*[st.lists(st.sampled_from("abc")).map("\n".join)] * 2)
def test_a10_a_difference_leads_from_one_text_to_the_other(before: str, after: str) -> None:
    lines = diff(before, after, around=10_000)
    if before == after:
        assert lines == []
        return
    assert "\n".join(line.text for line in lines if line.mark in " -") == before
    assert "\n".join(line.text for line in lines if line.mark in " +") == after
    numbers = [line.before for line in lines if line.before is not None]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a10_author_and_reason_are_one_line_each() -> None:
    assert signed_by(" Anna ", " why ") == ("Anna", "why")
    for author, reason, fault in [
        ("", "r", "needs its author"),
        ("a", "\t", "needs its reason"),
        ("a" * 101, "r", "author of a change is one line of at most 100"),
        ("a", "one\ntwo", "reason of a change is one line of at most 1000"),
        ("file", "r", "Name a person"),
    ]:
        with pytest.raises(ConfigError, match=fault):
            signed_by(author, reason)
