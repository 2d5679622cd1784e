"""Sealing and its entry in the chain, interrupted at each single step on the disk: in the end nobody can tell.

Each run is killed before its next step, or the disk refuses that step; what comes after does the work again.
"""

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from skryba.codecs.tones import sine
from skryba.errors import SkrybaError
from skryba.recorder.notary import Notary
from skryba.recorder.publication import Making
from skryba.recorder.seal import seal
from skryba.recorder.spool import BlockWriter, Kind
from skryba.recorder.storage import Storage
from skryba.recorder.verify import verify
from skryba.vault.block import BlockSeal
from skryba.vault.journal import Journal
from tests.support.crashes import STEPS, kill_at_each_step
from tests.support.evidence import ID, Speaker, merge, meta, spool, stop
from tests.support.seals import signer, verifier

AT = datetime(2026, 11, 24, tzinfo=UTC)
KEY = bytes(range(32))
RECORDS = merge({0: Speaker().say(sine(500, 0.2, sample_rate=8000), 0)})
PLAIN = spool(RECORDS, last=stop(200))
EARLIER = spool(RECORDS, first=meta(opened_ns=7), last=stop(200))


def encrypted() -> bytes:
    """The same spool as PLAIN under KEY."""
    begin = BlockWriter()
    data = begin.words(Kind.KEY, {"key": ID, "scheme": "AES-256-GCM"})
    blocks = BlockWriter(1, BlockSeal(KEY, bytes(8)))
    data += blocks.words(Kind.META, meta())
    data += b"".join(bytes(part) for part in blocks.packets(b"".join(RECORDS)))
    return data + blocks.words(Kind.STOP, stop(200))


class House:
    """A folder with one spool, and what the recorder does with it: seal, enter, let the spool go."""

    def __init__(self, folder: Path, data: bytes, *, key: bytes | None = None, keep_spool: bool = False) -> None:
        self.storage = Storage(folder / "recordings", folder / "spool")
        self._making = Making(key=key, random=bytes)  # the same octets in every run
        self._keep_spool = keep_spool
        self.storage.spool_path(ID).write_bytes(data)

    @property
    def journal(self) -> Journal:
        return Journal(self.storage.recordings / "chain", signer(), lambda: AT)

    def work(self) -> None:
        """What is still to be done, as a process does it that knows nothing of those before it."""
        notary = Notary(self.storage, self.journal, keep_spool=self._keep_spool)
        for recording in self.storage.spools():
            notary.attest(seal(self.storage, recording, making=self._making))

    def state(self) -> dict[str, bytes]:
        """All files by name; the manifest without what tells of its making."""
        folder = self.storage.recordings.parent
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["plain", "encrypted", "kept", "second"])
def make(request: pytest.FixtureRequest) -> Callable[[Path], House]:
    """`second`: another recording of the same id was sealed before."""

    def build(folder: Path) -> House:
        match request.param:
            case "encrypted":
                return House(folder, encrypted(), key=KEY)
            case "kept":
                return House(folder, PLAIN, keep_spool=True)
            case "second":
                house = House(folder, EARLIER)
                house.work()
                house.storage.spool_path(ID).write_bytes(PLAIN)
                return house
        return House(folder, PLAIN)

    return build


def undisturbed(folder: Path, make: Callable[[Path], House]) -> dict[str, bytes]:
    house = make(folder)
    house.work()
    return house.state()


def check(house: House, wanted: dict[str, bytes]) -> None:
    found = house.state()
    assert found.keys() == wanted.keys()
    assert {name for name in wanted if found[name] != wanted[name]} == set()
    assert house.storage.spools() == []
    assert verify(house.storage.recordings, verifier()) == []
    names = [entry.id for entry in house.journal.entries()]
    assert sorted(names) == sorted(set(names))


def test_killed_before_each_step_the_outcome_is_the_same(tmp_path: Path, make: Callable[[Path], House]) -> None:
    wanted = undisturbed(tmp_path / "calm", make)
    deaths, number = 0, 0
    house = make(tmp_path / "0")

    def work() -> None:
        house.work()

    for number in kill_at_each_step(work):
        house.work()
        check(house, wanted)
        house = make(tmp_path / str(number + 1))
        deaths += 1
    check(house, wanted)
    assert deaths == number + 1 > 20


def test_killed_again_and_again_the_outcome_is_the_same(tmp_path: Path, make: Callable[[Path], House]) -> None:
    wanted = undisturbed(tmp_path / "calm", make)
    house = make(tmp_path / "torn")
    assert len(list(kill_at_each_step(house.work))) > 5
    check(house, wanted)


def test_refused_at_each_step_by_the_disk_the_outcome_is_the_same(
    tmp_path: Path, make: Callable[[Path], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = undisturbed(tmp_path / "calm", make)
    number, refused = 0, True
    while refused:
        house = make(tmp_path / str(number))
        with monkeypatch.context() as patch:
            left = [number]
            for name in STEPS:
                patch.setattr(os, name, refuse(left, getattr(os, name)))
            try:
                house.work()
                refused = left[0] < 0  # an error that nobody minded is one
            except (OSError, SkrybaError):
                refused = True
        house.work()
        check(house, wanted)
        number += 1
    assert number > 20


def refuse(left: list[int], real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, but when `left` has been counted down the disk is full, once."""

    def step(*args: Any, **words: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **words)

    return step


def test_the_furniture_notices_a_doubled_recording(tmp_path: Path) -> None:
    house = House(tmp_path, PLAIN)
    house.work()
    wanted = house.state()
    manifest = next(house.storage.recordings.rglob(f"{ID}.json"))
    words = json.loads(manifest.read_bytes())
    manifest.with_stem(f"{ID}-2").write_text(json.dumps(words))
    with pytest.raises(AssertionError):
        check(house, wanted)
