import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from skryba.archive.books import Delivery
from skryba.archive.deliverer import PARALLEL, Deliverer
from skryba.archive.hooks import ATTEMPTS, EVENT, Hook, Outcome, body, sign
from tests.support.deliveries import Book, Message, certificate, receiver
from tests.support.shelf import manifest

SECRET = "a secret of enough letters"


class Clock:
    """The wall clock of these tests."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hook(url: str, name: str = "crm", timeout: float = 5.0) -> Hook:
    return Hook(name, url, SECRET, timeout)


@asynccontextmanager
async def running(book: Book, clock: Clock, *hooks: Hook, **options: Any) -> AsyncIterator[Deliverer]:
    made = Deliverer(hooks, book, now_at=clock, dice=lambda: 0.5, **{"poll": 0.01} | options)
    task = asyncio.create_task(made.run())
    try:
        yield made
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


def enqueue(book: Book, clock: Clock, recording: str, *, hook: str = "crm", call: str = "", seq: int = 1) -> None:
    text = body(manifest(recording), seq=seq, at=clock.at)
    assert book.enqueue(hook, recording, call or f"call-{recording}", EVENT, seq, text, clock.at)


async def test_what_is_due_is_posted_signed_and_ticked_off(book: Book, clock: Clock) -> None:
    with receiver() as crm:
        enqueue(book, clock, "r1", seq=17)
        async with running(book, clock, hook(crm.url)) as deliverer:
            await until(lambda: book.states() == ["delivered"])
        [message] = crm.messages
    assert message.path == "/hook?token=abc"
    assert json.loads(message.body)["id"] == "r1.17"
    unix = int(clock.at.timestamp())
    assert message.headers["Skryba-Signature"] == sign(SECRET, message.body, unix=unix)
    assert (message.headers["Skryba-Delivery"], message.headers["Content-Type"]) == ("1", "application/json")
    assert deliverer.results == {("crm", Outcome.DELIVERED): 1}


async def test_a_refusal_is_tried_again_when_its_time_has_come_with_the_same_body(book: Book, clock: Clock) -> None:
    answers = iter([500, 302, 200])
    with receiver(lambda _: (next(answers), {"Location": "http://127.0.0.1:1/"})) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.rows[1].delivery.attempts == 1)
            assert book.rows[1].error == "HTTP status 500"
            assert book.rows[1].next_at == clock.at + timedelta(seconds=1)
            await asyncio.sleep(0.05)
            assert len(crm.messages) == 1, "not before its time"
            clock.at += timedelta(seconds=1)
            await until(lambda: book.rows[1].delivery.attempts == 2)
            assert book.rows[1].error == "HTTP status 302", "a redirect is not followed"
            clock.at += timedelta(seconds=4)
            await until(lambda: book.states() == ["delivered"])
        assert len({message.body for message in crm.messages}) == 1
        assert len({message.headers["Skryba-Signature"] for message in crm.messages}) == 3


async def test_after_ten_attempts_it_is_a_dead_letter_and_can_be_revived(book: Book, clock: Clock) -> None:
    healthy = threading.Event()
    with receiver(lambda _: (200 if healthy.is_set() else 503, {})) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)) as deliverer:
            while book.states() == ["due"]:
                await until(lambda: book.rows[1].next_at > clock.at or book.states() == ["dead"])
                clock.at = book.rows[1].next_at
            assert [letter.error for letter in book.dead_letters()] == ["HTTP status 503"]
            assert len(crm.messages) == ATTEMPTS
            assert deliverer.results == {("crm", Outcome.RETRY): ATTEMPTS - 1, ("crm", Outcome.DEAD): 1}
            healthy.set()
            assert book.revive(1, clock.at)
            await until(lambda: book.states() == ["delivered"])


async def test_gone_is_believed_at_once(book: Book, clock: Clock) -> None:
    with receiver(lambda _: (410, {})) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.states() == ["dead"])
        assert len(crm.messages) == 1


async def test_a_receiver_that_asks_for_patience_gets_it(book: Book, clock: Clock) -> None:
    with receiver(lambda _: (429, {"Retry-After": "300"})) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.rows[1].delivery.attempts == 1)
    assert book.rows[1].next_at == clock.at + timedelta(seconds=300)


async def test_a_refusing_server_costs_an_attempt_and_no_more(book: Book, clock: Clock) -> None:
    with receiver() as crm:
        address = crm.url
    enqueue(book, clock, "r1")
    async with running(book, clock, hook(address)):
        await until(lambda: book.rows[1].delivery.attempts == 1)
        assert book.rows[1].error.startswith("ConnectError")
        with receiver(port=int(address.split(":")[2].split("/")[0])) as crm:
            clock.at += timedelta(seconds=1)
            await until(lambda: book.states() == ["delivered"])
            assert len(crm.messages) == 1


async def test_silence_ends_with_the_hooks_own_patience(book: Book, clock: Clock) -> None:
    release = threading.Event()

    def dawdle(_: Message) -> tuple[int, Mapping[str, str]]:
        release.wait(5)
        return 200, {}

    with receiver(dawdle) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url, timeout=0.05)):
            await until(lambda: book.rows[1].delivery.attempts == 1)
        assert book.rows[1].error == "no answer within 0.05 s"
        release.set()


async def test_a_hanging_hook_does_not_keep_another_waiting(book: Book, clock: Clock) -> None:
    release = threading.Event()
    seen: Counter[str] = Counter()

    def hang(message: Message) -> tuple[int, Mapping[str, str]]:
        seen["now"] += 1
        release.wait(5)
        return 200, {}

    with receiver(hang) as slow, receiver() as quick:
        for number in range(250):
            enqueue(book, clock, f"r{number}", hook="slow", seq=number)
        enqueue(book, clock, "other", hook="quick", seq=999)
        async with running(book, clock, hook(slow.url, "slow"), hook(quick.url, "quick")):
            await until(lambda: book.states()[-1] == "delivered")
            assert seen["now"] <= PARALLEL
            release.set()


async def test_one_call_is_told_in_the_order_of_its_seals(book: Book, clock: Clock) -> None:
    failures = iter([503])

    def answer(message: Message) -> tuple[int, Mapping[str, str]]:
        return (next(failures, 200) if '"id":"first' in message.body else 200), {}

    with receiver(answer) as crm:
        enqueue(book, clock, "second", call="one", seq=2)
        enqueue(book, clock, "first", call="one", seq=1)
        enqueue(book, clock, "else", call="two", seq=3)
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.states() == ["due", "due", "delivered"] and book.rows[2].delivery.attempts)
            await asyncio.sleep(0.03)
            assert [json.loads(message.body)["seq"] for message in crm.messages].count(2) == 0
            clock.at += timedelta(seconds=1)
            await until(lambda: set(book.states()) == {"delivered"})
        told = [json.loads(message.body)["seq"] for message in crm.messages]
    assert [seq for seq in told if seq != 3] == [1, 1, 2]


async def test_tls_is_checked(book: Book, clock: Clock, tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path)
    with receiver(tls=server) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.rows[1].delivery.attempts == 1)
        assert "CERTIFICATE_VERIFY_FAILED" in book.rows[1].error
        assert crm.messages == [], "nothing is told to somebody who cannot prove who he is"
        clock.at += timedelta(seconds=1)
        async with running(book, clock, hook(crm.url), trust=trusting):
            await until(lambda: book.states() == ["delivered"])
        assert len(crm.messages) == 1


async def test_a_hook_that_is_not_configured_any_more_is_a_dead_letter(book: Book, clock: Clock) -> None:
    enqueue(book, clock, "r1", hook="old")
    async with running(book, clock):
        await until(lambda: book.states() == ["dead"])
    assert book.dead_letters()[0].error == "this hook is not configured any more"


async def test_a_book_that_fails_is_asked_again_and_nothing_is_sent_twice(book: Book, clock: Clock) -> None:
    def break_book(_: Message) -> tuple[int, Mapping[str, str]]:
        book.broken = True
        return 200, {}

    with receiver(break_book) as crm, structlog.testing.capture_logs() as logs:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: any("written down" in entry["event"] for entry in logs))
            await until(lambda: any("cannot be read" in entry["event"] for entry in logs))
            book.broken = False
            await until(lambda: book.states() == ["delivered"])
        assert len(crm.messages) == 1


async def test_cancelled_in_the_middle_it_is_sent_again_with_the_same_id(book: Book, clock: Clock) -> None:
    reached, release = threading.Event(), threading.Event()

    def hang(_: Message) -> tuple[int, Mapping[str, str]]:
        reached.set()
        release.wait(5)
        return 200, {}

    with receiver(hang) as crm:
        enqueue(book, clock, "r1", seq=5)
        async with running(book, clock, hook(crm.url)):
            await until(reached.is_set)
        assert book.states() == ["due"]
        release.set()
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.states() == ["delivered"])
        assert [json.loads(message.body)["id"] for message in crm.messages] == ["r1.5", "r1.5"]


async def test_a_look_into_the_book_that_began_before_an_answer_repeats_nothing(clock: Clock) -> None:
    class Slow(Book):
        """Gives what was due before the delivery that ends while it reads."""

        def due(self, at: datetime, limit: int) -> list[Delivery]:
            found = super().due(at, limit)
            if looks.acquire(blocking=False):  # the first look only
                return found
            done.wait(5)
            return found

        def delivered(self, delivery: int, at: datetime) -> None:
            super().delivered(delivery, at)
            done.set()

    def answer_while_it_looks(_: Message) -> tuple[int, Mapping[str, str]]:
        time.sleep(0.05)
        return 200, {}

    looks, done, book = threading.Semaphore(1), threading.Event(), Slow()
    with receiver(answer_while_it_looks) as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(done.is_set)
            await asyncio.sleep(0.1)
        assert len(crm.messages) == 1


async def test_woken_it_does_not_wait_for_its_next_look(book: Book, clock: Clock) -> None:
    with receiver() as crm:
        async with running(book, clock, hook(crm.url), poll=60.0) as deliverer:
            await asyncio.sleep(0.02)
            enqueue(book, clock, "r1")
            deliverer.wake()
            await until(lambda: book.states() == ["delivered"])


async def test_neither_numbers_nor_secrets_are_logged(book: Book, clock: Clock) -> None:
    with receiver() as crm, structlog.testing.capture_logs() as logs:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: any(entry["event"] == "hook" for entry in logs))
    [entry] = [each for each in logs if each["event"] == "hook"]
    assert (entry["hook"], entry["recording"], entry["outcome"]) == ("crm", "r1", "delivered")
    assert not any(word in str(logs) for word in ("48221234567", SECRET, "token"))


async def test_proxies_of_the_environment_are_not_used(
    book: Book, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with receiver() as crm:
        enqueue(book, clock, "r1")
        async with running(book, clock, hook(crm.url)):
            await until(lambda: book.states() == ["delivered"])
