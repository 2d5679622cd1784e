import numpy as np

from skryba.recorder.packets import index_packets
from skryba.recorder.spool import Kind, read_spool
from skryba.selftest.evidence import datagrams, spool
from skryba.selftest.impairments import Arrivals, Route
from skryba.selftest.sender import Reports, Sender, Spell
from skryba.selftest.voice import Voice


def arrived() -> list[list[Arrivals]]:
    """Two sides, packets of several sizes, disorder, RTCP."""
    dice = np.random.default_rng(3)
    left = Sender((Spell(0.0, 25.0, Voice("a")), Spell(25.0, 35.0, ptime=30, comfort=True)), reports=Reports.TRUE)
    right = Sender((Spell(0.0, 35.0, Voice("b"), encoding="L16", clock_rate=16000, payload_type=97),))
    route = Route(jitter=0.08, loss=0.05, duplicate=0.02)
    return [[route.carry(flight, dice) for flight in phone.send(dice, 1e9)] for phone in (left, right)]


def test_datagrams_come_in_order_of_arrival() -> None:
    channels = arrived()
    found = list(datagrams(channels))
    assert [at for at, _, _ in found] == sorted(at for at, _, _ in found)
    assert len(found) == sum(len(one.which) for flights in channels for one in flights)
    assert {len(octets) for _, channel, octets in found if channel == 1} == {12 + 640}


def test_a_spool_holds_the_same_datagrams() -> None:
    channels = arrived()
    octets = spool(channels, meta={"from_ns": 0}, stop={"at_ns": 5}, marks=[{"kind": "hold", "at_ns": 3}])
    read = read_spool(octets)
    assert (read.meta, read.stop, read.torn) == ({"from_ns": 0}, {"at_ns": 5}, False)
    assert [mark["kind"] for mark in read.marks] == ["hold"]
    data = np.frombuffer(octets, np.uint8)
    index = index_packets(data, read.of(Kind.PACKETS))
    expected = list(datagrams(channels))
    rtp = [one for one in expected if one[2][1] & 0x7F != 200 & 0x7F]
    assert index.malformed == 0
    assert index.rtcp == len(expected) - len(rtp) > 3
    packets = index.packets
    assert packets.arrival.tolist() == [at for at, _, _ in rtp]
    assert packets.channel.tolist() == [channel for _, channel, _ in rtp]
    for place in (0, 1, len(rtp) // 2, len(rtp) - 1):
        begin, length = int(packets.offset[place]), int(packets.length[place])
        assert octets[begin - 12 : begin + length] == rtp[place][2]


def test_without_an_end_it_is_that_of_a_recorder_that_was_killed() -> None:
    read = read_spool(spool([[], []], meta={"from_ns": 0}, stop=None))
    assert read.stop is None
    assert read.of(Kind.PACKETS) == []
