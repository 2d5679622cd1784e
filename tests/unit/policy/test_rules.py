"""Rules files: what is read, and what is refused with all its faults at once."""

from hashlib import sha256
from pathlib import Path

import pytest

from skryba.errors import ConfigError
from skryba.policy.book import CountryRule, Force, Rule, RuleBook
from skryba.policy.faults import Fault, FaultyRulesError
from skryba.policy.hours import Holidays, Hours
from skryba.policy.model import CallType, IfUnrecordable, Mode, Notice, NoticeMoment
from skryba.policy.rules import parse_rules

EXAMPLE = Path(__file__).parents[3] / "examples" / "rules.toml"
FULL = """
[[rule]]
id = "full"
station = ["101", "group:sales"]
direction = ["outbound", "inbound"]
number = ["22 123 45 67", "0049 30*", "anonymous"]
did = ["48221234568"]
trunk = ["carrier"]
hours = "mon-fri 08:00-18:00"
zone = "Europe/Berlin"
mode = "automatic"
purpose = "quality"
legal_basis = "art. 6"
retention = "90d"
notice = "standard"
language = "en"
notice_moment = "early_media"
if_unrecordable = "refuse"
renditions = ["flac", "opus"]
"""
LEAST = '[[rule]]\nid = "least"\nmode = "never"\n'
TERMS = 'purpose = "p"\nlegal_basis = "b"\nretention = "90d"\n'


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_rules(text, source="rules.toml")
    return str(caught.value).split("\n")


def test_all_that_a_rule_can_say() -> None:
    (rule,) = parse_rules(FULL, source="rules.toml").rules
    assert rule == Rule(
        id="full",
        mode=Mode.AUTOMATIC,
        stations=("101", "group:sales"),
        types=frozenset({CallType.OUTGOING, CallType.INCOMING, CallType.QUEUE, CallType.IVR}),
        numbers=("+48221234567", "+4930*", "anonymous"),
        dids=("+48221234568",),
        trunks=("carrier",),
        hours=Hours.parse("mon-fri 08:00-18:00", "Europe/Berlin"),
        notice=Notice("standard", "en", NoticeMoment.EARLY_MEDIA),
        purpose="quality",
        legal_basis="art. 6",
        retention="90d",
        if_unrecordable=IfUnrecordable.REFUSE,
        renditions=("flac", "opus"),
    )


def test_the_least_that_a_rule_says() -> None:
    (rule,) = parse_rules(LEAST, source="rules.toml").rules
    assert rule == Rule(id="least", mode=Mode.NEVER)
    assert rule.stations == rule.numbers == rule.dids == rule.trunks == ("*",)
    assert rule.types == frozenset(CallType)
    assert (rule.via, rule.sample, rule.private) == (("*",), None, False)
    assert rule.hours is None
    assert rule.notice is None


def test_an_empty_file_is_a_book_without_rules() -> None:
    book = parse_rules("", source="rules.toml")
    assert (book.rules, book.never, book.always, book.like) == ((), frozenset(), frozenset(), None)


def test_the_version_is_the_hash_of_the_text() -> None:
    book = parse_rules(LEAST, source="rules.toml")
    assert book.version == sha256(LEAST.encode()).hexdigest()[:16]
    assert book.version != parse_rules(LEAST + "\n", source="rules.toml").version
    assert book.source == "rules.toml"


def test_country_and_language_come_from_outside() -> None:
    text = 'never = ["030 1234567"]\n' + FULL.replace('language = "en"\n', "")
    book = parse_rules(text, source="x", country="49", language="en")
    assert "+49301234567" in book.never
    assert book.country == "49"
    assert book.rules[0].notice == Notice("standard", "en", NoticeMoment.EARLY_MEDIA)
    notice = parse_rules(text, source="x").rules[0].notice
    assert notice is not None
    assert notice.language == "pl"


def test_lists_hold_stations_groups_and_numbers() -> None:
    book = parse_rules('never = ["101", "group:hr", "221110000", "+4861*", "*", "alice"]\n', source="rules.toml")
    assert book.never == {"101", "group:hr", "221110000", "+48221110000", "+4861*", "*", "alice"}


