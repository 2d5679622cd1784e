"""Properties of policy: the order of decision against a plain second reading of it, live = dry, and nothing raises."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skryba.config.load import load
from skryba.config.model import Config
from skryba.errors import ConfigError
from skryba.explanation import Explanation
from skryba.policy.book import GROUP, CountryRule, Force, Rule, RuleBook
from skryba.policy.e164 import matches, normalise
from skryba.policy.engine import Engine
from skryba.policy.holidays import easter, is_holiday
from skryba.policy.hours import DAYS, Holidays, Hours
from skryba.policy.model import CallFacts, CallType, ConsentMode, Decision, Limit, Mode, Notice
from skryba.policy.overlaps import Kind, overlaps
from skryba.policy.rules import parse_rules
from skryba.rulebook import read_rules
from skryba.signalling import Policy
from skryba.terms import Direction

EMERGENCY = frozenset({"112", "997"})
NUMBERS = ["+48221234567", "22 123 45 67", "0049301234567", "101", "102", "112", "", "anonymous", "alice", "group:hr"]
PATTERNS = ["*", "+48221234567", "+4822*", "+49*", "101", "102", "anonymous", "alice"]

some_number = st.one_of(st.sampled_from(NUMBERS), st.text(alphabet="0123456789+*#-() ;@:.%siptel", max_size=16))
moments = st.datetimes(timezones=st.just(UTC))
patterns = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(tuple)
hours = st.builds(
    Hours.parse,
    st.sampled_from(["mon-fri 08:00-16:00", "sat-sun 00:00-24:00", "22:00-06:00"]),
    st.sampled_from(["Europe/Warsaw", "America/New_York"]),
    st.sampled_from(Holidays),
)

rules = st.builds(
    Rule,
    id=st.just(""),
    mode=st.sampled_from(Mode),
    stations=st.lists(st.sampled_from(["*", "101", "102", "group:hr"]), min_size=1, max_size=2).map(tuple),
    types=st.one_of(st.just(frozenset(CallType)), st.frozensets(st.sampled_from(CallType), min_size=1)),
    via=st.sampled_from([("*",), ("*",), ("queue",), ("ivr*", "queue:a")]),
    numbers=st.one_of(patterns, st.just(("list:some", "101"))),
    dids=patterns,
    trunks=st.lists(st.sampled_from(["*", "carrier", "pbx"]), min_size=1, max_size=2).map(tuple),
    hours=st.one_of(st.none(), hours),
    sample=st.one_of(st.none(), st.just(50.0)),
    private=st.booleans(),
    notice=st.just(Notice("standard", "pl")),
)


@st.composite
def books(draw: st.DrawFn) -> RuleBook:
    numbered = tuple(replace(rule, id=f"r{index}") for index, rule in enumerate(draw(st.lists(rules, max_size=8))))
    subjects = st.frozensets(st.sampled_from([*PATTERNS[1:], "group:hr"]), max_size=1)
    like = next((rule for rule in numbered if rule.mode is Mode.AUTOMATIC), None)
    codes = draw(st.lists(st.sampled_from(["+48", "+4822", "+49", "+493"]), unique=True, max_size=3))
    return RuleBook(
        numbered,
        draw(subjects),
        draw(subjects) if like else frozenset(),
        like,
        version="v",
        lists=(("some", ("+4822*", "anonymous")),),
        countries=tuple(CountryRule((code,), draw(st.sampled_from(Force)), Notice("law", "de")) for code in codes),
    )


facts = st.builds(
    CallFacts,
    direction=st.sampled_from(Direction),
    station=st.sampled_from([None, "101", "102", "103"]),
    caller=some_number,
    callee=some_number,
    trunk=st.sampled_from([None, "carrier", "pbx"]),
    at=moments,
    groups=st.frozensets(st.sampled_from(["hr", "sales"])),
    did=st.one_of(st.none(), some_number),
    priority=st.sampled_from([False, False, False, True]),
    via=st.sampled_from([None, None, "queue", "queue:a", "ivr", "ivr:b"]),
    private=st.booleans(),
    draw=st.one_of(st.none(), st.floats(0, 1, exclude_max=True)),
)


def expected_rule(book: RuleBook, call: CallFacts) -> str:
    """The order of decision as ARCHITECTURE and the documentation tell it, without any table."""
    caller, callee = normalise(call.caller), normalise(call.callee)
    did = normalise(call.did) if call.did is not None else None
    if callee in ("112", "997", "+48112", "+48997") or callee.startswith("urn:service:sos") or call.priority:
        return "emergency"
    for name, listed in (("never-list", book.never), ("always-list", book.always)):
        for entry in listed:
            if entry.startswith(GROUP):
                if entry.removeprefix(GROUP) in call.groups:
                    return name
            elif entry == call.station or any(matches(entry, number) for number in (caller, callee, did) if number):
                return name
    other = caller if call.direction is Direction.INBOUND else callee
    own = did if did is not None else None if call.direction is Direction.INBOUND else caller
    stations = {"*", call.station, *(GROUP + group for group in call.groups)}
    for rule in book.rules:
        if (
            call.call_type in rule.types
            and any(pattern == "*" or (call.via is not None and matches(pattern, call.via)) for pattern in rule.via)
            and stations & set(rule.stations)
            and any(matches(pattern, other) for pattern in book.spelt_out(rule.numbers))
            and any(pattern == "*" or (own is not None and matches(pattern, own)) for pattern in rule.dids)
            and {"*", call.trunk} & set(rule.trunks)
            and (rule.hours is None or rule.hours.contains(call.at))
        ):
            return rule.id
    return "default"


@given(books(), st.lists(facts, min_size=1, max_size=4))
def test_a5_the_order_of_decision(book: RuleBook, calls: list[CallFacts]) -> None:
    engine = Engine(book, emergency=EMERGENCY)
    for call in calls:
        decision = engine.decide(call)
        assert decision.rule == expected_rule(book, call)
        assert_sound(book, call, decision)
        assert_limits(book, call, decision)


def assert_sound(book: RuleBook, call: CallFacts, decision: Decision) -> None:
    """What holds for every decision."""
    path = [step for step in decision.path if step.rule not in set(Limit)]
    assert tuple(path) == tuple(decision.path)[: len(path)]
    assert [step.matched for step in path] == [False] * (len(path) - 1) + [True]
    assert path[-1].rule == decision.rule
    looked_at = [step.rule for step in decision.path if step.rule.startswith("r")]
    assert looked_at == [rule.id for rule in book.rules][: len(looked_at)]
    assert decision.reason
    assert decision.reason_pl
    if decision.rule in ("emergency", "never-list", "default", "fallback"):
        assert decision.mode is Mode.NEVER
    assert decision.emergency is (decision.rule == "emergency")
    assert (decision.notice is not None) is (decision.mode is not Mode.NEVER)


def assert_limits(book: RuleBook, call: CallFacts, decision: Decision) -> None:
    """Law, then the wish for privacy, then the draw, as the documentation tells it."""
    by_list = decision.rule == "always-list"
    rule = book.like if by_list else next((rule for rule in book.rules if rule.id == decision.rule), None)
    if rule is None or rule.mode is Mode.NEVER:
        assert (decision.mode, decision.limit, decision.consent) == (Mode.NEVER, None, ConsentMode.NOTICE)
        return
    other = normalise(call.caller if call.direction is Direction.INBOUND else call.callee)
    laws = sorted((c for c in book.countries if other.startswith(c.codes[0])), key=lambda c: len(c.codes[0]))
    force = laws[-1].force if laws else None
    if force is Force.NEVER:
        limit = Limit.COUNTRY
    elif call.private and rule.private and not by_list:
        limit = Limit.PRIVATE
    elif rule.sample is not None and not by_list and (call.draw is None or call.draw >= 0.5):
        limit = Limit.SAMPLE
    else:
        limit = None
    assert decision.limit is limit
    if limit is not None:
        assert decision.mode is Mode.NEVER
    else:
        assert decision.mode is (Mode.ON_DEMAND if force is Force.OPT_IN else rule.mode)
        assert decision.notice == (laws[-1].notice if laws else rule.notice)
        assert (decision.consent is ConsentMode.OPT_IN) is (force is Force.OPT_IN)


@given(books(), st.lists(facts, min_size=1, max_size=4))
def test_a8_a_dry_run_decides_as_the_live_engine_does(book: RuleBook, calls: list[CallFacts]) -> None:
    """One engine that has seen every call before, and one that sees each for the first time: path and all."""
    live = Engine(book, emergency=EMERGENCY)
    decided = [live.decide(call) for call in [*calls, *calls]]
    assert decided[: len(calls)] == decided[len(calls) :]
    for call, decision in zip(calls, decided, strict=False):
        dry = Engine(book, emergency=EMERGENCY).decide(call)
        assert dry == decision
        told = Explanation(call, dry).as_json()
        assert json.loads(json.dumps(told)) == json.loads(json.dumps(Explanation(call, decision).as_json()))


DRY_RULES = """
never = ["110"]
[[country]]
code = ["+49"]
force = "opt_in"
notice = "standard"
[[rule]]
id = "queue"
call_type = ["queue"]
mode = "automatic"
sample = 30
private = true
purpose = "p"
legal_basis = "b"
retention = "90d"
notice = "standard"
[[rule]]
id = "hours"
station = ["101", "group:hr"]
hours = "mon-fri 08:00-16:00"
holidays = "except"
mode = "on_demand"
purpose = "p"
legal_basis = "b"
retention = "90d"
notice = "standard"
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("dry")
    (folder / "rules.toml").write_text(DRY_RULES, encoding="utf-8")
    (folder / "skryba.toml").touch()
    return load(folder / "skryba.toml", {})


