"""⚡ Tells the hooks: takes from the book what is due, posts it, writes down what came of it.

Knows no manifest and no rule of signing or waiting: `hooks` does. A message that was sent but could not be ticked off
before this process died is sent again, with the same id.
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import httpx2
import structlog

from skryba.archive.books import Delivery, DeliveryBook
from skryba.archive.hooks import Hook, Outcome, choose, headers, judge, wait

POLL = 1.0  # seconds between two looks into the book, unless woken
PARALLEL = 8  # deliveries at a time to one hook
_FEW, _MANY = 200, 3200  # rows asked of the book: more only if all of the few belong to hooks that are busy

log = structlog.get_logger("hooks")


class Deliverer:
    """`now_at` is the wall clock, `dice` gives [0, 1). `trust` replaces the system's certificates.

    Proxies and passwords of the environment are not used; redirects are not followed.
    """

    def __init__(
        self,
        hooks: Iterable[Hook],
        book: DeliveryBook,
        *,
        now_at: Callable[[], datetime],
        dice: Callable[[], float],
        trust: ssl.SSLContext | None = None,
        poll: float = POLL,
    ) -> None:
        self.results: Counter[tuple[str, Outcome]] = Counter()  # attempts by hook and what they came to
        self._hooks = {hook.id: hook for hook in hooks}
        self._book = book
        self._now_at = now_at
        self._dice = dice
        self._trust = trust
        self._poll = poll
        self._under_way: dict[int, Delivery] = {}
        self._finished: set[int] = set()  # still among those under way: a look into the book may have begun before
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was put into the book. From the loop's own thread."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled; what is under way then is broken off and stays in the book."""
        verify: ssl.SSLContext | bool = True if self._trust is None else self._trust
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=PARALLEL)
        async with (
            httpx2.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, limits=limits) as client,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                self._woken.clear()
                for delivery in await self._next():
                    self._under_way[delivery.id] = delivery
                    tasks.create_task(self._deliver(client, delivery))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll):
                        await self._woken.wait()

    async def _next(self) -> list[Delivery]:
        limit = _FEW
        while True:
            while self._finished:
                self._under_way.pop(self._finished.pop(), None)
            try:
                due = await asyncio.to_thread(self._book.due, self._now_at(), limit)
            except Exception as error:  # whatever ails the book: without this nothing would be delivered ever after
                log.error("the book of deliveries cannot be read", error=type(error).__name__)
                return []
            chosen = choose(due, under_way=self._under_way.values(), parallel=PARALLEL)
            if chosen or len(due) < limit or limit >= _MANY:
                return chosen
            limit *= 4

    async def _deliver(self, client: httpx2.AsyncClient, delivery: Delivery) -> None:
        await self._settle(delivery, *await self._attempt(client, delivery))
        self._finished.add(delivery.id)
        self._woken.set()  # the next one of this call may be due

    async def _attempt(self, client: httpx2.AsyncClient, delivery: Delivery) -> tuple[Outcome, str, str | None]:
        """What came of it, in words, and when the receiver wishes to be asked again."""
        hook = self._hooks.get(delivery.hook)
        if hook is None:
            return Outcome.DEAD, "this hook is not configured any more", None
        stamped = headers(hook, delivery, unix=int(self._now_at().timestamp()))
        status, words, retry_after = None, "", None
        try:
            async with (
                asyncio.timeout(hook.timeout),  # of the whole attempt: a trickle of octets does not lengthen it
                client.stream(
                    "POST", hook.url, content=delivery.body.encode(), headers=stamped, timeout=None
                ) as answer,
            ):
                status, retry_after = answer.status_code, answer.headers.get("Retry-After")
                words = f"HTTP status {status}"
        except TimeoutError:
            words = f"no answer within {hook.timeout:g} s"
        except Exception as error:  # whatever one receiver causes, the others are told
            words = f"{type(error).__name__}: {error}"
        return judge(status, delivery.attempts + 1), words, retry_after

    async def _settle(self, delivery: Delivery, outcome: Outcome, words: str, retry_after: str | None) -> None:
        self.results[delivery.hook, outcome] += 1
        while True:
            at = self._now_at()
            try:
                match outcome:
                    case Outcome.DELIVERED:
                        await asyncio.to_thread(self._book.delivered, delivery.id, at)
                    case Outcome.RETRY:
                        pause = wait(delivery.attempts + 1, self._dice(), retry_after=retry_after)
                        await asyncio.to_thread(self._book.failed, delivery.id, words, at + timedelta(seconds=pause))
                    case Outcome.DEAD:
                        await asyncio.to_thread(self._book.dead, delivery.id, words, at)
            except Exception as error:  # it stays under way, so it is not sent twice for the book's sake
                log.error("a delivery cannot be written down", delivery=delivery.id, error=type(error).__name__)
                await asyncio.sleep(self._poll)
            else:
                break
        tell = log.info if outcome is Outcome.DELIVERED else log.warning
        tell(
            "hook", hook=delivery.hook, recording=delivery.recording, outcome=outcome.value, answer=words,
            attempt=delivery.attempts + 1,
        )  # fmt: skip
