import hashlib
import os
import subprocess
import sys
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import skryba
from skryba.announcements.sound_files import Sound
from skryba.announcements.store import Store
from skryba.announcements.versions import Signature
from skryba.codecs import registry
from skryba.errors import ResourceError
from skryba.prompts import PromptLibrary, main, shipped_folder

LANGUAGES = ("pl", "en", "uk", "de")
ANNA = Signature("Anna", "anna", datetime(2026, 11, 24, tzinfo=UTC))


def write(
    folder: Path,
    name: str,
    samples: np.ndarray[tuple[int], np.dtype[np.int16]],
    *,
    rate: int = 16000,
    channels: int = 1,
    text: str | None = "Ta rozmowa będzie nagrywana.",
) -> Path:
    path = folder / f"{name}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    if text is not None:
        path.with_suffix(".txt").write_text(text, encoding="utf-8")
    return path


def sine(seconds: float, rate: int = 16000, hertz: float = 500.0) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    wave_form = 8000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    samples: np.ndarray[tuple[int], np.dtype[np.int16]] = np.rint(wave_form).astype(np.int16)
    return samples


def voice(text: str, language: str) -> tuple[Sound, int]:
    """A second of a tone, whatever it should say."""
    return sine(1.0).astype(np.float64) / 32768, 16000


def store(folder: Path) -> Store:
    return Store(folder, voice=voice, voice_name=lambda: "voice 1")


def tone_share(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int, hertz: float) -> float:
    """Share of the energy within 30 Hz of `hertz`."""
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / rate) - hertz) < 30
    return float(power[near].sum() / power.sum())


@pytest.mark.parametrize("language", LANGUAGES)
def test_b9_the_standard_notice_ships_in_four_languages(language: str) -> None:
    library = PromptLibrary()
    assert library.problems == []
    prompt = library.get("standard", language)
    assert prompt is not None
    assert (prompt.id, prompt.language) == ("standard", language)
    assert 6000 <= prompt.duration_ms <= 10000
    assert prompt.sha256 == hashlib.sha256(prompt.path.read_bytes()).hexdigest()
    assert prompt.text == prompt.path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    assert {"PCMU", "PCMA", "G722"} == set(prompt.audio)
    for codec, audio in prompt.audio.items():
        assert audio.codec == codec
        assert len(audio.payload) % 160 == 0
        assert 0 <= len(audio.payload) / 8 - prompt.duration_ms < 20.5


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_does_not_speak_of_consent(language: str) -> None:
    text = PromptLibrary().get("standard", language)
    assert text is not None
    assert not [
        word for word in ("zgod", "zgad", "consent", "agree to", "згод", "einwillig") if word in text.text.lower()
    ]


def test_known_names_what_can_be_played() -> None:
    library = PromptLibrary()
    assert {("standard", "pl"), ("standard", "de"), ("unrecorded", "en"), ("information", "uk")} <= library.known
    assert library.get("standard", "fr") is None
    assert library.get("../standard", "pl") is None


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(("codec", "clock"), [("PCMU", 8000), ("PCMA", 8000), ("G722", 8000)])
def test_a_sound_is_heard_in_every_codec(tmp_path: Path, rate: int, codec: str, clock: int) -> None:
    write(tmp_path, "own.pl", sine(1.003, rate), rate=rate)
    prompt = PromptLibrary(tmp_path).get("own", "pl")
    assert prompt is not None
    decoder = registry.decoder(codec, clock, 1)
    assert decoder is not None
    heard = decoder.decode(np.frombuffer(prompt.audio[codec].payload, np.uint8))
    assert tone_share(heard, decoder.sample_rate, 500.0) > 0.97
    assert len(heard) / decoder.sample_rate == pytest.approx(1.02, abs=0.001)
    assert float(np.sqrt(np.mean(np.square(heard[800:8000].astype(float))))) == pytest.approx(8000 / 2**0.5, rel=0.06)


