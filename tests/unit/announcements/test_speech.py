import io
import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from skryba.announcements import speech
from skryba.announcements.speech import engine, speak
from skryba.announcements.wording import LANGUAGES
from skryba.errors import ResourceError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, body: str) -> None:
    path = folder / "espeak-ng"
    path.write_text(f"#!{sys.executable}\nimport json, sys, time\n{body}\n")
    path.chmod(0o755)


def said(rate: int = 22050) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.ones(1000) * 16384).astype("<i2").tobytes())
    return made.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
def test_b9_the_text_goes_to_the_voice_of_its_language_and_can_be_no_option(folder: Path, language: str) -> None:
    wav = bytearray(said())
    wav[4:8], wav[40:44] = b"\x24\xf0\xff\x7f", b"\x00\xf0\xff\x7f"  # lengths as espeak-ng writes them to a pipe
    (folder / "said").write_bytes(wav)
    told = f"json.dump([sys.argv[1:], sys.stdin.read()], open({str(folder / 'told')!r}, 'w'))"
    program(folder, f"{told}\nsys.stdout.buffer.write(open({str(folder / 'said')!r}, 'rb').read())")
    sound, rate = speak("--help: żółć", language)
    assert (rate, len(sound), set(sound)) == (22050, 1000, {0.5})
    arguments, text = json.loads((folder / "told").read_text())
    assert arguments[1] == {"en": "en-gb"}.get(language, language)
    assert text == "--help: żółć"
    assert not [argument for argument in arguments if "help" in argument]


def test_the_engine_is_named(folder: Path) -> None:
    program(folder, "print('eSpeak NG text-to-speech: 1.51  Data at: /usr/lib')")
    assert engine() == "espeak-ng 1.51"


def test_b7_without_a_voice_it_says_what_to_do(folder: Path) -> None:
    with pytest.raises(ResourceError, match="apt-get install espeak-ng, or upload"):
        speak("x", "pl")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("sys.exit('no such voice')", "ended with 1: no such voice"),
        ("print('hello')", "gave no sound"),
        ("", "gave no sound"),
        ("time.sleep(9)", "cannot be run"),
    ],
)
def test_a_voice_that_fails_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, problem: str) -> None:
    monkeypatch.setattr(speech, "_LONGEST_WAIT", 0.3 if "sleep" in body else 10.0)
    program(folder, body)
    with pytest.raises(ResourceError, match=problem):
        speak("x", "pl")
