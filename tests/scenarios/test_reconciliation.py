"""Calls, chain, catalogue, disk and store tell the same, or the difference is named until it is mended."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from skryba import keeper as module
from skryba.archive.books import Location
from skryba.archive.objects import StoreError
from skryba.archive.reconciliation import Category
from skryba.archive.uploader import Uploader
from skryba.keeper import Keeper
from skryba.metrics import catalogue as metrics
from skryba.recorder.verify import verify
from tests.support.keeping import STORE, Keep, Store, categories, keepers, terminal
from tests.support.office import BEGUN, FIRST, FOLDER, SECOND, Office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    with keepers(monkeypatch) as made:
        yield made


@pytest.fixture
def kept(office: Office, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> tuple[Office, Keeper, Store]:
    """Two recordings and their calls, uploaded; nothing differs."""
    office.options = STORE
    store = Store()
    monkeypatch.setattr(module, "objects_of", lambda config: store)
    for recording in (FIRST, SECOND):
        office.call(recording)
        office.seal(recording)
    keeper = keep(office)
    keeper.follow()
    for path in office.day.iterdir():
        key = f"office/{FOLDER}/{path.name}"
        store.held[key], store.hashes[key] = path.stat().st_size, sha256(path.read_bytes()).hexdigest()
    for recording in (FIRST, SECOND):
        keeper.uploads.done(recording, Location.BOTH, office.now)
    assert categories(keeper) == []
    assert keeper.counts.gauges[metrics.LEDGER_DIFFERENCE] == {}
    assert keeper.counts.gauges[metrics.RECONCILED] == {(): office.now.timestamp()}
    return office, keeper, store


Kept = tuple[Office, Keeper, Store]
_WAV = f"{FOLDER}/{FIRST}.wav"


def _remove(path: Path) -> Callable[[], object]:
    octets = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(octets)


def _change(path: Path, octets: bytes) -> Callable[[], object]:
    before = path.read_bytes()
    path.write_bytes(octets)
    return lambda: path.write_bytes(before)


def _add(path: Path) -> Callable[[], object]:
    path.write_bytes(b"whose?")
    return path.unlink


def _hold(store: Store, key: str, octets: int | None) -> Callable[[], object]:
    before = dict(store.held)
    store.held.pop(key, None)
    if octets is not None:
        store.held[key] = octets

    def mend() -> None:
        store.held = before

    return mend


Plant = Callable[[Office, Store], Callable[[], object]]
PLANTED: dict[tuple[Category, str], Plant] = {
    (Category.FILE_MISSING, _WAV): lambda office, _: _remove(office.day / f"{FIRST}.wav"),
    (Category.FILE_SIZE, _WAV): lambda office, _: _change(office.day / f"{FIRST}.wav", b"short"),
    (Category.FILE_UNKNOWN, f"{FOLDER}/x.wav"): lambda office, _: _add(office.day / "x.wav"),
    (Category.MANIFEST_MISSING, f"{FOLDER}/{FIRST}"): lambda office, _: _remove(office.day / f"{FIRST}.json"),
    (Category.NOT_SEALED, f"{FOLDER}/x"): lambda office, _: _add(office.day / "x.json"),
    (Category.REMOTE_MISSING, _WAV): lambda _, store: _hold(store, f"office/{_WAV}", None),
    (Category.REMOTE_SIZE, _WAV): lambda _, store: _hold(store, f"office/{_WAV}", 7),
    (Category.REMOTE_UNKNOWN, f"{FOLDER}/y.wav"): lambda _, store: _hold(store, f"office/{FOLDER}/y.wav", 7),
}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: str(planted[0]))
def test_a_difference_is_told_until_it_is_mended(kept: Kept, planted: tuple[Category, str]) -> None:
    office, keeper, store = kept
    mend = PLANTED[planted](office, store)
    assert categories(keeper) == [planted]
    assert categories(keeper) == [planted]
    assert keeper.counts.gauges[metrics.LEDGER_DIFFERENCE] == {(planted[0].value,): 1}
    mend()
    assert categories(keeper) == []
    assert keeper.counts.gauges[metrics.LEDGER_DIFFERENCE] == {}


def test_an_altered_manifest_is_told(kept: Kept) -> None:
    office, keeper, _ = kept
    path = office.day / f"{FIRST}.json"
    _change(path, path.read_bytes().replace(b'"quality"', b'"trial"'))
    assert categories(keeper) == [(Category.MANIFEST_ALTERED, f"{FOLDER}/{FIRST}")]


def test_a_seal_that_nobody_followed_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    office, keeper, _ = kept
    third = FIRST[:-1] + "3"
    office.call(third)
    office.seal(third)
    assert (Category.NOT_CATALOGUED, f"{FOLDER}/{third}") in categories(keeper)


def test_a_recording_that_the_chain_does_not_have_is_told(kept: Kept) -> None:
    office, keeper, _ = kept
    path = office.config.recorder.folder / "chain/2026-09-21.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert (Category.NOT_IN_CHAIN, f"{FOLDER}/{SECOND}") in categories(keeper)


def test_calls_are_compared_too(kept: Kept) -> None:
    office, keeper, _ = kept
    office.call("ffff", id="never-sealed")
    office.call(FIRST, ended_at=BEGUN + timedelta(seconds=9))
    third = FIRST[:-1] + "3"
    office.seal(third)
    keeper.follow()
    found = categories(keeper)
    assert (Category.CALL_WITHOUT_RECORDING, "never-sealed") in found
    assert (Category.LENGTH, f"call-{FIRST}") in found
    assert (Category.RECORDING_WITHOUT_CALL, third) in found
    assert sorted(terminal(keeper), key=str) == ["missing", "recorded", "recorded"]


def test_a_call_that_has_just_ended_is_left_alone(office: Office, keep: Keep) -> None:
    office.now = BEGUN + timedelta(minutes=1)
    office.call()
    keeper = keep(office)
    assert categories(keeper) == []
    assert terminal(keeper) == [None]
    office.now = BEGUN + timedelta(minutes=6)
    assert categories(keeper) == [(Category.CALL_WITHOUT_RECORDING, f"call-{FIRST}")]


def test_a_difference_that_is_there_for_a_moment_is_none(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    office, keeper, _ = kept
    mend = _remove(office.day / f"{FIRST}.wav")
    looked: list[float] = []

    def wait(seconds: float) -> bool:
        looked.append(seconds)
        mend()
        return False

    monkeypatch.setattr(module, "_SECOND_LOOK", 1.5)
    monkeypatch.setattr(keeper._ending, "wait", wait)
    assert categories(keeper) == []
    assert looked == [1.5]
    _add(office.day / "y.wav")
    mend = _add(office.day / "z.wav")
    assert categories(keeper) == [(Category.FILE_UNKNOWN, f"{FOLDER}/y.wav")]


def test_audio_that_moved_to_the_store_is_not_missing(kept: Kept) -> None:
    office, keeper, store = kept
    mover = Uploader(
        keeper.uploads, store, office.config.recorder.folder,
        dice=lambda: 0.5, prefix="office", keep_local=timedelta(0), at=lambda: office.now,
    )  # fmt: skip
    mover.round()
    assert not (office.day / f"{FIRST}.wav").exists()
    assert categories(keeper) == []
    assert verify(office.config.recorder.folder) == []
    (office.day / f"{FIRST}.remote").unlink()
    assert {found.path.name for found in verify(office.config.recorder.folder)} == {f"{FIRST}.wav", f"{FIRST}.peaks"}


def test_a_store_that_is_away_is_a_fault_and_changes_no_finding(kept: Kept) -> None:
    office, keeper, store = kept
    _remove(office.day / f"{FIRST}.wav")
    found = categories(keeper)
    store.away = True
    with pytest.raises(StoreError):
        keeper.reconcile()
    assert [(each.category, each.subject) for each in keeper.findings.open()] == found


def test_a_call_that_signalling_carried_and_the_ledger_lacks_is_named(
    kept: tuple[Office, Keeper, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    office, keeper, _ = kept
    early = (office.now - timedelta(hours=1)).isoformat()
    told = {"calls": [("lost", early, early), ("running-until-now", early, office.now.isoformat())]}
    monkeypatch.setattr(module, "ask_door", lambda path, word: told)
    assert categories(keeper) == [(Category.CALL_NOT_IN_LEDGER, "lost")]
    monkeypatch.setattr(module, "ask_door", lambda path, word: {"error": "no such word"})
    assert categories(keeper) == []
