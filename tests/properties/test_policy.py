"""Properties of policy: the order of decision against a plain second reading of it, and functions that never raise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from skryba.errors import ConfigError
from skryba.policy.e164 import matches, normalise
from skryba.policy.engine import Engine
from skryba.policy.hours import DAYS, Hours
from skryba.policy.model import CallFacts, Decision, Mode, Notice
from skryba.policy.rules import GROUP, Rule, RuleBook, parse_rules
from skryba.terms import Direction

EMERGENCY = frozenset({"112", "997"})
NUMBERS = ["+48221234567", "22 123 45 67", "0049301234567", "101", "102", "112", "", "anonymous", "alice", "group:hr"]
PATTERNS = ["*", "+48221234567", "+4822*", "+49*", "101", "102", "anonymous", "alice"]

some_number = st.one_of(st.sampled_from(NUMBERS), st.text(alphabet="0123456789+*#-() ;@:.%siptel", max_size=16))
moments = st.datetimes(timezones=st.just(UTC))
patterns = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(tuple)
hours = st.sampled_from(["mon-fri 08:00-16:00", "sat-sun 00:00-24:00", "22:00-06:00"]).map(Hours.parse)

rules = st.builds(
    Rule,
    id=st.just(""),
    mode=st.sampled_from(Mode),
    stations=st.lists(st.sampled_from(["*", "101", "102", "group:hr"]), min_size=1, max_size=2).map(tuple),
    directions=st.frozensets(st.sampled_from(Direction), min_size=1),
    numbers=patterns,
    dids=patterns,
    trunks=st.lists(st.sampled_from(["*", "carrier", "pbx"]), min_size=1, max_size=2).map(tuple),
    hours=st.one_of(st.none(), hours),
    notice=st.just(Notice("standard", "pl")),
)


@st.composite
def books(draw: st.DrawFn) -> RuleBook:
    numbered = tuple(replace(rule, id=f"r{index}") for index, rule in enumerate(draw(st.lists(rules, max_size=8))))
    subjects = st.frozensets(st.sampled_from([*PATTERNS[1:], "group:hr"]), max_size=1)
    like = next((rule for rule in numbered if rule.mode is Mode.AUTOMATIC), None)
    return RuleBook(numbered, draw(subjects), draw(subjects) if like else frozenset(), like, version="v")


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
    stations = {"*", call.station, *(GROUP + group for group in call.groups)}
    for rule in book.rules:
        if (
            call.direction in rule.directions
            and stations & set(rule.stations)
            and any(matches(pattern, other) for pattern in rule.numbers)
            and any(pattern == "*" or (did is not None and matches(pattern, did)) for pattern in rule.dids)
            and {"*", call.trunk} & set(rule.trunks)
            and (rule.hours is None or rule.hours.contains(call.at))
        ):
            return rule.id
    return "default"


@given(books(), st.lists(facts, min_size=1, max_size=4))
def test_the_order_of_decision(book: RuleBook, calls: list[CallFacts]) -> None:
    engine = Engine(book, emergency=EMERGENCY)
    for call in calls:
        decision = engine.decide(call)
        assert decision.rule == expected_rule(book, call)
        assert_sound(book, decision)


def assert_sound(book: RuleBook, decision: Decision) -> None:
    """What holds for every decision."""
    assert [step.matched for step in decision.path] == [False] * (len(decision.path) - 1) + [True]
    assert decision.path[-1].rule == decision.rule
    looked_at = [step.rule for step in decision.path if step.rule.startswith("r")]
    assert looked_at == [rule.id for rule in book.rules][: len(looked_at)]
    assert decision.reason
    assert decision.reason_pl
    if decision.rule in ("emergency", "never-list", "default", "fallback"):
        assert decision.mode is Mode.NEVER
    assert decision.emergency is (decision.rule == "emergency")
    assert (decision.notice is not None) is (decision.mode is Mode.AUTOMATIC)


@given(books(), st.lists(facts, min_size=1, max_size=4))
def test_a_dry_run_decides_as_the_live_engine_does(book: RuleBook, calls: list[CallFacts]) -> None:
    live, dry = (Engine(book, emergency=EMERGENCY) for _ in range(2))
    decided = [live.decide(call) for call in calls]
    assert [dry.decide(call) for call in reversed(calls)] == decided[::-1]


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
     "notice_reason", "language", "notice_moment", "never", "always", "always_like", "other"]
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
