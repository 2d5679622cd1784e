import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import soundfile

from skryba.announcements.sound_files import Sound, read_wav
from skryba.announcements.store import ORIGINAL, Store
from skryba.announcements.versions import Signature, Source
from skryba.announcements.wording import LANGUAGES
from skryba.errors import ConfigError, IntegrityError, ResourceError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANNA = Signature("Anna", "anna", NOON)
BARTEK = Signature("Bartek", "bartek", NOON + timedelta(hours=1))


def voice(text: str, language: str) -> tuple[Sound, int]:
    """Other words, other tone."""
    tone = 0.1 + crc32(f"{language}{text}".encode()) % 1000 / 1000
    return np.asarray(0.1 * np.sin(np.arange(8000) * tone), dtype=np.float64), 16000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "prompts", voice=voice, voice_name=lambda: "voice 1")


def recorded(seconds: float = 1.0, rate: int = 44100) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, 0.2 * np.sin(np.arange(round(seconds * rate)) * 0.1), rate, format="MP3")
    return made.getvalue()


def test_b9_a_saved_value_is_spoken_at_once_wherever_it_stands(store: Store) -> None:
    drafts = store.set_values("pl", {"controller": "Firma Przykład"}, ANNA)
    assert {draft.prompt for draft in drafts} == {"standard", "short", "opt-out", "opt-in", "information"}
    standard = next(draft for draft in drafts if draft.prompt == "standard")
    assert standard.text.startswith("Dzień dobry, tu Firma Przykład. Rozmowa będzie nagrywana")
    assert (standard.source, standard.engine, standard.saved) == (Source.SPOKEN, "voice 1", ANNA)
    data = store.sound(standard).read_bytes()
    assert hashlib.sha256(data).hexdigest() == standard.sha256
    samples, rate = read_wav(data)
    assert (rate, round(len(samples) / 16)) == (16000, standard.duration_ms)
    assert store.read().active == {}
    assert {draft.version for draft in store.read().drafts} == {draft.version for draft in drafts}


@pytest.mark.parametrize("language", LANGUAGES)
def test_b9_all_texts_are_spoken_and_not_saved_twice(store: Store, language: str) -> None:
    drafts = store.speak(language, ANNA)
    assert len(drafts) == 12
    before = store.read().head
    assert store.speak(language, BARTEK) == drafts
    assert store.read().head == before
    assert [draft.prompt for draft in store.speak(language, BARTEK, prompt="short")] == ["short"]


def test_b9_a_key_belongs_to_one_prompt(store: Store) -> None:
    with pytest.raises(ConfigError, match="belongs to one prompt"):
        store.set_values("pl", {"key": "2"}, ANNA)
    (draft,) = store.set_values("pl", {"key": "2"}, ANNA, prompt="opt-out")
    assert draft.key == "2"
    assert "nacisnąć 2." in draft.text
    with pytest.raises(ConfigError, match="no text has a place for key"):
        store.set_values("pl", {"key": "2"}, ANNA, prompt="paused")
    with pytest.raises(ConfigError, match="no text has a place for nothing"):
        store.set_values("pl", {}, ANNA)


def test_b9_a_value_can_be_taken_back(store: Store) -> None:
    store.set_values("en", {"controller": "Example"}, ANNA)
    drafts = store.set_values("en", {"controller": ""}, ANNA)
    assert not [draft for draft in drafts if "Example" in draft.text]


def test_b9_own_words_take_the_values_that_stand_and_follow_them(store: Store) -> None:
    store.set_values("pl", {"controller": "Firma"}, ANNA)
    draft = store.set_text("sales", "pl", "Tu {controller}. Nagrywamy.[ Adres: {address}.]", ANNA)
    assert draft.text == "Tu Firma. Nagrywamy."
    drafts = store.set_values("pl", {"address": "firma.pl"}, ANNA)
    assert "Tu Firma. Nagrywamy. Adres: firma.pl." in {draft.text for draft in drafts}


def test_a_text_that_cannot_be_said_leaves_no_trace(store: Store) -> None:
    store.speak("pl", ANNA, prompt="short")
    before = store.read().head
    with pytest.raises(ConfigError, match="give a value for controller"):
        store.set_text("sales", "pl", "Tu {controller}.", ANNA)
    with pytest.raises(ConfigError, match="no text 'sales'"):
        store.speak("pl", ANNA, prompt="sales")
    assert store.read().head == before


def test_a_value_that_would_leave_a_text_unsayable_is_refused(store: Store) -> None:
    store.set_values("pl", {"controller": "Firma"}, ANNA)
    store.set_text("sales", "pl", "Tu {controller}.", ANNA)
    with pytest.raises(ConfigError, match="give a value for controller"):
        store.set_values("pl", {"controller": ""}, ANNA)
    assert store.read().values_of("sales", "pl") == {"controller": "Firma"}


