"""One channel on the axis: places, gaps with their cause, counts that add up."""

from collections.abc import Sequence

import numpy as np
import pytest

from skryba.recorder.formats import FormatMap
from skryba.recorder.packets import index_packets
from skryba.recorder.reports import NONE, Reports
from skryba.recorder.spool import Kind, read_spool
from skryba.recorder.timeline import ChannelTimeline, Span, build_channel
from tests.support.evidence import EPOCH, LEFT, MS, SECOND, START, Arrival, Speaker, record, spool

FORMATS = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000", "18": "G729/8000", "101": "telephone-event/8000"}
FOREVER = 1 << 62


def build(
    arrivals: list[Arrival], *, until: int = FOREVER, told: Reports = NONE, spans: Sequence[Span] = ()
) -> ChannelTimeline:
    data = spool([record(arrival) for arrival in arrivals])
    index = index_packets(np.frombuffer(data, np.uint8), read_spool(data).of(Kind.PACKETS))
    packets, replayed = index.packets.of_channel(LEFT)
    formats = FormatMap([(0, FORMATS)])
    return build_channel(packets, replayed, formats, zero=START, until=until, reports=told, spans=spans)


def talk(speaker: Speaker, count: int, at: int) -> list[Arrival]:
    return [speaker.packet(bytes(160), at + number * speaker.ptime * MS) for number in range(count)]