@given(call=facts)
def test_a8_the_running_proxy_and_the_explanation_read_the_same_file_alike(config: Config, call: CallFacts) -> None:
    live = Policy(config)
    dry = Engine(read_rules(config), emergency=config.policy.emergency).decide(call)
    assert live.decide(call) == dry
    assert live.decide(call) == dry


@given(books(), st.lists(facts, max_size=8))
def test_a17_a_rule_that_is_called_shadowed_decides_no_call(book: RuleBook, calls: list[CallFacts]) -> None:
    engine = Engine(book, emergency=EMERGENCY)
    silent = {each.rule for each in overlaps(book) if each.kind is not Kind.ORDER}
    assert not silent & {engine.decide(call).rule for call in calls}


@given(st.integers(1, 9999))
def test_a3_easter_is_a_sunday_in_spring(year: int) -> None:
    day = easter(year)
    assert day.weekday() == 6
    assert (3, 22) <= (day.month, day.day) <= (4, 25)
    assert is_holiday(day)


@given(
    st.one_of(st.none(), books()),
    st.builds(
        CallFacts,
        direction=st.sampled_from(Direction),
        station=st.one_of(st.none(), st.text()),
        caller=st.text(),
        callee=st.text(),
        trunk=st.one_of(st.none(), st.text()),
        at=st.datetimes(
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=23)), timezone(timedelta(hours=-23))])
        ),
        groups=st.frozensets(st.text()),
        did=st.one_of(st.none(), st.text()),
        via=st.one_of(st.none(), st.text()),
        draw=st.one_of(st.none(), st.floats()),
    ),
)
@example(None, CallFacts(Direction.INTERNAL, None, "", "", None, datetime.max.replace(tzinfo=UTC)))
def test_decide_never_raises(book: RuleBook | None, call: CallFacts) -> None:
    decision = Engine(book, emergency=EMERGENCY).decide(call)
    assert decision.version == ("v" if book else "")
    if book is None and not decision.emergency:
        assert decision.rule == "fallback"


