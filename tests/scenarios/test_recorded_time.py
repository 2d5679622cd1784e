"""Whole recordings and their time: complaints 1–12 and 17 about other recorders must not be ours (R-T1 to R-T8).

Both parties say the same noise at the same instants; whatever happens on the way, left and right must stand one on the
other in the file, at every place of it, and the file must last as long as the call.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skryba.codecs.resample import resample
from skryba.media.rtcp import SenderReport, serialise
from skryba.recorder.seal import seal
from skryba.recorder.storage import Storage
from tests.support.evidence import (
    EPOCH,
    ID,
    LEFT,
    MS,
    RIGHT,
    SECOND,
    START,
    Arrival,
    Speaker,
    meta,
    read_wav,
    record,
    spool,
    stop,
)

Sound = NDArray[np.int16]
Wire = list[Arrival]
FORMATS = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "96": "L16/16000", "97": "L16/48000"}
CODECS = {"PCMU": (8000, 0), "PCMA": (8000, 8), "G722": (8000, 9), "L16": (16000, 96), "L16/48000": (48000, 97)}
NTP = 2_208_988_800 * SECOND


def noise(seconds: float, rate: int = 8000) -> Sound:
    """The same for all, in the band of speech."""
    white = np.random.default_rng(5).normal(0, 1, int(seconds * 8000))
    narrow = np.convolve(white, np.hamming(7) / 3.0, "same")
    return resample(np.rint(narrow * 5000).clip(-32768, 32767).astype(np.int16), 8000, rate)


@dataclass(frozen=True)
class Heard:
    """What came of a call."""

    rate: int
    samples: Sound
    manifest: dict[str, Any]

    def skews(self, every: float = 2.0, window: float = 0.5, reach: float = 0.3) -> list[float]:
        """Right after left, in ms, all along the call; where both sound."""
        size, far = int(window * self.rate), int(reach * self.rate)
        found = []
        for begin in range(far, len(self.samples) - size - far, int(every * self.rate)):
            left = self.samples[begin : begin + size, 0].astype(float)
            right = self.samples[begin - far : begin + size + far, 1].astype(float)
            match = np.correlate(right, left, "valid")
            if match.max() > 0.4 * np.sqrt(np.square(left).sum() * np.square(right[far:-far]).sum()) > 0:
                found.append((int(match.argmax()) - far) * 1000 / self.rate)
        assert found, "nothing was said by both at once"
        return found

    def gaps(self, side: str) -> list[tuple[int, int, str]]:
        return [(start, length, cause) for start, length, cause in self.manifest["channels"][side]["gaps"]]


Call = Callable[..., Heard]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Seals what two wires carried."""
    storage = Storage(tmp_path / "recordings", tmp_path / "spool")

    def sealed(left: Wire, right: Wire, seconds: float, *, reports: Wire | None = None, **words: Any) -> Heard:
        records = [(one.at, record(one, channel=LEFT)) for one in left]
        records += [(one.at, record(one, channel=RIGHT)) for one in right]
        records += [(one.at, record(one, channel=one.packet[7] - 1, kind=1)) for one in reports or []]
        data = spool(
            [octets for _, octets in sorted(records, key=lambda row: row[0])],
            first=meta(formats={"left": FORMATS, "right": FORMATS}),
            last=stop(int(seconds * 1000)),
            **words,
        )
        storage.spool_path(ID).write_bytes(data)
        outcome = seal(storage, ID)
        assert outcome.audio is not None
        assert outcome.manifest is not None
        rate, samples = read_wav(outcome.audio)
        assert abs(len(samples) / rate - seconds) <= 0.040
        return Heard(rate, samples, json.loads(outcome.manifest.read_bytes()))

    return sealed


def phone(ssrc: int, codec: str = "PCMU", **words: Any) -> Speaker:
    clock, kind = CODECS[codec]
    return Speaker(codec.split("/")[0], clock, kind, ssrc=ssrc, **words)


def shaken(wire: Wire, *, jitter: float = 80, loss: float = 0.05, delay: float = 0, seed: int = 1) -> Wire:
    """Over a network that delays by up to `jitter` ms and loses."""
    dice = np.random.default_rng(seed)
    waits = dice.uniform(delay, delay + jitter, len(wire))
    gone = dice.random(len(wire)) < loss
    return [
        Arrival(one.at + int(wait * MS), one.packet)
        for one, wait, lost in zip(wire, waits, gone, strict=True)
        if not lost
    ]


def paced(wire: Wire, ppm: float) -> Wire:
    """By a crystal that is that much fast."""
    return [Arrival(int(one.at / (1 + ppm / 1e6)), one.packet) for one in wire]


def crystal(seconds: float, ppm: float) -> Sound:
    """The common noise as a phone with such a crystal samples it: of one instant both phones send the same sound."""
    at = np.arange(int(seconds * 8000)) / (1 + ppm / 1e6)
    said = noise(seconds + 1)
    return np.rint(np.interp(at, np.arange(len(said)), said)).astype(np.int16)


