import numpy as np
import pytest

from skryba.codecs import registry
from skryba.media.rtcp import SenderReport, parse
from skryba.media.rtp import RtpPacket
from skryba.selftest.sender import NTP_EPOCH, Flight, Reports, Sender, Spell
from skryba.selftest.voice import Voice, to_pcm

VOICE = Voice("station")
WALL = 1_790_000_000.0


def dice() -> np.random.Generator:
    return np.random.default_rng(7)


def packets(flights: list[Flight]) -> list[RtpPacket]:
    return [RtpPacket.parse(bytes(octets)) for flight in flights if not flight.rtcp for octets in flight.octets]


def reports(kind: Reports, *spells: Spell, ppm: float = 0.0) -> tuple[list[float], list[SenderReport]]:
    flights = Sender(spells, ppm=ppm, reports=kind).send(dice(), WALL)
    (flight,) = [flight for flight in flights if flight.rtcp]
    parsed = [parse(bytes(octets))[0] for octets in flight.octets]
    return flight.sent.tolist(), [one for one in parsed if isinstance(one, SenderReport)]


def ntp(report: SenderReport) -> float:
    """Unix time."""
    return report.ntp / (1 << 32) - NTP_EPOCH


@pytest.mark.parametrize(
    ("encoding", "payload_type", "clock_rate", "rate"),
    [("PCMU", 0, 8000, 8000), ("G722", 9, 8000, 16000), ("L16", 97, 16000, 16000)],
)
def test_what_the_packets_carry_is_the_voice(encoding: str, payload_type: int, clock_rate: int, rate: int) -> None:
    spell = Spell(10.0, 11.0, VOICE, encoding=encoding, payload_type=payload_type, clock_rate=clock_rate)
    sent = packets(Sender((spell,)).send(dice(), WALL))
    assert len(sent) == 50
    assert {packet.payload_type for packet in sent} == {payload_type}
    coder = registry.encoder(encoding, clock_rate)
    assert coder is not None
    wanted = coder.encode(to_pcm(VOICE.at(10.0 + np.arange(rate) / rate)))
    assert b"".join(packet.payload for packet in sent) == wanted


def test_numbers_go_on_from_packet_to_packet_and_a_packet_leaves_when_it_is_spoken() -> None:
    (flight,) = Sender((Spell(10.0, 10.1, VOICE),), ssrc=5).send(dice(), WALL)
    sent = packets([flight])
    assert [packet.sequence - sent[0].sequence & 0xFFFF for packet in sent] == [0, 1, 2, 3, 4]
    assert [packet.timestamp - sent[0].timestamp & 0xFFFFFFFF for packet in sent] == [0, 160, 320, 480, 640]
    assert {packet.ssrc for packet in sent} == {5}
    assert flight.begin.tolist() == pytest.approx([10.0, 10.02, 10.04, 10.06, 10.08])
    assert flight.sent.tolist() == flight.end.tolist() == pytest.approx([10.02, 10.04, 10.06, 10.08, 10.1])


def test_a_fast_clock_sends_more_and_speaks_as_late() -> None:
    (true,) = Sender((Spell(0.0, 100.01, VOICE),)).send(dice(), WALL)
    (fast,) = Sender((Spell(0.0, 100.01, VOICE),), ppm=200.0).send(dice(), WALL)
    assert (len(true.sent), len(fast.sent)) == (5000, 5001)
    assert fast.sent[4999] == pytest.approx(100.0 / 1.0002)
    payload = fast.octets[4999, 12:].tobytes()
    decoder = registry.decoder("PCMU", 8000)
    assert decoder is not None
    spoken = VOICE.at((4999 * 160 + np.arange(160)) / 8000 / 1.0002) * 32767
    assert np.abs(decoder.decode(payload) - spoken).max() < 600


def test_silence_is_sent_in_packets() -> None:
    sent = packets(Sender((Spell(0.0, 0.1),)).send(dice(), WALL))
    assert {packet.payload for packet in sent} == {b"\xff" * 160}


def test_a_rhythm_speaks_by_turns() -> None:
    phone = Sender((Spell(9.5, 12.0, VOICE, rhythm=(0.5, 2.0)),))
    sent = packets(phone.send(dice(), WALL))
    quiet = [packet.payload == b"\xff" * 160 for packet in sent]
    assert quiet == [True] * 25 + [False] * 25 + [True] * 75
    assert phone.says(VOICE) == [(10.0, 10.5)]


def test_a_pause_moves_time_and_not_the_sequence() -> None:
    spells = (Spell(0.0, 1.0, VOICE, comfort=True), Spell(3.0, 3.1, VOICE))
    sent = packets(Sender(spells).send(dice(), WALL))
    comfort, back = sent[50], sent[51]
    assert (comfort.payload_type, len(comfort.payload)) == (13, 1)
    assert comfort.timestamp - sent[0].timestamp & 0xFFFFFFFF == 8000
    assert back.sequence - sent[0].sequence & 0xFFFF == 51
    assert back.timestamp - sent[0].timestamp & 0xFFFFFFFF == 24000
    assert Sender(spells).formats == {"0": "PCMU/8000", "13": "CN/8000"}


