import numpy as np
import pytest

from skryba.codecs import registry
from skryba.codecs.resample import resample
from skryba.selftest.verifier import Sent, StereoVerdict, Tolerances, verify_stereo
from skryba.selftest.voice import Voice
from tests.support.golden import (
    BEGIN,
    END,
    STATION,
    TRUNK,
    Stereo,
    clicked,
    cut_out,
    doubled,
    drifting,
    echoed,
    muted,
    perfect,
    shifted,
    silent,
    swapped,
)


def coded(stereo: Stereo, names: tuple[str, str]) -> Stereo:
    """Both channels through a codec and back."""
    columns = []
    for column, name in enumerate(names):
        encoder, decoder = registry.encoder(name, 8000), registry.decoder(name, 8000)
        assert encoder is not None
        assert decoder is not None
        columns.append(decoder.decode(encoder.encode(np.ascontiguousarray(stereo[:, column]))))
    return np.column_stack(columns)


def judge(stereo: Stereo, rate: int = 8000, *, begin: float = BEGIN, end: float = END) -> StereoVerdict:
    return verify_stereo(stereo, rate, left=STATION, right=TRUNK, begin=begin, end=end)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_perfect_file_passes(rate: int) -> None:
    verdict = judge(perfect(rate), rate)
    assert verdict.ok
    assert verdict.problems == ()
    assert (verdict.left.identity, verdict.right.identity) == ("station", "trunk")
    assert verdict.skew_ms == pytest.approx(0.0, abs=0.01)
    assert verdict.drift_ppm == pytest.approx(0.0, abs=0.1)
    assert verdict.duration_error_ms == pytest.approx(0.0, abs=0.2)
    assert len(verdict.left.fixes) >= 10


def test_the_observer_need_not_know_the_begin_exactly() -> None:
    verdict = judge(perfect(), begin=BEGIN + 0.04, end=END + 0.01)
    assert verdict.ok
    assert verdict.left.offset_ms == pytest.approx(40.0, abs=0.1)
    assert verdict.right.offset_ms == pytest.approx(40.0, abs=0.1)
    assert verdict.duration_error_ms == pytest.approx(30.0, abs=0.2)


