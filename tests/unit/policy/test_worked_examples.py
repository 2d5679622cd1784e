"""The worked examples of docs/explanation/decision.md, row by row."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, ConsentMode
from skryba.policy.overlaps import overlaps
from skryba.policy.rules import parse_rules
from skryba.terms import Direction

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "decision.md"
PURPOSES = ["Sales", "Customer desk", "Complaints", "Reception", "Card payments", "Public body"]
SECTION = re.compile(r"^### (.+?)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
WARSAW = ZoneInfo("Europe/Warsaw")


def sections() -> dict[str, str]:
    _, _, examples = PAGE.read_text(encoding="utf-8").partition("## Worked examples\n")
    return dict(SECTION.findall(examples))


def rules_of(section: str) -> str:
    (block,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    return str(block)


def rows_of(section: str) -> Iterator[list[str]]:
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    yield from ([cell.strip() for cell in row] for row in rows[2:])


def facts_of(direction: str, station: str, caller: str, callee: str, at: str, also: str) -> CallFacts:
    words = dict(word.partition("=")[::2] for word in also.split())
    assert set(words) <= {"group", "via", "draw", "private"}
    return CallFacts(
        direction=Direction(direction),
        station=station,
        caller=caller,
        callee=callee,
        trunk=None if direction == "internal" else "carrier",
        at=datetime.fromisoformat(at).replace(tzinfo=WARSAW),
        groups=frozenset({words["group"]} if "group" in words else ()),
        did=callee if direction == "inbound" else None,
        via=words.get("via"),
        private="private" in words,
        draw=float(words["draw"]) if "draw" in words else None,
    )


def test_every_purpose_has_an_example() -> None:
    assert list(sections())[: len(PURPOSES)] == PURPOSES


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a8_worked_example(purpose: str) -> None:
    book = parse_rules(rules_of(sections()[purpose]), source=purpose)
    engine = Engine(book, emergency=("112", "997", "998", "999"))
    rows = list(rows_of(sections()[purpose]))
    assert len(rows) >= 3
    for *call, expected, rule in rows:
        decision = engine.decide(facts_of(*call))
        asked = decision.consent is ConsentMode.OPT_IN
        told = decision.limit or (decision.consent if asked else decision.mode)
        assert (str(told), decision.rule) == (expected, rule), call


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a17_no_example_has_a_rule_that_warnings_are_about(purpose: str) -> None:
    assert overlaps(parse_rules(rules_of(sections()[purpose]), source=purpose)) == []
