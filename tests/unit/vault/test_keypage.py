"""Pages are read as they were written, torn and broken lines left out."""

from skryba.vault.keypage import (
    NAME,
    KeyPage,
    WrappedEpoch,
    WrappedKey,
    destroyed_line,
    epoch_line,
    key_line,
    mention,
)

EPOCH = WrappedEpoch("master", b"wrapped epoch")
KEY = WrappedKey("e1", b"wrapped key")
LINES = [
    epoch_line("e1", EPOCH),
    key_line("a", KEY),
    key_line("b", KEY),
    destroyed_line("c", "2026-11-24T10:00:00+00:00"),
]


def test_reads_what_was_written() -> None:
    page = KeyPage.parse(b"".join(LINES))
    assert page.epochs == {"e1": EPOCH}
    assert page.keys == {"a": KEY, "b": KEY}
    assert page.destroyed == {"c": "2026-11-24T10:00:00+00:00"}
    assert page.end == len(b"".join(LINES))
    assert page.to_bytes() == b"".join(LINES)
    assert KeyPage.parse(b"") == KeyPage()


def test_a_torn_line_is_not_there() -> None:
    page = KeyPage.parse(LINES[0] + LINES[1] + LINES[2][:-1])
    assert (set(page.keys), page.end) == ({"a"}, len(LINES[0] + LINES[1]))


def test_broken_lines_cost_nothing_but_themselves() -> None:
    broken = b'\xff\n[]\n{"name":"x"}\n{"epoch":"e1","key":"%%","name":"y"}\nnull\n'
    page = KeyPage.parse(LINES[0] + broken + LINES[1])
    assert (set(page.epochs), set(page.keys)) == ({"e1"}, {"a"})


def test_a_page_mentions_whom_it_speaks_of() -> None:
    assert mention("a") in LINES[1]
    assert mention("c") in LINES[3]
    assert all(mention("e1") not in line for line in LINES)


def test_names_are_harmless() -> None:
    assert all(NAME.fullmatch(name) for name in ("0123-abcd", "a.b_c", "x" * 128))
    assert not any(NAME.fullmatch(name) for name in ("", "a/b", 'a"b', "a b", "ą", "x" * 129, "a\n"))
