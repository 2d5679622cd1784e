from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from skryba.archive.assurance import Counts
from skryba.archive.catalogue import Catalogue
from skryba.archive.findings import Findings
from skryba.archive.ledger import Ledger
from skryba.archive.model import CallRow
from skryba.archive.outcome import Terminal
from skryba.archive.reconciliation import Category, Finding, LedgerCall
from skryba.archive.tables import CALLS, FINDINGS
from tests.support.catalogue import BEGUN, ROW, call, entry, manifest

DAY = timedelta(days=1)
ENDED = replace(ROW, bridged_at=BEGUN, ended_at=BEGUN + timedelta(minutes=1), result="completed", recording="r1")
LOST = Finding(Category.FILE_MISSING, "2026/11/24/r1.wav", "named by a manifest, and not there")
STRAY = Finding(Category.FILE_UNKNOWN, "2026/11/24/x.wav", "no manifest names it; 5 octets")


def write(url: str, *rows: CallRow) -> None:
    ledger = Ledger(url)
    for row in rows:
        ledger.record_call(row)
    ledger.close()
    assert ledger.written == len(rows)


def terminals(engine: Engine) -> dict[str, str | None]:
    with engine.begin() as connection:
        return {row.id: row.terminal for row in connection.execute(select(CALLS.c.id, CALLS.c.terminal))}


@pytest.fixture
def book(engine: Engine) -> Findings:
    return Findings(engine)


def test_a_call_whose_recorder_never_spoke_is_missing_after_a_while(url: str, book: Findings, engine: Engine) -> None:
    never = replace(ENDED, id="c2", recording=None, mode="never")
    write(url, ENDED, never, replace(ROW, id="c3", recording="r3"))
    assert book.settle(BEGUN) == 0
    assert terminals(engine) == {"c1": None, "c2": "not_recorded", "c3": None}
    assert book.settle(BEGUN + DAY) == 1
    assert terminals(engine) == {"c1": "missing", "c2": "not_recorded", "c3": None}
    assert book.settle(BEGUN + DAY) == 0
    Catalogue(engine).follow(entry(), manifest())  # after all
    assert terminals(engine)["c1"] == "recorded"


def test_a_seal_that_came_before_its_call_is_found(url: str, book: Findings, engine: Engine) -> None:
    Catalogue(engine).follow(entry(), manifest(state="degraded"))
    write(url, ENDED)
    assert terminals(engine) == {"c1": None}
    assert book.settle(BEGUN + DAY) == 0
    assert terminals(engine) == {"c1": "degraded"}


def test_calls_come_with_what_the_catalogue_has_of_them(url: str, book: Findings, engine: Engine) -> None:
    unanswered = replace(ENDED, id="c2", recording=None, bridged_at=None)
    write(url, ENDED, unanswered, replace(ENDED, id="c3", started_at=BEGUN + DAY), replace(ROW, id="c4"))
    for seq in (1, 2):
        Catalogue(engine).follow(entry(seq, f"r{seq}"), manifest(f"r{seq}"))
    assert sorted(book.calls(BEGUN, BEGUN + DAY), key=lambda each: each.id) == [
        LedgerCall("c1", "r1", 120_000, 60_000),
        LedgerCall("c2", None, None, None),
    ]


def test_recordings_of_no_call_are_strays(url: str, book: Findings, engine: Engine) -> None:
    write(url, ENDED)
    catalogue = Catalogue(engine)
    for seq, key in enumerate(("c1", "c8", "c9"), 1):
        catalogue.follow(entry(seq, f"r{seq}"), manifest(f"r{seq}", call=call(key)))
    catalogue.mark_erased("r3", BEGUN)
    strays = book.strays(BEGUN, BEGUN + DAY)
    assert [(each.category, each.subject) for each in strays] == [(Category.RECORDING_WITHOUT_CALL, "r2")]
    assert "c8" in strays[0].detail
    assert book.strays(BEGUN + DAY, BEGUN + 2 * DAY) == []


def test_the_folders_of_a_while(book: Findings, engine: Engine) -> None:
    catalogue = Catalogue(engine)
    for seq, folder in enumerate(("2026/11/25", "2026/11/24", "2026/11/24"), 1):
        catalogue.follow(entry(seq, f"r{seq}", folder=folder), manifest(f"r{seq}"))
    assert book.folders(BEGUN, BEGUN + DAY) == ["2026/11/24", "2026/11/25"]
    assert book.folders(BEGUN + DAY, BEGUN + 2 * DAY) == []


def test_differences_are_opened_once_and_resolved_when_they_are_gone(book: Findings, engine: Engine) -> None:
    assert book.record([LOST, STRAY], BEGUN) == 2
    assert book.record([LOST, LOST], BEGUN + DAY) == 1
    assert book.open() == [LOST]
    assert book.record([STRAY, LOST], BEGUN + 2 * DAY) == 2
    with engine.begin() as connection:
        columns = FINDINGS.c.subject, FINDINGS.c.run_at, FINDINGS.c.resolved_at
        rows = connection.execute(select(*columns).order_by(FINDINGS.c.id)).all()
    assert rows == [
        (LOST.subject, BEGUN, None),
        (STRAY.subject, BEGUN, BEGUN + DAY),
        (STRAY.subject, BEGUN + 2 * DAY, None),
    ]
    assert book.record([], BEGUN + 3 * DAY) == 0
    assert book.open() == []


def test_the_counts_of_a_day(url: str, book: Findings, engine: Engine) -> None:
    unheard = replace(ENDED, id="c2", recording=None, notice=[{"prompt": "standard", "failed": "no file"}])
    heard = replace(ENDED, notice=[{"prompt": "standard", "completed": True}])
    write(url, heard, unheard, replace(ROW, id="c3"), replace(ENDED, id="c4", started_at=BEGUN + DAY))
    said: dict[str, Any] = {
        "state": "degraded",
        "reasons": ["codec: x", "codec: y", "loss"],
        "alarms": ["one-way sound: left"],
    }
    Catalogue(engine).follow(entry(), manifest(**said))
    book.record([LOST], BEGUN)
    assert book.counts(BEGUN, BEGUN + DAY) == Counts(
        terminals={Terminal.DEGRADED: 1, Terminal.NOT_RECORDABLE: 1},
        open_calls=1,
        alarms={"one-way sound": 1},
        reasons={"codec": 2, "loss": 1},
        notice_failures=1,
        findings=1,
    )
