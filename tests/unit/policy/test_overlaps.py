"""Rules that never decide, and rules whose order alone decides."""

from pathlib import Path

import pytest

from skryba.policy.overlaps import Kind, overlaps
from skryba.policy.rules import parse_rules

TERMS = 'mode = "automatic"\npurpose = "p"\nlegal_basis = "b"\nretention = "90d"\nnotice = "standard"\n'
NEVER = 'mode = "never"\n'


def found(*rules: str, top: str = "") -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind, rule and the others; rules are called a, b, c and are against recording unless they say otherwise."""
    text = top + "".join(
        f'[[rule]]\nid = "{name}"\n{rule}\n{"" if "mode" in rule else NEVER}'
        for name, rule in zip("abcdefg", rules, strict=False)
    )
    return [(each.kind, each.rule, each.others) for each in overlaps(parse_rules(text, source="x"))]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("", ""),
        ("", 'station = ["101"]\nnumber = ["+48*"]\nhours = "mon 08:00-09:00"'),
        ('station = ["101", "102"]', 'station = ["102"]'),
        ('direction = ["inbound"]', 'call_type = ["queue"]'),
        ('number = ["+48*"]', 'number = ["+4822*", "+48600100200"]'),
        ('number = ["list:law"]', 'number = ["+4861855441*"]'),
        ('did = ["+4822*"]', 'did = ["+48221234567"]'),
        ('trunk = ["x"]', 'trunk = ["x"]'),
        ('via = ["queue*"]', 'via = ["queue:sales"]'),
        ('hours = "mon-fri 08:00-18:00"', 'hours = "tue 09:00-10:00"\nholidays = "except"'),
    ],
)
def test_a17_a_rule_below_one_that_takes_all_of_it(above: str, below: str) -> None:
    lists = '[lists]\nlaw = ["+48618554400", "+4861855441*"]\n'
    assert found(above, below, top=lists) == [(Kind.SHADOWED, "b", ("a",))]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ('station = ["102"]', 'station = ["102", "103"]'),
        ('station = ["group:sales"]', 'station = ["102"]'),
        ('direction = ["inbound_direct"]', 'direction = ["inbound"]'),
        ('number = ["+4822*"]', 'number = ["+48*"]'),
        ('number = ["+48600100200"]', 'number = ["+48600100200*"]'),
        ('number = ["+4822*", "+49*"]', 'number = ["+48*", "+49*"]'),
        ('number = ["anonymous"]', ""),
        ('hours = "mon 08:00-18:00"', ""),
        ('hours = "mon 08:00-18:00"\nholidays = "except"', 'hours = "mon 08:00-18:00"'),
        ('hours = "mon 08:00-18:00"\nzone = "Europe/Berlin"', 'hours = "mon 08:00-18:00"'),
    ],
)
def test_a17_a_rule_that_still_has_calls_of_its_own(above: str, below: str) -> None:
    assert found(above, below) == []


def test_a17_several_rules_together_take_all() -> None:
    assert found('direction = ["outbound"]', 'scope = ["internal"]', 'direction = ["inbound"]', TERMS) == [
        (Kind.SHADOWED, "d", ("a", "b", "c"))
    ]
    assert found('station = ["1"]', 'station = ["2"]', 'station = ["1", "2"]') == [(Kind.SHADOWED, "c", ("a", "b"))]
    assert found('station = ["1"]', 'station = ["2"]', 'station = ["1", "2", "3"]') == []


def test_a17_with_very_many_entries_only_one_rule_that_takes_all_is_found() -> None:
    many = ", ".join(f'"{number}"' for number in range(1000))
    long = f"station = [{many}]\ntrunk = [{many}]"
    assert found(f"trunk = [{many}]", long) == [(Kind.SHADOWED, "b", ("a",))]
    assert found(f'trunk = [{many}]\ndirection = ["inbound"]', long) == []


@pytest.mark.parametrize(
    ("top", "rule"),
    [
        ('never = ["101", "group:hr"]\n', 'station = ["101", "group:hr"]'),
        ('never = ["+49*"]\n', 'number = ["+4930*", "+4940*"]'),
        ('never = ["+48221234567"]\n', 'did = ["221234567"]'),
        ('never = ["*"]\n', ""),
        ('protected = ["101"]\n', 'station = ["101"]'),
    ],
)
def test_a17_a_rule_whose_calls_are_all_on_the_never_list(top: str, rule: str) -> None:
    assert found(rule, top=top) == [(Kind.LISTED, "a", ("never-list",))]


def test_a17_a_rule_whose_calls_are_all_on_the_always_list() -> None:
    assert found('station = ["101"]', TERMS, top='always = ["101"]\n') == [(Kind.LISTED, "a", ("always-list",))]


def test_a17_lists_that_take_some_calls_only() -> None:
    assert found('station = ["101", "102"]', top='never = ["101"]\n') == []
    assert found('number = ["list:none"]', top='never = ["101"]\n[lists]\nnone = []\n') == []


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ('station = ["101"]\n' + TERMS, 'number = ["+49*"]'),
        ('number = ["+4930*"]\nstation = ["101"]\n' + TERMS, 'number = ["+49*"]\ntrunk = ["x"]'),
        ('hours = "mon 08:00-16:00"\nstation = ["101"]\n' + TERMS, 'hours = "mon 15:00-17:00"'),
        ('station = ["101"]\n' + TERMS, 'trunk = ["x"]\n' + TERMS.replace("automatic", "on_demand")),
        ('station = ["101"]\n' + TERMS.replace("automatic", "on_demand"), 'trunk = ["x"]'),
    ],
)
def test_a17_calls_that_are_recorded_against_a_later_rule(above: str, below: str) -> None:
    assert found(above, below) == [(Kind.ORDER, "b", ("a",))]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ('station = ["101"]\n' + TERMS, ""),  # an exception, then the rule
        ('station = ["101"]\nnumber = ["+4930*"]\n' + TERMS, 'number = ["+49*"]'),
        ('station = ["101"]\n' + TERMS, 'number = ["+49*"]\n' + TERMS),  # both record
        ('station = ["101"]', 'number = ["+49*"]\n' + TERMS),  # what is asked to be left out is left out
        ('station = ["101"]\n' + TERMS, 'station = ["102"]'),
        ('direction = ["inbound"]\nstation = ["101"]\n' + TERMS, 'direction = ["outbound"]\ntrunk = ["x"]'),
        ('hours = "mon 08:00-16:00"\nstation = ["101"]\n' + TERMS, 'hours = "mon 16:00-17:00"'),
        ('holidays = "only"\nstation = ["101"]\n' + TERMS, 'holidays = "except"'),
        ('number = ["+44*"]\nstation = ["101"]\n' + TERMS, 'number = ["+49*"]'),
    ],
)
def test_a17_exceptions_and_strangers_are_no_matter(above: str, below: str) -> None:
    assert found(above, below) == []


def test_a17_a_warning_has_a_line_and_words_in_both_languages() -> None:
    text = f'[[rule]]\nid = "a"\n{NEVER}[[rule]]\nid = "b"\n{NEVER}'
    (warning,) = overlaps(parse_rules(text, source="x"))
    assert warning.line == 4
    assert str(warning) == (
        "rule b can never decide: all of its calls fit a above it | "
        "reguła b nigdy nie rozstrzygnie: wszystkie jej połączenia pasują wyżej do a"
    )


def test_a17_many_rules_are_counted_not_listed() -> None:
    text = "".join(f'[[rule]]\nid = "s{n}"\nstation = ["{n}"]\n{TERMS}' for n in range(8))
    (warning,) = overlaps(parse_rules(f'{text}[[rule]]\nid = "z"\ntrunk = ["x"]\n{NEVER}', source="x"))
    assert warning.others == tuple(f"s{n}" for n in range(8))
    assert "fit s0, s1, s2, s3, s4 (+3) above it" in warning.words


def test_a17_every_rule_of_the_example_can_decide() -> None:
    text = (Path(__file__).parents[3] / "examples" / "rules.toml").read_text(encoding="utf-8")
    assert {each.kind for each in overlaps(parse_rules(text, source="x"))} <= {Kind.ORDER}
