"""What parties are told: texts and sounds that ship with the package or lie in the owner's folder, for each codec.

May not know calls, rules or ports; reads files, once, when the library is made. A sound that cannot be used is never an
exception: it is missing from the library and named in `problems`, and the rule's failure choice applies to the call.

`python -m skryba.prompts --speak` makes the shipped sounds anew from their texts (needs `espeak-ng`).
"""

import argparse
import hashlib
import json
import re
import sys
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from skryba.announcements.forms import forms
from skryba.announcements.shipped import remake, sounds_folder
from skryba.announcements.sound import LONGEST, SHORTEST
from skryba.announcements.sound_files import read_ogg, read_wav
from skryba.announcements.speech import speak
from skryba.announcements.store import Store
from skryba.announcements.versions import version_of
from skryba.announcements.wording import check_value
from skryba.errors import ConfigError, SkrybaError
from skryba.media.prompt import CODECS, PromptAudio

_NAME = re.compile(r"([a-z0-9][a-z0-9_-]*)\.([a-z]{2})\.(wav|ogg)")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One announcement in one language."""

    id: str
    language: str
    text: str  # what is said, word for word
    version: str  # changes with the text, the sound or the key
    sha256: str  # of the sound file
    duration_ms: int
    path: Path
    audio: Mapping[str, PromptAudio]  # by codec, those that the engine plays: PCMU, PCMA, G722
    forms: Mapping[str, bytes]  # by encoding and clock rate, every leg codec: PCMU/8000 … L16/8000, L16/16000
    key: str | None = None  # the key that the text asks for; a rule that waits for another one misleads people


class PromptLibrary:
    """All announcements there are. `extra` is the owner's folder; what is active there (`Store`) wins over loose files
    `<id>.<language>.wav` + `.txt`, and those win over what ships.

    A damaged file in `extra` hides the shipped one of that name: the owner wanted other words than those. A damaged
    journal hides all: nobody knows any more which words the owner wanted.
    """

    def __init__(self, extra: Path | None = None, *, shipped: Path | None = None) -> None:
        self.problems: list[str] = []
        self._prompts: dict[tuple[str, str], Prompt] = {}
        self._read(shipped or shipped_folder())
        if extra is not None:
            if extra.is_dir():
                self._read(extra)
                self._read_store(Store(extra))
            else:
                self.problems.append(f"{extra}: no such folder; make it or leave [notice] prompts empty")

    def get(self, prompt_id: str, language: str) -> Prompt | None:
        return self._prompts.get((prompt_id, language))

    @property
    def known(self) -> frozenset[tuple[str, str]]:
        """(id, language) of each prompt that can be played."""
        return frozenset(self._prompts)

    def _read(self, folder: Path) -> None:
        for path in sorted((*folder.glob("*.wav"), *folder.glob("*.ogg"))):
            match = _NAME.fullmatch(path.name)
            if match is None:
                self.problems.append(f"{path}: name it <id>.<language>.wav, small letters, as standard.pl.wav")
                continue
            name, language, _ = match.groups()
            self._prompts.pop((name, language), None)
            try:
                self._prompts[name, language] = _load(path, name, language, _text(path), _key(path))
            except (OSError, EOFError, ValueError, wave.Error) as error:
                self.problems.append(f"{path}: {str(error) or 'the file is empty or ends early'}")

    def _read_store(self, store: Store) -> None:
        try:
            active = store.read().active
        except SkrybaError as error:
            self._prompts.clear()
            self.problems.append(f"{error}; no announcement is played")
            return
        for (name, language), version in active.items():
            self._prompts.pop((name, language), None)
            try:
                store.check(version)
                self._prompts[name, language] = _load(store.sound(version), name, language, version.text, version.key)
            except (SkrybaError, OSError, EOFError, ValueError, wave.Error) as error:
                self.problems.append(f"{store.sound(version)}: {error}")


def shipped_folder() -> Path:
    """Where the package keeps its own prompts."""
    return sounds_folder()


def _load(path: Path, name: str, language: str, text: str, key: str | None) -> Prompt:
    """ValueError (for people) when the sound is not one that can be played."""
    data = path.read_bytes()
    duration, payloads = _sounding(path.suffix, data)
    if not SHORTEST <= duration <= LONGEST:
        raise ValueError(f"lasts {duration:.1f} s; {SHORTEST} to {LONGEST:.0f} s can be played")
    sha256 = hashlib.sha256(data).hexdigest()
    version = version_of(name, language, text, sha256, key)
    audio = {
        codec: PromptAudio(codec, payload)
        for codec, payload in ((form.split("/")[0], payload) for form, payload in payloads.items())
        if codec in CODECS
    }
    return Prompt(name, language, text, version, sha256, round(duration * 1000), path, audio, payloads, key)


@lru_cache(maxsize=512)  # who reads the prompts again, while calls run, converts only what is new
def _sounding(suffix: str, data: bytes) -> tuple[float, Mapping[str, bytes]]:
    """Seconds, and every form."""
    samples, rate = read_ogg(data) if suffix == ".ogg" else read_wav(data)
    return len(samples) / rate, forms(samples[: round((LONGEST + 1) * rate)], rate)


def _text(path: Path) -> str:
    try:
        text = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ValueError(f"write what it says into {path.with_suffix('.txt').name} beside it") from None
    if not text:
        raise ValueError(f"{path.with_suffix('.txt').name} beside it is empty")
    return text


def _key(path: Path) -> str | None:
    """The key that a loose file's text asks for: `{"key": "1"}` beside it."""
    try:
        key = check_value("key", json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["key"])
    except FileNotFoundError:
        return None
    except (AttributeError, ConfigError, KeyError, TypeError, ValueError):
        key = ""
    if not key:
        raise ValueError(f'{path.with_suffix(".json").name} beside it should read {{"key": "1"}}')
    return key


def main(arguments: list[str] | None = None) -> int:
    """List the shipped prompts, or make their sounds anew."""
    parser = argparse.ArgumentParser(prog="python -m skryba.prompts", description=main.__doc__)
    parser.add_argument("--speak", action="store_true", help="make texts and sounds with espeak-ng from data/texts")
    parser.add_argument("--folder", type=Path, default=shipped_folder(), help="of <id>.<language>.txt and .ogg files")
    options = parser.parse_args(arguments)
    if options.speak:
        for line in remake(options.folder, speak):
            sys.stdout.write(f"{line}\n")
    library = PromptLibrary(shipped=options.folder)
    for prompt_id, language in sorted(library.known):
        prompt = library.get(prompt_id, language)
        if prompt is not None:
            sys.stdout.write(
                f"{prompt_id} {language} {prompt.duration_ms} ms version {prompt.version}: {prompt.text}\n"
            )
    for problem in library.problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if library.problems else 0


if __name__ == "__main__":
    sys.exit(main())
