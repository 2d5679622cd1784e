"""A phone in virtual time: what it says and when, in which codec and by which clock, as the packets that leave it.

May not know the network nor the recorder. One axis: seconds of the true clock, on which each voice began at 0.

A packet leaves when its last sample was spoken. Packets are columns of arrays, not objects: two hours of a call are
made in seconds. What is random comes from the caller's dice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from skryba.codecs.base import Encoder
from skryba.codecs.registry import encoder
from skryba.media.rtcp import SenderReport, SourceDescription, serialise
from skryba.selftest.voice import Floats, Samples, Voice, to_pcm

COMFORT = 13  # payload type of comfort noise (RFC 3551 §6)
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
_REPORT_EVERY = (4.0, 6.0)  # seconds, drawn anew each time (RFC 3550 §6.3.5)
_BLOCK = 2000  # packets encoded at once
_EDGE = 0.0001  # seconds: a sampling clock and a span may round a sample's time differently
_HEADER = np.dtype([("flags", "u1"), ("type", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")])

Span = tuple[float, float]


class Reports(StrEnum):
    """What kind of sender reports a phone sends, if any."""

    OFF = "off"
    TRUE = "true"  # its wall clock is right
    FOREIGN = "foreign"  # its wall clock is steady, and hours off
    CRYSTAL = "crystal"  # its wall clock runs off together with its sound
    ZERO = "zero"  # it knows no wall clock (RFC 3550 §6.4.1 allows zero)
    RANDOM = "random"  # its RTP timestamps mean nothing
    RUNAWAY = "runaway"  # its wall clock gains two seconds in a thousand


@dataclass(frozen=True, slots=True)
class Spell:
    """From `begin` to `end` packets leave. Between two spells nothing does: a pause of the codec, or hold."""

    begin: float
    end: float
    voice: Voice | None = None  # None: the packets carry silence
    rhythm: Span | None = None  # seconds spoken, of how many seconds: silence in between, in packets
    encoding: str = "PCMU"
    clock_rate: int = 8000
    payload_type: int = 0
    ptime: int = 20  # ms
    ssrc: int | None = None  # a new one from here on
    renumbered: bool = False  # the sequence starts anew
    retimed: bool = False  # the timestamp starts anew
    still: bool = False  # RTP time stood still since the spell before
    stale: bool = False  # the first packet is left over: it carries the time at which the spell before ended
    comfort: bool = False  # a packet of comfort noise ends it (RFC 3389)

    def packets(self, speed: float) -> int:
        """Only whole ones leave."""
        return max(0, int((self.end - self.begin) * speed * 1000 / self.ptime + 1e-6))

    def spoken(self, speed: float) -> list[Span]:
        """When the voice is heard."""
        begin = self.begin + (self.ptime / 1000 if self.stale else 0.0)
        end = self.begin + self.packets(speed) * self.ptime / 1000 / speed
        if self.voice is None or begin >= end:
            return []
        if self.rhythm is None:
            return [(begin, end)]
        loud, period = self.rhythm
        turns = range(int(begin // period), int(end // period) + 1)
        spans = [(max(turn * period, begin), min(turn * period + loud, end)) for turn in turns]
        return [span for span in spans if span[0] < span[1]]


@dataclass(frozen=True, slots=True)
class Flight:
    """Packets of one size in the order they left. All arrays are as long as there are packets."""

    sent: Floats
    octets: NDArray[np.uint8]  # [packets, size]
    begin: Floats  # the sound in each; of a packet without sound begin equals end
    end: Floats
    rtcp: bool = False


@dataclass(frozen=True, slots=True)
class Sender:
    """`ppm`: how much faster than true its sampling clock runs."""

    spells: tuple[Spell, ...]
    ppm: float = 0.0
    reports: Reports = Reports.OFF
    ssrc: int = 0x5157_0001

    @property
    def speed(self) -> float:
        return 1 + self.ppm / 1e6

    @property
    def formats(self) -> dict[str, str]:
        """Payload type → format, as its offers and answers would say."""
        named = {str(spell.payload_type): f"{spell.encoding}/{spell.clock_rate}" for spell in self.spells}
        return named | ({str(COMFORT): "CN/8000"} if any(spell.comfort for spell in self.spells) else {})

    def says(self, voice: Voice) -> list[Span]:
        """When this voice is heard from it."""
        return [span for spell in self.spells if spell.voice == voice for span in spell.spoken(self.speed)]

    def send(self, dice: np.random.Generator, wall: float) -> list[Flight]:
        """All that leaves it. `wall` is Unix time minus the true clock."""
        line = _Line(self, dice)
        flights = [flight for spell in self.spells for flight in line.send(spell)]
        if self.reports is not Reports.OFF and self.spells:
            flights.append(line.report(self.reports, wall))
        return flights


@dataclass(frozen=True, slots=True)
class _Numbering:
    """RTP time of one stretch: `base` is the timestamp that the clock's beginning would have had."""

    since: float
    ssrc: int
    clock_rate: int
    base: int


