"""The outline is exact per point, whatever the blocks, and a broken one is refused."""

import numpy as np
import pytest

from skryba.errors import IntegrityError
from skryba.recorder.peaks import PER_SECOND, Peaks, read

NOISE = np.random.default_rng(5).integers(-32768, 32768, (8000 * 2 + 33, 2)).astype(np.int16)


def outline(sound: np.ndarray[tuple[int, ...], np.dtype[np.int16]], *, block: int = 1 << 20, rate: int = 8000) -> bytes:
    peaks = Peaks(rate)
    for begin in range(0, len(sound), block):
        peaks.add(sound[begin : begin + block])
    return peaks.octets()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_each_point_is_the_lowest_and_highest_of_its_10_ms(rate: int) -> None:
    found = read(outline(NOISE, rate=rate))
    size = rate // 100
    assert found.per_second == PER_SECOND == 100
    assert found.points.shape == (-(-len(NOISE) // size), 2, 2)
    for point in (0, 7, len(found.points) - 1):
        part = NOISE[point * size : (point + 1) * size].astype(int)
        for channel in (0, 1):
            low, high = found.points[point, channel].astype(int) * 256
            assert low <= part[:, channel].min() < low + 256
            assert high >= min(part[:, channel].max(), 127 * 256) > high - 256


@pytest.mark.parametrize("block", [1, 79, 80, 81, 4000])
def test_blocks_do_not_matter(block: int) -> None:
    assert outline(NOISE[:4033], block=block) == outline(NOISE[:4033])


def test_the_faintest_sound_is_seen_and_silence_is_flat() -> None:
    sound = np.zeros((160, 2), np.int16)
    sound[80, 1] = 1
    assert read(outline(sound)).points.tolist() == [[[0, 0], [0, 0]], [[0, 0], [0, 1]]]


def test_it_is_small_and_may_be_empty() -> None:
    assert len(outline(NOISE)) == 12 + 201 * 4
    assert read(outline(NOISE[:0])).points.shape == (0, 2, 2)


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:11],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"SKPL" + data[4:],
        lambda data: data[:4] + b"\2" + data[5:],
        lambda data: data[:5] + b"\0" + data[6:],
    ],
)
def test_what_is_not_whole_is_refused(harm: object) -> None:
    assert callable(harm)
    with pytest.raises(IntegrityError, match="peaks"):
        read(harm(outline(NOISE)))
