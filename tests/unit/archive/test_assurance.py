import json
from datetime import date

import pytest

from skryba.archive.assurance import Counts, report, tally
from skryba.archive.outcome import Terminal

DAY = date(2026, 11, 24)
T = Terminal


def test_a_quiet_day_has_no_concerns() -> None:
    made = report(DAY, Counts())
    assert (made.expected, made.recorded, made.share, made.concerns) == (0, 0, None, ())


def test_the_share_is_of_calls_that_should_have_been_recorded() -> None:
    lawful = {T.NOT_RECORDED: 50, T.DECLINED: 3, T.PRIVATE: 2, T.UNANSWERED: 20}
    counts = Counts({T.RECORDED: 6, T.DEGRADED: 1, T.INCOMPLETE: 1, T.FAILED: 1, T.MISSING: 1, **lawful})
    made = report(DAY, counts)
    assert (made.expected, made.recorded, made.share) == (10, 7, 0.7)
    assert report(DAY, Counts(lawful)).share is None


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (Counts({T.MISSING: 2}), "2 calls began"),
        (Counts({T.FAILED: 1}), "1 recordings failed"),
        (Counts({T.NOT_RECORDABLE: 1}), "could not be recorded"),
        (Counts({T.INCOMPLETE: 1}), "end at a crash"),
        (Counts(alarms={"no sound from either side": 2, "no sound at all": 1}), "3 recordings are silent"),
        (Counts(alarms={"one-way sound": 4}), "4 recordings have one party only"),
        (Counts(notice_failures=1), "notice"),
        (Counts(findings=3), "3 differences"),
        (Counts(dead_letters=1), "hooks"),
        (Counts(disk_days_left=2.25), "full in 2.2 days"),
    ],
    ids=str,
)
def test_each_concern_is_said(counts: Counts, words: str) -> None:
    (concern,) = report(DAY, counts).concerns
    assert words in concern


def test_what_is_well_is_no_concern() -> None:
    lawful = {state: 1 for state in (T.RECORDED, T.DEGRADED, T.NOT_RECORDED, T.DECLINED, T.PRIVATE, T.UNANSWERED)}
    well = Counts(lawful, reasons={"loss": 3}, disk_days_left=14.0, upload_backlog=5, open_calls=2)
    assert report(DAY, well).concerns == ()


def test_a_full_disk_comes_first() -> None:
    assert "disk" in report(DAY, Counts({T.MISSING: 1}, disk_days_left=0.5)).concerns[0]


def test_the_facts_are_json_and_name_every_state() -> None:
    facts = json.loads(json.dumps(report(DAY, Counts({T.RECORDED: 1}, alarms={"one-way sound": 1})).facts()))
    assert facts["day"] == "2026-11-24"
    assert facts["terminal_states"] == {state.value: int(state is T.RECORDED) for state in T}
    assert (facts["share"], facts["one_way"], facts["silent"], facts["alarms"]) == (1.0, 1, 0, {"one-way sound": 1})
    assert facts["concerns"] == ["1 recordings have one party only"]


def test_what_manifests_say_is_counted_up_to_the_colon() -> None:
    assert tally([["codec: x", "loss"], [], ["codec: y"]]) == {"codec": 2, "loss": 1}
