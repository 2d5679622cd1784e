"""Decisions about uploads, without a store."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skryba.archive.books import FileEntry
from skryba.archive.upload import (
    LONGEST_PAUSE,
    Budget,
    Outcome,
    Step,
    Stored,
    in_order,
    key_of,
    next_step,
    pause,
    proven,
    removable,
    retry_at,
)

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
WAV = FileEntry("4f.wav.skv", 100, "aa")
FILES = (FileEntry("4f.seal", 3, "cc"), WAV, FileEntry("4f.peaks.skv", 9, "dd"), FileEntry("4f.json", 2, "bb"))


def test_a_key_is_prefix_folder_and_file() -> None:
    assert key_of("", "2026/11/24", "4f.wav") == "2026/11/24/4f.wav"
    assert key_of("/office/calls/", "2026/11/24", "4f-p2.wav.skv") == "office/calls/2026/11/24/4f-p2.wav.skv"


@pytest.mark.parametrize(
    ("prefix", "folder", "file"),
    [
        ("", "2026/../24", "4f.wav"),
        ("", "/etc", "4f.wav"),
        ("", "2026", "../4f.wav"),
        ("", "2026", "a/b"),
        ("", "2026", ".hidden"),
        ("", "2026", ""),
        ("", "2026", "a b"),
        ("..", "2026", "4f.wav"),
        ("a//b", "2026", "4f.wav"),
        ("", "2026", "4f.wav\n"),
        ("", "2026", "4f?x"),
    ],
)
def test_a_key_leads_nowhere_else(prefix: str, folder: str, file: str) -> None:
    with pytest.raises(ValueError, match="not safe"):
        key_of(prefix, folder, file)


def test_the_manifest_claims_the_names_and_the_signature_ends_it() -> None:
    assert [entry.file for entry in in_order(FILES)] == ["4f.json", "4f.wav.skv", "4f.peaks.skv", "4f.seal"]


@pytest.mark.parametrize(
    ("found", "step", "sure"),
    [
        (None, Step.PUT, False),
        (Stored("k", 100, "aa"), Step.CHECK, True),
        (Stored("k", 100, None), Step.CHECK, False),  # a stranger's: only reading it tells
        (Stored("k", 100, "ab"), Step.REFUSE, False),
        (Stored("k", 101, "aa"), Step.REFUSE, False),
        (Stored("k", 99, None), Step.REFUSE, False),
    ],
)
def test_what_is_there_decides_what_to_do(found: Stored | None, step: Step, sure: bool) -> None:
    assert next_step(WAV, found) is step
    assert proven(WAV, found) is sure


def test_only_sound_is_removed_here() -> None:
    chain = (FileEntry("2026-11-24.jsonl", 1, "aa"), FileEntry("2026-11-24.tsr", 1, "aa"))
    assert [entry.file for entry in removable(FILES + chain)] == ["4f.wav.skv", "4f.peaks.skv"]


def test_pauses_double_up_to_ten_minutes_and_are_spread() -> None:
    assert [pause(failures, 1.0) for failures in (0, 1, 2, 6)] == [5.0, 10.0, 20.0, 320.0]
    assert pause(0, 0.0) == 2.5
    assert pause(7, 1.0) == pause(5000, 1.0) == LONGEST_PAUSE


def test_what_needs_a_person_is_tried_hourly() -> None:
    assert retry_at(Outcome.WAITING, 1, AT, 1.0) == AT + timedelta(seconds=10)
    for outcome in (Outcome.CONFLICT, Outcome.DAMAGED, Outcome.MISSING):
        assert retry_at(outcome, 0, AT, 0.5) == AT + timedelta(hours=1)


def test_no_limit_never_waits() -> None:
    assert Budget(0).take(10**12, 0.0) == 0.0


def test_a_piece_larger_than_the_bucket_is_lent_and_paid_for() -> None:
    budget = Budget(1000.0, burst=100.0)
    assert budget.take(100, 5.0) == 0.0
    assert budget.take(2000, 5.0) == 2.0
    assert budget.take(0, 6.0) == 1.0  # half is paid
    assert budget.take(0, 100.0) == 0.0
    assert budget.take(101, 100.0) == pytest.approx(0.001)  # idle time saved up no more than the bucket holds


@given(
    rate=st.floats(1e3, 1e8),
    pieces=st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 5)), min_size=1, max_size=50),
)
def test_who_waits_as_told_is_never_faster(rate: float, pieces: list[tuple[int, float]]) -> None:
    budget, now, sent = Budget(rate), 0.0, 0
    for octets, idle in pieces:
        now += idle + budget.take(octets, now + idle)
        sent += octets
        assert sent <= (rate * now + min(rate, 256 * 1024)) * (1 + 1e-6)