def reports(ssrc: int, seconds: float, *, ppm: float = 0.0, delay: float = 0.0, ahead: float = 0.0) -> Wire:
    """Sender reports every five seconds; the sender's wall clock is `ahead` ms of ours."""
    found = []
    for at in range(SECOND, int(seconds) * SECOND, 5 * SECOND):
        wall = START + EPOCH + NTP + at + int(ahead * MS)
        ntp = (wall // SECOND << 32) + (wall % SECOND << 32) // SECOND
        ticks = 0xFFFF_0000 + round(at * (1 + ppm / 1e6) * 8 / MS)
        found.append(Arrival(at + int(delay * MS), serialise([SenderReport(ssrc, ntp, ticks & 0xFFFFFFFF, 0, 0)])))
    return found


@pytest.mark.parametrize(("one", "other"), list(product(CODECS, repeat=2)))
def test_1_and_2_any_two_codecs_stand_on_one_axis(call: Call, one: str, other: str) -> None:
    wires = [
        phone(number, codec).say(noise(4, {"G722": 16_000, "L16": 16_000, "L16/48000": 48_000}.get(codec, 8000)), 0)
        for number, codec in enumerate((one, other), start=1)
    ]
    heard = call(*wires, 4)
    assert heard.rate == (8000 if {one, other} <= {"PCMU", "PCMA"} else 16_000)
    assert np.abs(heard.skews(every=0.7)).max() <= 2  # G.722 itself delays by 1.4 ms


def test_3_too_fast_a_channel_is_played_right_and_diagnosed(call: Call) -> None:
    fast = paced(phone(1).say(crystal(700, 2000), 0), 2000)  # far more than crystals do
    heard = call(fast, phone(2).say(noise(700), 0), 699)
    assert heard.manifest["clock"]["left"]["skew_ppm"] == pytest.approx(2000, abs=5)
    assert heard.manifest["clock"]["right"]["skew_ppm"] == 0
    assert np.abs(heard.skews(every=20.0)).max() <= 3  # uncorrected: 1.4 s


def test_4_jitter_of_one_leg_makes_no_time(call: Call) -> None:
    heard = call(shaken(phone(1).say(noise(60), 0), jitter=300, loss=0), phone(2).say(noise(60), 0), 59)
    assert np.abs(heard.skews()).max() <= 5
    assert [gap for gap in heard.gaps("left") if gap[0] < 58_700] == []  # the last are on their way when it ends


def test_5_silence_at_the_end_is_silence(call: Call) -> None:
    quiet = np.zeros(8000, np.int16)
    said = np.concatenate([noise(3), quiet])
    heard = call(phone(1).say(said, 0), shaken(phone(2, "PCMA").say(said, 0)), 4)
    assert np.abs(heard.samples[int(3.2 * 8000) :].astype(int)).max() <= 8


def test_6_a_stall_of_one_leg_leaves_a_hole_and_no_offset(call: Call) -> None:
    wire = phone(1).say(noise(20), 0)
    stalled = [one for one in wire if not 5 * SECOND <= one.at < 8 * SECOND]
    heard = call(stalled, phone(2).say(noise(20), 0), 20)
    assert heard.gaps("left") == [(5000, 3000, "loss")]
    assert np.abs(heard.skews(every=1.0)).max() <= 1


def test_6_a_stall_that_empties_at_once_leaves_nothing(call: Call) -> None:
    wire = phone(1).say(noise(20), 0)
    burst = [Arrival(max(one.at, 8 * SECOND) if one.at >= 5 * SECOND else one.at, one.packet) for one in wire]
    heard = call(burst, phone(2).say(noise(20), 0), 20)
    assert heard.gaps("left") == []
    assert np.array_equal(heard.samples[:, 0], heard.samples[:, 1])


def test_7_left_is_our_side_whoever_is_first(call: Call) -> None:
    heard = call(phone(1).say(noise(2), 2 * SECOND), phone(2).say(noise(4), 0), 4)
    assert not heard.samples[: 2 * 8000, 0].any()
    assert heard.samples[: 2 * 8000, 1].any()
    assert heard.manifest["channel_map"] == {"left": "our station", "right": "the other party"}


@pytest.mark.parametrize("sources", [2, 5, 40])
def test_8_and_17_any_number_of_sources_is_one_channel(call: Call, sources: int) -> None:
    said = noise(sources * 2.0)
    wire = []
    for number in range(sources):
        part = said[number * 16_000 : (number + 1) * 16_000]
        wire += phone(100 + number, sequence=number * 7919, timestamp=number * 10**8).say(part, number * 2 * SECOND)
    heard = call(shaken(wire, loss=0, jitter=5), phone(2).say(said, 0), sources * 2.0)
    assert np.abs(heard.skews(every=1.1)).max() <= 5
    assert {passage["ssrc"] for passage in heard.manifest["channels"]["left"]["passages"]} == {
        f"{100 + number:08x}" for number in range(sources)
    }


@pytest.mark.parametrize(
    ("speaks", "pauses", "holds"), list(product(("both", "left", "none"), (False, True), (False, True)))
)
def test_9_and_12_the_file_lasts_as_long_as_the_call(call: Call, speaks: str, pauses: bool, holds: bool) -> None:
    def wire(ssrc: int) -> Wire:
        found = phone(ssrc).say(noise(12), 0)
        if pauses:
            found = [one for one in found if not 2 * SECOND <= one.at < 3 * SECOND]
        return [one for one in found if not (holds and 5 * SECOND <= one.at < 9 * SECOND)]

    marks = [
        {"kind": kind, "channel": "left", "at_ns": START + at * SECOND} for kind, at in (("hold", 5), ("resume", 9))
    ]
    left = wire(1) if speaks in ("both", "left") else []
    right = wire(2) if speaks == "both" else []
    heard = call(left, right, 12, marks=marks if holds else [])  # the length is judged there
    if left:
        assert ((5000, 4000, "hold") in heard.gaps("left")) is holds
        assert heard.samples[10 * 8000 :, 0].any()


def test_10_a_stale_packet_on_leaving_hold_makes_no_silence(call: Call) -> None:
    speaker = phone(1)
    before = speaker.say(noise(5), 0)
    stale = speaker.packet(bytes(160), 15 * SECOND)
    speaker.timestamp += 8000 * 10 - 160
    after = speaker.say(noise(20)[15 * 8000 :], 15 * SECOND + MS)
    heard = call([*before, stale, *after], phone(2).say(noise(20), 0), 20)
    assert np.abs(heard.skews(every=1.0)).max() <= 20
    assert heard.manifest["channels"]["left"]["packets"]["late"] == 1


@pytest.mark.parametrize("told", [False, True])
def test_11_ten_minutes_at_100_ppm_apart_end_as_they_began(call: Call, told: bool) -> None:
    ways = {1: 100.0, 2: -100.0}
    wires = [
        shaken(paced(phone(ssrc).say(crystal(600, ppm), 0), ppm), delay=10, seed=ssrc) for ssrc, ppm in ways.items()
    ]
    words = [one for ssrc, ppm in ways.items() for one in reports(ssrc, 600, ppm=ppm, delay=10)] if told else []
    heard = call(*wires, 599, reports=words)
    assert np.abs(heard.skews(every=20.0)).max() <= 3  # uncorrected: 120 ms
    for side, ppm in zip(("left", "right"), ways.values(), strict=True):
        clock = heard.manifest["clock"][side]
        assert clock["source"] == ("sender reports" if told else "arrival envelope")
        assert abs(clock["skew_ppm"] - ppm) < 5
        assert abs(clock["corrected_ms"] - 60) <= 2


@pytest.mark.parametrize("ahead", [0.0, 3_600_000.0])
def test_300_ms_of_one_way_are_taken_out_if_both_wall_clocks_are_right(call: Call, ahead: float) -> None:
    near, far = phone(1).say(noise(30), 0), phone(2).say(noise(30), 0)
    words = [*reports(1, 30, delay=5), *reports(2, 30, delay=290, ahead=ahead)]
    heard = call(shaken(near, delay=0, jitter=20), shaken(far, delay=285, jitter=20, loss=0, seed=2), 30, reports=words)
    wanted = 285 if ahead else 0
    assert np.abs(np.array(heard.skews()) - wanted).max() <= 5
    flags = [heard.manifest["clock"][side]["disagreement_ms"] > 60 for side in ("left", "right")]
    assert flags == ([False, False] if ahead else [True, False])


def test_a_new_clock_moves_sound_by_no_more_than_20_ms(call: Call) -> None:
    """R-T6: sequence, timestamp, packet time and codec change in turn."""
    said = noise(10)
    speaker = phone(1)
    wire = speaker.say(said[:16_000], 0)
    speaker.sequence += 12_345
    wire += speaker.say(said[16_000:32_000], 2 * SECOND)
    speaker.timestamp += 987_654_321
    wire += speaker.say(said[32_000:48_000], 4 * SECOND)
    speaker.ptime = 30
    wire += speaker.say(said[48_000:64_080], 6 * SECOND)
    other = replace(phone(1, "PCMA"), sequence=speaker.sequence, timestamp=speaker.timestamp)
    wire += other.say(said[64_080:], 8 * SECOND + 10 * MS)
    heard = call(shaken(wire, loss=0.02), phone(2).say(said, 0), 10)
    assert np.abs(heard.skews(every=0.5)).max() <= 20
