"""Faults in two languages."""

from string import Formatter

import pytest

from skryba.errors import ConfigError
from skryba.policy.faults import WORDS, FaultyRulesError, Words, told


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a16_every_fault_is_told_in_both_languages(words: Words) -> None:
    assert all(words)
    assert words.problem != words.problem_pl
    languages = {"english", "polish", "what", "what_pl"}  # given in one of the two
    assert places(words.problem) - languages == places(words.problem_pl) - languages
    assert places(words.remedy) == places(words.remedy_pl)
    assert not any(text.endswith(".") for text in words)


def test_a16_all_faults_in_the_order_of_lines() -> None:
    error = FaultyRulesError("rules.toml", [told(7, "no_id"), told(2, "text", key="purpose")])
    assert isinstance(error, ConfigError)
    assert [fault.line for fault in error.faults] == [2, 7]
    assert str(error).split("\n") == [
        'rules.toml:2: purpose is a text. Write purpose = "…" | purpose to tekst. Napisz purpose = "…"',
        'rules.toml:7: a rule has no id. Add id = "…": decisions are stored with it | '
        'reguła nie ma id. Dodaj id = "…": z nim zapisuje się decyzje',
    ]


def test_a16_a_fault_as_json() -> None:
    assert told(3, "country_twice", found="+49").as_json() == {
        "line": 3,
        "problem": "the country +49 has two rules",
        "remedy": "Keep one of them",
        "problem_pl": "kraj +49 ma dwie reguły",
        "remedy_pl": "Zostaw jedną z nich",
    }
