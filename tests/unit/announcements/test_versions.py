import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from skryba.announcements.versions import FIRST, Deed, History, Period, Signature, Source, version_of
from skryba.errors import ConfigError, IntegrityError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def anna(minutes: int = 0) -> Signature:
    return Signature("Anna", "anna", NOON + timedelta(minutes=minutes))


def bartek(minutes: int = 0) -> Signature:
    return Signature("Bartek", "bartek", NOON + timedelta(minutes=minutes))


class Journal:
    def __init__(self) -> None:
        self.history = History()
        self.lines: list[bytes] = []

    def write(self, deed: Deed, signature: Signature, **facts: Any) -> None:
        line = self.history.line(deed, signature, facts)
        self.lines.append(line)
        self.history.add(line)

    def save(self, version: str, signature: Signature, *, prompt: str = "standard", language: str = "pl") -> None:
        saved = {
            "version": version, "prompt": prompt, "language": language, "text": "Nagrywamy.", "sha256": "ab",
            "key": None, "source": "spoken", "engine": "espeak-ng 1.51", "duration_ms": 900, "loudness": -23.0,
            "true_peak": -4.0, "warnings": ["x"],
        }  # fmt: skip
        self.write(Deed.SAVED, signature, saved=saved)


@pytest.fixture
def journal() -> Journal:
    made = Journal()
    made.save("aa11", anna())
    return made


def test_b8_a_saved_version_is_a_draft_that_nobody_hears(journal: Journal) -> None:
    version = journal.history.versions["aa11"]
    assert (version.saved, version.source, version.warnings) == (anna(), Source.SPOKEN, ("x",))
    assert journal.history.drafts == [version]
    assert journal.history.active == {}


def test_b8_activation_replaces_what_was_heard_before_and_the_past_stays(journal: Journal) -> None:
    journal.write(Deed.ACTIVATED, anna(1), version="aa11")
    journal.save("bb22", anna(2))
    journal.write(Deed.ACTIVATED, bartek(10), version="bb22")
    journal.write(Deed.WITHDRAWN, anna(20), prompt="standard", language="pl")
    history = journal.history

    def heard(minutes: int) -> str | None:
        found = history.active_at("standard", "pl", NOON + timedelta(minutes=minutes))
        return found.version if found else None

    assert [heard(minutes) for minutes in (0, 1, 9, 10, 19, 20, 99)] == [
        None,
        "aa11",
        "aa11",
        "bb22",
        "bb22",
        None,
        None,
    ]
    assert history.active_at("standard", "en", NOON + timedelta(minutes=5)) is None
    assert history.active_at("short", "pl", NOON + timedelta(minutes=5)) is None
    assert history.active == {}
    assert history.periods[0] == Period("standard", "pl", "aa11", anna(1).at, bartek(10).at)
    assert history.drafts == []


def test_prompts_and_languages_are_apart(journal: Journal) -> None:
    journal.save("bb22", anna(), language="en")
    journal.save("cc33", anna(), prompt="short")
    for version in ("aa11", "bb22", "cc33"):
        journal.write(Deed.ACTIVATED, anna(1), version=version)
    assert {where: version.version for where, version in journal.history.active.items()} == {
        ("standard", "pl"): "aa11",
        ("standard", "en"): "bb22",
        ("short", "pl"): "cc33",
    }


def test_b8_with_two_persons_a_draft_waits_for_somebody_else(journal: Journal) -> None:
    draft = journal.history.find("aa")
    journal.history.check_activation(draft)
    journal.write(Deed.TWO_PERSONS, anna(), on=True)
    with pytest.raises(ConfigError, match="other than Anna"):
        journal.history.check_activation(draft)
    for same in (anna(), Signature(" ANNA ", "other", NOON), Signature("Bartek", "anna", NOON)):
        with pytest.raises(ConfigError, match="somebody else"):
            journal.history.check_approval(draft, same)
    journal.write(Deed.APPROVED, Signature("anna", "x", NOON), version="aa11")  # written past the check: no help
    with pytest.raises(ConfigError):
        journal.history.check_activation(journal.history.find("aa11"))
    journal.history.check_approval(draft, bartek())
    journal.write(Deed.APPROVED, bartek(), version="aa11")
    approved = journal.history.find("aa11")
    assert approved.seconded
    journal.history.check_activation(approved)


