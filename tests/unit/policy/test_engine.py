"""The order of decision, condition by condition."""

import json
import pickle
import random
from dataclasses import replace
from datetime import UTC, datetime
from math import nan
from pathlib import Path

import pytest

from skryba.policy import engine as engine_module
from skryba.policy.book import Rule, RuleBook
from skryba.policy.engine import Engine
from skryba.policy.hours import Hours
from skryba.policy.model import CallFacts, ConsentMode, Limit, Mode, Notice, NoticeMoment
from skryba.policy.rules import parse_rules
from skryba.terms import Direction

EXAMPLE = Path(__file__).parents[3] / "examples" / "rules.toml"
EMERGENCY = frozenset({"112", "997", "998", "999"})
TUESDAY = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # ten o'clock in Warsaw
CALL = CallFacts(Direction.OUTBOUND, "101", "+48221234567", "600 100 200", "carrier", TUESDAY)
QUEUED = replace(CALL, direction=Direction.INBOUND, caller="600 100 200", callee="22 123 45 67", via="queue:sales")
TERMS = 'mode = "automatic"\npurpose = "p"\nlegal_basis = "b"\nretention = "90d"\nnotice = "standard"\n'
RECORD_ALL = f'[[rule]]\nid = "record-all"\n{TERMS}'


def engine(text: str) -> Engine:
    return Engine(parse_rules(text, source="rules.toml"), emergency=EMERGENCY)


def rule_of(text: str, facts: CallFacts = CALL) -> str:
    return engine(text).decide(facts).rule


def test_a11_a_recording_rule_gives_its_terms() -> None:
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


def test_a2_without_a_rule_nothing_is_recorded() -> None:
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
def test_a6_emergency_calls_come_first(callee: str) -> None:
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


def test_a6_priority_calls_go_straight_through() -> None:
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
def test_a5_the_never_list_wins_over_always_list_and_rules(entry: str, facts: CallFacts) -> None:
    decision = engine(f'never = ["{entry}"]\nalways = ["*"]\n{RECORD_ALL}').decide(facts)
    assert (decision.mode, decision.rule) == (Mode.NEVER, "never-list")
    assert decision.reason == "not recorded: a party is on the never-list"


def test_nobody_is_on_a_list_by_calling_himself_a_group() -> None:
    facts = replace(CALL, direction=Direction.INBOUND, caller="sip:group:hr")
    assert rule_of(f'never = ["group:hr"]\n{RECORD_ALL}', replace(facts, caller="group:hr")) == "record-all"
    assert rule_of(f'never = ["group:hr"]\n{RECORD_ALL}', facts) == "record-all"


def test_a5_the_always_list_wins_over_rules_and_takes_their_terms() -> None:
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


