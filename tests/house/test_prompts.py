"""What ships must be whole: beside every text its sound, beside every sound its text, each of the right form."""

from pathlib import Path

import numpy as np
import pytest

from skryba.announcements.loudness import loudness, true_peak
from skryba.announcements.shipped import longest_wanted
from skryba.announcements.sound_files import read_ogg
from skryba.prompts import shipped_folder

TEXTS = sorted(shipped_folder().glob("*.txt"))
ALTOGETHER = 2_000_000  # octets of all sounds


def test_there_are_prompts() -> None:
    assert {path.name for path in TEXTS} >= {"standard.pl.txt", "standard.en.txt"}
    assert {path.stem for path in TEXTS} == {path.stem for path in shipped_folder().glob("*.ogg")}
    assert {path.suffix for path in shipped_folder().iterdir()} == {".txt", ".ogg", ".json"}
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) < ALTOGETHER


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_b8_a_sound_of_the_right_form_and_level_lies_beside_the_text(text: Path) -> None:
    samples, rate = read_ogg(text.with_suffix(".ogg").read_bytes())
    assert rate == 16000
    asked = text.name.startswith("opt-")  # a question and two answers take longer than a notice
    assert 0.9 < len(samples) / rate < (18.0 if asked else longest_wanted(text.name.split(".")[0]))
    sound = samples.astype(np.float64) / 32768
    assert loudness(sound, rate) == pytest.approx(-23.0, abs=0.5)
    assert true_peak(sound) < -0.5
