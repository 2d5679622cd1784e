"""The book of deliveries: what hooks must be told, in the order of each call.

Knows the database, no network. Keeps `books.DeliveryBook`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, delete, exists, select, update

from skryba.archive.books import DeadLetter, Delivery
from skryba.archive.database import reading, upsert
from skryba.archive.tables import DELIVERIES

_D = DELIVERIES.c
_DELIVERY = (_D.id, _D.hook, _D.recording, _D.call, _D.kind, _D.seq, _D.body, _D.attempts)


class _State(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class Deliveries:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def enqueue(self, hook: str, recording: str, call: str, kind: str, seq: int, body: str, at: datetime) -> bool:
        """False: this hook, recording and kind stand in the book already; nothing was changed."""
        with self._engine.begin() as connection:
            row = upsert(connection, DELIVERIES).values(
                hook=hook,
                recording=recording,
                call=call,
                kind=kind,
                seq=seq,
                body=body,
                state=_State.WAITING,
                attempts=0,
                next_at=at,
            )
            once = row.on_conflict_do_nothing(index_elements=[_D.hook, _D.recording, _D.kind])
            return connection.execute(once.returning(_D.id)).first() is not None

    def due(self, at: datetime, limit: int) -> list[Delivery]:
        """By seq; never one while an earlier one of the same hook and call is neither delivered nor dead."""
        earlier = DELIVERIES.alias()
        e = earlier.c
        held_up = exists().where(e.hook == _D.hook, e.call == _D.call, e.state == _State.WAITING, e.seq < _D.seq)
        waiting = select(*_DELIVERY).where(_D.state == _State.WAITING, _D.next_at <= at, ~held_up)
        with self._reading.begin() as connection:
            return [_delivery(row) for row in connection.execute(waiting.order_by(_D.seq, _D.id).limit(limit))]

    def delivered(self, delivery: int, at: datetime) -> None:
        """Done; what it said is not kept, because it names people."""
        self._set(delivery, state=_State.DELIVERED, ended_at=at, body="", error=None)

    def failed(self, delivery: int, error: str, next_at: datetime) -> None:
        """One more attempt was in vain."""
        self._set(delivery, attempts=_D.attempts + 1, error=error, next_at=next_at)

    def dead(self, delivery: int, error: str, at: datetime) -> None:
        """Given up, the last attempt counted; later ones of the call go on without it."""
        self._set(delivery, state=_State.DEAD, attempts=_D.attempts + 1, error=error, ended_at=at)

    def dead_letters(self) -> list[DeadLetter]:
        """By seq."""
        given_up = select(*_DELIVERY, _D.error, _D.ended_at).where(_D.state == _State.DEAD)
        with self._reading.begin() as connection:
            found = connection.execute(given_up.order_by(_D.seq, _D.id))
            return [DeadLetter(_delivery(row), row.error, row.ended_at) for row in found]

    def revive(self, delivery: int, at: datetime) -> bool:
        """Due again, its attempts counted from nothing. False: there is no such dead letter."""
        again = {"state": _State.WAITING, "attempts": 0, "next_at": at, "ended_at": None}
        given_up = (_D.id == delivery) & (_D.state == _State.DEAD)
        with self._engine.begin() as connection:
            return connection.execute(update(DELIVERIES).where(given_up).values(again)).rowcount == 1

    def _set(self, delivery: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(DELIVERIES).where(_D.id == delivery, _D.state == _State.WAITING).values(**values))


def forget_deliveries(connection: Connection, recording: str) -> None:
    """It was erased: nobody is told of it any more."""
    connection.execute(delete(DELIVERIES).where(_D.recording == recording, _D.state != _State.DELIVERED))


def _delivery(row: Any) -> Delivery:
    return Delivery(row.id, row.hook, row.recording, row.call, row.kind, row.seq, row.body, row.attempts)
