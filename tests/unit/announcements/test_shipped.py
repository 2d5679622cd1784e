import json
from pathlib import Path

import numpy as np
import pytest

from skryba.announcements.shipped import longest_wanted, remake, sounds_folder, texts
from skryba.announcements.sound_files import Sound, read_ogg
from skryba.announcements.wording import LANGUAGES

IDS = {
    "standard", "short", "opt-out", "opt-in", "information", "started", "stopped", "paused", "resumed", "declined",
    "unrecorded", "blocked",
}  # fmt: skip
FULL = {"controller": "Firma Przykład", "purpose": "reklamacje", "address": "przyklad.pl", "key": "5"}
CONSENT = {"pl": ("zgod", "zgad"), "en": ("consent", "agree to"), "uk": ("згод",), "de": ("einwillig", "zustimm")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_b9_every_text_is_there_in_every_language(language: str) -> None:
    assert set(texts(language)) == IDS


@pytest.mark.parametrize("language", LANGUAGES)
def test_b9_the_notices_name_controller_purpose_and_address(language: str) -> None:
    for prompt in ("standard", "opt-out", "opt-in", "information"):
        said = texts(language)[prompt].fill(FULL, language).text
        assert all(FULL[name] in said for name in ("controller", "purpose", "address")), prompt
    said = texts(language)["short"].fill(FULL, language).text
    assert FULL["controller"] in said
    assert FULL["address"] in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_b4_b5_who_may_choose_is_told_the_key(language: str) -> None:
    for prompt in IDS:
        wording = texts(language)[prompt]
        assert ("key" in wording.needs) == (prompt in ("opt-out", "opt-in"))
    assert texts(language)["opt-out"].fill({"key": "7"}, language).key == "7"


@pytest.mark.parametrize("language", LANGUAGES)
def test_b13_the_notice_offers_the_second_layer_only_when_it_has_a_key(language: str) -> None:
    standard = texts(language)["standard"]
    assert standard.fill({}, language).key is None
    assert "5" in standard.fill({"key": "5"}, language).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_b5_only_who_is_asked_for_consent_hears_of_it(language: str) -> None:
    for prompt in IDS - {"opt-in", "information"}:
        said = texts(language)[prompt].fill(FULL, language).text.lower()
        assert not [word for word in CONSENT[language] if word in said], prompt
    asked = texts(language)["opt-in"].fill({}, language).text.lower()
    assert any(word in asked for word in (*CONSENT[language], "agree"))


RIGHTS = {
    "pl": "administrator podstaw odbiorc okres inspektor dostęp kopi sprostow "
    "usunię ogranicz sprzeciw cofnąć skarg inaczej",
    "en": "controller basis receives long officer access copy rectif "
    "erasure restriction object withdraw complaint another",
    "uk": "адміністратор підстав одержувач строк інспектор доступ копі виправ "
    "видал обмеж запереч відкликати скарг інший",
    "de": "verantwortlich rechtsgrundlage empfänger speicherdauer beauftragt auskunft kopie berichtig "
    "löschung einschränk widerspruch widerrufen aufsicht anderem",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_b13_the_second_layer_says_what_article_13_asks_for(language: str) -> None:
    said = texts(language)["information"].fill(FULL, language).text.lower()
    assert [word for word in RIGHTS[language].split() if word not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_b9_text_and_sound_ship_together(language: str) -> None:
    for prompt, wording in texts(language).items():
        filled = wording.fill({}, language)
        base = sounds_folder() / f"{prompt}.{language}"
        assert base.with_name(base.name + ".txt").read_text(encoding="utf-8").strip() == filled.text, "run remake"
        assert base.with_name(base.name + ".ogg").exists()
        key = base.with_name(base.name + ".json")
        assert (json.loads(key.read_text())["key"] if key.exists() else None) == filled.key


def test_what_is_asked_for_may_be_long() -> None:
    assert (longest_wanted("standard"), longest_wanted("information")) == (10.0, 60.0)


def test_sounds_are_made_anew_from_the_texts(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def speak(text: str, language: str) -> tuple[Sound, int]:
        asked.append((text, language))
        return np.asarray(0.1 * np.sin(np.arange(16000) * 0.3), dtype=np.float64), 16000

    lines = list(remake(tmp_path, speak))
    assert len(lines) == len(asked) == len(IDS) * len(LANGUAGES)
    assert lines[0].startswith("standard.pl: 1.1 s")
    assert (tmp_path / "standard.pl.txt").read_text(encoding="utf-8") == asked[0][0] + "\n"
    samples, _ = read_ogg((tmp_path / "opt-out.de.ogg").read_bytes())
    assert len(samples) == pytest.approx(17600, abs=20)
    assert json.loads((tmp_path / "opt-out.de.json").read_text()) == {"key": "1"}
    assert not (tmp_path / "standard.pl.json").exists()
