import csv
import io
from html.parser import HTMLParser

import pytest

from skryba.archive.listing import Item, page, table
from tests.support.shelf import manifest

NASTY = '<script>alert("x")</script>'


class Seen(HTMLParser):
    """Elements, links and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data


def rows(items: list[Item]) -> list[list[str]]:
    text = table(items).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def test_the_page_tells_each_recording_in_both_languages() -> None:
    item = Item(manifest("r1", state="degraded", reasons=["one channel silent: left"]), ("recordings/Anna+1/r1.wav",))
    text = page([item], made="2026-11-25T12:00:00Z", reason="skarga 7").decode()
    seen = Seen(text)
    for word in (
        "2026-11-24T10:00:00.000Z",
        "0:01:00",
        "przychodzące / inbound",
        "+48221234567",
        "z brakami / degraded",
    ):
        assert word in seen.words
    for word in ("one channel silent: left", "art. 6(1)(f)", "skarga 7", "Dzwoniący", "Caller", "Lewy kanał", "Left"):
        assert word in seen.words
    assert seen.links == ["VERIFY.txt", "recordings/Anna+1/r1.wav"]
    assert seen.tags.count("tr") == 2
    assert "default-src 'none'" in text


def test_a_hostile_name_is_shown_and_not_obeyed() -> None:
    words = manifest("r1")
    words["call"]["caller"] = NASTY
    words["decision"]["rule"] = '" onmouseover="x'
    text = page([Item(words, ('a"b<c>.wav',))], made="now", reason=NASTY).decode()
    seen = Seen(text)
    assert "script" not in seen.tags
    assert seen.words.count(NASTY) == 2
    assert seen.links[1] == 'a"b<c>.wav'
    assert '" onmouseover' not in text


def test_the_table_opens_in_polish_spreadsheets() -> None:
    octets = table([Item(manifest("r1"), ("a.wav", "a.flac"))])
    assert octets.startswith("\ufeffPoczątek (UTC) / Begin (UTC);Czas trwania / Duration;".encode())
    assert octets.endswith(b"\r\n")
    head, row = rows([Item(manifest("r1"), ("a.wav", "a.flac"))])
    told = dict(zip(head, row, strict=True))
    assert told["Stacja / Station"] == "101"
    assert told["Pliki / Files"] == "a.wav a.flac"
    assert told["Identyfikator / Id"] == "r1"


@pytest.mark.parametrize("name", ["=1+1", "+48221234567", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    words = manifest("r1")
    words["call"]["caller"] = name
    [_, row] = rows([Item(words, ())])
    assert row[4] == f"'{name}"


def test_separators_and_quotes_stay_in_their_cell() -> None:
    words = manifest("r1")
    words["call"]["callee"] = 'Anna; "Ania"\r\nx'
    [head, row] = rows([Item(words, ())])
    assert (len(row), row[5]) == (len(head), 'Anna; "Ania"\r\nx')


def test_what_a_manifest_does_not_say_is_empty() -> None:
    words = {"id": "r1", "time": {"begin": "b", "duration_ms": 3_723_499}, "state": "strange", "call": None}
    [_, row] = rows([Item(words, ())])
    assert row == ["b", "1:02:03", "", "", "", "", "strange", "", "", "", "", "r1", ""]


def test_half_a_surrogate_does_not_stop_an_export() -> None:
    words = manifest("r1")
    words["call"]["caller"] = "\ud800"
    assert b"\\ud800" in table([Item(words, ())])
    assert b"\\ud800" in page([Item(words, ())], made="", reason="")
