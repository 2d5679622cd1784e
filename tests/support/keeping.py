"""Keepers of an office, closed at the end, and a store that is a dictionary.

Knows no recorder; `office` makes the recordings.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from skryba import keeper as module
from skryba.archive.objects import Objects, StoreError
from skryba.archive.reconciliation import Category
from skryba.archive.tables import CALLS
from skryba.archive.upload import Stored
from skryba.keeper import Keeper
from tests.support.office import Office

HOOK = '[[hook]]\nid = "crm"\nurl = "http://127.0.0.1:9/x"\nsecret = "sixteen characters"\n'
STORE = (
    '[storage]\nkind = "s3"\nendpoint = "http://127.0.0.1:9"\nbucket = "calls"\nprefix = "office"\n'
    'access_key = "a"\nsecret_key = "b"\n'
)


class Store(Objects):
    """Names and sizes of objects in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.hashes: dict[str, str] = {}
        self.away = False

    def listing(self, folder: str) -> Iterator[Stored]:
        if self.away:
            raise StoreError("away")
        yield from (Stored(key, octets) for key, octets in self.held.items() if key.startswith(folder))

    def delete(self, key: str) -> None:
        self.held.pop(key, None)

    def head(self, key: str) -> Stored | None:
        return Stored(key, self.held[key], self.hashes[key]) if key in self.held else None


class Keep:
    """`keep(office)`: a keeper of this office; another one, as after a restart, each time it is asked."""

    def __init__(self) -> None:
        self._made: list[Keeper] = []

    def __call__(self, office: Office) -> Keeper:
        self._made.append(Keeper(office.config))
        return self._made[-1]

    def close(self) -> None:
        for each in self._made:
            each._engine.dispose()


@contextmanager
def keepers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """They do not wait before they look a second time."""
    monkeypatch.setattr(module, "_SECOND_LOOK", 0.0)
    made = Keep()
    yield made
    made.close()


def categories(keeper: Keeper) -> list[tuple[Category, str]]:
    keeper.reconcile()
    return sorted((found.category, found.subject) for found in keeper.findings.open())


def terminal(keeper: Keeper) -> list[str | None]:
    with keeper._engine.begin() as connection:
        return list(connection.scalars(select(CALLS.c.terminal)))