def test_a5_the_first_rule_that_matches_decides() -> None:
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
        ('did = ["221234567"]', CALL, replace(CALL, caller="221234568")),  # outbound: the number shown
        ('did = ["221234568"]', replace(QUEUED, did="221234568"), QUEUED),
        ('call_type = ["queue"]', QUEUED, replace(QUEUED, via="ivr")),
        ('call_type = ["ivr"]', replace(QUEUED, via="ivr:main"), QUEUED),
        ('call_type = ["incoming"]', replace(QUEUED, via=None), QUEUED),
        ('direction = ["inbound_direct"]', replace(QUEUED, via=None), QUEUED),
        ('direction = ["inbound_via"]', QUEUED, replace(QUEUED, via=None)),
        ('scope = ["internal"]', replace(CALL, direction=Direction.INTERNAL), CALL),
        ('scope = ["external"]', QUEUED, replace(CALL, direction=Direction.INTERNAL)),
        ('via = ["queue:sales"]', QUEUED, replace(QUEUED, via="queue:service")),
        ('via = ["queue*"]', replace(QUEUED, via="queue"), replace(QUEUED, via="ivr")),
        ('number = ["list:law"]', replace(CALL, callee="0048 61 855 44 19"), CALL),
        ('hours = "mon-fri 08:00-18:00"', CALL, replace(CALL, at=datetime(2026, 11, 24, 20, tzinfo=UTC))),
        ('holidays = "except"', CALL, replace(CALL, at=datetime(2026, 12, 24, 9, tzinfo=UTC))),
        ('holidays = "only"', replace(CALL, at=datetime(2026, 6, 4, 9, tzinfo=UTC)), CALL),
    ],
)
def test_a3_conditions(condition: str, matching: CallFacts, other: CallFacts | None) -> None:
    text = f'[lists]\nlaw = ["+4861855441*"]\n[[rule]]\nid = "a"\nmode = "never"\n{condition}\n'
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
        ("r0", False, "kind of call is not one of: incoming, internal, ivr, queue"),
        ("r1", False, "station is not one of: 102"),
        ("r2", False, "other party's number is not one of: +49*, anonymous"),
        ("r3", False, "own number is not one of: +48221234568"),
        ("r4", False, "trunk is not one of: pbx"),
        ("r5", False, "outside the hours: sat 08:00-12:00 Europe/Warsaw"),
        ("r6", True, "all conditions met: never"),
    ]
    assert path[3].reason_pl == "rodzaj połączenia spoza listy: incoming, internal, ivr, queue"
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
    assert len(built._contexts) <= 2


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


def test_a1_three_directions_through_one_station_have_three_outcomes() -> None:
    text = "".join(
        f'[[rule]]\nid = "{name}"\nstation = ["101"]\ndirection = ["{direction}"]\n{terms}'
        for name, direction, terms in (
            ("out", "outbound", TERMS),
            ("direct", "inbound_direct", 'mode = "never"\n'),
            ("via", "inbound_via", TERMS.replace("automatic", "on_demand")),
        )
    )
    built = engine(text)
    asked = [built.decide(facts) for facts in (CALL, replace(QUEUED, via=None), QUEUED, replace(QUEUED, via="ivr"))]
    assert [(decision.rule, decision.mode) for decision in asked] == [
        ("out", Mode.AUTOMATIC),
        ("direct", Mode.NEVER),
        ("via", Mode.ON_DEMAND),
        ("via", Mode.ON_DEMAND),
    ]


def test_a2_on_demand_has_its_terms_ready() -> None:
    decision = engine(RECORD_ALL.replace("automatic", "on_demand")).decide(CALL)
    assert (decision.mode, decision.purpose, decision.notice) == (Mode.ON_DEMAND, "p", Notice("standard", "pl"))
    assert decision.reason.startswith("not recorded until commanded")


@pytest.mark.parametrize("spelling", ["+48600100200", "0048600100200", "48600100200", "600100200", "600 100-200"])
def test_a4_one_number_however_written(spelling: str) -> None:
    text = f'[[rule]]\nid = "a"\nmode = "never"\nnumber = ["{spelling}"]\n'
    for dialled in ("+48600100200", "0048600100200", "48600100200", "600100200", "600 100 200", "sip:600100200@x"):
        assert rule_of(text, replace(CALL, callee=dialled)) == "a"


@pytest.mark.parametrize("caller", ["", "anonymous", "Anonymous", "sip:anonymous@anonymous.invalid", "restricted"])
def test_a4_withheld_is_a_value(caller: str) -> None:
    facts = replace(QUEUED, caller=caller)
    assert rule_of('[[rule]]\nid = "a"\nmode = "never"\nnumber = ["anonymous"]\n', facts) == "a"
    assert rule_of('[[rule]]\nid = "a"\nmode = "never"\nnumber = ["+48*"]\n', facts) == "default"


def test_a12_a_share_of_the_calls_over_ten_thousand_draws() -> None:
    built, dice = engine(RECORD_ALL + "sample = 10\n"), random.Random(12)
    asked = [built.decide(replace(CALL, draw=dice.random())) for _ in range(10_000)]
    recorded = [decision for decision in asked if decision.mode is Mode.AUTOMATIC]
    assert abs(len(recorded) / len(asked) - 0.10) <= 0.01
    assert {decision.limit for decision in asked} == {None, Limit.SAMPLE}
    assert {decision.rule for decision in asked} == {"record-all"}