def test_where_the_machine_knows_nobody_names_count_alone(journal: Journal) -> None:
    journal.save("bb22", Signature("Anna", "", NOON))
    journal.history.check_approval(journal.history.find("bb22"), Signature("Bartek", "", NOON))


def test_b8_it_takes_two_persons_to_end_two_person_activation(journal: Journal) -> None:
    steps = [(anna(), True, True), (anna(), False, True), (anna(), False, True), (bartek(), False, False)]
    for signature, on, holds in steps:
        journal.write(Deed.TWO_PERSONS, signature, on=on)
        assert journal.history.two_persons is holds
    for signature, on, holds in [
        (anna(), True, True),
        (anna(), False, True),
        (anna(), True, True),
        (bartek(), False, True),
    ]:
        journal.write(Deed.TWO_PERSONS, signature, on=on)
        assert journal.history.two_persons is holds  # a wish is forgotten when somebody says "on" again


def test_b9_values_for_one_prompt_win_over_those_for_all() -> None:
    journal = Journal()
    journal.write(Deed.VALUES, anna(), language="pl", prompt="", values={"controller": "A", "address": "a.pl"})
    journal.write(Deed.VALUES, anna(), language="pl", prompt="opt-out", values={"controller": "B", "key": "2"})
    journal.write(Deed.VALUES, anna(), language="pl", prompt="", values={"address": "b.pl"})
    assert journal.history.values_of("opt-out", "pl") == {"controller": "B", "address": "b.pl", "key": "2"}
    assert journal.history.values_of("standard", "pl") == {"controller": "A", "address": "b.pl"}
    assert journal.history.values_of("standard", "en") == {}


def test_reading_it_again_gives_the_same(journal: Journal) -> None:
    journal.write(Deed.TEXT, anna(), prompt="standard", language="pl", text="Nagrywamy.")
    journal.write(Deed.ACTIVATED, anna(1), version="aa11")
    assert History.read(journal.lines) == journal.history
    assert json.loads(journal.lines[0])["previous"] == FIRST
    assert journal.history.texts == {("standard", "pl"): "Nagrywamy."}


def test_b8_a_changed_lost_or_moved_line_is_found(journal: Journal) -> None:
    journal.write(Deed.APPROVED, bartek(), version="aa11")
    journal.write(Deed.ACTIVATED, anna(1), version="aa11")
    one, two, three = journal.lines
    for lines in ([one, three], [two, three], [one, three, two], [one.replace(b"Anna", b"Ewa"), two, three]):
        with pytest.raises(IntegrityError, match="does not follow"):
            History.read(lines)
    for line in (b"", b"{}", b"[]", b"7", json.dumps({"previous": FIRST, "deed": "sung"}).encode()):
        with pytest.raises(IntegrityError, match="line 1 cannot be read"):
            History.read([line])


def test_a_version_is_found_by_the_beginning_of_its_name(journal: Journal) -> None:
    journal.save("aa22", anna())
    assert journal.history.find("aa2").version == "aa22"
    for name, problem in (("aa", "more than one"), ("b", "no version"), ("", "no version")):
        with pytest.raises(ConfigError, match=problem):
            journal.history.find(name)


def test_b9_a_version_is_linked_to_its_text_sound_and_key() -> None:
    facts = [
        ("standard", "pl", "A", "ab", None),
        ("short", "pl", "A", "ab", None),
        ("standard", "en", "A", "ab", None),
        ("standard", "pl", "B", "ab", None),
        ("standard", "pl", "A", "cd", None),
        ("standard", "pl", "A", "ab", "1"),
    ]
    assert len({version_of(*each) for each in facts}) == len(facts)