@given(
    st.one_of(
        some_number,
        st.text(),
        st.from_regex(r"(?i)\s*((sips?|tel):)?[+%0-9()a-f. \-]{0,20}([;:@].{0,9})?", fullmatch=True),
    ),
    st.sampled_from(["48", "49", "1", "420"]),
)
def test_normalisation_is_idempotent_and_never_raises(text: str, country: str) -> None:
    once = normalise(text, country=country)
    assert normalise(once, country=country) == once
    assert once
    assert once == once.strip()


@given(st.integers(100_000_000, 999_999_999).filter(lambda number: number // 10**7 != 0))
def test_all_spellings_of_a_number_are_one(number: int) -> None:
    digits = str(number)
    spellings = [digits, f"0{digits}", f"48{digits}", f"0048{digits}", f"+48 {digits[:2]} {digits[2:5]}-{digits[5:]}"]
    assert {normalise(spelling) for spelling in spellings} == {f"+48{digits}"}


@given(st.sampled_from(DAYS), st.integers(0, 1439), st.integers(1, 1439), st.integers(0, 10079))
def test_hours_are_open_for_as_long_as_they_say(day: str, start: int, length: int, minute: int) -> None:
    end = (start + length) % 1440
    span = f"{day} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    open_hours = Hours.parse(span, "UTC")
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    first = DAYS.index(day) * 1440 + start
    assert open_hours.contains(monday + timedelta(minutes=minute)) is ((minute - first) % 10080 < length)
    assert sum(open_hours.week) == length


@given(st.text(max_size=200))
def test_reading_rules_raises_nothing_but_config_error(text: str) -> None:
    told = ""
    try:
        told = parse_rules(text, source="rules.toml").source
    except ConfigError as error:
        told = str(error)
    assert told.startswith("rules.toml")


value = st.one_of(
    st.sampled_from(
        [
            '"a"',
            '"automatic"',
            '"never"',
            '""',
            "5",
            "[]",
            '["*"]',
            '["101", "group:x"]',
            '["22*"]',
            "{ a = 1 }",
            "true",
        ]
    ),
    st.sampled_from(
        ['"mon 08:00-16:00"', '"pl"', '"90d"', '"none"', "2026-01-01", "[[1]]", '"inf"', "nan", '["inbound"]']
    ),
)
keys = st.sampled_from(
    ["id", "mode", "station", "number", "did", "direction", "trunk", "hours", "zone", "purpose", "retention", "notice",
     "notice_reason", "language", "notice_moment", "never", "always", "always_like", "other", "protected", "lists",
     "country", "call_type", "scope", "via", "sample", "private", "holidays", "approved_by"]
)  # fmt: skip


@given(st.dictionaries(keys, value, max_size=4), st.lists(st.dictionaries(keys, value, max_size=10), max_size=3))
def test_any_values_give_a_book_or_faults_with_lines(top: dict[str, str], tables: list[dict[str, str]]) -> None:
    lines = [f"{key} = {said}" for key, said in top.items()]
    for table in tables:
        lines += ["[[rule]]", *(f"{key} = {said}" for key, said in table.items())]
    try:
        book = parse_rules("\n".join(lines), source="rules.toml")
    except ConfigError as error:
        numbers = [int(line.split(":")[1]) for line in str(error).split("\n")]
        assert numbers == sorted(numbers)
        assert all(1 <= number <= max(len(lines), 1) for number in numbers)
        return
    assert len(book.rules) == len(tables)
    for rule in book.rules:
        assert rule.mode is Mode.NEVER or (rule.purpose and rule.legal_basis and rule.retention)
