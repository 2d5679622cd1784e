"""The relay's measurement: it runs, and its generator notices what a bad relay does."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from bench import generator

pytestmark = pytest.mark.wire


@pytest.mark.parametrize("more", [[], ["--fork"]])
def test_floor_and_engine_are_measured_in_one_run(more: list[str]) -> None:
    command = [sys.executable, "-m", "bench", "relay", "--calls", "5", "--seconds", "2", "--json", *more]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    seen = json.loads(ended.stdout.splitlines()[-1])
    assert (seen["loss"], seen["corrupt"], seen["ring_overflow"]) == (0, 0, 0)
    assert seen["packets"] == 10 * 50 * 2
    assert seen["ratio"] == pytest.approx(seen["cpu_us_per_packet"] / seen["floor_us_per_packet"], rel=0.01)
    assert 0 < seen["added_delay_ms"]["p50"] <= seen["added_delay_ms"]["p99"] <= seen["added_delay_ms"]["max"]


def relayed(change: Callable[[int, bytes], list[bytes]]) -> dict[str, object]:
    """One call of a second through a relay that does this to its packets, numbered as they come."""
    streams = generator.conversations(1)
    middle = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in streams]
    for each, stream in zip(middle, streams, strict=True):
        each.bind(("127.0.0.1", 0))
        each.settimeout(3)
        stream.to = each.getsockname()

    def pass_on(side: int) -> None:
        for number in range(50):
            for data in change(number, middle[side].recv(2048)):
                middle[side ^ 1].sendto(data, streams[side ^ 1].address)

    threads = [threading.Thread(target=pass_on, args=(side,)) for side in (0, 1)]
    for thread in threads:
        thread.start()
    with generator.built() as programs:
        seen = generator.run(streams, 1.0, programs)
    for thread in threads:
        thread.join()
    for each in [*middle, *(stream.bound for stream in streams)]:
        each.close()
    return {name: seen[name] for name in ("sent", "received", "corrupt", "repeated")}


def test_a_good_relay_has_no_faults() -> None:
    assert relayed(lambda _, data: [data]) == {"sent": 100, "received": 100, "corrupt": 0, "repeated": 0}


def test_lost_changed_and_doubled_packets_are_noticed() -> None:
    def change(number: int, data: bytes) -> list[bytes]:
        match number:
            case 10:
                return []
            case 20:
                return [data[:-1] + bytes([data[-1] ^ 1])]
            case 30:
                return [data, data]
            case 40:
                return [data[:-1]]
        return [data]

    assert relayed(change) == {"sent": 100, "received": 100, "corrupt": 4, "repeated": 2}