def test_the_owners_folder_wins_and_adds(tmp_path: Path) -> None:
    write(tmp_path, "standard.pl", sine(2.0), text="Nagrywamy.")
    write(tmp_path, "queue.pl", sine(1.0), text="Proszę czekać.")
    library = PromptLibrary(tmp_path)
    mine, other, shipped = library.get("standard", "pl"), library.get("queue", "pl"), library.get("standard", "en")
    assert mine is not None
    assert other is not None
    assert shipped is not None
    assert (mine.text, mine.duration_ms) == ("Nagrywamy.", 2000)
    assert other.path.parent == tmp_path
    assert shipped.path.parent == shipped_folder()


def test_version_changes_with_the_sound_and_with_the_text(tmp_path: Path) -> None:
    versions = set()
    for number, (seconds, text) in enumerate([(1.0, "A"), (1.0, "B"), (2.0, "A")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, "own.pl", sine(seconds), text=text)
        prompt = PromptLibrary(folder).get("own", "pl")
        assert prompt is not None
        versions.add(prompt.version)
    assert len(versions) == 3


def test_damaged_sounds_are_problems_and_not_exceptions(tmp_path: Path) -> None:
    write(tmp_path, "stereo.pl", sine(2.0), channels=2)
    write(tmp_path, "cd.pl", sine(2.0, 44100), rate=44100)
    write(tmp_path, "wordless.pl", sine(2.0), text=None)
    write(tmp_path, "blank.pl", sine(2.0), text=" \n")
    write(tmp_path, "short.pl", sine(0.01))
    write(tmp_path, "long.pl", sine(61.0, 8000), rate=8000)
    write(tmp_path, "Loud Name.pl", sine(1.0))
    whole = write(tmp_path, "torn.pl", sine(2.0))
    whole.write_bytes(whole.read_bytes()[:-1000])
    (tmp_path / "noise.pl.wav").write_bytes(b"not a sound")
    (tmp_path / "noise.pl.txt").write_text("x")
    (tmp_path / "empty.pl.wav").write_bytes(b"")
    (tmp_path / "empty.pl.txt").write_text("x")
    (tmp_path / "folder.pl.wav").mkdir()
    write(tmp_path, "good.pl", sine(1.0))
    library = PromptLibrary(tmp_path)
    assert library.get("good", "pl") is not None
    told = {Path(problem.split(": ")[0]).name: problem for problem in library.problems}
    assert set(told) == {
        *("stereo.pl.wav", "cd.pl.wav", "wordless.pl.wav", "blank.pl.wav", "short.pl.wav", "long.pl.wav"),
        *("Loud Name.pl.wav", "torn.pl.wav", "noise.pl.wav", "empty.pl.wav", "folder.pl.wav"),
    }
    assert "2 channels" in told["stereo.pl.wav"]
    assert "44100 Hz" in told["cd.pl.wav"]
    assert "wordless.pl.txt" in told["wordless.pl.wav"]
    assert "61.0 s" in told["long.pl.wav"]
    assert all(len(problem.split(": ", 1)[1]) > 5 for problem in told.values())


def test_a_damaged_override_hides_the_shipped_prompt(tmp_path: Path) -> None:
    (tmp_path / "standard.pl.wav").write_bytes(b"RIFF")
    (tmp_path / "standard.pl.txt").write_text("Nagrywamy.")
    library = PromptLibrary(tmp_path)
    assert library.get("standard", "pl") is None
    assert library.get("standard", "en") is not None
    assert len(library.problems) == 1


def test_a_missing_folder_is_a_problem_and_the_shipped_prompts_stay(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "gone")
    assert library.get("standard", "pl") is not None
    assert "no such folder" in library.problems[0]


def test_the_command_lists_prompts_and_fails_on_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "own.pl", sine(1.0), text="Dzień dobry.")
    assert main(["--folder", str(tmp_path)]) == 0
    assert "own pl 1000 ms" in capsys.readouterr().out
    write(tmp_path, "bad.pl", sine(1.0), channels=2)
    assert main(["--folder", str(tmp_path)]) == 1
    assert "2 channels" in capsys.readouterr().err


