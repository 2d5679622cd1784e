"""Whatever TOML a person writes: every key of it is found on a line, and that line names it."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from skryba.config.lines import Lines

KEYS = st.sampled_from(["a", "b-c", '"d.e"', "'f#g'", '"h\\"i"'])
VALUES = st.sampled_from(
    [
        "1",
        '"x"',
        "'y'",
        '"# ["',
        "[1, 2]",
        "[\n 1, # ]\n 2,\n]",
        '"""\nz = 1\n[t]\n"""',
        "'''\n\\'''",
        "{ k = 1 }",
        "[[1], [2]]",
    ]
)
NAMES = {"a": "a", "b-c": "b-c", '"d.e"': "d.e", "'f#g'": "f#g", '"h\\"i"': 'h"i'}


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """A text and, for each key in it, its line."""
    lines: list[str] = []
    where: dict[tuple[str | int, ...], int] = {}
    for index in range(draw(st.integers(0, 3))):
        lines += ["# [no.table]", "", "[[ s ]]  # x = 1"]
        where["s", index] = len(lines)
        for key in draw(st.lists(KEYS, unique=True)):
            where["s", index, NAMES[key]] = len(lines) + 1
            lines += f"{draw(st.sampled_from(['', '  ']))}{key} = {draw(VALUES)}".split("\n")
        if draw(st.booleans()):
            lines += ["[s.sub]", "deep.er = 1"]
            where["s", index, "sub"] = len(lines) - 1
            where["s", index, "sub", "deep", "er"] = len(lines)
    return "\n".join(lines), where


@given(documents())
def test_every_key_is_found_on_its_line(document: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, where = document
    tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.of(path) for path in where} == where


@given(st.text(alphabet="ab==..\"'#[]{}\\, \n1", max_size=60))
def test_no_accepted_text_breaks_the_search(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)
    for key in document:
        assert lines.of((key,)) is not None
