"""What holds of the media room whatever the network sends."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skryba.errors import ParseError
from skryba.media import rtcp
from skryba.media.dtmf import TelephoneEvent
from skryba.media.engine import Port
from skryba.media.ports import PortPool
from skryba.media.ring import DATA, SMALLEST, RingReader, create, put
from skryba.media.rtp import RtpPacket
from skryba.media.table import AF_INET, AF_INET6, from_words, to_words
from skryba.terms import Channel, SocketAddress
from tests.support.media import Exchange, Party, eventually, prompt, records

u7, u16, u32 = (st.integers(0, 2**bits - 1) for bits in (7, 16, 32))
words = st.integers(0, 6).flatmap(lambda count: st.binary(min_size=4 * count, max_size=4 * count))
audio_types = st.integers(0, 63) | st.integers(96, 127)  # the others are RTCP's on a shared port (RFC 5761 §4)


@st.composite
def packets(draw: st.DrawFn) -> RtpPacket:
    return RtpPacket(
        payload_type=draw(audio_types),
        marker=draw(st.booleans()),
        sequence=draw(u16),
        timestamp=draw(u32),
        ssrc=draw(u32),
        payload=draw(st.binary(max_size=300)),
        csrcs=tuple(draw(st.lists(u32, max_size=15))),
        extension=draw(st.none() | st.tuples(u16, words)),
        padding=draw(st.integers(0, 255)),
    )


@st.composite
def streams(draw: st.DrawFn) -> list[RtpPacket]:
    """One source as a bad network delivers it: losses, twins, small disorder, numbers that wrap."""
    sequence, timestamp, ssrc = draw(u16), draw(u32), draw(u32)
    sent = [
        RtpPacket(
            0, False, (sequence + number) & 0xFFFF, (timestamp + 160 * number) & 0xFFFFFFFF, ssrc, bytes([number])
        )
        for number in range(draw(st.integers(2, 30)))
    ]
    fates = draw(st.lists(st.sampled_from([0, 1, 1, 1, 2]), min_size=len(sent), max_size=len(sent)))
    arrivals = [(number + draw(st.integers(0, 4)), number) for number, fate in enumerate(fates) for _ in range(fate)]
    return [sent[number] for _, number in sorted(arrivals)]


# --- the relay, through the compiled loop and real sockets -----------------------------------------------------------


@pytest.fixture(scope="module")
def bridged() -> Iterator[tuple[Exchange, Party, Port, Port, Party]]:
    with TemporaryDirectory() as folder:
        exchange = Exchange(Path(folder, "ring"), ring_bytes=1 << 20)
        yield exchange, *exchange.pair()
        exchange.close()


@given(stream=st.lists(packets(), min_size=1, max_size=20) | streams())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_relay_changes_no_bit_and_the_fork_neither(
    bridged: tuple[Exchange, Party, Port, Port, Party], stream: list[RtpPacket]
) -> None:
    exchange, caller, first, _, callee = bridged
    reader = exchange.readers[0]
    before = exchange.engine.stats(first.row).packets
    exchange.engine.fork(first.row, slot=7, channel=Channel.RIGHT)
    expected = [bytes(packet) for packet in stream]
    caller.say(first, *stream)
    assert [callee.rtp.recv(4096) for _ in stream] == expected
    eventually(lambda: exchange.engine.stats(first.row).packets == before + len(stream))
    head = exchange.engine.unfork(first.row)
    forked: list[bytes] = []
    while reader.tail < head:
        octets = reader.read(1 << 20)
        forked += [packet for _, packet in records(octets)]
        reader.advance(len(octets))
    assert forked == expected
    assert callee.heard() == []


@given(data=st.lists(st.binary(max_size=80), min_size=1, max_size=20), on_rtcp_port=st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_datagram_stops_the_engine(
    bridged: tuple[Exchange, Party, Port, Port, Party], data: list[bytes], on_rtcp_port: bool
) -> None:
    exchange, caller, first, _, callee = bridged
    for each in data:
        if on_rtcp_port:
            caller.report(first, each)
        else:
            caller.say(first, each)
    still_here = RtpPacket(0, False, 1, 1, 1, b"still here")
    caller.say(first, still_here)
    while callee.rtp.recv(4096) != bytes(still_here):
        pass
    assert exchange.engine.faults == []
    callee.heard()
    callee.reports()


@given(data=st.lists(st.binary(max_size=40), min_size=1, max_size=6), kinds=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rtcp_of_any_content_is_relayed_or_dropped_as_a_whole(
    bridged: tuple[Exchange, Party, Port, Port, Party], data: list[bytes], kinds: st.DataObject
) -> None:
    exchange, caller, first, _, callee = bridged
    caller.say(first, RtpPacket(0, False, 1, 1, 1, b""))
    callee.rtp.recv(4096)
    compound = b"".join(
        bytes([0x80 | kinds.draw(st.integers(0, 31)), kinds.draw(st.integers(200, 207))])
        + (len(each) // 4).to_bytes(2)
        + each[: len(each) // 4 * 4]
        for each in data
    )
    caller.report(first, compound)
    if len(compound) >= 8:
        assert callee.hear_report() == compound
    assert exchange.engine.faults == []


@given(stream=streams(), gap=st.integers(0, 2000))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_prompt_the_party_hears_one_source(
    bridged: tuple[Exchange, Party, Port, Port, Party], stream: list[RtpPacket], gap: int
) -> None:
    """Whatever the network did: same SSRC, distances kept, payload exact, nothing under a number of the prompt's."""
    exchange, caller, first, second, callee = bridged
    plays = len(exchange.finished(0))
    exchange.engine.play(second.row, prompt(1), payload_type=0, play_id=plays)
    last = callee.hear()
    exchange.finished(plays + 1)
    before = exchange.engine.stats(first.row).packets
    caller.say(first, *stream)
    eventually(lambda: exchange.engine.stats(first.row).packets == before + len(stream))
    heard = [RtpPacket.parse(data) for data in callee.heard()]
    begin = stream[0] if stream else None
    kept = [packet for packet in stream if begin and (packet.sequence - begin.sequence) & 0xFFFF < 0x8000]
    assert [packet.payload for packet in heard] == [packet.payload for packet in kept]
    assert {packet.ssrc for packet in heard} <= {last.ssrc}
    for mine, theirs in zip(heard, kept, strict=True):
        assert begin is not None
        assert mine.sequence == (last.sequence + 1 + theirs.sequence - begin.sequence) & 0xFFFF
        assert (mine.timestamp - heard[0].timestamp) & 0xFFFFFFFF == (theirs.timestamp - begin.timestamp) & 0xFFFFFFFF
    if heard:
        assert heard[0].marker
        assert 160 <= (heard[0].timestamp - last.timestamp) & 0xFFFFFFFF < 80_000


