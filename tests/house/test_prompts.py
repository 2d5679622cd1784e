"""What ships must be whole: beside every text its sound, beside every sound its text, each of the right form."""

import wave
from pathlib import Path

import pytest

from skryba.prompts import shipped_folder

TEXTS = sorted(shipped_folder().glob("*.txt"))


def test_there_are_prompts() -> None:
    assert {path.name for path in TEXTS} >= {"standard.pl.txt", "standard.en.txt"}
    assert {path.stem for path in TEXTS} == {path.stem for path in shipped_folder().glob("*.wav")}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.stem)
def test_a_wav_of_the_right_form_lies_beside_the_text(text: Path) -> None:
    path = text.with_suffix(".wav")
    assert path.stat().st_size < 400_000
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert 1.0 < file.getnframes() / 16000 < 12.0
