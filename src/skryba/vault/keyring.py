"""⚡ The keyring: one file a day, in it that day's keys, wrapped; made, found, destroyed and wrapped anew.

May not know what the keys are for nor what kind of master wraps them. Keys are wrapped by the key of an *epoch* (a day,
or the time since something of that day was destroyed), epoch keys by the master. All processes of the house may use it
at once: whoever changes it holds a lock, and a crash leaves the state before or after, never between.
"""

import fcntl
import os
from collections.abc import Callable, Container, Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from skryba.errors import KeyDestroyed, KeyUnavailable, StateError
from skryba.vault.durable import append, replace, shred, sync_folder
from skryba.vault.keypage import NAME, KeyPage, WrappedEpoch, WrappedKey, epoch_line, key_line, mention
from skryba.vault.keys import KEY, unwrap, wrap
from skryba.vault.master import Master

_MODE = 0o600
_SUFFIX = ".keys"
_NEW, _SHRED = ".new", ".shred"  # left by a crash within a replacement
_EPOCH = 8  # octets of an epoch's name
_FEW = 16  # names that are looked for in the text before a page is read

_State = tuple[int, int, int]


class Keyring:
    """One folder of day files. Each process has its own Keyring; opened epoch keys stay in its memory."""

    def __init__(self, folder: Path, master: Master, *, random: Callable[[int], bytes] = os.urandom) -> None:
        """The folder is made, readable by its owner alone; what a crash left behind is put in order."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._master = master
        self._random = random
        self._epochs: dict[str, bytes] = {}
        self._today: tuple[Path, _State | None, KeyPage] | None = None
        with self._locked(fcntl.LOCK_EX):
            self._put_in_order()

    def new(self, name: str, at: datetime) -> bytes:
        """A fresh key of 32 octets under `name`; its wrapped form is on the disk before this returns.

        KeyUnavailable if the keyring belongs to another master, StateError if the day has a key of that name,
        ResourceError if the disk does not take it.
        """
        wanted = _checked(name)
        path = self._folder / f"{at.astimezone(UTC).date().isoformat()}{_SUFFIX}"
        with self._locked(fcntl.LOCK_EX):
            page = self._page_of_today(path)
            if wanted in page.destroyed:
                raise KeyDestroyed(f"the key of {name} was destroyed at {page.destroyed[wanted]}")
            if wanted in page.keys:
                raise StateError(f"{name} has a key already")
            epoch, lines = self._epoch_to_write(page)
            key = self._random(KEY)
            wrapped = WrappedKey(epoch, wrap(self._epochs[epoch], key, _key_context(wanted)))
            page.end = append(path, page.end, lines + key_line(wanted, wrapped), _MODE)
            page.keys[wanted] = wrapped
            self._today = (path, _state(path), page)
        return key

    def get(self, name: str) -> bytes:
        """The key of `name`. KeyDestroyed if it was destroyed, KeyUnavailable if it is unknown or cannot be opened."""
        wanted = _checked(name)
        with self._locked(fcntl.LOCK_SH):
            page = self._page_about(wanted)
        if page is None:
            raise KeyUnavailable(f"the keyring knows no key of {name}")
        if wanted not in page.keys:
            raise KeyDestroyed(f"the key of {name} was destroyed at {page.destroyed[wanted]}")
        return self._open(page, wanted)

    def has(self, name: str) -> bool:
        """True if there is a key of `name` that was not destroyed; nothing is opened."""
        wanted = _checked(name)
        with self._locked(fcntl.LOCK_SH):
            page = self._page_about(wanted)
        return page is not None and wanted in page.keys

    def destroy(self, name: str, at: datetime) -> bool:
        """Nobody gets this key from here any more. False if there is none (or none any more).

        The other keys of its day are wrapped under a new epoch key and the old file is overwritten. Where the master
        cannot open the day (write-only mode, or out of reach) the key is taken out all the same and the epoch stays.
        """
        return bool(self._destroy({_checked(name)}, at))

    def replay(self, destroyed: Iterable[str], at: datetime) -> list[str]:
        """After a backup was restored: destroy again what was destroyed since. The names that had come back.

        What cannot be a key's name is passed over: the list comes from outside, and has to be gone through to its end.
        """
        return self._destroy({name for name in destroyed if NAME.fullmatch(name)}, at)

    def rotate(self, master: Master) -> int:
        """From here on `master`: all epoch keys are wrapped by it; the number of days that were written anew.

        KeyUnavailable, and nothing is changed, if an old epoch cannot be opened. After a crash do it again with the
        same two masters. Other processes go on with the epochs they have opened; start them again with the new master.
        """
        for path in self._files():
            for _ in self._epochs_not_of(master, _read(path)):
                pass  # opened, and remembered
        with self._locked(fcntl.LOCK_EX):
            self._set_owner(master, allowed=(None, self._master.id, master.id))  # nobody adds old ones from here on
        count = 0
        for path in self._files():
            with self._locked(fcntl.LOCK_EX):
                page = _read(path)
                old = dict(self._epochs_not_of(master, page))
                for name, key in old.items():
                    page.epochs[name] = _wrapped(master, name, key)
                if old:
                    self._replace(path, page)
                    count += 1
        self._master = master
        return count

    def _epochs_not_of(self, master: Master, page: KeyPage) -> Iterator[tuple[str, bytes]]:
        for name, epoch in page.epochs.items():
            if epoch.master != master.id:
                yield name, self._epoch_key(page, name)

    def _destroy(self, names: Set[str], at: datetime) -> list[str]:
        with self._locked(fcntl.LOCK_EX):
            self._put_in_order()  # somebody else may have been killed half-way
        found = []
        for path in self._files():
            with self._locked(fcntl.LOCK_EX):
                data = path.read_bytes()
                if len(names) <= _FEW and not any(mention(name) in data for name in names):
                    continue
                page = KeyPage.parse(data)
                doomed = sorted(names & page.keys.keys())
                if doomed:
                    self._renew(page, doomed, at.astimezone(UTC).isoformat(timespec="seconds"))
                    self._replace(path, page)
                    found += doomed
        return found

    def _renew(self, page: KeyPage, doomed: Iterable[str], at: str) -> None:
        """Take keys out, wrap the others under a new epoch key as far as theirs can be opened, drop unused epochs."""
        for name in doomed:
            del page.keys[name]
            page.destroyed[name] = at
        with suppress(KeyUnavailable):  # erasure does not wait for a master that is out of reach
            opened = {name: self._open(page, name) for name in page.keys}
            epoch = self._add_epoch(page) if opened else ""
            for name, key in opened.items():
                page.keys[name] = WrappedKey(epoch, wrap(self._epochs[epoch], key, _key_context(name)))
        used = {key.epoch for key in page.keys.values()}
        for unused in page.epochs.keys() - used:
            del page.epochs[unused]
            self._epochs.pop(unused, None)

    def _replace(self, path: Path, page: KeyPage) -> None:
        """Write the day anew and overwrite what was there; `_put_in_order` completes it after a crash."""
        self._put_in_order()
        doomed = path.with_name(path.name + _SHRED)
        os.link(path, doomed)
        sync_folder(self._folder)
        replace(path, page.to_bytes(), _MODE)
        shred(doomed)

    def _put_in_order(self) -> None:
        for left in sorted(self._folder.iterdir()):
            if left.suffix == _SHRED and _same(left, left.with_suffix("")):
                left.unlink()  # the new file was not in its place yet: nothing happened
            elif left.suffix in (_SHRED, _NEW):
                shred(left)

    def _epoch_to_write(self, page: KeyPage) -> tuple[str, bytes]:
        """An epoch of the page whose key is at hand, and the line that adds it if it is new."""
        for name in reversed(page.epochs):
            try:
                self._epoch_key(page, name)
            except KeyUnavailable:
                continue
            return name, b""
        name = self._add_epoch(page)
        return name, epoch_line(name, page.epochs[name])

    def _add_epoch(self, page: KeyPage) -> str:
        self._set_owner(self._master, allowed=(None, self._master.id))
        name, key = self._random(_EPOCH).hex(), self._random(KEY)
        page.epochs[name] = _wrapped(self._master, name, key)
        self._epochs[name] = key
        return name

    def _set_owner(self, master: Master, allowed: Container[str | None]) -> None:
        """The keyring belongs to `master`: another one, or a mistyped passphrase, must not begin to wrap keys here."""
        path = self._folder / "master"
        owner = path.read_text("ascii") if path.exists() else None
        if owner not in allowed:
            raise KeyUnavailable(f"this keyring belongs to the master key {owner}, not to {self._master.id}")
        if owner != master.id:
            replace(path, master.id.encode("ascii"), _MODE)

    def _epoch_key(self, page: KeyPage, name: str) -> bytes:
        if name not in self._epochs:
            epoch = page.epochs.get(name)
            if epoch is None:
                raise KeyUnavailable(f"the epoch {name} is missing from its day")
            if epoch.master != self._master.id:
                raise KeyUnavailable(f"the master key {epoch.master} is needed, not {self._master.id}")
            self._epochs[name] = self._master.unwrap(epoch.key, _epoch_context(name))
        return self._epochs[name]

    def _open(self, page: KeyPage, name: str) -> bytes:
        key = page.keys[name]
        return unwrap(self._epoch_key(page, key.epoch), key.key, _key_context(name))

    def _page_of_today(self, path: Path) -> KeyPage:
        """The page that `new` wrote last, unless somebody else has changed it since."""
        if self._today is not None and self._today[:2] == (path, _state(path)):
            return self._today[2]
        return _read(path)

    def _page_about(self, name: str) -> KeyPage | None:
        """The newest page that speaks of `name`."""
        for path in reversed(self._files()):
            data = path.read_bytes()
            if mention(name) in data:
                page = KeyPage.parse(data)
                if name in page.keys or name in page.destroyed:
                    return page
        return None

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if path.suffix == _SUFFIX)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _state(path: Path) -> _State | None:
    """Which file it is and when it was written."""
    if not path.exists():
        return None
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path) -> KeyPage:
    return KeyPage.parse(path.read_bytes()) if path.exists() else KeyPage()


def _wrapped(master: Master, epoch: str, key: bytes) -> WrappedEpoch:
    return WrappedEpoch(master.id, master.wrap(key, _epoch_context(epoch)))


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _checked(name: str) -> str:
    if NAME.fullmatch(name) is None:
        raise ValueError(f"not a name that a key can have: {name!r}")
    return name


def _key_context(name: str) -> bytes:
    return b"key:" + name.encode("ascii")


def _epoch_context(name: str) -> bytes:
    return b"epoch:" + name.encode("ascii")
