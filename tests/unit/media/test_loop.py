"""The loop: nothing stale is served, nothing stale is loaded from the cache, and at rest it rests."""

import ast
import socket
from pathlib import Path

import skryba.media.loop
from skryba.media.loop import _SOURCES, _fingerprint, run, warm
from tests.support.media import Exchange, eventually, rtp

FOLDER = Path(skryba.media.loop.__file__).parent


def imported(name: str) -> set[str]:
    """Modules of this room that a module of this room needs, itself included."""
    found, waiting = set(), {name}
    while waiting:
        module = waiting.pop()
        found.add(module)
        tree = ast.parse((FOLDER / f"{module}.py").read_text())
        sources = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        names = {source.rpartition(".")[2] for source in sources if source.startswith("skryba.media.")}
        waiting |= names - found
    return found


def test_the_caches_key_knows_all_that_is_compiled_into_the_loop() -> None:
    assert set(_SOURCES) == imported("loop")
    assert _fingerprint() > 0


def test_once_warm_it_is_warm() -> None:
    warm()
    signatures = len(run.signatures)  # type: ignore[attr-defined]
    warm()
    assert len(run.signatures) == signatures == 1  # type: ignore[attr-defined]


def test_at_rest_it_uses_no_cpu(exchange: Exchange) -> None:
    caller, first, _, callee = exchange.pair()
    caller.say(first, rtp(1))
    callee.hear()

    def used() -> int:
        tasks = Path("/proc/self/task").iterdir()
        times = [
            (task / "schedstat").read_text().split() for task in tasks if (task / "comm").read_text() == "media-0\n"
        ]
        return sum(int(words[2]) for words in times)  # how often it was put on a core

    eventually(lambda: exchange.engine.stats(first.row).packets == 1)
    before = used()
    socket.create_server(("127.0.0.1", 0)).close()
    assert used() - before <= 1


def test_packets_of_many_rows_are_served_in_one_turn(exchange: Exchange) -> None:
    calls = [exchange.pair() for _ in range(8)]
    for sequence in range(50):
        for caller, first, second, callee in calls:
            caller.say(first, rtp(sequence))
            callee.say(second, rtp(sequence))
    for caller, first, second, callee in calls:
        exchange.served(first, 50)
        exchange.served(second, 50)
        assert [data[3] for data in callee.heard()] == [data[3] for data in caller.heard()] == list(range(50))


def test_what_still_lies_in_the_socket_of_a_closed_row_is_not_the_next_ones(exchange: Exchange) -> None:
    caller, first, _, callee = exchange.pair()
    for round_ in range(30):
        for sequence in range(20):
            caller.say(first, rtp(sequence, payload=bytes([round_])))
        exchange.engine.close(first.row)
        first = exchange.facing(caller)
        row = first.row
        exchange.engine.unfork(row)
        assert exchange.engine.stats(row).packets == 0
    assert {data[12] for data in callee.heard()} <= {0}