# --- parsers --------------------------------------------------------------------------------------------------------


@given(packet=packets())
def test_rtp_comes_back(packet: RtpPacket) -> None:
    assert RtpPacket.parse(bytes(packet)) == packet


@given(data=st.binary(max_size=64))
def test_rtp_that_is_read_is_written_alike(data: bytes) -> None:
    try:
        packet = RtpPacket.parse(data)
    except ParseError:
        return
    assert len(bytes(packet)) == len(data)
    assert RtpPacket.parse(bytes(packet)) == packet


blocks = st.builds(rtcp.ReportBlock, u32, st.integers(0, 255), st.integers(-(2**23), 2**23 - 1), u32, u32, u32, u32)
block_lists = st.lists(blocks, max_size=4).map(tuple)
items = st.lists(st.tuples(st.integers(1, 8), st.binary(max_size=20)), max_size=3).map(tuple)
rtcp_packets = st.one_of(
    st.builds(rtcp.SenderReport, u32, st.integers(0, 2**64 - 1), u32, u32, u32, block_lists),
    st.builds(rtcp.ReceiverReport, u32, block_lists),
    st.builds(rtcp.SourceDescription, st.lists(st.tuples(u32, items), max_size=4).map(tuple)),
    st.builds(rtcp.Bye, st.lists(u32, max_size=5).map(tuple), st.binary(max_size=20)),
    st.builds(rtcp.Other, st.integers(204, 223), st.integers(0, 31), words),
)