def test_no_notice_with_a_reason() -> None:
    text = f'[[rule]]\nid = "a"\nmode = "automatic"\n{TERMS}notice = "none"\nnotice_reason = "told in writing"\n'
    (rule,) = parse_rules(text, source="rules.toml").rules
    assert (rule.notice, rule.notice_reason) == (None, "told in writing")


def test_the_always_list_takes_the_terms_of_the_only_recording_rule() -> None:
    assert parse_rules('always = ["101"]\n' + FULL + LEAST, source="x").like == parse_rules(FULL, source="x").rules[0]


def test_the_always_list_takes_the_terms_of_the_named_rule() -> None:
    text = 'always = ["101"]\nalways_like = "second"\n' + FULL + FULL.replace('"full"', '"second"')
    like = parse_rules(text, source="x").like
    assert like is not None
    assert like.id == "second"


@pytest.mark.parametrize(
    ("text", "line", "problem", "remedy"),
    [
        ("never = [", 1, "this is no TOML", "Mend the line"),
        ('never = []\nnever = ["1"]\n', 2, "this is no TOML", "Mend the line"),
        ('\nnevr = ["1"]\n', 2, "there is no option 'nevr' here", "Did you mean never?"),
        ("[something]\n", 1, "there is no option 'something' here", "Known are never, protected, approved_by, always"),
        ('never = "101"\n', 1, "never is a list of texts", 'Write never = ["…", "…"]'),
        ("never = [101]\n", 1, "never is a list of texts", 'Write never = ["…", "…"]'),
        ('never = ["  "]\n', 1, "never is a list of texts", 'Write never = ["…", "…"]'),
        ('never = ["22*"]\n', 1, "'22*' could mean numbers", 'Write "+4822*"'),
        ("rule = 5\n", 1, "rule is a table, or several", "Begin each with [[rule]]"),
        ("[rule]\n", 1, "rule is a table, or several", "Begin each with [[rule]]"),
        ('always = ["101"]\n' + LEAST, 1, "the always-list does not say", "Add always_like"),
        ('always = ["101"]\n' + FULL + FULL.replace("full", "b"), 1, "the always-list does not say", "Add always_like"),
        ('always_like = "least"\n' + LEAST, 1, "there is no recording rule 'least'", "Name the id"),
        ('[[rule]]\nmode = "never"\n', 1, "a rule has no id", 'Add id = "…"'),
        (LEAST.replace('"least"', '"ł"'), 2, "'ł' is no id", "Use letters"),
        (LEAST.replace('"least"', '"default"'), 2, "the id 'default' belongs to Skryba", "Choose another"),
        (LEAST.replace('"least"', "7"), 2, "id is a text", 'Write id = "…"'),
        (LEAST + LEAST, 5, "there is already a rule 'least'", "of its own"),
        ('[[rule]]\nid = "a"\n', 1, "a rule has no mode", "Add mode = one of never, automatic, on_demand"),
        ('[[rule]]\nid = "a"\nmode = "always"\n', 3, "'always' is no mode", "Choose never, automatic, on_demand"),
        (
            LEAST + 'direction = ["out"]\n',
            4,
            "'out' is no direction",
            "Choose outbound, inbound, inbound_direct, inbound_via, internal, *",
        ),
        (LEAST + 'station = ["1*"]\n', 4, "'1*' is no station", "Name stations one by one"),
        (LEAST + "station = []\n", 4, "an empty list of station", 'Write station = ["*"]'),
        (LEAST + 'number = ["22*"]\n', 4, "'22*' could mean numbers", 'Write "+4822*"'),
        (LEAST + 'hours = "mon"\n', 4, "'mon' is not of the form", 'Write hours such as "mon-fri'),
        (LEAST + 'hours = "8:00-9:00"\nzone = "Mars/Base"\n', 4, "there is no time zone 'Mars/Base'", "Write hours"),
        (LEAST + 'zone = "Europe/Warsaw"\n', 4, "a time zone without hours", "Add hours"),
        (LEAST + 'retention = "long"\n', 4, "'long' is no length of time", "Write days"),
        (LEAST + 'language = "fr"\n', 4, "there are no notices in 'fr'", "Choose pl, en, uk, de"),
        (LEAST + 'notice_moment = "later"\n', 4, "'later' is no notice moment", "Choose answer, early_media"),
        (LEAST + 'if_unrecordable = "drop"\n', 4, "'drop' is no if unrecordable", "Choose continue, refuse, end"),
        (LEAST + 'renditions = ["aac"]\n', 4, "'aac' is no rendition", "Choose among flac, opus, mp3"),
        (LEAST + 'notice = "none"\n', 4, "rule 'least' has no notice and does not say why", "Add notice_reason"),
        (LEAST + 'purpos = "x"\n', 4, "there is no option 'purpos' here", "Did you mean purpose?"),
        (LEAST + 'purpose = ""\n', 4, "purpose is a text", 'Write purpose = "…"'),
        (
            FULL.replace('purpose = "quality"\n', ""),
            2,
            "rule 'full' records, but names no purpose",
            'Add purpose = "…"',
        ),
    ],
)
def test_a_fault_has_file_line_and_remedy(text: str, line: int, problem: str, remedy: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"rules.toml:{line}: {problem}")
    assert remedy in fault


