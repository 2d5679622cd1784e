"""⚡ What comes with the package: texts with placeholders, and the sounds of the same texts with none filled in.

May not know what the owner changed. Sounds are made anew by `remake` when a text was edited.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from skryba.announcements.sound import LONG, LONGEST, prepare
from skryba.announcements.sound_files import Sound, as_ogg
from skryba.announcements.wording import LANGUAGES, Wording, read_texts

ASKED_FOR = frozenset({"information"})  # heard by who wants to hear it: may be long

Speak = Callable[[str, str], tuple[Sound, int]]


def sounds_folder() -> Path:
    """`<id>.<language>.ogg` and `.txt`; `.json` names the key that the text names."""
    return _data() / "prompts"


@cache
def texts(language: str) -> dict[str, Wording]:
    """By id."""
    return read_texts((_data() / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


def longest_wanted(prompt: str) -> float:
    """Seconds above which a person is warned."""
    return LONGEST if prompt in ASKED_FOR else LONG


def remake(folder: Path, speak: Speak) -> Iterator[str]:
    """Every sound, and the text beside it. Says what it made."""
    for language in LANGUAGES:
        for prompt, wording in texts(language).items():
            filled = wording.fill({}, language)
            prepared = prepare(*speak(filled.text, language), long=longest_wanted(prompt))
            base = folder / f"{prompt}.{language}"
            base.with_name(base.name + ".txt").write_text(filled.text + "\n", encoding="utf-8")
            base.with_name(base.name + ".ogg").write_bytes(as_ogg(prepared.samples))
            if filled.key is not None:
                base.with_name(base.name + ".json").write_text(json.dumps({"key": filled.key}) + "\n")
            yield f"{base.name}: {prepared.duration_ms / 1000:.1f} s {'; '.join(prepared.warnings)}".strip()


def _data() -> Path:
    return Path(str(resources.files("skryba"))) / "data"
