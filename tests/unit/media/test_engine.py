"""The engine as calls see it: ports, lives, limits, events."""

import asyncio
import os
import socket
import threading
from pathlib import Path

import pytest

from skryba import clock
from skryba.errors import ResourceError, StateError
from skryba.media.engine import DtmfSeen, Latched, MediaEngine, MediaEvent, PromptFinished
from skryba.terms import Channel, SocketAddress
from tests.support.media import HOST, Exchange, eventually, prompt, rtp


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_ports_are_told_in_pairs_on_the_host_asked_for(exchange: Exchange) -> None:
    port = exchange.engine.open()
    assert port.address.host == HOST
    assert port.address.port % 2 == 0
    assert port.rtcp == SocketAddress(HOST, port.address.port + 1)
    assert exchange.engine.open("::1").address.host == "::1"


def test_rows_run_out_and_come_back(exchange: Exchange) -> None:
    ports = [exchange.engine.open() for _ in range(16)]
    with pytest.raises(ResourceError, match="all 16 rows"):
        exchange.engine.open()
    exchange.engine.close(ports[3].row)
    assert exchange.engine.open().row == ports[3].row
    assert exchange.engine.totals().rows_open == 16


def test_a_closed_port_rests_and_nothing_listens_there() -> None:
    exchange = Exchange(port_range=(23000, 23998), quarantine=60.0)
    first = exchange.engine.open()
    exchange.engine.close(first.row)
    later = [exchange.engine.open() for _ in range(16)]
    assert first.address not in {port.address for port in later}
    assert exchange.engine.totals().ports_resting == 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
        anybody.bind(tuple(first.address))  # free at the kernel, only not lent
    exchange.close()


def test_ports_run_out_and_the_row_is_not_lost() -> None:
    exchange = Exchange(port_range=(23990, 23993), quarantine=60.0, rows=3)
    for _ in range(2):
        exchange.engine.close(exchange.engine.open().row)
    for _ in range(4):
        with pytest.raises(ResourceError, match="no media port free"):
            exchange.engine.open()
    assert exchange.engine.totals().ports_total == 2
    exchange.close()


def test_a_host_that_is_not_ours_is_an_error(exchange: Exchange) -> None:
    with pytest.raises(ResourceError):
        exchange.engine.open("192.0.2.1")
    assert exchange.engine.totals().rows_open == 0


def test_totals_outlive_the_rows(exchange: Exchange) -> None:
    for use in range(1, 4):
        caller, first, second, callee = exchange.pair()
        exchange.engine.fork(first.row, slot=use, channel=Channel.LEFT)
        caller.say(first, rtp(1), rtp(3), b"?")
        exchange.served(first, 3)
        exchange.engine.close(first.row)
        exchange.engine.close(second.row)
        for _ in range(14):
            exchange.engine.close(exchange.engine.open().row)  # so that rows come round
        totals = exchange.engine.totals()
        assert (totals.packets, totals.sent, totals.lost, totals.malformed) == (2 * use, 2 * use, use, use)
        assert (totals.octets, totals.rows_open, totals.ports_lent) == (344 * use, 0, 0)
        assert totals.ring_used == 2 * use * 200
        assert len(callee.heard()) == 2


def test_silence_is_measured_from_the_opening_then_from_the_last_packet(exchange: Exchange) -> None:
    caller, first, _, _ = exchange.pair()
    now = clock.now_ns()
    assert exchange.engine.idle_for(first.row, now) < 1
    assert exchange.engine.idle_for(first.row, now + 10**10) == pytest.approx(10, abs=0.5)
    assert exchange.engine.idle_for(first.row, 0) == 0
    eventually(lambda: exchange.engine.idle_for(first.row, clock.now_ns()) > 0.02)
    caller.say(first, rtp(1))
    exchange.served(first, 1)
    assert exchange.engine.idle_for(first.row, exchange.engine.stats(first.row).last_rx_ns) == 0


def test_without_a_ring_everything_works_but_forking() -> None:
    exchange = Exchange(None)
    caller, first, _, callee = exchange.pair()
    exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
    caller.say(first, rtp(1))
    assert callee.hear().sequence == 1
    assert exchange.engine.unfork(first.row) == 0
    exchange.served(first, 1)
    totals = exchange.engine.totals()
    assert (totals.overflow, totals.ring_octets) == (0, 0)
    exchange.close()


def test_each_thread_has_a_ring_of_its_own(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "ring", threads=2)
    one, other = exchange.pair(), exchange.pair()
    for slot, (caller, first, _, callee) in enumerate((one, other)):
        exchange.engine.fork(first.row, slot=slot, channel=Channel.LEFT)
        caller.say(first, rtp(slot))
        assert callee.hear().sequence == slot
        exchange.served(first, 1)
    assert [exchange.forked(ring)[0][0] for ring in (0, 1)] == [0, 1]
    with pytest.raises(StateError, match="beside"):
        exchange.engine.bridge(one[1].row, other[1].row)
    exchange.close()