def test_every_term_of_a_recording_rule_is_owed() -> None:
    found = faults('[[rule]]\nid = "a"\nmode = "automatic"\n')
    assert [fault.split("names no ")[1].split(".")[0] for fault in found] == [
        "legal basis",
        "notice",
        "purpose",
        "retention",
    ]
    assert 'or notice = "none" with notice_reason' in found[1]


def test_all_faults_come_at_once_in_the_order_of_lines() -> None:
    text = 'nevr = []\n[[rule]]\nid = "a"\nmode = "perhaps"\n[[rule]]\nid = "a"\nmode = "never"\nhours = "x"\n'
    assert [fault.split(":")[1] for fault in faults(text)] == ["1", "4", "6", "8"]


def test_a_fault_is_told_once() -> None:
    text = 'notice_reason = 5\nnotice = "none"\n'
    assert len([fault for fault in faults(LEAST + text) if "notice_reason is a text" in fault]) == 1


def test_endless_nesting_is_a_fault_and_no_crash() -> None:
    assert "this is no TOML" in faults("never = " + "[" * 5000)[0]


def test_the_example_is_read_and_uses_every_word() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    book = parse_rules(text, source=str(EXAMPLE))
    assert [rule.id for rule in book.rules] == [
        "complaints",
        "colleagues",
        "legal-adviser",
        "sales-outbound",
        "suppliers",
        "dispatch",
    ]
    assert book.like is book.rules[0]
    assert {"110", "group:whistle-line", "+48225310300"} <= book.never
    assert book.always >= {"+48800100200"}
    for word in ("did", "trunk", "hours", "zone", "notice_reason", "language", "notice_moment", "always_like"):
        assert f"\n{word} = " in text


@pytest.mark.parametrize(
    ("condition", "types"),
    [
        ('direction = ["outbound"]', {"outgoing"}),
        ('direction = ["inbound"]', {"incoming", "queue", "ivr"}),
        ('direction = ["inbound_direct"]', {"incoming"}),
        ('direction = ["inbound_via"]', {"queue", "ivr"}),
        ('direction = ["internal", "outbound"]', {"internal", "outgoing"}),
        ('direction = ["*"]', set(CallType)),
        ('call_type = ["queue"]', {"queue"}),
        ('call_type = ["*"]', set(CallType)),
        ('scope = ["internal"]', {"internal"}),
        ('scope = ["external"]', set(CallType) - {"internal"}),
        ('direction = ["inbound"]\ncall_type = ["queue", "outgoing"]', {"queue"}),
        ('via = ["queue:sales"]', {"queue"}),
        ('via = ["ivr*", "queue"]', {"queue", "ivr"}),
        ('via = ["*"]', set(CallType)),
    ],
)
def test_a3_directions_call_types_and_scope_are_kinds_of_calls(condition: str, types: set[str]) -> None:
    (rule,) = parse_rules(f"{LEAST}{condition}\n", source="x").rules
    assert rule.types == types


def test_a2_a_rule_on_demand_owes_the_same_as_one_that_records() -> None:
    text = FULL.replace('"automatic"', '"on_demand"')
    assert parse_rules(text, source="x").rules[0].mode is Mode.ON_DEMAND
    (fault,) = faults(text.replace('legal_basis = "art. 6"\n', ""))
    assert "rule 'full' records, but names no legal basis" in fault


