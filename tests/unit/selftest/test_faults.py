import numpy as np
import pytest

from skryba.selftest import faults
from skryba.selftest.tracking import Fix, Frames, Sound

RATE = 8000
HERE = [Fix(0, 100.0, 0.0, 1.0, 1.0)]


def heard(lost: dict[int, int], deviation: dict[int, float] | None = None) -> Frames:
    """400 frames from 100 s on; runs of lost ones by their begin."""
    found = Frames(np.linspace(100.0, 102.0, 400, endpoint=False), np.zeros(400, np.bool_), np.zeros(400))
    for begin, count in lost.items():
        found.lost[begin : begin + count] = True
        found.deviation[begin : begin + count] = 2.0
    for place, value in (deviation or {}).items():
        found.deviation[place] = value
    return found


def sounding(*spans: tuple[float, float]) -> Sound:
    """Two seconds, silent but for these."""
    sound = np.zeros(2 * RATE, np.float32)
    for begin, end in spans:
        sound[round(begin * RATE) : round(end * RATE)] = 0.1
    return sound


def test_a_run_of_lost_frames_is_missing_from_20_ms_on() -> None:
    assert faults.find_missing(heard({100: 3, 200: 2}), 20.0) == ((100.5, 15.0),)


def test_a_breath_does_not_end_a_hole() -> None:
    assert faults.find_missing(heard({100: 4, 107: 4}), 20.0) == ((100.5, 55.0),)
    assert len(faults.find_missing(heard({100: 4, 108: 4}), 20.0)) == 2


def test_a_click_is_what_deviates_outside_of_holes() -> None:
    found = heard({100: 4}, {104: 3.0, 150: 3.0, 151: 1.3, 200: 1.1})
    assert faults.find_clicks(found, faults.find_missing(found, 20.0)) == pytest.approx((100.75,))


def test_what_sounds_in_the_place_of_lost_sound() -> None:
    lost = [(100.5, 100.56), (101.0, 101.06), (101.5, 101.52)]
    found = faults.find_replaced(sounding((0.5, 0.54), (1.49, 1.53)), RATE, lost, HERE, 100.0)
    assert [span.begin for span in found] == [100.5, 101.5]
    assert [span.milliseconds for span in found] == pytest.approx([40.0, 18.0], abs=0.2)


def test_neighbours_of_lost_sound_are_not_its_replacement() -> None:
    assert faults.find_replaced(sounding((0.4, 0.501), (0.519, 0.6)), RATE, [(100.5, 100.52)], HERE, 100.0) == ()


def test_a_replacement_is_sought_where_the_sound_lies() -> None:
    late = [Fix(0, 100.0, 0.25, 1.0, 1.0)]
    found = faults.find_replaced(sounding((0.75, 0.77)), RATE, [(100.5, 100.52)], late, 100.0)
    assert [span.begin for span in found] == [100.5]


def test_sound_where_nobody_spoke() -> None:
    quiet = [(99.0, 100.3), (101.0, 103.0)]
    found = faults.find_strays(sounding((0.05, 0.07), (0.5, 0.6), (1.05, 1.08), (1.995, 2.0)), RATE, quiet, 100.0)
    assert [span.begin for span in found] == pytest.approx([100.05, 101.995])
    assert [span.milliseconds for span in found] == pytest.approx([20.0, 5.0])


def test_what_lies_wholly_outside_of_the_file_is_no_stray() -> None:
    assert faults.find_strays(sounding((0.0, 2.0)), RATE, [(98.0, 99.5), (102.0, 105.0)], 100.0) == ()
    assert faults.find_strays(np.zeros(0, np.float32), RATE, [(98.0, 105.0)], 100.0) == ()


def test_what_is_louder_than_any_voice() -> None:
    sound = sounding((0.0, 2.0))
    sound[[80, 8000, 8050, 15999]] = -1.0
    assert faults.find_bursts(sound, RATE, 100.0) == pytest.approx((100.01, 101.0, 101.995))
    assert faults.find_bursts(sounding((0.0, 2.0)), RATE, 100.0) == ()
