"""The media engine in a process of its own, for a bench: `python -m bench.engine_process CALLS [RING]`.

Prints a line with the ports of all rows, call by call; reads a line with the ports of the parties, in the same order;
relays until standard input ends, then prints the engine's totals as JSON. With RING, all streams are forked into it.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from skryba.media.engine import MediaEngine, Port
from skryba.terms import Channel, SocketAddress

HOST = "127.0.0.1"


def main(arguments: list[str]) -> int:
    calls = int(arguments[0])
    ring = [Path(arguments[1])] if len(arguments) > 1 else []
    engine = MediaEngine(
        ring_paths=ring,
        ring_bytes=64 << 20,
        rows=2 * calls,
        host=HOST,
        port_range=(20000, 20000 + max(8 * calls, 4000)),  # somebody else may sit on some of them
        on_event=lambda event: None,
    )
    engine.start(None)
    pairs = []
    for _ in range(calls):
        first = engine.open()
        pairs.append((first, engine.open(beside=first.row)))
    print(*(port.address.port for pair in pairs for port in pair), flush=True)
    parties = [SocketAddress(HOST, int(word)) for word in sys.stdin.readline().split()]
    for call, pair in enumerate(pairs):
        _connect(engine, pair, parties[2 * call : 2 * call + 2], slot=call + 1 if ring else None)
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps(asdict(engine.totals())), flush=True)
    engine.stop()
    return 0


def _connect(engine: MediaEngine, pair: tuple[Port, Port], parties: list[SocketAddress], *, slot: int | None) -> None:
    for port, party, channel in zip(pair, parties, Channel, strict=True):
        engine.aim(port.row, remote=party, remote_rtcp=None, accept=(), dtmf_pt=101)
        if slot is not None:
            engine.fork(port.row, slot=slot, channel=channel)
    engine.bridge(pair[0].row, pair[1].row)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
