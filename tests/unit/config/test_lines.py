import tomllib

import pytest

from skryba.config.lines import Lines

TEXT = '''\
# comment
title = "x = [ not a table"   # [neither]

[sip]
listen = [
    "udp:127.0.0.1:5060",  # a ] in a comment
    "tcp:127.0.0.1:5060",
]
domain = """
[media]
host = "in a string"
"""
inner.key = 1

[[station]]
id = "101"

[station.extra]
note = 'it''s'

[[ station ]]
"quoted.id" = 1
password = "a\\"b#["
[numbers]
"+48 1" = "101"
'''.replace("'it''s'", "'its'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("sip",), 4),
        (("sip", "listen"), 5),
        (("sip", "listen", 1), 5),
        (("sip", "domain"), 9),
        (("sip", "inner", "key"), 13),
        (("sip", "inner"), 13),
        (("station",), 15),
        (("station", 0), 15),
        (("station", 0, "id"), 16),
        (("station", 0, "extra", "note"), 19),
        (("station", 1), 21),
        (("station", 1, "quoted.id"), 22),
        (("station", 1, "password"), 23),
        (("station", 1, "missing"), 21),
        (("numbers", "+48 1"), 25),
        (("media", "host"), None),
        (("nowhere",), None),
    ],
)
def test_line_of(path: tuple[str | int, ...], line: int | None) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).of(path) == line


def test_literal_long_strings_keep_their_backslashes() -> None:
    assert Lines("a = '''\n\\'''\nb = 1\n").of(("b",)) == 3


def test_escaped_quote_in_a_quoted_key() -> None:
    assert Lines('x = 1\n"a\\"b" = 2\n').of(('a"b',)) == 2