@pytest.mark.parametrize(
    ("draw", "recorded"), [(0.0, True), (0.0999, True), (0.1, False), (0.999, False), (None, False), (nan, False)]
)
def test_a12_the_stored_draw_decides(draw: float | None, recorded: bool) -> None:
    decision = engine(RECORD_ALL + "sample = 10\n").decide(replace(CALL, draw=draw))
    assert (decision.mode is Mode.AUTOMATIC) is recorded
    assert [step.rule for step in decision.path][-2:] == ["record-all", "sample"]
    assert decision.path[-1].matched is recorded


def test_a12_a_whole_sample_takes_every_draw() -> None:
    assert engine(RECORD_ALL + "sample = 100\n").decide(replace(CALL, draw=0.9999999)).mode is Mode.AUTOMATIC


def test_a12_who_is_not_drawn_is_not_handed_to_the_next_rule() -> None:
    text = RECORD_ALL + "sample = 10\n" + RECORD_ALL.replace("record-all", "next")
    assert rule_of(text, replace(CALL, draw=0.5)) == "record-all"


def test_a13_private_calls() -> None:
    private = replace(CALL, private=True)
    decision = engine(RECORD_ALL + "private = true\n").decide(private)
    assert (decision.mode, decision.limit, decision.notice) == (Mode.NEVER, Limit.PRIVATE, None)
    decision = engine(RECORD_ALL).decide(private)
    assert (decision.mode, decision.limit) == (Mode.AUTOMATIC, None)
    assert (decision.path[-1].rule, decision.path[-1].matched) == ("private", False)
    text = f'always = ["101"]\n{RECORD_ALL}private = true\n'
    assert engine(text).decide(private).mode is Mode.AUTOMATIC  # always is always


def test_a14_the_protected_are_on_the_never_list() -> None:
    text = f'protected = ["101", "group:whistle-line"]\nalways = ["*"]\n{RECORD_ALL}'
    assert rule_of(text) == "never-list"
    assert rule_of(text, replace(CALL, station="9", groups=frozenset({"whistle-line"}))) == "never-list"
    assert rule_of(text, replace(CALL, station="9")) == "always-list"


COUNTRIES = """
[[country]]
code = ["+49"]
force = "opt_in"
notice = "opt-in"
language = "de"
[[country]]
code = ["+4930"]
force = "never"
[[country]]
code = ["+44"]
force = "notice"
notice = "standard"
language = "en"
"""


@pytest.mark.parametrize(
    ("callee", "mode", "consent", "limit", "language"),
    [
        ("0049 40 123456", Mode.ON_DEMAND, ConsentMode.OPT_IN, None, "de"),
        ("0049 30 123456", Mode.NEVER, ConsentMode.NOTICE, Limit.COUNTRY, None),
        ("+442071234567", Mode.AUTOMATIC, ConsentMode.NOTICE, None, "en"),
        ("600100200", Mode.AUTOMATIC, ConsentMode.NOTICE, None, "pl"),
        ("4930", Mode.AUTOMATIC, ConsentMode.NOTICE, None, "pl"),  # a number of the house
    ],
)
def test_a15_the_country_of_the_other_party(
    callee: str, mode: Mode, consent: ConsentMode, limit: Limit | None, language: str | None
) -> None:
    built = engine(COUNTRIES + RECORD_ALL)
    decision = built.decide(replace(CALL, callee=callee))
    assert (decision.mode, decision.consent, decision.limit) == (mode, consent, limit)
    assert (decision.notice.language if decision.notice else None) == language
    inbound = built.decide(replace(QUEUED, caller=callee))
    assert (inbound.mode, inbound.consent, inbound.limit, inbound.notice) == (mode, consent, limit, decision.notice)


