import numpy as np
import pytest

from skryba.selftest.voice import CHIRPS, SLOT, Samples, Voice, level_dbfs, to_pcm


def spectrum_share(samples: Samples, rate: int, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(power[(hertz >= low) & (hertz <= high)].sum() / power.sum())


def test_is_the_same_every_time_and_for_every_way_of_asking() -> None:
    voice = Voice("station")
    whole = voice.render(0.0, 3.0, 8000)
    assert np.array_equal(whole, Voice("station").render(0.0, 3.0, 8000))
    assert np.array_equal(whole[8000:16000], voice.render(1.0, 2.0, 8000))
    assert np.array_equal(whole, voice.render(0.0, 3.0, 16000)[::2])


@pytest.mark.parametrize("other", [Voice("trunk"), Voice("station", seed=2)])
def test_two_speakers_have_nothing_in_common(other: Voice) -> None:
    mine, theirs = (v.render(0.0, 4.0, 8000).astype(float) for v in (Voice("station"), other))
    length = 1 << 17
    match = np.fft.irfft(np.fft.rfft(mine, length) * np.conj(np.fft.rfft(theirs, length)), length)
    assert np.max(np.abs(match)) < 0.15 * np.sqrt(np.dot(mine, mine) * np.dot(theirs, theirs))


def test_each_slot_is_its_own_time_code() -> None:
    voice = Voice("station")
    first, second = (voice.render(slot * SLOT, (slot + 1) * SLOT, 8000).astype(float) for slot in (3, 4))
    match = np.correlate(first, second, mode="full")
    assert np.max(np.abs(match)) < 0.3 * np.sqrt(np.dot(first, first) * np.dot(second, second))


def test_stays_in_the_band_of_a_telephone() -> None:
    samples = Voice("station").render(0.0, 10.0, 16000)
    assert spectrum_share(samples, 16000, 300, 3400) > 0.99


def test_is_as_loud_as_a_talker_and_never_clips() -> None:
    samples = Voice("station").render(0.0, 20.0, 8000)
    assert -20 < level_dbfs(samples) < -14
    assert np.max(np.abs(samples.astype(int))) < 16384


def test_no_20_ms_are_silent() -> None:
    samples = Voice("trunk").render(0.0, 20.0, 8000).reshape(-1, 160)
    assert min(level_dbfs(frame) for frame in samples) > -35


def test_the_level_moves_with_the_chirps() -> None:
    samples = Voice("trunk").render(0.0, 20.0, 8000)
    levels = [level_dbfs(chirp) for chirp in np.split(samples, round(20 / SLOT) * CHIRPS)]
    assert max(levels) - min(levels) > 5


def test_level_of_nothing_and_of_full_scale() -> None:
    assert level_dbfs(np.zeros(0, np.int16)) == level_dbfs(np.zeros(80, np.int16)) == -120.0
    assert level_dbfs(np.full(80, -32768, np.int16)) == pytest.approx(0.0)


def test_pcm_is_rounded_and_limited() -> None:
    assert to_pcm(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.4 / 32767, 0.6 / 32767])).tolist() == [
        0, 32767, -32767, 32767, -32768, 0, 1,
    ]  # fmt: skip
