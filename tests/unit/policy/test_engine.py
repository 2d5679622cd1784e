"""The order of decision, condition by condition."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skryba.policy import engine as engine_module
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, Mode, Notice, NoticeMoment
from skryba.policy.rules import Rule, RuleBook, parse_rules
from skryba.terms import Direction

EXAMPLE = Path(__file__).parents[3] / "examples" / "rules.toml"
EMERGENCY = frozenset({"112", "997", "998", "999"})
TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # ten o'clock in Warsaw
CALL = CallFacts(Direction.OUTBOUND, "101", "+48221234567", "600 100 200", "carrier", TUESDAY)
TERMS = 'mode = "automatic"\npurpose = "p"\nlegal_basis = "b"\nretention = "90d"\nnotice = "standard"\n'
RECORD_ALL = f'[[rule]]\nid = "record-all"\n{TERMS}'


def engine(text: str) -> Engine:
    return Engine(parse_rules(text, source="rules.toml"), emergency=EMERGENCY)


def rule_of(text: str, facts: CallFacts = CALL) -> str:
    return engine(text).decide(facts).rule


def test_a_recording_rule_gives_its_terms() -> None:
    decision = engine(RECORD_ALL).decide(CALL)
    assert decision.mode is Mode.AUTOMATIC
    assert decision.notice == Notice("standard", "pl", NoticeMoment.ANSWER)
    assert (decision.purpose, decision.legal_basis, decision.retention) == ("p", "b", "90d")
    assert (decision.reason, decision.reason_pl) == (
        "recorded because of rule record-all (p)",
        "nagrywane na podstawie reguły record-all (p)",
    )
    assert decision.version == parse_rules(RECORD_ALL, source="x").version
    assert not decision.emergency


def test_a_rule_against_recording_gives_no_notice() -> None:
    decision = engine(RECORD_ALL.replace('"automatic"', '"never"')).decide(CALL)
    assert (decision.mode, decision.rule, decision.notice) == (Mode.NEVER, "record-all", None)
    assert decision.reason.startswith("not recorded because of rule record-all")
    assert decision.reason_pl.startswith("nienagrywane na podstawie reguły record-all")


def test_without_a_rule_nothing_is_recorded() -> None:
    decision = engine("").decide(CALL)
    assert (decision.mode, decision.rule, decision.reason) == (Mode.NEVER, "default", "not recorded: no rule matches")
    assert decision.version != ""


def test_without_rules_nothing_is_recorded_and_emergencies_are_known() -> None:
    lost = Engine(None, emergency=EMERGENCY)
    decision = lost.decide(CALL)
    assert (decision.mode, decision.rule, decision.version) == (Mode.NEVER, "fallback", "")
    assert decision.reason == "not recorded: the rules cannot be read"
    assert lost.decide(replace(CALL, callee="112")).emergency


@pytest.mark.parametrize(
    "callee",
    ["112", "sip:112@192.0.2.1", "tel:112;phone-context=+48", "+48112", "0048112", "1-1-2", "997", "urn:service:sos",
     "urn:service:sos.police"],
)  # fmt: skip
def test_emergency_calls_come_first(callee: str) -> None:
    decision = engine(f'always = ["101", "112"]\n{RECORD_ALL}').decide(replace(CALL, callee=callee))
    assert (decision.mode, decision.rule, decision.emergency, decision.notice) == (Mode.NEVER, "emergency", True, None)
    assert [step.rule for step in decision.path] == ["emergency"]


@pytest.mark.parametrize("callee", ["1122", "11", "9112", "+49112", "0112"])
def test_nearly_emergency(callee: str) -> None:
    assert not engine(RECORD_ALL).decide(replace(CALL, callee=callee)).emergency


def test_a_caller_cannot_call_himself_an_emergency() -> None:
    facts = replace(CALL, direction=Direction.INBOUND, caller="112", callee="101")
    assert rule_of(RECORD_ALL, facts) == "record-all"


def test_a_withheld_callee_is_no_emergency_of_an_empty_list() -> None:
    assert not Engine(None, emergency={""}).decide(replace(CALL, callee="")).emergency


def test_priority_calls_go_straight_through() -> None:
    decision = engine(RECORD_ALL).decide(replace(CALL, priority=True))
    assert (decision.mode, decision.rule, decision.emergency) == (Mode.NEVER, "emergency", True)
    assert "Resource-Priority" in decision.reason


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        ("101", CALL),
        ("group:hr", replace(CALL, groups=frozenset({"sales", "hr"}))),
        ("+48600100200", CALL),
        ("600 100 200", CALL),
        ("+48600*", CALL),
        ("22 123 45 67", CALL),  # our own number
        ("+48221234568", replace(CALL, did="221234568")),
        ("102", replace(CALL, direction=Direction.INTERNAL, callee="102")),
        ("anonymous", replace(CALL, direction=Direction.INBOUND, caller="")),
        ("*", CALL),
    ],
)
def test_the_never_list_wins_over_always_list_and_rules(entry: str, facts: CallFacts) -> None:
    decision = engine(f'never = ["{entry}"]\nalways = ["*"]\n{RECORD_ALL}').decide(facts)
    assert (decision.mode, decision.rule) == (Mode.NEVER, "never-list")
    assert decision.reason == "not recorded: a party is on the never-list"


def test_nobody_is_on_a_list_by_calling_himself_a_group() -> None:
    facts = replace(CALL, direction=Direction.INBOUND, caller="sip:group:hr")
    assert rule_of(f'never = ["group:hr"]\n{RECORD_ALL}', replace(facts, caller="group:hr")) == "record-all"
    assert rule_of(f'never = ["group:hr"]\n{RECORD_ALL}', facts) == "record-all"


def test_the_always_list_wins_over_rules_and_takes_their_terms() -> None:
    text = f'always = ["101"]\nalways_like = "b"\n[[rule]]\nid = "a"\nmode = "never"\n[[rule]]\nid = "b"\n{TERMS}'
    decision = engine(text).decide(CALL)
    assert (decision.mode, decision.rule, decision.purpose) == (Mode.AUTOMATIC, "always-list", "p")
    assert decision.notice == Notice("standard", "pl", NoticeMoment.ANSWER)
    assert decision.reason == "recorded because a party is on the always-list, on the terms of rule b"
    assert [step.rule for step in decision.path] == ["emergency", "never-list", "always-list"]
    assert rule_of(text, replace(CALL, station="102")) == "a"


def test_a_book_made_by_hand_without_terms_records_nobody_always() -> None:
    book = RuleBook(always=frozenset({"101"}))
    assert Engine(book, emergency=EMERGENCY).decide(CALL).rule == "default"


def test_the_first_rule_that_matches_decides() -> None:
    book = RuleBook(rules=tuple(Rule(id=name, mode=Mode.NEVER) for name in "abc"))
    assert Engine(book, emergency=EMERGENCY).decide(CALL).rule == "a"


@pytest.mark.parametrize(
    ("condition", "matching", "other"),
    [
        ('direction = ["outbound"]', CALL, replace(CALL, direction=Direction.INTERNAL)),
        ('direction = ["*"]', replace(CALL, direction=Direction.INTERNAL), None),
        ('station = ["101", "102"]', CALL, replace(CALL, station="103")),
        ('station = ["101"]', CALL, replace(CALL, station=None)),
        ('station = ["*"]', replace(CALL, station=None), None),
        ('station = ["group:hr"]', replace(CALL, groups=frozenset({"hr"})), CALL),
        ('number = ["600100200"]', CALL, replace(CALL, callee="600100201")),
        ('number = ["+48600*"]', CALL, replace(CALL, callee="+49600100200")),
        ('number = ["+48221234567"]', replace(CALL, direction=Direction.INBOUND), CALL),  # inbound: the caller
        ('number = ["anonymous"]', replace(CALL, direction=Direction.INBOUND, caller=""), CALL),
        ('number = ["102"]', replace(CALL, direction=Direction.INTERNAL, callee="102"), CALL),
        ('did = ["221234568"]', replace(CALL, did="0048221234568"), CALL),
        ('trunk = ["carrier"]', CALL, replace(CALL, trunk=None)),
        ('hours = "mon-fri 08:00-18:00"', CALL, replace(CALL, at=datetime(2026, 11, 24, 20, tzinfo=UTC))),
    ],
)
def test_conditions(condition: str, matching: CallFacts, other: CallFacts | None) -> None:
    text = f'[[rule]]\nid = "a"\nmode = "never"\n{condition}\n'
    assert rule_of(text, matching) == "a"
    if other is not None:
        assert rule_of(text, other) == "default"


def test_out_of_hours_the_next_rule_is_asked() -> None:
    spans = {"day": "08:00-18:00", "late": "18:00-23:00"}
    text = "".join(f'[[rule]]\nid = "{name}"\nmode = "never"\nhours = "{span}"\n' for name, span in spans.items())
    built = engine(text)
    asked = [built.decide(replace(CALL, at=datetime(2026, 11, 24, hour, tzinfo=UTC))) for hour in (9, 20, 23)]
    assert [decision.rule for decision in asked] == ["day", "late", "default"]
    assert [step.matched for step in asked[1].path] == [False, False, False, False, True]


def test_the_path_names_the_first_condition_that_failed_of_each_rule() -> None:
    conditions = [
        'direction = ["inbound", "internal"]',
        'station = ["102"]\nnumber = ["+49*"]',
        'number = ["+49*", "anonymous"]',
        'did = ["221234568"]',
        'trunk = ["pbx"]',
        'hours = "sat 08:00-12:00"',
        "",
        "",
    ]
    text = "".join(f'[[rule]]\nid = "r{index}"\nmode = "never"\n{lines}\n' for index, lines in enumerate(conditions))
    path = engine(text).decide(CALL).path
    assert [(step.rule, step.matched, step.reason) for step in path] == [
        ("emergency", False, "no emergency number"),
        ("never-list", False, "no party is on the never-list"),
        ("always-list", False, "no party is on the always-list"),
        ("r0", False, "direction is not one of: inbound, internal"),
        ("r1", False, "station is not one of: 102"),
        ("r2", False, "other party's number is not one of: +49*, anonymous"),
        ("r3", False, "called number of ours is not one of: +48221234568"),
        ("r4", False, "trunk is not one of: pbx"),
        ("r5", False, "outside the hours: sat 08:00-12:00 Europe/Warsaw"),
        ("r6", True, "all conditions met: never"),
    ]
    assert path[3].reason_pl == "kierunek spoza listy: inbound, internal"
    assert path[-1].reason_pl == "wszystkie warunki spełnione: nie nagrywać"


def test_the_path_of_the_default_ends_with_it() -> None:
    path = engine('[[rule]]\nid = "a"\nmode = "never"\ntrunk = ["x"]\n').decide(CALL).path
    assert [step.rule for step in path] == ["emergency", "never-list", "always-list", "a", "default"]
    assert path[-1].matched


def test_reasons_name_no_party() -> None:
    built = engine(f'never = ["+48600100200"]\n{RECORD_ALL}')
    for facts in (CALL, replace(CALL, callee="+48600100201"), replace(CALL, callee="112")):
        assert "600100" not in str(built.decide(facts))


def test_decisions_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_REMEMBERED", 2)
    built = engine("".join(f'[[rule]]\nid = "r{n}"\nmode = "never"\nstation = ["{n}"]\n' for n in range(5)))
    for _ in range(2):
        for number in range(5):
            assert built.decide(replace(CALL, station=str(number))).rule == f"r{number}"
    assert built.decide(replace(CALL, station="4")) is built.decide(replace(CALL, station="4"))
    assert len(built._remembered) <= 2


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(CALL, station="110"), "never-list"),
        (replace(CALL, callee="800100200"), "always-list"),
        (replace(CALL, direction=Direction.INBOUND, did="221234568", callee="221234568"), "complaints"),
        (replace(CALL, direction=Direction.INTERNAL, callee="102", trunk=None), "colleagues"),
        (replace(CALL, station="102", callee="61 855 44 19"), "legal-adviser"),
        (replace(CALL, groups=frozenset({"sales"})), "sales-outbound"),
        (replace(CALL, station="102", at=datetime(2026, 11, 24, 19, tzinfo=UTC)), "default"),
        (replace(CALL, station="103", callee="0049301234567"), "suppliers"),
        (replace(CALL, groups=frozenset({"dispatch"}), trunk="pbx"), "dispatch"),
        (CALL, "default"),
    ],
)
def test_the_example(facts: CallFacts, expected: str) -> None:
    assert rule_of(EXAMPLE.read_text(encoding="utf-8"), facts) == expected