def test_rings_and_threads_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 rings for 2"):
        MediaEngine(
            ring_paths=[tmp_path / "ring"],
            ring_bytes=1,
            rows=1,
            host=HOST,
            port_range=(23000, 23001),
            threads=2,
            on_event=print,
        )


async def test_events_arrive_on_the_loop() -> None:
    seen: list[tuple[int, MediaEvent]] = []
    engine = MediaEngine(
        ring_paths=[],
        ring_bytes=0,
        rows=2,
        host=HOST,
        port_range=(23000, 23998),
        on_event=lambda event: seen.append((threading.get_ident(), event)),
    )
    engine.start(asyncio.get_running_loop())
    party = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    party.bind((HOST, 0))
    address = SocketAddress(*party.getsockname())
    port = engine.open()
    engine.aim(port.row, remote=address, remote_rtcp=None, accept=(), dtmf_pt=101)
    engine.play(port.row, prompt(1), payload_type=0, play_id=3)
    key = rtp(1, payload_type=101, payload=b"\5\x8a\1\x40", ssrc=0xFFFFFFFF)
    party.sendto(bytes(key), tuple(port.address))
    while len(seen) < 3:
        await asyncio.sleep(0.002)
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    latched, key_seen, finished = (event for _, event in seen)
    assert latched == Latched(port.row, address, 0xFFFFFFFF)
    assert key_seen == DtmfSeen(port.row, 5, 0x140, 160)
    assert isinstance(finished, PromptFinished)
    assert finished.play_id == 3
    engine.stop()
    party.close()


def test_events_of_an_earlier_use_of_a_row_are_dropped(exchange: Exchange) -> None:
    caller, first, _, _ = exchange.pair()
    caller.say(first, rtp(1))
    exchange.served(first, 1)
    exchange.engine.close(first.row)
    assert exchange.latches() == []


def test_stopping_gives_every_descriptor_back() -> None:
    before = descriptors()
    exchange = Exchange(None)
    exchange.pair()
    exchange.engine.close(exchange.engine.open().row)
    exchange.close()
    assert descriptors() == before


def test_stopping_leaves_a_ring_only_to_a_recorder_that_has_not_read_it(tmp_path: Path) -> None:
    for read in (False, True):
        exchange = Exchange(tmp_path / "ring")
        caller, first, _, _ = exchange.pair()
        exchange.engine.fork(first.row, slot=1, channel=Channel.LEFT)
        caller.say(first, rtp(1))
        exchange.served(first, 1)
        if read:
            exchange.readers[0].advance(exchange.engine.unfork(first.row))
        exchange.close()
        assert [path.name for path in tmp_path.iterdir()] == ([] if read else ["ring.0"])


def test_an_engine_that_was_never_started_can_be_stopped() -> None:
    before = descriptors()
    engine = MediaEngine(
        ring_paths=[],
        ring_bytes=0,
        rows=4,
        host=HOST,
        port_range=(23000, 23998),
        on_event=print,
    )
    engine.open()
    engine.stop()
    assert engine.faults == []
    assert descriptors() == before


def test_closing_while_packets_pour_in_touches_nobody_elses_descriptor(exchange: Exchange) -> None:
    """A descriptor's number is used again at once; the engine must neither read nor write by the old one."""
    flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target: list[tuple[str, int]] = [(HOST, 9)]
    over = threading.Event()

    def pour() -> None:
        data = bytes(rtp(1))
        while not over.is_set():
            for _ in range(20):
                flood.sendto(data, target[0])
            over.wait(0.0005)

    thread = threading.Thread(target=pour)
    thread.start()
    listener = exchange.party()
    reused = 0
    try:
        for _ in range(60):
            faced = exchange.engine.open()
            exchange.engine.aim(
                faced.row, remote=SocketAddress(*flood.getsockname()), remote_rtcp=None, accept=[HOST], dtmf_pt=None
            )
            other = exchange.facing(listener, beside=faced)
            exchange.engine.bridge(faced.row, other.row)
            target[0] = (faced.address.host, faced.address.port)
            exchange.served(faced, 1)
            before = set(os.listdir("/proc/self/fd"))
            exchange.engine.close(faced.row)
            exchange.engine.close(other.row)
            others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
            reused += sum(str(each.fileno()) in before for each in others)
            for number, each in enumerate(others):
                each.settimeout(2)
                each.bind((HOST, 0))
                each.sendto(bytes([number]), each.getsockname())
            for number, each in enumerate(others):
                assert each.recvfrom(10) == (bytes([number]), each.getsockname())
                each.close()
    finally:
        over.set()
        thread.join()
        flood.close()
    assert reused > 0  # the danger was there
    assert exchange.engine.totals().send_errors == 0
    assert exchange.engine.faults == []