def test_a3_hours_without_and_only_on_holidays() -> None:
    (rule,) = parse_rules(f'{LEAST}hours = "mon 08:00-09:00"\nholidays = "except"\n', source="x").rules
    assert rule.hours == Hours.parse("mon 08:00-09:00", holidays=Holidays.EXCEPT)
    (rule,) = parse_rules(f'{LEAST}holidays = "only"\nzone = "Europe/Kyiv"\n', source="x").rules
    assert rule.hours == Hours.parse("00:00-24:00", "Europe/Kyiv", Holidays.ONLY)
    (rule,) = parse_rules(f'{LEAST}holidays = "any"\n', source="x").rules
    assert rule.hours is None


def test_a3_lists_have_names() -> None:
    text = 'never = ["list:law", "110"]\n[lists]\nlaw = ["61 855 44 00", "+4861855441*"]\n'
    book = parse_rules(text + LEAST + 'number = ["list:law", "+49*"]\ndid = ["list:law"]\n', source="x")
    assert book.lists == (("law", ("+48618554400", "+4861855441*")),)
    assert book.never == {"110", "+48618554400", "+4861855441*"}
    assert book.rules[0].numbers == ("list:law", "+49*")
    assert list(book.spelt_out(book.rules[0].numbers)) == ["+48618554400", "+4861855441*", "+49*"]


def test_a12_and_a13_a_share_and_private_calls() -> None:
    rule = parse_rules(FULL + "sample = 10\nprivate = true\n", source="x").rules[0]
    assert (rule.sample, rule.private) == (10.0, True)
    rule = parse_rules(FULL + "sample = 0.5\nprivate = false\n", source="x").rules[0]
    assert (rule.sample, rule.private) == (0.5, False)


COUNTRIES = """
[[country]]
code = ["+49", "0043"]
force = "opt_in"
notice = "opt-in"
language = "de"
reason = "§ 201 StGB"
[[country]]
code = ["+1"]
force = "never"
"""


def test_a15_country_rules() -> None:
    book = parse_rules(COUNTRIES, source="x")
    assert book.countries == (
        CountryRule(("+49", "+43"), Force.OPT_IN, Notice("opt-in", "de"), "§ 201 StGB"),
        CountryRule(("+1",), Force.NEVER),
    )
    assert list(book.notices()) == [("+49", Notice("opt-in", "de"))]


PROTECTED = 'protected = ["110", "group:whistle-line", "22 531 03 00"]\n'


def test_a14_the_protected_are_never_recorded() -> None:
    book = parse_rules('never = ["101"]\n' + PROTECTED, source="x")
    assert book.protected == {"110", "group:whistle-line", "22 531 03 00", "+48225310300"}
    assert book.never == book.protected | {"101"}


def test_a14_nobody_drops_a_protected_entry_alone() -> None:
    in_force = parse_rules(PROTECTED, source="x")
    weaker = 'never = ["110"]\nprotected = ["group:whistle-line", "22 531 03 00"]\n'
    with pytest.raises(
        FaultyRulesError, match=r"^x:2: 110 would no longer be protected\. .* \| 110 straciłoby ochronę"
    ):
        parse_rules(weaker, source="x", replacing=in_force)
    signed = parse_rules('approved_by = "A. Nowak, 2026-11-24"\n' + weaker, source="x", replacing=in_force)
    assert signed.approved_by == "A. Nowak, 2026-11-24"
    assert "110" not in signed.protected
    assert parse_rules(weaker, source="x").never  # nothing in force: nothing to compare with


def test_a14_a_signature_is_good_for_one_change() -> None:
    signature = 'approved_by = "A. Nowak, 2026-11-24"\n'
    in_force = parse_rules(signature + PROTECTED, source="x")
    assert parse_rules(signature + PROTECTED + "always = []\n", source="x", replacing=in_force)
    (fault,) = _refused(signature, in_force)
    assert fault.line == 1
    assert "the signature of an earlier change" in fault.problem
    assert parse_rules('approved_by = "B. Lis, 2026-11-25"\n', source="x", replacing=in_force).protected == frozenset()


def _refused(text: str, in_force: RuleBook) -> tuple[Fault, ...]:
    with pytest.raises(FaultyRulesError) as caught:
        parse_rules(text, source="x", replacing=in_force)
    return caught.value.faults


