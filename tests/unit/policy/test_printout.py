import re
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from skryba.policy.book import Force
from skryba.policy.hours import Holidays
from skryba.policy.model import CallType, IfUnrecordable, Mode, NoticeMoment
from skryba.policy.printout import _KEYS, _VALUES, Language, page
from skryba.policy.rules import parse_rules
from skryba.policy.versions import History, Load, Version, digest

EXAMPLE = (Path(__file__).parents[3] / "examples/rules.toml").read_text(encoding="utf-8")
WARSAW = ZoneInfo("Europe/Warsaw")
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
SHORT = 'never = ["<110>"]\n[[rule]]\nid = "a"\nmode = "never"\ndirection = ["*"]\nretention = "5y"\n'


class Outline(HTMLParser):
    """Cells by their heading, headings, and that every tag is closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self._said = self._heading = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._said = ""
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "th":
            self._heading = self._said
        elif tag == "td" and self._heading:
            self.cells.append((self._heading, self._said))
            self._heading = ""
        elif tag in ("h1", "h2", "h3"):
            self.headings.append(self._said)

    def handle_data(self, data: str) -> None:
        self._said += data


def printed(text: str, *, language: Language = "en", author: str = "Anna", restores: int | None = None) -> str:
    version = Version(1, digest(text), NOON, author, "why & how", restores)
    history = History((version,), (Load(1, NOON),))
    return page(history, version, text, at=LATER, language=language, zone=WARSAW)


def test_a10_the_page_says_who_when_why_and_which() -> None:
    cells = dict(Outline(printed(SHORT, author="<b>Anna</b>", restores=7)).cells)
    assert cells["As of"] == "2026-07-03 14:00:00 +0200"
    assert cells["In force"] == "2026-07-01 14:00:00 +0200 – still"
    assert (cells["Version"], cells["Restores version"]) == ("1", "7")
    assert (cells["Changed by"], cells["Reason of the change"]) == ("<b>Anna</b>", "why & how")
    assert cells["SHA-256 of the rules' text"] == digest(SHORT)
    assert cells["Name in decisions and manifests"] == parse_rules(SHORT, source="r").version


@pytest.mark.parametrize(
    ("language", "cells"),
    [
        ("pl", {"Co robić": "nie nagrywać", "Kierunek": "dowolne", "Okres przechowywania": "5 rok/lata"}),
        ("en", {"What to do": "do not record", "Direction": "any", "Retention": "5 year(s)"}),
    ],
)
def test_a10_a_rule_stands_there_in_words(language: Language, cells: dict[str, str]) -> None:
    outline = Outline(printed(SHORT, language=language))
    assert dict(outline.cells).items() >= cells.items()
    assert "1. a" in outline.headings


def test_a10_the_whole_text_is_printed_too() -> None:
    for text in (SHORT, EXAMPLE):
        found = re.search(r"<pre>(.*)</pre>", printed(text), re.DOTALL)
        assert found is not None
        assert unescape(found[1]) == text


@pytest.mark.parametrize("language", ["pl", "en"])
def test_a10_the_example_is_printed_without_a_word_of_the_file_format(language: Language) -> None:
    outline = Outline(printed(EXAMPLE, language=language))
    rules = parse_rules(EXAMPLE, source="r").rules
    assert [heading for heading in outline.headings if heading[0].isdigit()] == [
        f"{number}. {rule.id}" for number, rule in enumerate(rules, start=1)
    ]
    names = {name for name, _ in outline.cells}
    assert names & _KEYS.keys() == set()
    assert all(rule.purpose in dict.fromkeys(value for _, value in outline.cells) for rule in rules if rule.purpose)


def test_a10_what_has_no_words_yet_is_shown_by_its_name() -> None:
    text = '[lists]\nvip = ["+481", "+482"]\n[[rule]]\nid = "a"\nnew_condition = true\nshare = 10\nempty = []\n'
    cells = dict(Outline(printed(text)).cells)
    assert (cells["new_condition"], cells["share"], cells["empty"]) == ("yes", "10", "(empty)")
    assert cells["Lists of numbers"] == "vip: +481, +482"


def test_a15_country_rules_are_printed_in_words() -> None:
    text = '[[country]]\ncode = ["+49"]\nforce = "opt_in"\nnotice = "agree"\n'
    cells = dict(Outline(printed(text)).cells)
    assert cells["Country rules"] == "country: +49; demand: the other party's agreement; Notice: agree"


def test_a10_values_of_ours_have_words() -> None:
    for key, kind in [
        ("mode", Mode), ("call_type", CallType), ("notice_moment", NoticeMoment), ("if_unrecordable", IfUnrecordable),
        ("holidays", Holidays), ("force", Force),
    ]:  # fmt: skip
        worded = {value for name, value in _VALUES if name == key}
        assert worded <= set(map(str, kind)), key
        assert worded, key


def test_a10_a_moment_without_rules_and_a_version_that_was_never_in_force() -> None:
    nothing = Outline(page(History(), None, "", at=NOON, language="pl", zone=WARSAW))
    assert nothing.cells[0] == ("Stan na", "2026-07-01 14:00:00 +0200")
    version = Version(1, digest(""), NOON, "Anna", "r")
    saved = page(History((version,)), version, "", at=NOON, language="pl", zone=WARSAW)
    assert dict(Outline(saved).cells)["Obowiązuje / obowiązywała"] == "nigdy nie weszła w życie"
    assert "Nie ma żadnych reguł." in saved