def test_rtp_time_may_stand_still() -> None:
    sent = packets(Sender((Spell(0.0, 1.0), Spell(3.0, 3.1, still=True))).send(dice(), WALL))
    assert sent[50].timestamp - sent[0].timestamp & 0xFFFFFFFF == 8000


def test_a_stale_packet_carries_the_time_at_which_the_pause_began_and_counts_for_nothing() -> None:
    phone = Sender((Spell(0.0, 1.0, VOICE), Spell(3.0, 3.1, VOICE, stale=True)))
    sent = packets(phone.send(dice(), WALL))
    assert sent[50].timestamp - sent[0].timestamp & 0xFFFFFFFF == 8000
    assert sent[51].timestamp - sent[0].timestamp & 0xFFFFFFFF == 24160
    assert phone.says(VOICE) == [(0.0, 1.0), (3.02, pytest.approx(3.1))]


@pytest.mark.parametrize(
    ("changes", "sequence_goes_on", "time_goes_on", "ssrc"),
    [
        ({}, True, True, 5),
        ({"ssrc": 77}, True, True, 77),
        ({"renumbered": True}, False, True, 5),
        ({"retimed": True}, True, False, 5),
        ({"clock_rate": 16000, "encoding": "L16", "payload_type": 97}, True, False, 5),
    ],
)
def test_what_may_start_anew(changes: dict[str, int], sequence_goes_on: bool, time_goes_on: bool, ssrc: int) -> None:
    first = Spell(0.0, 1.0, VOICE)
    second = Spell(1.0, 1.1, VOICE, **changes)  # type: ignore[arg-type]
    sent = packets(Sender((first, second), ssrc=5).send(dice(), WALL))
    assert (sent[50].sequence - sent[49].sequence & 0xFFFF == 1) is sequence_goes_on
    assert (sent[50].timestamp - sent[49].timestamp & 0xFFFFFFFF == 160) is time_goes_on
    assert sent[50].ssrc == ssrc


def test_only_whole_packets_are_said() -> None:
    assert Sender((Spell(0.0, 1.013, VOICE),)).says(VOICE) == [(0.0, 1.0)]
    assert Sender((Spell(0.0, 0.013, VOICE),)).says(VOICE) == []
    assert Sender((Spell(0.0, 1.0, VOICE),)).says(Voice("trunk")) == []
    assert Sender(()).send(dice(), WALL) == []
    assert Sender((), reports=Reports.TRUE).send(dice(), WALL) == []


def test_true_reports_tell_when_a_sample_was_spoken() -> None:
    spells = (Spell(0.0, 30.0, VOICE), Spell(40.0, 60.0, VOICE))
    first = packets(Sender(spells, ppm=200.0).send(dice(), WALL))[0]
    times, found = reports(Reports.TRUE, *spells, ppm=200.0)
    assert 10 < len(found) < 16
    assert all(4.0 <= step <= 6.0 for step in np.diff(times))
    for at, report in zip(times, found, strict=True):
        assert ntp(report) == pytest.approx(WALL + at, abs=1e-5)
        assert report.timestamp - first.timestamp & 0xFFFFFFFF == pytest.approx(at * 8000 * 1.0002, abs=1)
        assert report.ssrc == first.ssrc


def test_reports_follow_a_source_that_starts_anew() -> None:
    times, found = reports(Reports.TRUE, Spell(0.0, 20.0), Spell(20.0, 40.0, ssrc=77, retimed=True))
    assert [report.ssrc == 77 for report in found] == [at >= 20.0 for at in times]


def test_reports_that_must_not_be_believed() -> None:
    spell = Spell(0.0, 100.0, VOICE)
    times, found = reports(Reports.FOREIGN, spell)
    assert {round(ntp(report) - WALL - at, 3) for at, report in zip(times, found, strict=True)} == {-11_000.25}
    times, found = reports(Reports.CRYSTAL, spell, ppm=200.0)
    assert ntp(found[-1]) - WALL - times[-1] == pytest.approx(200e-6 * times[-1], abs=1e-5)
    times, found = reports(Reports.RUNAWAY, spell)
    assert ntp(found[-1]) - WALL == pytest.approx(times[-1] * 1.002, abs=1e-5)
    assert {report.ntp for report in reports(Reports.ZERO, spell)[1]} == {0}
    steps = np.diff([report.timestamp for report in reports(Reports.RANDOM, spell)[1]])
    assert np.abs(steps).max() > 100 * 8000


def test_the_same_dice_send_the_same() -> None:
    phone = Sender((Spell(0.0, 3.0, VOICE),), reports=Reports.TRUE)
    first, second = phone.send(dice(), WALL), phone.send(dice(), WALL)
    assert all((one.octets == other.octets).all() for one, other in zip(first, second, strict=True))