def test_a15_our_own_country_is_not_asked_and_nothing_is_recorded_because_of_one() -> None:
    assert engine(COUNTRIES + RECORD_ALL).decide(replace(CALL, caller="+49301234567")).mode is Mode.AUTOMATIC
    assert engine(COUNTRIES).decide(replace(CALL, callee="+442071234567")).rule == "default"


def test_a15_the_always_list_is_under_the_law_too() -> None:
    built = engine(f'always = ["101"]\n{COUNTRIES}{RECORD_ALL}')
    asked = [built.decide(replace(CALL, callee=callee)) for callee in ("+493012345", "+494012345", "600100200")]
    assert [(decision.rule, decision.mode) for decision in asked] == [
        ("always-list", Mode.NEVER),
        ("always-list", Mode.ON_DEMAND),
        ("always-list", Mode.AUTOMATIC),
    ]


def test_a15_the_never_list_wins_over_the_law_of_a_country() -> None:
    assert rule_of(f'never = ["101"]\n{COUNTRIES}{RECORD_ALL}', replace(CALL, callee="+494012345")) == "never-list"


def test_a7_decisions_travel_between_processes() -> None:
    decision = engine(COUNTRIES + RECORD_ALL).decide(replace(CALL, callee="+494012345"))
    arrived = pickle.loads(pickle.dumps(decision))
    assert arrived == decision
    assert hash(arrived) == hash(decision)
    assert json.loads(json.dumps(decision.as_json()))["path"][-1]["rule"] == "country"


def test_the_same_side_of_another_call_is_not_mixed_up() -> None:
    text = "".join(
        f'[[rule]]\nid = "{name}"\nmode = "never"\n{condition}\n'
        for name, condition in (
            ("group", 'station = ["group:hr"]'),
            ("trunk", 'trunk = ["pbx"]'),
            ("own", 'did = ["+48221234599"]'),
            ("shown", 'did = ["+48221234500"]'),
        )
    )
    built = engine(text)
    for _ in range(2):
        assert built.decide(CALL).rule == "default"
        assert built.decide(replace(CALL, groups=frozenset({"hr"}))).rule == "group"
        assert built.decide(replace(CALL, trunk="pbx")).rule == "trunk"
        assert built.decide(replace(CALL, did="221234599")).rule == "own"
        assert built.decide(replace(CALL, caller="221234500")).rule == "shown"
        assert built.decide(replace(CALL, callee="112")).rule == "emergency"


def test_who_chooses_a_rule_in_the_engines_place_is_under_the_law_too() -> None:
    text = COUNTRIES + RECORD_ALL + 'sample = 1\nprivate = true\n[[rule]]\nid = "no"\nmode = "never"\n'
    built = engine(text)
    chosen = built.terms("record-all", CALL)
    assert chosen is not None
    assert (chosen.mode, chosen.rule, chosen.purpose, chosen.path) == (Mode.AUTOMATIC, "record-all", "p", ())
    modes = [
        (decision.mode, decision.limit)
        for facts in (
            replace(CALL, callee="+493012345"),
            replace(QUEUED, caller="+494012345"),
            replace(CALL, private=True),
        )
        if (decision := built.terms("record-all", facts)) is not None
    ]
    assert modes == [(Mode.NEVER, Limit.COUNTRY), (Mode.ON_DEMAND, None), (Mode.NEVER, Limit.PRIVATE)]
    assert built.terms("no", CALL) is None
    assert built.terms("unknown", CALL) is None


def test_hours_that_many_rules_share_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []
    monkeypatch.setattr(Hours, "contains", lambda _, at: bool(asked.append(at)))  # type: ignore[func-returns-value]
    text = "".join(f'[[rule]]\nid = "r{n}"\nmode = "never"\nhours = "sun {n % 2}:00-9:00"\n' for n in range(50))
    decision = engine(text).decide(CALL)
    assert (decision.rule, len(asked)) == ("default", 2)
    assert decision.path[-2].reason == "outside the hours: sun 1:00-9:00 Europe/Warsaw"
