"""Rules files: what is read, and what is refused with all its faults at once."""

from hashlib import sha256
from pathlib import Path

import pytest

from skryba.errors import ConfigError
from skryba.policy.hours import Hours
from skryba.policy.model import IfUnrecordable, Mode, Notice, NoticeMoment
from skryba.policy.rules import Rule, parse_rules
from skryba.terms import Direction

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
        directions=frozenset({Direction.OUTBOUND, Direction.INBOUND}),
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
    assert rule.directions == frozenset(Direction)
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
        ("[something]\n", 1, "there is no option 'something' here", "Known are never, always"),
        ('never = "101"\n', 1, "never is a list of texts", 'Write never = ["…", "…"]'),
        ("never = [101]\n", 1, "never is a list of texts", 'Write never = ["…", "…"]'),
        ('never = ["  "]\n', 1, "never is a list of texts", 'Write never = ["…", "…"]'),
        ('never = ["22*"]\n', 1, "'22*' could mean numbers", 'Write "+4822*"'),
        ("rule = 5\n", 1, "rules are tables", "Begin each with [[rule]]"),
        ("[rule]\n", 1, "rules are tables", "Begin each with [[rule]]"),
        ('always = ["101"]\n' + LEAST, 1, "the always-list does not say", "Add always_like"),
        ('always = ["101"]\n' + FULL + FULL.replace("full", "b"), 1, "the always-list does not say", "Add always_like"),
        ('always_like = "least"\n' + LEAST, 1, "there is no recording rule 'least'", "Name the id"),
        ('[[rule]]\nmode = "never"\n', 1, "a rule has no id", 'Add id = "…"'),
        (LEAST.replace('"least"', '"ł"'), 2, "'ł' is no id", "Use letters"),
        (LEAST.replace('"least"', '"default"'), 2, "the id 'default' belongs to Skryba", "Choose another"),
        (LEAST.replace('"least"', "7"), 2, "id is a text", 'Write id = "…"'),
        (LEAST + LEAST, 5, "there is already a rule 'least'", "of its own"),
        ('[[rule]]\nid = "a"\n', 1, "a rule has no mode", "Add mode = one of never, automatic"),
        ('[[rule]]\nid = "a"\nmode = "always"\n', 3, "'always' is no mode", "Choose never or automatic"),
        (LEAST + 'direction = ["out"]\n', 4, "'out' is no direction", "Choose outbound, inbound, internal, or *"),
        (LEAST + 'station = ["1*"]\n', 4, "'1*' is no station", "Name stations one by one"),
        (LEAST + "station = []\n", 4, "an empty list of station", 'Write station = ["*"]'),
        (LEAST + 'number = ["22*"]\n', 4, "'22*' could mean numbers", 'Write "+4822*"'),
        (LEAST + 'hours = "mon"\n', 4, "'mon' is not of the form", 'Write hours such as "mon-fri'),
        (LEAST + 'hours = "8:00-9:00"\nzone = "Mars/Base"\n', 4, "there is no time zone 'Mars/Base'", "Write hours"),
        (LEAST + 'zone = "Europe/Warsaw"\n', 4, "a time zone without hours", "Add hours"),
        (LEAST + 'retention = "long"\n', 4, "'long' is no length of time", "Write days"),
        (LEAST + 'language = "de"\n', 4, "there are no notices in 'de'", "Choose pl or en"),
        (LEAST + 'notice_moment = "later"\n', 4, "'later' is no notice moment", "Choose answer or early_media"),
        (LEAST + 'if_unrecordable = "drop"\n', 4, "'drop' is no if unrecordable", "Choose continue or refuse or end"),
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