@given(compound=st.lists(rtcp_packets, min_size=1, max_size=5))
def test_rtcp_comes_back(compound: list[rtcp.RtcpPacket]) -> None:
    assert rtcp.parse(rtcp.serialise(compound)) == compound


@given(data=st.binary(max_size=80), kind=st.none() | st.integers(200, 207))
def test_no_octets_crash_the_rtcp_parser(data: bytes, kind: int | None) -> None:
    if kind is not None and len(data) >= 4:  # most would fail at the header otherwise
        data = bytes([0x80 | data[0] & 0x3F, kind]) + (len(data) // 4 - 1).to_bytes(2) + data[4 : len(data) // 4 * 4]
    try:
        compound = rtcp.parse(data)
    except ParseError:
        return
    assert rtcp.parse(rtcp.serialise(compound)) == compound


@given(data=st.binary(max_size=8))
def test_events_are_read_or_refused(data: bytes) -> None:
    try:
        event = TelephoneEvent.parse(data)
    except ParseError:
        assert len(data) < 4
        return
    assert TelephoneEvent.parse(bytes(event)) == event


@given(host=st.ip_addresses(), port=st.integers(1, 65535))
def test_addresses_come_back_from_words(host: object, port: int) -> None:
    address = SocketAddress(str(host), port)
    family = AF_INET6 if ":" in address.host else AF_INET
    found = to_words(address, family)
    if found is None:
        assert address.host in ("0.0.0.0", "::")
        return
    assert from_words(*found[:3]) == address


# --- the ring --------------------------------------------------------------------------------------------------------


@given(
    plan=st.lists(
        st.tuples(st.integers(0, 60_000) | st.integers(0, 300), st.integers(0, 3), st.integers(24, 70_000)), max_size=60
    ),
    start=st.integers(0, SMALLEST // 8 - 1),
)
@settings(max_examples=150, deadline=None)
def test_the_ring_loses_only_what_it_counts(plan: list[tuple[int, int, int]], start: int) -> None:
    """Writing and reading in turns, from any place: every record comes out once, in order, unchanged."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "ring")
        ring = create(path, SMALLEST, epoch_ns=0)
        ring[64] = ring[128] = ring[129] = 8 * start if 8 * start <= SMALLEST - 24 else 0
        reader = RingReader.open(path)
        seen = np.array([reader.tail])
        written: list[tuple[int, bytes]] = []
        read: list[tuple[int, bytes]] = []
        lost = 0

        def take(limit: int) -> None:
            octets = reader.read(limit)
            read.extend((int(head["slot"]), packet) for head, packet in records(octets))
            reader.advance(len(octets))

        for number, (length, reads, limit) in enumerate(plan):
            packet = np.frombuffer(number.to_bytes(4) * (length // 4 + 1), np.uint8)[:length]
            if put(ring, seen, number, 0, 0, number, packet.ctypes.data, length):
                written.append((number, packet.tobytes()))
            else:
                lost += 1
            assert reader.head - reader.tail <= SMALLEST
            for _ in range(reads):
                take(limit)
        while reader.tail < reader.head:
            take(1 << 20)
        assert read == written
        assert reader.overflow == lost == len(plan) - len(written)
        assert len(ring) * 8 == DATA + SMALLEST


# --- ports -----------------------------------------------------------------------------------------------------------


@given(steps=st.lists(st.tuples(st.booleans(), st.floats(0, 4)), max_size=60))
def test_no_port_is_lent_twice_or_before_its_rest(steps: list[tuple[bool, float]]) -> None:
    pool = PortPool((20000, 20007), 5.0)
    now = 0.0
    lent: list[int] = []
    resting: dict[int, float] = {}
    for take, passes in steps:
        now += passes
        if (
            take
            and len(lent) < pool.size
            and any(resting.get(p, 0) <= now for p in range(20000, 20008, 2) if p not in lent)
        ):
            port = pool.lend(now)
            assert port not in lent
            assert resting.get(port, 0) <= now
            lent.append(port)
        elif lent:
            port = lent.pop(0)
            pool.give_back(port, now)
            resting[port] = now + 5.0
    assert pool.lent == len(lent)
