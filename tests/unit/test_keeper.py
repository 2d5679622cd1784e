"""The keeper's tasks, one by one, on recordings that were really sealed; the clock stands where the test put it."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

from skryba import clock
from skryba import keeper as module
from skryba.archive.books import Backlog
from skryba.archive.erasure import Eraser
from skryba.archive.reconciliation import Category
from skryba.keeper import objects_of
from skryba.locksmith import journal_of, keyring_of, signer_of, verifier_of
from skryba.metrics import catalogue as metrics
from skryba.vault.chain import Kind
from skryba.vault.inquest import check
from skryba.vault.master import FileMaster
from tests.support.keeping import HOOK, STORE, Keep, Store, categories, keepers, terminal
from tests.support.office import BEGUN, FIRST, FOLDER, SECOND, Office

TOMORROW = BEGUN + timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    with keepers(monkeypatch) as made:
        yield made


# --- following the chain ----------------------------------------------------------------------------------------------


def test_what_was_sealed_comes_into_catalogue_and_books_once(office: Office, keep: Keep) -> None:
    office.options = HOOK + STORE + '[recorder]\nname = "{date}_{caller_masked}_{id}"\n'
    office.call()
    entry = office.seal()
    for keeper in (keep(office), keep(office)):
        keeper.follow()
        keeper.follow()
        row = keeper.catalogue.recording(FIRST)
        assert row is not None
        assert (row.seq, row.folder, row.state, row.call) == (entry.seq, FOLDER, "ok", f"call-{FIRST}")
        assert row.name == f"2026-09-21_+xxxxxxxx567_{FIRST}"
        assert keeper.catalogue.position() == entry.seq
        assert keeper.counts.gauges[metrics.CHAIN_LENGTH].get((), entry.seq) == entry.seq
        assert terminal(keeper) == ["recorded"]
        [job] = keeper.uploads.due(office.now, 10)
        assert [each.file for each in job.files] == [f"{FIRST}.{kind}" for kind in ("wav", "peaks", "json", "seal")]
        assert all((office.day / each.file).stat().st_size == each.octets for each in job.files)
        [delivery] = keeper.deliveries.due(office.now, 10)
        body = json.loads(delivery.body)
        assert (delivery.hook, delivery.recording, body["seq"]) == ("crm", FIRST, entry.seq)
        assert body["recording"]["name"] == row.name


def test_without_store_and_hooks_nothing_waits(office: Office, keep: Keep) -> None:
    office.seal()
    keeper = keep(office)
    keeper.follow()
    assert keeper.uploads.backlog() == Backlog(0, 0, None)
    assert keeper.deliveries.due(office.now, 10) == []


def test_a_manifest_that_is_gone_holds_nobody_up(office: Office, keep: Keep) -> None:
    office.seal()
    (office.day / f"{FIRST}.json").unlink()
    last = office.seal(SECOND)
    keeper = keep(office)
    keeper.follow()
    assert keeper.catalogue.position() == last.seq
    assert keeper.catalogue.recording(FIRST) is None
    assert keeper.catalogue.recording(SECOND) is not None
    assert categories(keeper)[:1] == [(Category.FILE_UNKNOWN, f"{FOLDER}/{FIRST}.peaks")]
    assert (Category.MANIFEST_MISSING, f"{FOLDER}/{FIRST}") in categories(keeper)


def test_an_erasure_is_finished_by_whoever_follows(office: Office, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    office.options = HOOK + STORE + '[encryption]\nmode = "master"\n'
    office.config.encryption.master_key.parent.mkdir()
    FileMaster.create(office.config.encryption.master_key)
    store = Store()
    monkeypatch.setattr(module, "objects_of", lambda config: store)
    office.call(SECOND)
    office.seal()
    office.seal(SECOND)
    store.held = {f"office/{FOLDER}/{FIRST}.{kind}": 1 for kind in ("wav.skv", "peaks.skv", "json", "seal")}
    store.held[f"office/{FOLDER}/{SECOND}.wav.skv"] = 1
    keeper = keep(office)
    keeper.follow()
    with monkeypatch.context() as dying:
        dying.setattr(Eraser, "carry_out", lambda *_: False)
        eraser = module.eraser_of(office.config, None)
        eraser.erase(journal_of(office.config, signer_of(office.config)), FIRST, "art. 17", office.now)
    assert (office.day / f"{FIRST}.wav.skv").exists()
    keeper.follow()
    keyring = keyring_of(office.config)
    assert keyring is not None
    assert (keyring.has(FIRST), keyring.has(SECOND)) == (False, True)
    assert {path.name.partition(".")[0] for path in office.day.iterdir()} == {SECOND}
    assert [path.stem for path in office.kept.iterdir()] == [SECOND]
    assert list(store.held) == [f"office/{FOLDER}/{SECOND}.wav.skv"]
    row = keeper.catalogue.recording(FIRST)
    assert row is not None
    assert (row.erased_at, row.location, row.caller) == (office.now, "gone", None)
    assert [job.recording for job in keeper.uploads.due(office.now, 10)] == [SECOND]
    assert [delivery.recording for delivery in keeper.deliveries.due(office.now, 10)] == [SECOND]
    assert categories(keeper) == []


def test_what_a_backup_brings_back_is_erased_again(office: Office, keep: Keep, tmp_path: Path) -> None:
    office.call()
    office.seal()
    keeper = keep(office)
    keeper.follow()
    shutil.copytree(office.day, tmp_path / "backup")
    eraser = module.eraser_of(office.config, None)
    eraser.erase(journal_of(office.config, signer_of(office.config)), FIRST, "art. 17", office.now)
    keeper.follow()
    shutil.copytree(tmp_path / "backup", office.day, dirs_exist_ok=True)
    assert (Category.ERASED_STILL_HERE, f"{FOLDER}/{FIRST}.wav") in categories(keeper)
    keeper.replay_erasures()
    assert list(office.day.iterdir()) == []
    assert categories(keeper) == []


# --- the clock's work -------------------------------------------------------------------------------------------------


def test_kept_packets_go_after_their_days_and_not_before(office: Office, keep: Keep) -> None:
    office.options = "[recorder]\nspool_days = 2\n"
    for recording, age in ((FIRST, timedelta(days=2, minutes=1)), (SECOND, timedelta(days=1, hours=23))):
        office.seal(recording)
        written = (office.now - age).timestamp()
        os.utime(office.kept / f"{recording}.spool", (written, written))
    keep(office).remove_expired_spools()
    assert [path.stem for path in office.kept.iterdir()] == [SECOND]


def test_a_day_is_closed_and_stamped_once_when_it_is_over(
    office: Office, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.options = '[evidence]\ntime_stamp_authority = "http://tsa.test/"\n'
    asked: list[tuple[str, bytes]] = []

    def stamp(authority: str, line: bytes) -> bytes:
        asked.append((authority, line))
        return b"token"

    monkeypatch.setattr(module, "request_stamp", stamp)
    office.seal()
    keeper, chain = keep(office), office.config.recorder.folder / "chain"
    keeper.close_days()
    assert (asked, list(chain.glob("*.tsr"))) == ([], [])
    office.now = TOMORROW
    for _ in range(2):
        keeper.close_days()
        keep(office).close_days()
    last = (chain / "2026-09-21.jsonl").read_bytes().splitlines()[-1]
    assert asked == [("http://tsa.test/", last)]
    assert (chain / "2026-09-21.tsr").read_bytes() == b"token"
    journal = journal_of(office.config, None)
    assert [entry.id for entry in journal.entries() if entry.kind is Kind.HEAD] == ["2026-09-21"]
    verifier = verifier_of(office.config)
    assert verifier is not None
    assert check(list(journal.lines()), verifier) == []


def test_without_an_authority_a_day_is_closed_all_the_same(
    office: Office, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "request_stamp", lambda *_: 1 / 0)
    office.seal()
    office.now = TOMORROW
    keep(office).close_days()
    chain = office.config.recorder.folder / "chain"
    assert {path.name for path in chain.iterdir() if path.suffix != ".lock"} == {
        "2026-09-21.jsonl",
        "2026-09-22.jsonl",
    }


def test_the_clock_of_the_machine_is_told(office: Office, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "discipline", lambda: (0.25, False))
    keeper = keep(office)
    keeper.look_at_the_clock()
    assert keeper.counts.gauges[metrics.CLOCK_OFFSET] == {(): 0.25}
    assert keeper.counts.gauges[metrics.CLOCK_SYNCHRONISED] == {(): False}


def test_the_report_of_yesterday_is_written_once(office: Office, keep: Keep) -> None:
    office.call()
    office.seal()
    office.call("lost", id="call-lost")
    keeper = keep(office)
    keeper.follow()
    keeper.reconcile()
    office.now = TOMORROW
    path = office.config.operations.control.parent / "assurance-2026-09-21.json"
    keeper.assure()
    told = json.loads(path.read_text())
    assert (told["day"], told["expected"], told["recorded"], told["share"]) == ("2026-09-21", 2, 1, 0.5)
    assert told["terminal_states"]["missing"] == 1
    assert told["findings"] == 1
    path.write_text("mine")
    keeper.assure()
    assert path.read_text() == "mine"
    assert keeper.report_of(date(2026, 9, 22)).expected == 0


def test_the_report_counts_what_nobody_took(office: Office, keep: Keep) -> None:
    office.options = HOOK + STORE
    office.seal()
    keeper = keep(office)
    keeper.follow()
    [delivery] = keeper.deliveries.due(office.now, 1)
    keeper.deliveries.dead(delivery.id, "410", office.now)
    counts = keeper.report_of(BEGUN.date()).counts
    assert (counts.upload_backlog, counts.dead_letters) == (1, 1)


# --- how tasks run ----------------------------------------------------------------------------------------------------


async def test_a_task_that_fails_is_counted_told_and_tried_again(office: Office, keep: Keep) -> None:
    keeper = keep(office)
    tried: list[dict[str, str]] = []
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()

    def task() -> None:
        tried.append(dict(keeper.counts.problems))
        if len(tried) == 4:
            loop.call_soon_threadsafe(enough.set)
        if len(tried) < 3:
            raise OSError("no disk")

    running = asyncio.ensure_future(keeper._every(0.0, "work", task))
    await asyncio.wait_for(enough.wait(), 5)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    told = {"work": "OSError: no disk"}
    assert tried[:4] == [{}, told, told, {}]
    assert keeper.counts.counters[metrics.KEEPER_FAULTS] == {("work",): 2}


async def test_a_loop_that_breaks_begins_anew(office: Office, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FOLLOW", 0.0)
    keeper = keep(office)
    begun: list[int] = []
    enough = asyncio.Event()

    async def breaks() -> None:
        begun.append(1)
        if len(begun) == 3:
            enough.set()
            await asyncio.Event().wait()
        raise ValueError("broken")

    running = asyncio.ensure_future(keeper._supervised("hooks", breaks))
    await asyncio.wait_for(enough.wait(), 5)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert keeper.counts.counters[metrics.KEEPER_FAULTS] == {("hooks",): 2}


def test_the_backlog_is_shown_with_its_age(office: Office, keep: Keep) -> None:
    keeper = keep(office)
    keeper._show_backlog(Backlog(2, 700, office.now - timedelta(minutes=3)))
    shown = keeper.counts.gauges
    told = (metrics.UPLOAD_WAITING, metrics.UPLOAD_WAITING_BYTES, metrics.UPLOAD_OLDEST)
    assert [shown[each][()] for each in told] == [2, 700, 180.0]
    keeper._show_backlog(Backlog(0, 0, None))
    assert [shown[each][()] for each in told] == [0, 0, 0.0]


def test_a_store_is_reached_only_where_one_is_named(office: Office) -> None:
    assert objects_of(office.config) is None
    office.options = STORE
    assert objects_of(office.config) is not None