def test_a14_more_protection_needs_no_second_person() -> None:
    in_force = parse_rules('protected = ["110"]\n', source="x")
    assert parse_rules(PROTECTED, source="x", replacing=in_force).protected > in_force.protected


@pytest.mark.parametrize(
    ("text", "line", "problem", "remedy"),
    [
        ("lists = 5\n", 1, "lists is one table", "Begin it with [lists]"),
        ('[lists]\na = "x"\n', 2, "a is a list of texts", 'Write a = ["…", "…"]'),
        ('[lists]\na = ["list:b"]\n', 2, "a list holds numbers", "Name the numbers themselves"),
        ('[lists]\na = ["22*"]\n', 2, "'22*' could mean numbers", 'Write "+4822*"'),
        ('never = ["list:a"]\n', 1, "there is no list 'a'", "under [lists]"),
        (LEAST + 'number = ["list:a"]\n', 4, "there is no list 'a'", 'Add a = ["…"]'),
        (
            LEAST + 'call_type = ["fax"]\n',
            4,
            "'fax' is no call type",
            "Choose outgoing, incoming, queue, ivr, internal, *",
        ),
        (LEAST + 'scope = ["ours"]\n', 4, "'ours' is no scope", "Choose internal, external, *"),
        (LEAST + 'via = ["door"]\n', 4, "'door' is no way in", 'Write "queue", "queue:NAME"'),
        (LEAST + 'via = ["queue"]\ndirection = ["outbound"]\n', 4, "no call is all that", "Remove one"),
        (LEAST + 'direction = ["internal"]\nscope = ["external"]\n', 5, "no call is all that", "Remove one"),
        (LEAST + 'holidays = "maybe"\n', 4, "'maybe' is no holidays", "Choose any, except, only"),
        (LEAST + 'holidays = "only"\nzone = "Mars"\n', 5, "there is no time zone 'Mars'", "Write hours"),
        (LEAST + "private = true\n", 4, "rule 'least' records nothing", "Remove private"),
        (LEAST + 'private = "yes"\n', 4, "private is true or false", "Write private = true"),
        (LEAST + "sample = 10\n", 4, "only a rule of mode automatic", "Remove sample"),
        (FULL + "sample = 0\n", 20, "sample is the share", "sample = 10"),
        (FULL + "sample = 101\n", 20, "sample is the share", "sample = 10"),
        (FULL + "sample = nan\n", 20, "sample is the share", "sample = 10"),
        (FULL + "sample = true\n", 20, "sample is the share", "sample = 10"),
        (LEAST.replace('"least"', '"private"'), 2, "the id 'private' belongs to Skryba", "Choose another"),
        ('[[country]]\nforce = "never"\n', 1, "a country rule has no code", 'Add code = ["+49"]'),
        ('[[country]]\ncode = ["49"]\nforce = "never"\n', 2, "'49' is no country code", 'Write it as "+49"'),
        ('[[country]]\ncode = ["+49", "0049"]\nforce = "never"\n', 2, "the country +49 has two rules", "Keep one"),
        ('[[country]]\ncode = ["+49"]\n', 1, "a country rule has no force", "Add force = never, notice, opt_in"),
        ('[[country]]\ncode = ["+49"]\nforce = "notice"\n', 1, "a country rule has no notice", "Add notice"),
        (
            '[[country]]\ncode = ["+49"]\nforce = "opt_in"\nnotice = "none"\n',
            4,
            "a country rule has no notice",
            "Add notice",
        ),
        ('[[country]]\ncode = ["+49"]\nforce = "never"\nnotice = "x"\n', 4, "calls that are never", "Remove notice"),
        (
            '[[country]]\ncode = ["+49"]\nforce = "never"\nmode = "x"\n',
            4,
            "there is no option 'mode'",
            "Did you mean code?",
        ),
    ],
)
def test_a16_new_faults_have_line_reason_and_remedy_in_both_languages(
    text: str, line: int, problem: str, remedy: str
) -> None:
    (fault,) = faults(text)
    english, polish = fault.split(" | ")
    assert english.startswith(f"rules.toml:{line}: {problem}")
    assert remedy in english
    assert polish
