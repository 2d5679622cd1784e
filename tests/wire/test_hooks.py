"""A deliverer with a real book and a real receiver, either of which dies in the middle."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from skryba import clock
from skryba.archive.database import connect
from skryba.archive.delivery_book import Deliveries
from skryba.archive.hooks import EVENT, body
from tests.support.deliveries import Message, receiver
from tests.support.shelf import manifest

pytestmark = pytest.mark.wire

ROOT = Path(__file__).parents[2]
SECRET = "a secret of enough letters"


class Office:
    """A book of deliveries on disk, and the process that works it off."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.engine = connect(self.url)
        self.book = Deliveries(self.engine)

    def enqueue(self, recording: str, seq: int, *, call: str) -> bool:
        at = clock.at()
        return self.book.enqueue("crm", recording, call, EVENT, seq, body(manifest(recording), seq=seq, at=at), at)

    def idle(self) -> bool:
        """Nothing waits, now or later."""
        return not self.book.due(clock.at().replace(year=9999), 1)

    @contextmanager
    def delivering(self, url: str) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "tests.support.delivering", self.url, url, SECRET]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.engine.dispose()


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_deliverer_killed_in_the_middle_repeats_only_what_was_under_way(office: Office) -> None:
    reached, release = threading.Event(), threading.Event()

    def hold_the_second(message: Message) -> tuple[int, Mapping[str, str]]:
        if json.loads(message.body)["seq"] == 2 and not release.is_set():
            reached.set()
            release.wait(20)
        return 200, {}

    with receiver(hold_the_second) as crm:
        for seq in range(1, 6):
            assert office.enqueue(f"r{seq}", seq, call="one")
        assert not office.enqueue("r1", 1, call="one"), "a seal that is told again is the same seal"
        with office.delivering(crm.url) as process:
            assert reached.wait(20)
            process.kill()
        release.set()
        with office.delivering(crm.url):
            until(office.idle)
        told = [json.loads(message.body)["seq"] for message in crm.messages]
        bodies = {(message.headers["Skryba-Delivery"], message.body) for message in crm.messages}
    assert told == [1, 2, 2, 3, 4, 5], "in order, and the one that nobody could know of twice"
    assert len(bodies) == 5
    assert office.book.dead_letters() == []


def test_a_receiver_that_comes_back_gets_everything_once(office: Office) -> None:
    with receiver() as crm:
        address = crm.url
    port = int(address.split(":")[2].split("/")[0])
    for seq in range(1, 31):
        office.enqueue(f"r{seq}", seq, call=f"c{seq % 7}")
    with office.delivering(address):
        until(lambda: all(each.attempts for each in office.book.due(clock.at().replace(year=9999), 99)))
        with receiver(port=port) as crm:
            until(office.idle)
            told = [json.loads(message.body)["seq"] for message in crm.messages]
    assert Counter(told) == dict.fromkeys(range(1, 31), 1)
    for call in range(7):
        of_call = [seq for seq in told if seq % 7 == call]
        assert of_call == sorted(of_call)