def test_b8_an_upload_is_levelled_and_the_original_kept(store: Store) -> None:
    data = recorded()
    draft = store.upload("opt-out", "pl", data, " Nagrywamy.\nNie? Dwa. ", ANNA, key="2")
    assert (draft.text, draft.key, draft.source, draft.engine) == ("Nagrywamy. Nie? Dwa.", "2", Source.UPLOADED, "")
    assert draft.loudness == pytest.approx(-23.0, abs=0.2)
    assert store.sound(draft).with_name(ORIGINAL).read_bytes() == data
    assert read_wav(store.sound(draft).read_bytes())[1] == 16000


def test_b8_an_upload_that_cannot_be_played_is_refused_whole(store: Store) -> None:
    for data, text, problem in [
        (b"junk", "Nagrywamy.", "no sound file"),
        (recorded(75.0), "Nagrywamy.", "lasts 75"),
        (recorded(), "Tu {controller}.", "word for word"),
        (recorded(), " ", "the text is empty"),
    ]:
        with pytest.raises(ConfigError, match=problem):
            store.upload("standard", "pl", data, text, ANNA)
    with pytest.raises(ConfigError, match="one to four"):
        store.upload("standard", "pl", recorded(), "Nagrywamy.", ANNA, key="x")
    assert store.read().versions == {}


def test_b8_two_person_activation(store: Store) -> None:
    assert store.two_persons(True, ANNA)
    (draft,) = store.speak("pl", ANNA, prompt="standard")
    for activator in (ANNA, BARTEK):
        with pytest.raises(ConfigError, match="waits for the approval"):
            store.activate(draft.version, activator)
    with pytest.raises(ConfigError, match="somebody else has to"):
        store.approve(draft.version, ANNA)
    assert store.approve(draft.version[:6], BARTEK).seconded
    store.activate(draft.version, ANNA)
    assert store.read().active["standard", "pl"].version == draft.version
    assert store.two_persons(False, ANNA)
    assert not store.two_persons(False, BARTEK)


def test_b8_without_it_one_person_suffices_and_doing_it_twice_changes_nothing(store: Store) -> None:
    (draft,) = store.speak("pl", ANNA, prompt="standard")
    store.activate(draft.version, ANNA)
    head = store.read().head
    store.activate(draft.version, ANNA)
    assert store.read().head == head
    assert store.read().drafts == []


def test_b6_an_old_version_can_still_be_shown_as_it_was_heard(store: Store) -> None:
    (first,) = store.speak("pl", ANNA, prompt="short")
    store.activate(first.version, ANNA)
    (second,) = store.set_values("pl", {"controller": "Firma"}, ANNA, prompt="short")
    store.activate(second.version, BARTEK)
    told = store.evidence(first.version)
    assert (told["text"], told["sha256"], told["verified"]) == (first.text, first.sha256, True)
    assert Path(told["sound"]).read_bytes() == store.sound(first).read_bytes()
    assert told["active"] == [{"since": NOON.isoformat(), "until": BARTEK.at.isoformat()}]
    assert store.evidence(second.version)["active"] == [{"since": BARTEK.at.isoformat(), "until": None}]
    assert store.withdraw("short", "pl", BARTEK) == store.read().find(second.version)
    assert store.read().active == {}
    with pytest.raises(ConfigError, match="no version of 'short'"):
        store.withdraw("short", "pl", BARTEK)


@pytest.mark.parametrize("file", ["sound.wav", "text.txt"])
def test_b9_text_and_sound_cannot_be_changed_behind_its_back(store: Store, file: str) -> None:
    (draft,) = store.speak("pl", ANNA, prompt="short")
    path = store.sound(draft).with_name(file)
    path.write_bytes(path.read_bytes() + b" ")
    for deed in (store.approve, store.activate):
        with pytest.raises(IntegrityError, match="not those that were saved"):
            deed(draft.version, BARTEK)
    path.unlink()
    with pytest.raises(IntegrityError):
        store.evidence(draft.version)


def test_a_torn_line_is_left_out_and_written_over(store: Store, tmp_path: Path) -> None:
    (draft,) = store.speak("pl", ANNA, prompt="short")
    journal = tmp_path / "prompts/history/journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"previous": "ab')
    assert store.read().versions.keys() == {draft.version}
    store.activate(draft.version, ANNA)
    assert store.read().active["short", "pl"] == store.read().find(draft.version)
    journal.write_bytes(journal.read_bytes().replace(b"Anna", b"Ewa_"))
    with pytest.raises(IntegrityError, match=r"journal\.jsonl: line 2 does not follow"):
        store.read()


def test_a_folder_left_by_a_crash_is_replaced(store: Store, tmp_path: Path) -> None:
    (draft,) = store.speak("pl", ANNA, prompt="short")
    other = Store(tmp_path / "other", voice=voice, voice_name=lambda: "voice 1")
    left = tmp_path / "other/history"
    for name in (draft.version, f".{draft.version}.new"):
        (left / name).mkdir(parents=True)
        (left / name / "text.txt").write_text("torn")
    (again,) = other.speak("pl", ANNA, prompt="short")
    assert other.evidence(again.version)["verified"]
    assert not (left / f".{draft.version}.new").exists()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Store(tmp_path / "file", voice=voice)
    with pytest.raises(ResourceError):
        blocked.two_persons(True, ANNA)
    with pytest.raises(ResourceError):
        blocked.read()