def gaps(timeline: ChannelTimeline, length_ms: int) -> list[tuple[int, int, str]]:
    return [(gap.start // MS, gap.length // MS, gap.cause) for gap in timeline.gaps(length_ms * MS)]


def check_sum(timeline: ChannelTimeline) -> None:
    counts = timeline.counts
    assert counts.packets == counts.sound + counts.events + counts.unplayable + counts.late + counts.duplicates


def test_places_in_samples_and_time() -> None:
    timeline = build(talk(Speaker(), 50, 30 * MS))
    assert timeline.start.tolist() == [240 + 160 * number for number in range(50)]
    assert timeline.start_ns.tolist() == [(30 + 20 * number) * MS for number in range(50)]
    assert (timeline.end_ns - timeline.start_ns == 20 * MS).all()
    assert timeline.rates() == {8000}
    assert gaps(timeline, 1030) == []


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_any_packet_time(ptime: int) -> None:
    speaker = Speaker(ptime=ptime)
    arrivals = [speaker.packet(bytes(8 * ptime), number * ptime * MS) for number in range(20)]
    timeline = build(arrivals)
    assert gaps(timeline, 20 * ptime) == []
    assert timeline.end_ns[-1] == 20 * ptime * MS


def test_g722_counts_at_8_khz_and_sounds_at_16() -> None:
    timeline = build(talk(Speaker(payload_type=9), 10, 0))
    assert timeline.rates() == {16000}
    assert timeline.start.tolist() == [320 * number for number in range(10)]
    assert timeline.samples.tolist() == [320] * 10


def test_lost_packets_are_a_gap_of_their_length() -> None:
    speaker = Speaker()
    arrivals = talk(speaker, 30, 0)
    del arrivals[10:13], arrivals[20]
    timeline = build(arrivals)
    assert gaps(timeline, 600) == [(200, 60, "loss"), (460, 20, "loss")]
    assert timeline.counts.lost == 4
    check_sum(timeline)


def test_silence_suppression_is_a_pause_and_no_loss() -> None:
    speaker = Speaker()
    first = talk(speaker, 10, 0)
    speaker.pause(300)
    timeline = build([*first, *talk(speaker, 10, 500 * MS)])
    assert gaps(timeline, 700) == [(200, 300, "silence")]
    assert timeline.counts.lost == 0


def test_keys_are_counted_never_rendered_and_no_loss() -> None:
    speaker = Speaker()
    first = talk(speaker, 10, 0)
    speaker.payload_type = 101
    keys = [speaker.packet(b"\x05\x0a\x00\xa0", (200 + 20 * number) * MS, ticks=0) for number in range(5)]
    speaker.payload_type, speaker.timestamp = 0, speaker.timestamp + 800
    timeline = build([*first, *keys, *talk(speaker, 10, 300 * MS)])
    assert gaps(timeline, 500) == [(200, 100, "event")]
    assert (timeline.counts.events, timeline.counts.lost, timeline.counts.sound) == (5, 0, 20)
    check_sum(timeline)


def test_comfort_noise_is_silence_of_true_length() -> None:
    speaker = Speaker()
    first = talk(speaker, 10, 0)
    speaker.payload_type = 13
    noise = speaker.packet(b"\x40", 200 * MS, ticks=1600)
    speaker.payload_type = 0
    timeline = build([*first, noise, *talk(speaker, 10, 400 * MS)])
    assert gaps(timeline, 600) == [(200, 200, "event")]


def test_duplicates_and_late_ones_change_nothing() -> None:
    arrivals = talk(Speaker(), 50, 0)
    again = [Arrival(arrival.at + 5 * MS, arrival.packet) for arrival in arrivals[10:20]]
    swapped = [Arrival(arrivals[30].at + 45 * MS, arrivals[30].packet)]
    timeline = build([*arrivals[:30], *arrivals[31:], *again, *swapped])
    assert timeline.start.tolist() == [160 * number for number in range(50)]
    assert (timeline.counts.duplicates, timeline.counts.reordered, timeline.counts.lost) == (10, 1, 0)
    check_sum(timeline)


def test_another_source_goes_on_in_the_same_channel() -> None:
    arrivals = [*talk(Speaker(), 20, 0), *talk(Speaker(ssrc=5, sequence=9, timestamp=1), 20, 450 * MS)]
    timeline = build(arrivals)
    assert gaps(timeline, 850) == [(400, 50, "source")]
    assert [(passage.ssrc, passage.packets) for passage in timeline.passages()] == [(0x11223344, 20), (5, 20)]
    assert timeline.counts.lost == 0


def test_a_codec_change_is_a_new_passage_without_a_gap() -> None:
    speaker = Speaker()
    first = talk(speaker, 10, 0)
    speaker.payload_type = 8
    timeline = build([*first, *talk(speaker, 10, 200 * MS)])
    assert gaps(timeline, 400) == []
    assert [(passage.format, passage.start, passage.end) for passage in timeline.passages()] == [
        ("PCMU/8000", 0, 200 * MS),
        ("PCMA/8000", 200 * MS, 400 * MS),
    ]


def test_what_cannot_be_decoded_is_named() -> None:
    speaker = Speaker(payload_type=18)
    timeline = build([*talk(speaker, 5, 0), *talk(Speaker(payload_type=99, ssrc=4), 5, SECOND)])
    assert timeline.unknown == ("18 G729/8000", "99 unknown")
    assert (timeline.counts.unplayable, timeline.counts.sound) == (10, 0)
    assert gaps(timeline, 2000) == [(0, 2000, "begin")]
    check_sum(timeline)


def test_beginning_and_end_without_sound_are_gaps() -> None:
    timeline = build(talk(Speaker(), 10, 500 * MS))
    assert gaps(timeline, 1000) == [(0, 500, "begin"), (700, 300, "end")]
    assert gaps(timeline, 750) == [(0, 500, "begin")]


def test_nothing_is_said_about_gaps_after_the_end() -> None:
    speaker = Speaker()
    first = talk(speaker, 10, 0)
    speaker.pause(500)
    timeline = build([*first, *talk(speaker, 10, 700 * MS)])
    assert gaps(timeline, 400) == [(200, 200, "silence")]


def test_packets_after_the_end_belong_to_nobody() -> None:
    timeline = build(talk(Speaker(), 50, 0), until=START + 500 * MS)
    assert timeline.counts.packets == 26


def drifting(ppm: float, seconds: int) -> list[Arrival]:
    speaker = Speaker()
    return [speaker.packet(bytes(160), int(number * 20 * MS / (1 + ppm / 1e6))) for number in range(50 * seconds)]


def test_drift_is_followed_and_nothing_of_it_left() -> None:
    timeline = build(drifting(-200, 120))
    sent = np.arange(6000) * 20 * MS / (1 - 200 / 1e6)
    assert np.abs(timeline.start_ns - sent).max() < MS
    assert np.abs(timeline.start - sent * 8 / MS).max() < 8
    assert timeline.source.tolist() == [160 * number for number in range(6000)]
    assert timeline.drift_ns() == 0
    assert timeline.clock() == {
        "source": "arrival envelope",
        "skew_ppm": -200.0,
        "corrected_ms": 24,
        "disagreement_ms": None,
        "reports": 0,
    }


def test_drift_too_small_to_touch_a_sample_is_left_and_told() -> None:
    timeline = build(drifting(30, 120))
    assert (np.diff(timeline.start) == 160).all()
    assert timeline.clock()["corrected_ms"] == 0
    assert timeline.drift_ns() == 0  # no slope is claimed that is not followed


def reports(ppm: float, seconds: int, *, ahead: int = 0) -> Reports:
    """A report every five seconds of a wall clock that is `ahead` ns of ours; nothing on the network."""
    at = np.arange(1, seconds, 5) * SECOND
    ticks = 0xFFFF_0000 + np.rint(at * (1 + ppm / 1e6) * 8 / MS).astype(np.int64)
    zero = np.zeros(len(at), np.int64)
    return Reports(START + at, zero, zero + 0x11223344, START + EPOCH + at + ahead, ticks & 0xFFFFFFFF, zero)


def test_reports_tell_the_clock() -> None:
    timeline = build(drifting(100, 60), told=reports(100, 60))
    sent = np.arange(3000) * 20 * MS / (1 + 100 / 1e6)
    assert np.abs(timeline.start_ns - sent).max() < MS
    assert timeline.clock() == {
        "source": "sender reports",
        "skew_ppm": 100.0,
        "corrected_ms": 6,
        "disagreement_ms": 0,
        "reports": 12,
    }


def test_moving_an_epoch_moves_everything_of_it() -> None:
    arrivals = [*talk(Speaker(), 20, 0), *talk(Speaker(ssrc=5, sequence=9, timestamp=1), 20, 450 * MS)]
    timeline = build(arrivals)
    moved = timeline.moved([500 * MS, 0])
    assert sorted(moved.start_ns.tolist()) == moved.start_ns.tolist()
    assert moved.start.tolist() == [ns * 8 // MS for ns in moved.start_ns.tolist()]
    assert (moved.end_ns - moved.start_ns == 20 * MS).all()
    assert [epoch.anchor - START for epoch in moved.epochs] == [500 * MS, 450 * MS]
    assert moved.epoch.tolist().count(0) == 20
    assert moved.epoch[0] == 1
    assert timeline.moved([0, 0]) is timeline


@pytest.mark.parametrize(
    ("span", "cause"),
    [
        (Span(START + 190 * MS, START + 460 * MS, "hold"), "hold"),
        (Span(START + 390 * MS, START + 460 * MS, "hold"), "silence"),  # less than half of it
        (Span(START + 200 * MS, START + 201 * MS, "overflow"), "silence"),
    ],
)
def test_what_is_known_of_a_span_names_the_gap(span: Span, cause: str) -> None:
    speaker = Speaker()
    first = talk(speaker, 10, 0)
    speaker.pause(300)
    timeline = build([*first, *talk(speaker, 10, 500 * MS)], spans=[span])
    assert gaps(timeline, 700) == [(200, 300, cause)]


def test_loss_where_a_ring_overflowed_is_overflow() -> None:
    arrivals = talk(Speaker(), 30, 0)
    del arrivals[10:13], arrivals[20]
    timeline = build(arrivals, spans=[Span(START + 250 * MS, START + 300 * MS, "overflow")])
    assert gaps(timeline, 600) == [(200, 60, "overflow"), (460, 20, "loss")]


def test_a_channel_that_never_spoke_may_have_been_held() -> None:
    timeline = build([], spans=[Span(START, START + SECOND, "hold")])
    assert gaps(timeline, 1000) == [(0, 1000, "hold")]
    assert timeline.clock()["source"] == "none"


def test_a_source_that_changes_format_with_every_packet_is_not_listed_forever() -> None:
    speaker = Speaker()
    arrivals = []
    for number in range(2000):
        speaker.payload_type = 8 * (number % 2)
        arrivals.append(speaker.packet(bytes(160), number * 20 * MS))
    passages = build(arrivals).passages()
    assert len(passages) == 500
    assert sum(passage.packets for passage in passages) == 2000


def test_an_empty_channel() -> None:
    timeline = build([])
    assert (timeline.passages(), timeline.rates(), timeline.unknown) == ([], set(), ())
    assert gaps(timeline, 1000) == [(0, 1000, "begin")]
    assert gaps(timeline, 50) == []
