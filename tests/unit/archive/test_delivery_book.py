from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from skryba.archive.books import DeadLetter, Delivery
from skryba.archive.delivery_book import Deliveries
from skryba.archive.tables import DELIVERIES
from tests.support.catalogue import BEGUN

KIND = "recording.sealed"
LATER = BEGUN + timedelta(hours=1)


@pytest.fixture
def book(engine: Engine) -> Deliveries:
    return Deliveries(engine)


def add(book: Deliveries, seq: int, *, hook: str = "crm", call: str = "c1") -> bool:
    return book.enqueue(hook, f"r{seq}", call, KIND, seq, f"body {seq}", BEGUN)


def due(book: Deliveries) -> list[int]:
    return [each.seq for each in book.due(LATER, 10)]


def numbers(book: Deliveries) -> dict[int, int]:
    return {each.seq: each.id for each in book.due(LATER, 10)}


def test_what_is_enqueued_is_due_word_for_word(book: Deliveries) -> None:
    assert add(book, 1)
    (found,) = book.due(BEGUN, 10)
    assert found == Delivery(found.id, "crm", "r1", "c1", KIND, 1, "body 1", 0)
    assert book.due(BEGUN - timedelta(seconds=1), 10) == []


def test_a_hook_is_told_once_of_a_recording(book: Deliveries) -> None:
    assert add(book, 1)
    assert not add(book, 1)
    assert add(book, 1, hook="other")
    book.delivered(numbers(book)[1], BEGUN)
    assert not add(book, 1)


def test_a_later_message_of_a_call_waits_for_the_earlier_ones(book: Deliveries) -> None:
    for seq in (2, 1, 3):
        add(book, seq)
    add(book, 4, call="c2")
    add(book, 5, hook="other")
    assert due(book) == [1, 4, 5]
    book.failed(numbers(book)[1], "refused", LATER + timedelta(seconds=1))
    assert due(book) == [4, 5]
    assert [each.seq for each in book.due(LATER + timedelta(seconds=1), 10)] == [1, 4, 5]


def test_what_was_delivered_or_given_up_holds_nothing_up(book: Deliveries) -> None:
    for seq in (1, 2, 3):
        add(book, seq)
    book.delivered(numbers(book)[1], BEGUN)
    assert due(book) == [2]
    book.dead(numbers(book)[2], "410", BEGUN)
    assert due(book) == [3]


def test_attempts_are_counted(book: Deliveries) -> None:
    add(book, 1)
    number = numbers(book)[1]
    for _ in range(3):
        book.failed(number, "503", LATER)
    assert [each.attempts for each in book.due(LATER, 10)] == [3]


def test_dead_letters_say_why_and_can_be_revived(book: Deliveries) -> None:
    add(book, 1)
    number = numbers(book)[1]
    book.failed(number, "503", BEGUN)
    book.dead(number, "410 gone", LATER)
    (letter,) = book.dead_letters()
    assert letter == DeadLetter(Delivery(number, "crm", "r1", "c1", KIND, 1, "body 1", 2), "410 gone", LATER)
    assert book.revive(number, LATER)
    assert not book.revive(number, LATER)
    assert book.dead_letters() == []
    assert [each.attempts for each in book.due(LATER, 10)] == [0]
    assert not book.revive(number + 1, LATER)


def test_what_was_delivered_is_not_kept_and_stays_delivered(book: Deliveries, engine: Engine) -> None:
    add(book, 1)
    number = numbers(book)[1]
    book.delivered(number, BEGUN)
    book.failed(number, "a late answer", BEGUN)
    book.dead(number, "a late answer", BEGUN)
    assert (due(book), book.dead_letters()) == ([], [])
    with engine.begin() as connection:
        assert connection.execute(select(DELIVERIES.c.body, DELIVERIES.c.state)).all() == [("", "delivered")]


def test_no_more_than_asked_for(book: Deliveries) -> None:
    for seq in range(5):
        add(book, seq, call=f"c{seq}")
    assert [each.seq for each in book.due(LATER, 2)] == [0, 1]
