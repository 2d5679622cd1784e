import numpy as np
import pytest

from skryba.selftest.tracking import FRAME, Fix, measure, slots, track
from skryba.selftest.voice import Floats, Voice

VOICE = Voice("station")


def spoken(rate: int, begin: float, end: float, *, late: float = 0.0, ppm: float = 0.0) -> Floats:
    """A file that begins at voice time `begin`, lies `late` seconds late, by a sender's clock that runs off."""
    count = round((end - begin) * rate)
    times = (begin + np.arange(count) / rate - late) * (1 + ppm / 1e6)
    return VOICE.at(np.maximum(times, 0.0))


def find(
    sound: Floats, rate: int = 8000, *, began: float = 0.0, origin: float = 0.0, begin: float = 0.0, end: float = 4.0
) -> list[Fix]:
    return track(sound, rate, VOICE, slots(began=began, begin=begin, end=end), began=began, origin=origin)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("late", [0.0, 0.0123456, -0.031, 0.7, -1.2])
def test_finds_each_slot_to_a_tenth_of_a_sample(rate: int, late: float) -> None:
    sound = spoken(rate, 2.0, 8.0, late=late)
    fixes = find(sound, rate, began=50.0, origin=52.0, begin=53.5, end=56.5)
    assert [fix.slot for fix in fixes] == [7, 8, 9, 10, 11, 12]
    assert [fix.sent_at for fix in fixes] == [53.5, 54.0, 54.5, 55.0, 55.5, 56.0]
    assert max(abs(fix.offset - late) for fix in fixes) < 0.1 / rate
    assert min(fix.score for fix in fixes) > 0.9
    assert [fix.gain for fix in fixes] == pytest.approx([1.0] * 6, rel=0.05)


def test_gain_is_measured() -> None:
    fixes = find(0.25 * spoken(8000, 0.0, 3.0), end=3.0)
    assert [fix.gain for fix in fixes] == pytest.approx([0.25] * 6, rel=1e-6)


def test_finds_nothing_in_another_voice_in_noise_and_in_silence() -> None:
    others = [
        Voice("trunk").at(np.arange(24000) / 8000),
        np.random.default_rng(1).normal(0, 0.1, 24000),
        np.zeros(24000),
        np.zeros(0),
    ]
    for sound in others:
        assert find(sound, end=3.0) == []


def test_finds_the_voice_under_noise() -> None:
    sound = spoken(8000, 0.0, 3.0)
    noisy = sound + np.random.default_rng(1).normal(0, float(np.std(sound)), len(sound))
    fixes = find(noisy, end=3.0)
    assert len(fixes) == 6
    assert max(abs(fix.offset) for fix in fixes) < 1e-4


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_follows_a_drifting_clock(ppm: float) -> None:
    sound = spoken(8000, 0.0, 60.0, ppm=ppm)
    fixes = find(sound, end=60.0)
    assert len(fixes) == 120
    slope = np.polyfit([fix.sent_at for fix in fixes], [fix.offset for fix in fixes], 1)[0] * 1e6
    assert slope == pytest.approx(-ppm, abs=1)
    heard = measure(sound, 8000, VOICE, fixes, began=0.0, origin=0.0, begin=0.1, end=59.0)
    assert not heard.lost.any()


def test_measures_which_frames_are_lost() -> None:
    sound = spoken(8000, 0.0, 4.0)
    sound[16000:16160] = 0.0
    fixes = find(sound, end=4.0)
    heard = measure(sound, 8000, VOICE, fixes, began=0.0, origin=0.0, begin=0.0, end=4.0)
    assert np.flatnonzero(heard.lost).tolist() == [400, 401, 402, 403]
    assert heard.sent_at[400] == pytest.approx(2.0)
    assert len(heard.lost) == round(4.0 / FRAME)
    assert heard.deviation[:390].max() < 0.01


def test_what_was_sent_beyond_the_file_is_lost() -> None:
    sound = spoken(8000, 0.0, 3.0)
    fixes = find(sound, end=4.0)
    heard = measure(sound, 8000, VOICE, fixes, began=0.0, origin=0.0, begin=0.0, end=4.0)
    assert heard.lost.sum() == round(1.0 / FRAME)
    assert heard.lost[600:].all()


def test_after_a_cut_both_parts_count_as_present() -> None:
    sound = np.concatenate([spoken(8000, 0.0, 2.2), spoken(8000, 2.3, 5.0)])
    fixes = find(sound, end=5.0)
    heard = measure(sound, 8000, VOICE, fixes, began=0.0, origin=0.0, begin=0.0, end=4.8)
    lost = heard.sent_at[heard.lost]
    assert lost.min() == pytest.approx(2.2)
    assert lost.max() == pytest.approx(2.3 - FRAME, abs=1e-6)
    assert heard.lost.sum() == pytest.approx(0.1 / FRAME, abs=4)


def test_slots_are_numbered_by_the_voice_and_lie_wholly_within() -> None:
    assert slots(began=50.0, begin=53.4, end=55.1) == [7, 8, 9]
    assert slots(began=50.0, begin=40.0, end=51.0) == [0, 1]
    assert slots(began=50.0, begin=40.0, end=49.0) == []


def test_slots_that_were_hardly_spoken_are_not_sought() -> None:
    pauses = [(0.6, 1.65), (2.9, float("inf"))]  # of slot 1 80 %, of 2 all, of 3 30 %, of 5 20 %, then all
    assert slots(began=0.0, begin=0.0, end=4.0, pauses=pauses) == [0, 3, 4, 5]


def test_of_a_long_call_slots_are_chosen_evenly() -> None:
    chosen = slots(began=0.0, begin=0.0, end=7200.0)
    assert 1000 < len(chosen) <= 2000
    assert set(np.diff(chosen)) == {8}


def test_what_is_ignored_counts_as_there() -> None:
    sound = spoken(8000, 0.0, 4.0)
    sound[16000:16160] = 0.0
    fixes = find(sound)
    heard = measure(
        sound, 8000, VOICE, fixes, began=0.0, origin=0.0, begin=0.0, end=4.0, ignored=[(2.0, 2.01), (2.016, 3.0)]
    )
    assert np.flatnonzero(heard.lost).tolist() == [402]
    assert heard.deviation[401] == 0.0
