from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select

from skryba.archive import catalogue as module
from skryba.archive.books import FileEntry
from skryba.archive.catalogue import Catalogue
from skryba.archive.delivery_book import Deliveries
from skryba.archive.ledger import Ledger
from skryba.archive.search import Query
from skryba.archive.tables import CALLS, FACETS, POSITIONS, RECORDINGS
from skryba.archive.upload_book import Uploads
from tests.support.catalogue import BEGUN, ROW, call, entry, manifest


def add_call(engine: Engine, key: str = "c1") -> None:
    with engine.begin() as connection:
        connection.execute(insert(CALLS).values(id=key, started_at=BEGUN, result="completed", recording="r1"))


def the_call(engine: Engine) -> tuple[object, ...]:
    columns = CALLS.c.terminal, CALLS.c.recording_state, CALLS.c.conversation, CALLS.c.recording_ms
    with engine.begin() as connection:
        return tuple(connection.execute(select(*columns)).one())


def test_a_seal_makes_a_row_and_settles_its_call(engine: Engine) -> None:
    add_call(engine)
    catalogue = Catalogue(engine)
    assert catalogue.follow(entry(), manifest(state="degraded", reasons=["loss"]))
    recording = catalogue.recording("r1")
    assert recording is not None
    assert (recording.state, recording.reasons, recording.begin_at, recording.encrypted) == (
        "degraded", ["loss"], BEGUN, False,
    )  # fmt: skip
    assert catalogue.in_folder("2026/11/24") == [recording]
    assert catalogue.in_folder("2026/11/25") == []
    assert catalogue.recording("r2") is None
    assert the_call(engine) == ("degraded", "degraded", "v1", 60_000)


def test_a_call_with_several_recordings_is_as_good_as_the_worst(engine: Engine) -> None:
    add_call(engine)
    catalogue = Catalogue(engine)
    for seq, state in enumerate(("ok", "failed", "ok"), 1):
        catalogue.follow(entry(seq, f"r{seq}"), manifest(f"r{seq}", state=state))
    assert the_call(engine) == ("failed", "failed", "v1", 180_000)


def test_an_entry_is_followed_once(engine: Engine) -> None:
    catalogue = Catalogue(engine)
    assert catalogue.position() == -1
    assert catalogue.follow(entry(3), manifest())
    assert not catalogue.follow(entry(3), manifest(state="failed"))
    assert not catalogue.follow(entry(2, "r2"), manifest("r2"))
    assert [(row.id, row.state) for row in catalogue.search(Query()).rows] == [("r1", "ok")]
    assert catalogue.position() == 3


def test_row_and_position_are_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(*_: object) -> None:
        raise KeyboardInterrupt

    catalogue = Catalogue(engine)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_advance", torn)
        with pytest.raises(KeyboardInterrupt):
            catalogue.follow(entry(), manifest())
    assert (catalogue.recording("r1"), catalogue.position()) == (None, -1)
    assert catalogue.follow(entry(), manifest())


def test_a_seal_that_follows_replaces_what_was_known(engine: Engine) -> None:
    catalogue = Catalogue(engine)
    catalogue.follow(entry(1), manifest(state="incomplete"))
    catalogue.follow(entry(2), manifest(state="ok"))
    (row,) = catalogue.search(Query(state="ok")).rows
    assert (row.id, row.seq) == ("r1", 2)
    assert catalogue.search(Query(state="incomplete")).rows == ()


def test_two_recordings_of_one_id_are_two_rows(engine: Engine) -> None:
    catalogue = Catalogue(engine)
    catalogue.follow(entry(1), manifest())
    catalogue.follow(entry(2, "r1-2"), manifest())
    assert {row.id for row in catalogue.search(Query()).rows} == {"r1", "r1-2"}


def test_entries_that_concern_no_recording_only_move_the_position(engine: Engine) -> None:
    catalogue = Catalogue(engine)
    for seq, kind in enumerate(("start", "head", "key")):
        assert catalogue.follow(entry(seq, kind=kind))
    assert catalogue.position() == 2
    with pytest.raises(ValueError, match="manifest"):
        catalogue.follow(entry(3))
    assert catalogue.position() == 2


def test_every_consumer_has_its_own_position(engine: Engine) -> None:
    catalogue = Catalogue(engine)
    catalogue.set_position("uploads", 5)
    catalogue.set_position("uploads", 6)
    assert (catalogue.position("uploads"), catalogue.position("hooks"), catalogue.position()) == (6, -1, -1)
    with engine.begin() as connection:
        assert connection.execute(select(POSITIONS)).all() == [("uploads", 6)]


def test_combinations_are_kept_once(engine: Engine) -> None:
    catalogue = Catalogue(engine)
    for seq in range(1, 4):
        catalogue.follow(entry(seq, f"r{seq}"), manifest(f"r{seq}", state="failed" if seq == 3 else "ok"))
    with engine.begin() as connection:
        facets = connection.execute(select(FACETS.c.state, FACETS.c.rule).order_by(FACETS.c.id)).all()
    assert facets == [("ok", "record-all"), ("failed", "record-all")]


@pytest.mark.parametrize("by_chain", [True, False])
def test_nothing_personal_of_an_erased_recording_stays(engine: Engine, by_chain: bool) -> None:
    catalogue, at = Catalogue(engine), BEGUN + timedelta(minutes=5)
    for seq in (1, 2):
        catalogue.follow(entry(seq, f"r{seq}"), manifest(f"r{seq}"))
    uploads, deliveries = Uploads(engine), Deliveries(engine)
    uploads.enqueue("r1", "2026/11/24", [FileEntry("r1.wav", 1, "aa")], at)
    deliveries.enqueue("crm", "r1", "c1", "recording.sealed", 1, "601 234 567", at)
    if by_chain:
        catalogue.follow(entry(3, "r1", "erased"))
    else:
        assert catalogue.mark_erased("r1", at)
    assert not catalogue.mark_erased("r1", at + timedelta(days=1))
    assert not catalogue.mark_erased("never", at)
    row = catalogue.recording("r1")
    assert row is not None
    assert (row.caller, row.callee, row.station, row.name) == (None, None, None, None)
    assert (row.location, row.erased_at, row.seq) == ("gone", at, 1)
    assert [row.id for row in catalogue.search(Query(number="601234567")).rows] == ["r2"]
    assert (uploads.due(at, 9), deliveries.due(at, 9)) == ([], [])
    with engine.begin() as connection:
        whole = connection.execute(select(RECORDINGS).where(RECORDINGS.c.id == "r1")).one()
    assert "765432" not in str(whole)
    assert "601" not in str(whole)


def test_ledger_and_catalogue_normalise_alike(engine: Engine, url: str) -> None:
    ledger = Ledger(url)
    ledger.record_call(ROW)
    ledger.record_call(replace(ROW, id="c2", caller="anonymous"))
    ledger.close()
    catalogue = Catalogue(engine)
    catalogue.follow(entry(1), manifest())
    catalogue.follow(entry(2, "r2"), manifest("r2", call=call("c2", caller="anonymous")))
    numbers = {}
    for table in (CALLS, RECORDINGS):
        with engine.begin() as connection:
            rows = connection.execute(select(table.c.caller_reversed, table.c.callee_reversed).order_by(table.c.id))
            numbers[table.name] = rows.all()
    assert numbers["calls"] == numbers["recordings"] == [
        ("76543210684+", "76543212284+"), ("suomynona", "76543212284+"),
    ]  # fmt: skip