def test_speaking_makes_sounds_that_the_library_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("skryba.prompts.speak", voice)
    assert main(["--speak", "--folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "standard.pl: 1.1 s" in told
    assert "opt-out de 1100 ms" in told
    assert len(PromptLibrary(shipped=tmp_path).known) == 48


def test_speaking_without_the_program_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResourceError, match="apt-get install espeak-ng"):
        main(["--speak", "--folder", str(tmp_path)])


def test_runs_as_a_module() -> None:
    source = Path(skryba.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "skryba.prompts"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    assert done.returncode == 0
    assert "standard pl" in done.stdout


def test_b8_what_is_active_in_the_store_wins_over_loose_files_and_what_ships(tmp_path: Path) -> None:
    write(tmp_path, "standard.pl", sine(2.0), text="Plik.")
    draft = store(tmp_path).set_text("standard", "pl", "Nagrywamy. Nie? {key}.", ANNA)
    loose = PromptLibrary(tmp_path).get("standard", "pl")
    assert loose is not None
    assert (loose.text, loose.key) == ("Plik.", None)  # a draft is not heard
    store(tmp_path).activate(draft.version, ANNA)
    prompt = PromptLibrary(tmp_path).get("standard", "pl")
    assert prompt is not None
    assert (prompt.text, prompt.version, prompt.sha256) == ("Nagrywamy. Nie? 1.", draft.version, draft.sha256)
    assert (prompt.key, prompt.duration_ms, prompt.path) == ("1", draft.duration_ms, store(tmp_path).sound(draft))
    store(tmp_path).withdraw("standard", "pl", ANNA)
    assert PromptLibrary(tmp_path).get("standard", "pl") == loose


def test_b7_a_changed_sound_of_the_store_is_a_problem_and_nothing_is_heard_in_its_place(tmp_path: Path) -> None:
    (draft,) = store(tmp_path).speak("pl", ANNA, prompt="standard")
    store(tmp_path).activate(draft.version, ANNA)
    write(store(tmp_path).sound(draft).parent, "sound", sine(1.0), text=None)
    library = PromptLibrary(tmp_path)
    assert library.get("standard", "pl") is None
    assert library.get("standard", "en") is not None
    assert "not those that were saved" in library.problems[0]


def test_b7_with_a_damaged_journal_nothing_is_heard(tmp_path: Path) -> None:
    store(tmp_path).speak("pl", ANNA, prompt="standard")
    journal = tmp_path / "history/journal.jsonl"
    journal.write_bytes(b"x" + journal.read_bytes())
    library = PromptLibrary(tmp_path)
    assert library.known == frozenset()
    assert "journal.jsonl: line 1" in library.problems[0]


@pytest.mark.parametrize("text", ["", "7", "[]", "{}", '{"key": 1}', '{"key": ""}', '{"key": "x"}'])
def test_b4_a_loose_file_may_name_the_key_that_it_asks_for(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "own.pl", sine(1.0))
    path.with_suffix(".json").write_text('{"key": "2"}')
    prompt = PromptLibrary(tmp_path).get("own", "pl")
    assert prompt is not None
    assert prompt.key == "2"
    path.with_suffix(".json").write_text(text)
    library = PromptLibrary(tmp_path)
    assert library.get("own", "pl") is None
    assert "own.pl.json" in library.problems[0]


def test_b8_every_leg_codec_is_there_before_a_call_asks(tmp_path: Path) -> None:
    write(tmp_path, "own.pl", sine(1.0, 8000), rate=8000)
    prompt = PromptLibrary(tmp_path).get("own", "pl")
    assert prompt is not None
    assert {name: len(payload) for name, payload in prompt.forms.items()} == {
        "PCMU/8000": 8000, "PCMA/8000": 8000, "G722/8000": 8000, "L16/8000": 16000, "L16/16000": 32000,
    }  # fmt: skip
    assert {codec: audio.payload for codec, audio in prompt.audio.items()} == {
        name.split("/")[0]: payload for name, payload in prompt.forms.items() if not name.startswith("L16")
    }


def test_reading_the_prompts_again_converts_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PromptLibrary()
    converted: list[int] = []

    def forms(samples: object, rate: int) -> dict[str, bytes]:
        converted.append(rate)
        return {}

    monkeypatch.setattr("skryba.prompts.forms", forms)
    write(tmp_path, "own.pl", sine(0.777, 8000), rate=8000)
    PromptLibrary(tmp_path)
    assert converted == [8000]
