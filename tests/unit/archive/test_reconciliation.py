from dataclasses import replace
from typing import Any

import pytest

from skryba.archive.books import FileEntry
from skryba.archive.model import Recording
from skryba.archive.reconciliation import (
    TOLERANCE_MS,
    Category,
    Day,
    LedgerCall,
    Manifest,
    Seal,
    reconcile_calls,
    reconcile_day,
)
from skryba.archive.sealed import recording_of
from tests.support.catalogue import BEGUN, entry, manifest

FOLDER = "2026/11/24"
AUDIO = FileEntry("r1.wav", 1000, "aa")
RECORDING: Recording = recording_of(entry(), manifest())
SOUND = Day(
    FOLDER,
    seals={"r1": Seal("r1", "d")},
    recordings={"r1": replace(RECORDING, location="both")},
    manifests={"r1": Manifest("r1", "d", (AUDIO,))},
    local={"r1.wav": 1000},
    remote={"r1.wav": 1000},
)
ERASED = replace(
    SOUND,
    seals={"r1": Seal("r1", "d", erased=True)},
    recordings={"r1": replace(RECORDING, location="gone", erased_at=BEGUN)},
    manifests={},
    local={},
    remote={},
)
REMOTE = {"r1": replace(RECORDING, location="remote")}


def seen(day: Day) -> list[tuple[str, str]]:
    return [(finding.category.value, finding.subject) for finding in reconcile_day(day)]


@pytest.mark.parametrize(
    "day",
    [
        SOUND,
        ERASED,
        replace(SOUND, remote=None),
        replace(SOUND, recordings=REMOTE, local={}),
        replace(SOUND, recordings={"r1": RECORDING}, remote={}),
        Day(FOLDER),
    ],
)
def test_where_all_agree_nothing_is_found(day: Day) -> None:
    assert reconcile_day(day) == []


@pytest.mark.parametrize(
    ("day", "changes", "found"),
    [
        (SOUND, {"seals": {}}, ["not_sealed r1", "not_in_chain r1"]),
        (SOUND, {"manifests": {}}, ["manifest_missing r1"]),
        (SOUND, {"manifests": {"r1": Manifest("r1", "other", (AUDIO,))}}, ["manifest_altered r1"]),
        (SOUND, {"recordings": {}}, ["not_catalogued r1"]),
        (SOUND, {"local": {}}, ["file_missing r1.wav"]),
        (SOUND, {"local": {"r1.wav": 999}}, ["file_size r1.wav"]),
        (SOUND, {"remote": {}}, ["remote_missing r1.wav"]),
        (SOUND, {"remote": {"r1.wav": 1}}, ["remote_size r1.wav"]),
        (SOUND, {"recordings": REMOTE, "local": {}, "remote": {}}, ["remote_missing r1.wav"]),
        (SOUND, {"local": {"r1.wav": 1000, "stray.wav": 5}}, ["file_unknown stray.wav"]),
        (SOUND, {"remote": {"r1.wav": 1000, "stray.wav": 5}}, ["remote_unknown stray.wav"]),
        (ERASED, {"local": {"r1.wav": 1000}}, ["erased_still_here r1.wav"]),
        (ERASED, {"remote": {"r1.wav": 1000}}, ["erased_still_here r1.wav"]),
        (ERASED, {"recordings": {"r1": RECORDING}}, ["not_in_chain r1", "file_missing r1.wav"]),
    ],
    ids=str,
)
def test_every_difference_is_found_in_either_direction(day: Day, changes: dict[str, Any], found: list[str]) -> None:
    words = [each.split() for each in found]
    assert seen(replace(day, **changes)) == [(category, f"{FOLDER}/{subject}") for category, subject in words]


def test_every_kind_of_difference_of_a_day_was_planted_above() -> None:
    of_calls = {"call_not_in_ledger", "call_without_recording", "recording_without_call", "length"}
    (marker,) = [
        mark for mark in test_every_difference_is_found_in_either_direction.pytestmark if mark.name == "parametrize"
    ]
    planted = {each.split()[0] for _, _, found in marker.args[1] for each in found}
    assert planted == {category.value for category in Category} - of_calls


CALL = LedgerCall("c1", "r1", 60_000, 60_000)


@pytest.mark.parametrize(
    ("call", "category"),
    [
        (CALL, None),
        (LedgerCall("c1", None, None, 60_000), None),  # not recorded, as it should be
        (replace(CALL, talked_ms=None), None),
        (replace(CALL, recorded_ms=60_000 + TOLERANCE_MS), None),
        (replace(CALL, recorded_ms=60_001 + TOLERANCE_MS), Category.LENGTH),
        (replace(CALL, recorded_ms=59_999 - TOLERANCE_MS), Category.LENGTH),
        (replace(CALL, recorded_ms=None), Category.CALL_WITHOUT_RECORDING),
        (replace(CALL, recorded_ms=0), Category.LENGTH),
    ],
)
def test_every_call_that_began_to_be_recorded_has_a_recording_of_its_length(
    call: LedgerCall, category: Category | None
) -> None:
    found = reconcile_calls([call])
    assert [(each.category, each.subject) for each in found] == ([] if category is None else [(category, "c1")])


def test_what_signalling_carried_is_in_the_ledger() -> None:
    found = reconcile_calls([CALL], signalled=["c3", "c1", "c2"])
    assert [(each.category, each.subject) for each in found] == [
        (Category.CALL_NOT_IN_LEDGER, "c2"),
        (Category.CALL_NOT_IN_LEDGER, "c3"),
    ]