@dataclass(slots=True)
class _Line:
    """Keeps sequence and timestamp as a phone does."""

    sender: Sender
    dice: np.random.Generator
    sequence: int = 0
    stretches: list[_Numbering] = field(default_factory=list)
    _ended: int = 0  # ticks at which the last spell ended

    def _ticks(self, at: float, clock_rate: int) -> int:
        """The sampling clock at a true instant."""
        return round((at - self.sender.spells[0].begin) * self.sender.speed * clock_rate)

    def _instants(self, ticks: NDArray[np.int64] | Floats, clock_rate: int) -> Floats:
        """The true instants at which the sampling clock shows these ticks."""
        return np.asarray(self.sender.spells[0].begin + ticks / (self.sender.speed * clock_rate), dtype=np.float64)

    def send(self, spell: Spell) -> Iterator[Flight]:
        """RTP of one spell."""
        first = self._ticks(spell.begin, spell.clock_rate)
        numbering = self._number(spell, first)
        codec = encoder(spell.encoding, spell.clock_rate)
        assert codec is not None, spell.encoding
        ticks = spell.clock_rate * spell.ptime // 1000
        count = spell.packets(self.sender.speed)
        places = first + ticks * np.arange(count, dtype=np.int64)
        stamps = places + numbering.base
        if spell.stale and count:
            stamps[0] = self._ended + numbering.base
        spoken = spell.spoken(self.sender.speed)
        blocks = [self._encode(spell, spoken, codec, places[low : low + _BLOCK]) for low in range(0, count, _BLOCK)]
        if blocks:
            begin, end = self._instants(places, spell.clock_rate), self._instants(places + ticks, spell.clock_rate)
            header = self._header(stamps, numbering.ssrc, spell.payload_type)
            yield Flight(end, np.concatenate([header, np.concatenate(blocks)], axis=1), begin, end)
        self._ended = first + ticks * count
        if spell.comfort:  # the level, and nothing else
            at = self._instants(np.array([self._ended]), spell.clock_rate)
            header = self._header(np.array([self._ended + numbering.base]), numbering.ssrc, COMFORT)
            yield Flight(at, np.concatenate([header, np.full((1, 1), 60, np.uint8)], axis=1), at, at)

    def _number(self, spell: Spell, first: int) -> _Numbering:
        last = self.stretches[-1] if self.stretches else None
        if last is None or spell.renumbered:
            self.sequence = int(self.dice.integers(0, 1 << 16))
        if last is None or spell.retimed or spell.clock_rate != last.clock_rate:
            base = int(self.dice.integers(0, 1 << 32))
        else:
            base = last.base - (first - self._ended if spell.still else 0)
        ssrc = spell.ssrc if spell.ssrc is not None else last.ssrc if last else self.sender.ssrc
        made = _Numbering(spell.begin, ssrc, spell.clock_rate, base)
        self.stretches.append(made)
        return made

    def _encode(self, spell: Spell, spoken: list[Span], codec: Encoder, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        samples = codec.sample_rate * spell.ptime // 1000
        steps = places[:, None] * (codec.sample_rate // spell.clock_rate) + np.arange(samples)
        times = self._instants(steps.ravel(), codec.sample_rate)
        payload = codec.encode(_sound(spell, spoken, times))
        return np.frombuffer(payload, np.uint8).reshape(len(places), -1)

    def _header(self, stamps: NDArray[np.int64], ssrc: int, payload_type: int) -> NDArray[np.uint8]:
        made = np.zeros(len(stamps), dtype=_HEADER)
        made["flags"], made["type"], made["ssrc"] = 0x80, payload_type, ssrc
        made["sequence"] = (self.sequence + np.arange(len(stamps))) & 0xFFFF
        made["timestamp"] = stamps & 0xFFFFFFFF
        self.sequence += len(stamps)
        return made.view(np.uint8).reshape(len(stamps), _HEADER.itemsize)

    def report(self, kind: Reports, wall: float) -> Flight:
        """Sender reports from the first packet to the last, in pauses too (RFC 3550 §6.4)."""
        begin, end = self.sender.spells[0].begin, self.sender.spells[-1].end
        times = []
        at = begin + float(self.dice.uniform(0.5, 1.5))
        while at < end:
            times.append(at)
            at += float(self.dice.uniform(*_REPORT_EVERY))
        made = [self._report(kind, at, begin, wall) for at in times]
        sent = np.array(times)
        octets = np.frombuffer(b"".join(made), np.uint8).reshape(len(times), -1)
        return Flight(sent, octets, sent, sent, rtcp=True)

    def _report(self, kind: Reports, at: float, begin: float, wall: float) -> bytes:
        now = [one for one in self.stretches if one.since <= at][-1]
        stamp = self._ticks(at, now.clock_rate) + now.base
        since = at - begin
        match kind:
            case Reports.OFF | Reports.TRUE | Reports.RANDOM:
                clock = wall + at
            case Reports.FOREIGN:
                clock = wall + at - 11_000.25
            case Reports.CRYSTAL:
                clock = wall + begin + since * self.sender.speed
            case Reports.ZERO:
                clock = -float(NTP_EPOCH)
            case Reports.RUNAWAY:
                clock = wall + begin + since * 1.002
            case _:
                assert_never(kind)
        if kind is Reports.RANDOM:
            stamp = int(self.dice.integers(0, 1 << 32))
        whole = int(clock // 1)
        ntp = ((whole + NTP_EPOCH) << 32) + int((clock - whole) * (1 << 32))
        report = SenderReport(now.ssrc, ntp & (1 << 64) - 1, stamp & 0xFFFFFFFF, 0, 0)
        return serialise([report, SourceDescription(((now.ssrc, ((1, b"phone"),)),))])


def _sound(spell: Spell, spoken: list[Span], times: Floats) -> Samples:
    """What is said at these instants, which follow each other."""
    sound = np.zeros(len(times), dtype=np.int16)
    for begin, end in spoken:
        if spell.voice is None or end < times[0] or begin > times[-1]:
            continue
        low, high = np.searchsorted(times, (begin - _EDGE, end + _EDGE))
        sound[low:high] = to_pcm(spell.voice.at(times[low:high]))
    return sound
