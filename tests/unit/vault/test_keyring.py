"""Keys are there when `new` returns, gone when `destroy` does, and every crash leaves the state before or after."""

import json
import os
import shutil
import signal
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skryba.errors import KeyDestroyed, KeyUnavailable, ResourceError, StateError
from skryba.vault.keyfile import generate_exchange_key, public_path
from skryba.vault.keypage import KeyPage
from skryba.vault.keyring import Keyring
from skryba.vault.master import FileMaster, PrivateMaster, PublicMaster
from tests.support.crashes import kill_at_each_step

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PAGE = "2026-11-24.keys"


class Unwilling:
    """A master that is out of reach whenever it is told so."""

    id = "unwilling"
    away = False

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._answer(key)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._answer(wrapped)

    def _answer(self, octets: bytes) -> bytes:
        if self.away:
            raise KeyUnavailable("out of reach")
        return bytes(octet ^ 1 for octet in octets)


@pytest.fixture
def master(tmp_path: Path) -> FileMaster:
    return FileMaster.create(tmp_path / "master-1")


@pytest.fixture
def other_master(tmp_path: Path) -> FileMaster:
    return FileMaster.create(tmp_path / "master-2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def ring(folder: Path, master: FileMaster) -> Keyring:
    return Keyring(folder, master)


def fill(ring: Keyring, *names: str, at: datetime = NOON) -> dict[str, bytes]:
    return {name: ring.new(name, at) for name in names}


def keys_of(ring: Keyring, names: Iterable[str]) -> dict[str, bytes]:
    return {name: ring.get(name) for name in names}


def page_of(folder: Path, name: str = PAGE) -> KeyPage:
    return KeyPage.parse((folder / name).read_bytes())


class TestMakingAndFinding:
    def test_keys_are_found_by_everybody_with_the_master(self, ring: Keyring, folder: Path, master: FileMaster) -> None:
        keys = fill(ring, "a", "b") | fill(ring, "c", at=NOON + timedelta(days=1))
        assert len(set(keys.values())) == 3
        assert {len(key) for key in keys.values()} == {32}
        assert keys_of(Keyring(folder, master), keys) == keys
        assert keys_of(ring, keys) == keys

    def test_nothing_secret_lies_open(self, ring: Keyring, folder: Path, master: FileMaster, tmp_path: Path) -> None:
        keys = fill(ring, "a", "b")
        text = b"".join(path.read_bytes() for path in folder.iterdir())
        root = bytes.fromhex((tmp_path / "master-1").read_text())
        assert not any(secret in text or secret.hex().encode() in text for secret in (root, *keys.values()))
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_one_epoch_serves_a_day_across_restarts(self, ring: Keyring, folder: Path, master: FileMaster) -> None:
        fill(ring, "a")
        fill(Keyring(folder, master), "b")
        assert len(page_of(folder).epochs) == 1

    def test_has_tells_without_opening(self, ring: Keyring, folder: Path) -> None:
        fill(ring, "a")
        assert (ring.has("a"), ring.has("b")) == (True, False)

    def test_unknown_twice_made_and_impossible_names(self, ring: Keyring) -> None:
        fill(ring, "a")
        with pytest.raises(KeyUnavailable, match="knows no key"):
            ring.get("b")
        with pytest.raises(StateError):
            ring.new("a", NOON)
        for name in ("", "../a", 'a"', "a b"):
            with pytest.raises(ValueError):
                ring.new(name, NOON)
            with pytest.raises(ValueError):
                ring.get(name)

    def test_another_master_neither_reads_nor_adds(self, ring: Keyring, folder: Path, other_master: FileMaster) -> None:
        fill(ring, "a")
        before = (folder / PAGE).read_bytes()
        stranger = Keyring(folder, other_master)
        with pytest.raises(KeyUnavailable, match="is needed"):
            stranger.get("a")
        for day in (NOON, NOON + timedelta(days=1)):
            with pytest.raises(KeyUnavailable, match="belongs to"):
                stranger.new("b", day)
        assert (folder / PAGE).read_bytes() == before

    def test_swapped_keys_do_not_open(self, ring: Keyring, folder: Path) -> None:
        fill(ring, "a", "b")
        lines = [json.loads(line) for line in (folder / PAGE).read_text().splitlines()]
        lines[1]["name"], lines[2]["name"] = lines[2]["name"], lines[1]["name"]
        (folder / PAGE).write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
        for name in "ab":
            with pytest.raises(KeyUnavailable, match="does not open"):
                ring.get(name)

    def test_a_lost_epoch_is_told(self, ring: Keyring, folder: Path, master: FileMaster) -> None:
        fill(ring, "a")
        (folder / PAGE).write_bytes((folder / PAGE).read_bytes().split(b"\n", 1)[1])
        with pytest.raises(KeyUnavailable, match="missing from its day"):
            Keyring(folder, master).get("a")

    def test_a_full_disk_gives_no_key(self, ring: Keyring, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = fill(ring, "a")
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", lambda *_: 0)
            with pytest.raises(ResourceError, match="full"):
                ring.new("b", NOON)
        assert not ring.has("b")
        keys |= fill(ring, "b")
        assert keys_of(ring, keys) == keys


class TestDestroying:
    def test_a_destroyed_key_is_gone_and_the_others_are_not(
        self, ring: Keyring, folder: Path, master: FileMaster, tmp_path: Path
    ) -> None:
        keys = fill(ring, "a", "b", "c") | fill(ring, "d", at=NOON + timedelta(days=1))
        before = page_of(folder)
        (tmp_path / "witness").hardlink_to(folder / PAGE)
        another_day = (folder / "2026-11-25.keys").read_bytes()
        assert ring.destroy("b", NOON + timedelta(days=9)) is True
        for each in (ring, Keyring(folder, master)):
            with pytest.raises(KeyDestroyed, match="2026-12-03"):
                each.get("b")
            assert keys_of(each, "acd") == {name: keys[name] for name in "acd"}
            assert not each.has("b")
        after = page_of(folder)
        assert before.epochs.keys().isdisjoint(after.epochs)
        assert {before.keys[name].key for name in "abc"}.isdisjoint(key.key for key in after.keys.values())
        assert set((tmp_path / "witness").read_bytes()) == {0}
        assert (folder / "2026-11-25.keys").read_bytes() == another_day
        assert sorted(path.name for path in folder.iterdir()) == [PAGE, "2026-11-25.keys", "lock", "master"]

    def test_it_is_done_once(self, ring: Keyring) -> None:
        fill(ring, "a")
        assert [ring.destroy("a", NOON), ring.destroy("a", NOON), ring.destroy("b", NOON)] == [True, False, False]
        with pytest.raises(KeyDestroyed):
            ring.new("a", NOON)

    def test_the_last_key_of_a_day_takes_its_epoch_along(self, ring: Keyring, folder: Path) -> None:
        fill(ring, "a")
        ring.destroy("a", NOON)
        assert page_of(folder).epochs == {}
        assert fill(ring, "b") == keys_of(ring, "b")

    def test_another_process_sees_it_at_once(self, ring: Keyring, folder: Path, master: FileMaster) -> None:
        recorder = Keyring(folder, master)
        keys = fill(recorder, "a", "b")
        ring.destroy("a", NOON)
        with pytest.raises(KeyDestroyed):
            recorder.get("a")
        keys |= fill(recorder, "c")
        assert keys_of(ring, "bc") == {name: keys[name] for name in "bc"}

    def test_a_restored_backup_is_destroyed_again(self, ring: Keyring, folder: Path, master: FileMaster) -> None:
        keys = fill(ring, *(f"r{number}" for number in range(40)))
        shutil.copytree(folder, folder.with_name("backup"))
        erased = [f"r{number}" for number in range(0, 40, 2)]
        for name in erased:
            ring.destroy(name, NOON)
        shutil.rmtree(folder)
        shutil.copytree(folder.with_name("backup"), folder)
        restored = Keyring(folder, master)
        assert restored.get("r0") == keys["r0"]
        assert restored.replay([*erased, "never-encrypted", "../no name"], NOON) == sorted(erased)
        assert restored.replay(erased, NOON) == []
        assert [name for name in keys if restored.has(name)] == [f"r{number}" for number in range(1, 40, 2)]
        assert restored.get("r1") == keys["r1"]

    def test_erasure_does_not_wait_for_the_master(self, folder: Path) -> None:
        master = Unwilling()
        keys = fill(Keyring(folder, master), "a", "b")
        master.away = True
        ring = Keyring(folder, master)
        assert ring.destroy("a", NOON)
        with pytest.raises(KeyDestroyed):
            ring.get("a")
        with pytest.raises(KeyUnavailable, match="out of reach"):
            ring.get("b")
        master.away = False
        assert ring.get("b") == keys["b"]

    def test_killed_at_every_step(self, ring: Keyring, folder: Path, master: FileMaster, tmp_path: Path) -> None:
        keys = fill(ring, "a", "b", "c")
        template, witness = tmp_path / "template", tmp_path / "witness"
        shutil.copytree(folder, template)
        witness.hardlink_to(folder / PAGE)
        outcomes = set()
        steps = []
        for step in kill_at_each_step(lambda: Keyring(folder, master).destroy("b", NOON)):
            steps.append(step)
            again = ring if step % 2 else Keyring(folder, master)
            assert keys_of(again, "ac") == {name: keys[name] for name in "ac"}
            outcomes.add(done := not again.has("b"))
            assert done or again.get("b") == keys["b"]
            assert again.destroy("b", NOON) is not done
            with pytest.raises(KeyDestroyed):
                again.get("b")
            assert keys_of(again, "ac") == {name: keys[name] for name in "ac"}
            assert not [path for path in folder.iterdir() if path.suffix in (".new", ".shred")]
            assert set(witness.read_bytes()) == {0}
            shutil.rmtree(folder)
            shutil.copytree(template, folder)
            witness.unlink()
            witness.hardlink_to(folder / PAGE)
        assert len(steps) > 10
        assert outcomes == {True, False}
        with pytest.raises(KeyDestroyed):
            Keyring(folder, master).get("b")


class TestRotating:
    def test_another_master_takes_over(
        self, ring: Keyring, folder: Path, master: FileMaster, other_master: FileMaster
    ) -> None:
        keys = fill(ring, "a", "b") | fill(ring, "c", at=NOON + timedelta(days=1))
        before = page_of(folder)
        assert ring.rotate(other_master) == 2
        after = page_of(folder)
        assert after.keys == before.keys
        assert after.epochs != before.epochs
        assert keys_of(Keyring(folder, other_master), keys) == keys
        assert fill(ring, "d")["d"] == Keyring(folder, other_master).get("d")
        with pytest.raises(KeyUnavailable):
            Keyring(folder, master).get("a")
        assert ring.rotate(other_master) == 0

    def test_what_somebody_left_half_done_is_no_obstacle(
        self, ring: Keyring, folder: Path, other_master: FileMaster
    ) -> None:
        keys = fill(ring, "a")
        (folder / f"{PAGE}.shred").hardlink_to(folder / PAGE)
        ring.rotate(other_master)
        assert keys_of(Keyring(folder, other_master), keys) == keys

    def test_nothing_is_changed_if_something_cannot_be_opened(
        self, ring: Keyring, folder: Path, other_master: FileMaster, tmp_path: Path
    ) -> None:
        fill(ring, "a")
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        stranger = Keyring(folder, FileMaster.create(tmp_path / "master-3"))
        with pytest.raises(KeyUnavailable):
            stranger.rotate(other_master)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def test_who_was_running_goes_on_until_the_next_day(
        self, ring: Keyring, folder: Path, master: FileMaster, other_master: FileMaster
    ) -> None:
        recorder = Keyring(folder, master)
        fill(recorder, "a")
        ring.rotate(other_master)
        keys = fill(recorder, "b")
        assert Keyring(folder, other_master).get("b") == keys["b"]
        with pytest.raises(KeyUnavailable, match="belongs to"):
            recorder.new("c", NOON + timedelta(days=1))

    def test_killed_at_every_step(
        self, ring: Keyring, folder: Path, master: FileMaster, other_master: FileMaster, tmp_path: Path
    ) -> None:
        keys = fill(ring, "a", "b") | fill(ring, "c", at=NOON + timedelta(days=1))
        shutil.copytree(folder, tmp_path / "template")
        steps = []
        for step in kill_at_each_step(lambda: Keyring(folder, master).rotate(other_master)):
            steps.append(step)
            halves = [Keyring(folder, master), Keyring(folder, other_master)]
            assert all(key in [_try(half, name) for half in halves] for name, key in keys.items())
            halves[0].rotate(other_master)
            assert keys_of(Keyring(folder, other_master), keys) == keys
            assert not [path for path in folder.iterdir() if path.suffix in (".new", ".shred")]
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "template", folder)
        assert len(steps) > 20
        assert keys_of(Keyring(folder, other_master), keys) == keys


def _try(ring: Keyring, name: str) -> bytes | None:
    try:
        return ring.get(name)
    except KeyUnavailable:
        return None


class TestWriteOnly:
    @pytest.fixture
    def public(self, tmp_path: Path) -> PublicMaster:
        generate_exchange_key(tmp_path / "exchange.pem")
        return PublicMaster(public_path(tmp_path / "exchange.pem"))

    @pytest.fixture
    def private(self, public: PublicMaster, tmp_path: Path) -> PrivateMaster:
        return PrivateMaster(tmp_path / "exchange.pem")

    def test_the_recorder_reads_what_it_made_until_it_ends(
        self, folder: Path, public: PublicMaster, private: PrivateMaster
    ) -> None:
        first = Keyring(folder, public)
        keys = fill(first, "a", "b")
        assert keys_of(first, "ab") == keys
        second = Keyring(folder, public)
        with pytest.raises(KeyUnavailable, match="may only write"):
            second.get("a")
        keys |= fill(second, "c", "d")
        assert len(page_of(folder).epochs) == 2
        assert keys_of(Keyring(folder, private), keys) == keys

    def test_it_can_destroy_what_it_cannot_read(
        self, folder: Path, public: PublicMaster, private: PrivateMaster, tmp_path: Path
    ) -> None:
        keys = fill(Keyring(folder, public), "a", "b")
        (tmp_path / "witness").hardlink_to(folder / PAGE)
        assert Keyring(folder, public).destroy("a", NOON)
        reader = Keyring(folder, private)
        with pytest.raises(KeyDestroyed):
            reader.get("a")
        assert reader.get("b") == keys["b"]
        assert set((tmp_path / "witness").read_bytes()) == {0}

    def test_its_keyring_can_be_rotated_by_who_holds_the_private_half(
        self, folder: Path, public: PublicMaster, private: PrivateMaster, other_master: FileMaster
    ) -> None:
        keys = fill(Keyring(folder, public), "a")
        with pytest.raises(KeyUnavailable, match="may only write"):
            Keyring(folder, public).rotate(other_master)
        keys |= fill(Keyring(folder, public), "b")
        assert Keyring(folder, private).rotate(other_master) == 1
        assert keys_of(Keyring(folder, other_master), keys) == keys


class TestCrashesAndRivals:
    def test_a_torn_line_was_never_a_key(self, ring: Keyring, folder: Path) -> None:
        keys = fill(ring, "a")
        with (folder / PAGE).open("ab") as file:
            file.write(b'{"epoch":"00","key":"AAAA","name":"b"}')
        assert not ring.has("b")
        keys |= fill(ring, "b", "c")
        assert keys_of(ring, keys) == keys

    def test_a_missing_page_is_not_made_worse(self, ring: Keyring, folder: Path, master: FileMaster) -> None:
        fill(ring, "a")
        (folder / "2026-11-23.keys.shred").write_bytes(b"of a destruction that was restored")
        assert Keyring(folder, master).has("a")
        assert not (folder / "2026-11-23.keys.shred").exists()

    def test_killed_at_every_step_of_making(self, folder: Path, master: FileMaster) -> None:
        keys: dict[str, bytes] = {}
        steps = []
        for step in kill_at_each_step(lambda: Keyring(folder, master).new("x", NOON)):
            steps.append(step)
            ring = Keyring(folder, master)
            if ring.has("x"):
                assert len(ring.get("x")) == 32
            keys |= fill(ring, f"after-{step}")
            assert keys_of(Keyring(folder, master), keys) == keys
            shutil.rmtree(folder)
            keys.clear()
        assert len(steps) > 5

    def test_rivals_make_and_destroy_at_once_and_are_killed(self, folder: Path, master: FileMaster) -> None:
        """Makers tell each key they were given; a destroyer rewrites the same day all the time; all are killed."""
        ring = Keyring(folder, master)
        fill(ring, *(f"doomed-{number}" for number in range(100)))
        reading, writing = os.pipe()
        children = []
        for maker in range(3):
            child = os.fork()
            if child == 0:
                try:
                    own = Keyring(folder, master)
                    for number in range(100_000):
                        if maker == 0:
                            own.destroy(f"doomed-{number}", NOON)
                            os.write(writing, f"doomed-{number} \n".encode())
                        else:
                            name = f"{maker}.{number}"
                            os.write(writing, f"{name} {own.new(name, NOON).hex()}\n".encode())
                finally:
                    os._exit(1)
            children.append(child)
        os.close(writing)
        told = b""
        while told.count(b"\n") < 60:
            told += os.read(reading, 4096)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        while more := os.read(reading, 4096):
            told += more
        os.close(reading)
        ring = Keyring(folder, master)
        for name, key in (line.split(" ") for line in told.decode().splitlines()):
            if key:
                assert ring.get(name).hex() == key
            else:
                assert not ring.has(name)
        assert len(told.splitlines()) >= 60
