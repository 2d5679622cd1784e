"""Tables read key by key."""

import tomllib
from enum import StrEnum

from skryba.policy.faults import Fault
from skryba.policy.places import TOP, Places
from skryba.policy.table import Table

TEXT = """\
name = "  a "
empty = " "
number = 5
flag = true
share = 12.5
too_much = 100.5
colour = "red"
odd = "blue"
several = ["a", " b "]
nothing = []
mixed = ["a", 1]
[one]
name = "c"
[[many]]
name = "d"
[[many]]
nme = "e"
"""


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def table() -> tuple[Table, list[Fault]]:
    faults: list[Fault] = []
    return Table(tomllib.loads(TEXT), TOP, Places(TEXT), faults), faults


def test_values_as_they_should_be() -> None:
    top, faults = table()
    assert (top.text("name"), top.text("absent"), top.flag("flag"), top.flag("absent")) == ("a", None, True, False)
    assert (top.percent("share"), top.percent("absent")) == (12.5, None)
    assert (top.choice("colour", Colour), top.choice("absent", Colour)) == (Colour.RED, None)
    assert list(top.texts("several")) == ["a", "b"]
    assert list(top.texts("several", lambda text: text.upper() if text == "b" else None)) == ["B"]
    assert list(top.texts("nothing")) == []
    assert list(top.texts("absent", all_of=("*",))) == ["*"]
    assert "name" in top
    assert "absent" not in top
    assert list(top)[:2] == ["name", "empty"]
    assert (top.table("one").text("name"), list(top.table("absent"))) == ("c", [])
    assert [(each.text("name"), each.line) for each in top.tables("many")] == [("d", 14), (None, 16)]
    assert list(top.tables("absent")) == []
    assert faults == []


def test_what_is_wrong_is_noted_with_its_line_and_read_as_nothing() -> None:
    top, faults = table()
    assert (top.text("empty"), top.text("number"), top.flag("number"), top.percent("too_much")) == (
        None,
        None,
        False,
        None,
    )
    assert top.choice("odd", Colour) is None
    assert [*top.texts("mixed"), *top.texts("name"), *top.texts("nothing", all_of=("*",))] == []
    assert [*top.tables("one"), *top.table("many")] == []
    assert [(fault.line, fault.problem) for fault in faults] == [
        (2, "empty is a text"),
        (3, "number is a text"),
        (3, "number is true or false"),
        (6, "sample is the share of calls to record, in percent"),
        (8, "'blue' is no odd"),
        (11, "mixed is a list of texts"),
        (1, "name is a list of texts"),
        (10, "an empty list of nothing fits no call"),
        (12, "one is a table, or several"),
        (14, "many is one table"),
    ]


def test_unknown_keys_and_a_thing_told_twice() -> None:
    top, faults = table()
    for _ in range(2):
        for each in top.tables("many"):
            each.only(("name", "age"))
    assert [(fault.line, fault.remedy) for fault in faults] == [(17, "Did you mean name?")]
    top.table("one").only(("zzz",))
    assert faults[-1].remedy == "Known are zzz"