def test_quantised_as_on_a_telephone_line_still_passes() -> None:
    coarse = (perfect().astype(np.int32) // 256 * 256 + 128).astype(np.int16)  # worse than G.711 at this level
    assert judge(coarse).ok


@pytest.mark.parametrize("names", [("PCMU", "PCMA"), ("PCMA", "PCMA"), ("G722", "G722")])
def test_what_went_through_codecs_passes(names: tuple[str, str]) -> None:
    rate = 16000 if "G722" in names else 8000
    stereo = coded(perfect(rate), names)
    verdict = judge(stereo, rate)
    assert verdict.problems == ()
    assert abs(verdict.skew_ms or 99) < 0.1


def test_each_codec_on_its_own_side_passes_when_resampled_as_the_recorder_does() -> None:
    left = resample(coded(perfect(8000), ("PCMA", "PCMA"))[:, 0], 8000, 16000)
    right = coded(perfect(16000), ("G722", "G722"))[:, 1]
    verdict = judge(np.column_stack([left, right]), 16000)
    assert verdict.problems == ()
    assert verdict.skew_ms == pytest.approx(-1.4, abs=0.3)  # the filters of G.722 take that long


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
def test_a_lost_packet_is_found_behind_every_codec(name: str) -> None:
    rate = 16000 if name == "G722" else 8000
    stereo = muted(coded(perfect(rate), (name, name)), 1, 3 * rate, rate // 50)
    verdict = judge(stereo, rate)
    assert verdict.left.ok
    assert [round(gap.milliseconds) for gap in verdict.right.missing] == [pytest.approx(20, abs=6)]


def test_level_and_noise_of_a_real_line_pass() -> None:
    noisy = perfect() * 0.3 + np.random.default_rng(3).normal(0, 60, perfect().shape)
    assert judge(np.rint(noisy).astype(np.int16)).ok


def test_swapped_channels() -> None:
    verdict = judge(swapped(perfect()))
    assert (verdict.left.ok, verdict.right.ok) == (False, False)
    assert (verdict.left.identity, verdict.right.identity) == ("trunk", "station")
    assert verdict.problems[0] == "left: carries trunk instead of station"


@pytest.mark.parametrize(("column", "skew"), [(0, 50.0), (1, -50.0)])
def test_one_channel_shifted_by_50_ms(column: int, skew: float) -> None:
    verdict = judge(shifted(perfect(), column, 400))
    assert not verdict.ok
    assert verdict.skew_ms == pytest.approx(skew, abs=0.1)
    assert any("50.0 ms apart" in problem for problem in verdict.problems)


def test_a_skew_within_tolerance_is_measured_and_accepted() -> None:
    verdict = judge(shifted(perfect(), 1, 80))
    assert verdict.ok
    assert verdict.skew_ms == pytest.approx(-10.0, abs=0.1)


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize(("samples", "milliseconds"), [(800, 100), (160, 20), (4000, 500)])
def test_a_hole(column: int, samples: int, milliseconds: int) -> None:
    verdict = judge(muted(perfect(), column, 24120, samples))
    faulty, sound = (verdict.left, verdict.right) if column == 0 else (verdict.right, verdict.left)
    assert (faulty.ok, sound.ok) == (False, True)
    assert len(faulty.missing) == 1
    assert faulty.missing[0].milliseconds == pytest.approx(milliseconds, abs=6)
    assert faulty.missing[0].begin == pytest.approx(BEGIN + 24120 / 8000, abs=0.006)
    assert verdict.skew_ms == pytest.approx(0.0, abs=0.1)


def test_a_hole_filled_with_a_repetition_is_a_hole() -> None:
    faulty = perfect()
    faulty[24160:24320, 0] = faulty[24000:24160, 0]
    verdict = judge(faulty)
    assert [round(gap.milliseconds) for gap in verdict.left.missing] == [20]


def test_100_ms_cut_out() -> None:
    verdict = judge(cut_out(perfect(), 0, 24120, 800))
    assert not verdict.left.ok
    assert verdict.right.ok
    assert [step.milliseconds for step in verdict.left.steps] == [pytest.approx(-100.0, abs=0.5)]
    assert verdict.left.missing[0].milliseconds == pytest.approx(100, abs=11)
    assert verdict.skew_ms == pytest.approx(-100.0, abs=0.5)


def test_100_ms_doubled() -> None:
    verdict = judge(doubled(perfect(), 1, 24120, 800))
    assert verdict.left.ok
    assert [step.milliseconds for step in verdict.right.steps] == [pytest.approx(100.0, abs=0.5)]
    assert verdict.skew_ms == pytest.approx(-100.0, abs=0.5)
    assert any("100 ms put in" in problem for problem in verdict.right.problems)


@pytest.mark.parametrize("column", [0, 1])
def test_a_silent_channel(column: int) -> None:
    verdict = judge(silent(perfect(), column))
    faulty, sound = (verdict.left, verdict.right) if column == 0 else (verdict.right, verdict.left)
    assert faulty.problems == ("silent (-120 dBFS)",)
    assert faulty.identity is None
    assert sound.ok
    assert verdict.skew_ms is None


def test_an_unknown_sound() -> None:
    stereo = perfect()
    stereo[:, 1] = np.random.default_rng(2).normal(0, 3000, len(stereo))
    assert judge(stereo).right.problems == ("voice not recognised",)


def test_both_voices_in_one_channel() -> None:
    stereo = perfect()
    stereo[:, 0] = stereo.astype(np.int32).sum(axis=1) // 2
    verdict = judge(stereo)
    assert verdict.left.identity == "station"
    assert any("stretches missing" in problem for problem in verdict.left.problems)
    assert verdict.right.ok


@pytest.mark.parametrize(("made_at", "played_at", "speed"), [(8000, 16000, "2"), (16000, 8000, "0.5")])
def test_a_wrong_sample_rate(made_at: int, played_at: int, speed: str) -> None:
    verdict = judge(perfect(made_at), played_at)
    assert verdict.left.problems == (f"plays at {speed} times the right speed: wrong sample rate",)
    assert not verdict.right.ok
    assert abs(verdict.duration_error_ms) > 2000


@pytest.mark.parametrize("kept", [slice(2400, None), slice(None, -2400)])
def test_a_file_that_begins_late_or_ends_early(kept: slice) -> None:
    verdict = judge(perfect()[kept])
    assert verdict.duration_error_ms == pytest.approx(-300.0, abs=0.2)
    assert len(verdict.left.missing) == len(verdict.right.missing) == 1
    assert not verdict.ok


def test_a_click() -> None:
    verdict = judge(clicked(perfect(), 1, 24120))
    assert verdict.left.ok
    assert [round(click, 2) for click in verdict.right.clicks] == [pytest.approx(BEGIN + 3.01, abs=0.011)]
    assert verdict.right.missing == ()


@pytest.mark.parametrize("at", [0, 47_999])
def test_a_click_on_the_very_edge_which_is_not_compared(at: int) -> None:
    verdict = judge(clicked(perfect(), 0, at, 1))
    assert verdict.left.clicks == pytest.approx((BEGIN + at / 8000,), abs=0.006)
    assert not verdict.ok


def test_a_drift_between_the_channels_is_told_in_ppm() -> None:
    verdict = judge(drifting(perfect(), TRUNK, 1, 100.0))
    assert verdict.drift_ppm == pytest.approx(100, abs=3)
    assert verdict.ok


def test_the_skew_is_followed_along_the_call() -> None:
    stereo = drifting(perfect(), TRUNK, 1, 2000.0)
    strict = Tolerances(skew_ms=8.0)
    verdict = verify_stereo(stereo, 8000, left=STATION, right=TRUNK, begin=BEGIN, end=END, tolerances=strict)
    apart = [fix.offset for fix in verdict.right.fixes]
    assert apart == sorted(apart, reverse=True)
    assert verdict.skew_ms == pytest.approx(8.5, abs=0.6)
    assert any("ms apart" in problem for problem in verdict.problems)


def test_a_step_within_tolerance_is_the_callers_too() -> None:
    moved = cut_out(perfect(), 0, 24120, 80)
    assert [step.milliseconds for step in judge(moved).left.steps] == [pytest.approx(-10.0, abs=0.5)]
    kind = Tolerances(step_ms=15.0)
    assert verify_stereo(moved, 8000, left=STATION, right=TRUNK, begin=BEGIN, end=END, tolerances=kind).left.steps == ()


def test_a_pause_of_the_sender_is_not_a_fault_but_lost_sound_beside_it_is() -> None:
    quiet = Sent(STATION.voice, STATION.began, pauses=((102.0, 103.0),))
    stereo = muted(perfect(), 0, 16000, 8000)
    assert verify_stereo(stereo, 8000, left=quiet, right=TRUNK, begin=BEGIN, end=END).ok
    longer = muted(perfect(), 0, 16000, 9600)
    verdict = verify_stereo(longer, 8000, left=quiet, right=TRUNK, begin=BEGIN, end=END)
    assert [round(gap.milliseconds) for gap in verdict.left.missing] == [pytest.approx(200, abs=6)]


def test_tolerances_are_the_callers() -> None:
    strict = Tolerances(skew_ms=5.0)
    stereo = shifted(perfect(), 1, 80)
    assert not verify_stereo(stereo, 8000, left=STATION, right=TRUNK, begin=BEGIN, end=END, tolerances=strict).ok


def test_an_empty_file_fails() -> None:
    verdict = judge(np.zeros((0, 2), np.int16))
    assert not verdict.ok
    assert verdict.duration_error_ms == -6000.0


def test_the_wrong_speaker_altogether() -> None:
    stranger = Voice("stranger").render(0.0, 6.0, 8000)
    verdict = judge(np.column_stack([stranger, perfect()[:, 1]]))
    assert verdict.left.problems == ("voice not recognised",)
    assert verdict.right.ok


PAUSED = Sent(STATION.voice, STATION.began, pauses=((102.0, 104.0),))


def paused(stereo: Stereo) -> StereoVerdict:
    return verify_stereo(stereo, 8000, left=PAUSED, right=TRUNK, begin=BEGIN, end=END)


def test_sound_where_nobody_spoke() -> None:
    silence = muted(perfect(), 0, 16000, 16000)
    assert paused(silence).problems == ()
    verdict = paused(echoed(silence, 0, 24000, 160, earlier=12000))
    assert [round(stray.begin, 2) for stray in verdict.left.strays] == [103.0]
    assert verdict.problems == ("left: 20 ms of sound where nobody spoke at 3.00 s",)
    assert paused(clicked(silence, 0, 24000, 1)).left.strays


def test_a_click_at_the_end_of_silence() -> None:
    ended = Sent(STATION.voice, STATION.began, pauses=((104.0, float("inf")),))
    silence = muted(perfect(), 0, 32000, 16000)
    assert verify_stereo(silence, 8000, left=ended, right=TRUNK, begin=BEGIN, end=END).problems == ()
    verdict = verify_stereo(clicked(silence, 0, 47_999, 1), 8000, left=ended, right=TRUNK, begin=BEGIN, end=END)
    assert verdict.left.strays
    assert not verdict.ok


def test_lost_sound_need_not_be_there_but_shifts_nothing() -> None:
    lost = Sent(STATION.voice, STATION.began, lost=((102.0, 102.06), (103.0, 103.02)))

    def lossy(stereo: Stereo) -> StereoVerdict:
        return verify_stereo(stereo, 8000, left=lost, right=TRUNK, begin=BEGIN, end=END)

    gaps = muted(muted(perfect(), 0, 16000, 480), 0, 24000, 160)
    assert lossy(gaps).problems == ()
    assert lossy(gaps).left.concealed == ()
    assert [gap.begin for gap in lossy(muted(gaps, 0, 32000, 160)).left.missing] == [pytest.approx(104.0)]
    closed = lossy(cut_out(perfect(), 0, 16000, 480))
    assert [step.milliseconds for step in closed.left.steps] == [pytest.approx(-60.0, abs=0.5)]


def test_what_sounds_in_place_of_lost_sound_is_told_span_by_span() -> None:
    lost = Sent(STATION.voice, STATION.began, lost=((102.0, 102.06), (103.0, 103.02)))
    concealed = muted(muted(perfect(), 0, 16000, 480), 0, 24000, 160)
    concealed[16000:16320, 0] = concealed[15680:16000, 0]
    verdict = verify_stereo(concealed, 8000, left=lost, right=TRUNK, begin=BEGIN, end=END)
    assert verdict.problems == ()
    assert [span.begin for span in verdict.left.concealed] == [pytest.approx(102.0)]
    assert verdict.left.concealed[0].milliseconds == pytest.approx(40.0, abs=1.0)


def test_what_is_invented_in_place_of_lost_sound_must_not_be_louder_than_the_voice() -> None:
    lost = Sent(STATION.voice, STATION.began, lost=((102.0, 102.02),))
    stereo = perfect()
    stereo[16080:16120, 0] = 18_000
    verdict = verify_stereo(stereo, 8000, left=lost, right=TRUNK, begin=BEGIN, end=END)
    assert verdict.problems == ("left: click at 2.01 s",)


def test_a_transfer_is_two_voices_one_after_the_other() -> None:
    third = Voice("third party")
    stereo = perfect()
    stereo[24000:, 1] = third.render(3.0, 6.0, 8000)
    stereo[24000:24800, 1] = 0
    first = Sent(TRUNK.voice, TRUNK.began, pauses=((103.0, float("inf")),))
    second = Sent(third, BEGIN, pauses=((-float("inf"), 103.1),))

    def judged(faulty: Stereo) -> StereoVerdict:
        return verify_stereo(faulty, 8000, left=STATION, right=(first, second), begin=BEGIN, end=END)

    assert judged(stereo).problems == ()
    assert judged(stereo).right.identity == "trunk, then third party"
    stereo[24800:, 1] = TRUNK.voice.at(103.1 - TRUNK.began + np.arange(23200) / 8000) * 32767
    assert judged(stereo).problems == ("right: voice not recognised",)


def test_nobody_is_silence() -> None:
    def alone(stereo: Stereo) -> StereoVerdict:
        return verify_stereo(stereo, 8000, left=STATION, right=(), begin=BEGIN, end=END)

    verdict = alone(silent(perfect(), 1))
    assert verdict.problems == ()
    assert (verdict.right.expected, verdict.right.identity, verdict.skew_ms) == ("nobody", None, None)
    assert alone(clicked(silent(perfect(), 1), 1, 24000)).right.strays
    assert not alone(perfect()).ok
