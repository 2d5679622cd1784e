"""⚡ The owner's announcements on disk: a journal of what was done, and a folder for each version's text and sound.

May not know calls. Nothing in it is changed or removed again: an old version can be shown as it was heard. A version
becomes active by one line of the journal, so readers see the old one or the new one, never a mixture.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from skryba.announcements import shipped
from skryba.announcements.sound import Prepared, prepare
from skryba.announcements.sound_files import as_wav, decode
from skryba.announcements.speech import engine, speak
from skryba.announcements.versions import Deed, History, Signature, Source, Version, version_of
from skryba.announcements.wording import Filled, Wording, check_name, check_value
from skryba.errors import ConfigError, IntegrityError, ResourceError
from skryba.vault import durable

SOUND, TEXT, ORIGINAL = "sound.wav", "text.txt", "original"
_MODE = 0o640
_FOLDER_MODE = 0o750


class Store:
    """Of one folder (`notice.prompts`). Each method reads the journal first; those that write it keep others out."""

    def __init__(
        self,
        folder: Path,
        *,
        voice: Callable[[str, str], tuple[Any, int]] = speak,
        voice_name: Callable[[], str] = engine,
    ) -> None:
        self._folder = folder
        self._history = folder / "history"
        self._journal = self._history / "journal.jsonl"
        self._voice = voice
        self._voice_name = voice_name

    # --- looking ---------------------------------------------------------------------------------------------------

    def read(self) -> History:
        """IntegrityError when it was tampered with; a last line without end was never finished and is left out."""
        try:
            data = self._journal.read_bytes()
        except FileNotFoundError:
            return History()
        except OSError as error:
            raise ResourceError(f"{self._journal}: {error.strerror}") from error
        try:
            return History.read(data.split(b"\n")[:-1])
        except IntegrityError as error:
            raise IntegrityError(f"{self._journal}: {error}") from error

    def sound(self, version: Version) -> Path:
        """To listen to."""
        return self._history / version.version / SOUND

    def check(self, version: Version) -> None:
        """IntegrityError when text or sound are not those that were saved."""
        try:
            data = self.sound(version).read_bytes()
            text = (self._history / version.version / TEXT).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise IntegrityError(f"version {version.version}: {error}") from error
        sha256 = hashlib.sha256(data).hexdigest()
        name = version_of(version.prompt, version.language, text, sha256, version.key)
        if (sha256, text, name) != (version.sha256, version.text, version.version):
            raise IntegrityError(f"version {version.version}: text or sound are not those that were saved")

    def evidence(self, version: str) -> dict[str, Any]:
        """All that is known of a version, and when callers heard it; JSON-ready."""
        history = self.read()
        found = history.find(version)
        self.check(found)
        periods = [
            {"since": each.since.isoformat(), "until": each.until.isoformat() if each.until else None}
            for each in history.periods
            if each.version == found.version
        ]
        return asdict(found) | {"sound": str(self.sound(found)), "active": periods, "verified": True}

    # --- writing ---------------------------------------------------------------------------------------------------

    def set_values(
        self, language: str, values: Mapping[str, str], signature: Signature, *, prompt: str = ""
    ) -> list[Version]:
        """What is filled in, for one prompt or all of the language. Speaks what it changes; returns the drafts."""
        check_name(prompt or "all", language)
        told = {name: check_value(name, value) for name, value in values.items()}
        if "key" in told and not prompt:
            raise ConfigError("a key belongs to one prompt: say to which")
        with self._writing() as history:
            facts = {"language": language, "prompt": prompt, "values": told}
            known = history.values.setdefault((language, prompt), {})
            known.update(told)  # tried before it is written: a text that cannot be said with it is refused
            affected = self._texts(history, language, only=prompt)
            wanted = {name: wording for name, wording in affected.items() if wording.uses & told.keys()}
            if not wanted:
                raise ConfigError(f"no text has a place for {', '.join(sorted(told)) or 'nothing'}")
            prepared = [self._say(history, name, language, wording) for name, wording in sorted(wanted.items())]
            self._write(history, Deed.VALUES, signature, facts)
            return [self._save(history, signature, *each) for each in prepared]

    def set_text(self, prompt: str, language: str, template: str, signature: Signature) -> Version:
        """Words of the owner's own, spoken; the draft."""
        check_name(prompt, language)
        wording = Wording.parse(template)
        with self._writing() as history:
            prepared = self._say(history, prompt, language, wording)
            facts = {"prompt": prompt, "language": language, "text": wording.template}
            self._write(history, Deed.TEXT, signature, facts)
            return self._save(history, signature, *prepared)

    def speak(self, language: str, signature: Signature, *, prompt: str = "") -> list[Version]:
        """All texts of the language, or one, with the values that stand. What is the same is not saved again."""
        check_name(prompt or "all", language)
        with self._writing() as history:
            wanted = self._texts(history, language, only=prompt)
            if not wanted:
                raise ConfigError(f"there is no text {prompt!r} in {language!r}")
            prepared = [self._say(history, name, language, wording) for name, wording in sorted(wanted.items())]
            return [self._save(history, signature, *each) for each in prepared]

    def upload(
        self, prompt: str, language: str, data: bytes, text: str, signature: Signature, *, key: str | None = None
    ) -> Version:
        """A recorded sound, and what it says word for word; the draft."""
        check_name(prompt, language)
        said = Wording.parse(text)
        if said.uses:
            raise ConfigError("write down what the recording says word for word, without placeholders")
        key = check_value("key", key) or None if key else None
        prepared = prepare(*decode(data), long=shipped.longest_wanted(prompt))
        with self._writing() as history:
            filled = Filled(said.template, key)
            return self._save(history, signature, prompt, language, filled, prepared, "", original=data)

    def approve(self, version: str, signature: Signature) -> Version:
        """By somebody who is not its author."""
        with self._writing() as history:
            found = history.find(version)
            self.check(found)
            history.check_approval(found, signature)
            self._write(history, Deed.APPROVED, signature, {"version": found.version})
            return history.find(version)

    def activate(self, version: str, signature: Signature) -> Version:
        """Callers hear it as soon as the proxy has read its prompts again."""
        with self._writing() as history:
            found = history.find(version)
            self.check(found)
            history.check_activation(found)
            if history.active.get((found.prompt, found.language)) != found:
                self._write(history, Deed.ACTIVATED, signature, {"version": found.version})
            return found

    def withdraw(self, prompt: str, language: str, signature: Signature) -> Version:
        """Back to what ships under that name, if anything does. Returns what was active."""
        with self._writing() as history:
            found = history.active.get((prompt, language))
            if found is None:
                raise ConfigError(f"no version of {prompt!r} in {language!r} is active")
            self._write(history, Deed.WITHDRAWN, signature, {"prompt": prompt, "language": language})
            return found

    def two_persons(self, on: bool, signature: Signature) -> bool:
        """Let no version be heard that only its author saw; off when two persons want it. Returns what holds."""
        with self._writing() as history:
            self._write(history, Deed.TWO_PERSONS, signature, {"on": on})
            return history.two_persons

    # --- within ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[History]:
        """The journal as it is, while nobody else writes it."""
        try:
            self._history.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self._history, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ResourceError(f"{self._history}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield self.read()
        except OSError as error:
            raise ResourceError(f"{self._history}: {error.strerror or error}") from error
        finally:
            os.close(descriptor)

    def _write(self, history: History, deed: Deed, signature: Signature, facts: Mapping[str, Any]) -> None:
        line = history.line(deed, signature, facts)
        whole = self._journal.read_bytes().rfind(b"\n") + 1 if self._journal.exists() else 0
        durable.append(self._journal, whole, line + b"\n", _MODE)
        history.add(line)

    def _texts(self, history: History, language: str, *, only: str) -> dict[str, Wording]:
        own = {name: Wording.parse(text) for (name, its), text in history.texts.items() if its == language}
        return {name: text for name, text in (shipped.texts(language) | own).items() if only in ("", name)}

    def _say(
        self, history: History, prompt: str, language: str, wording: Wording
    ) -> tuple[str, str, Filled, Prepared, str]:
        filled = wording.fill(history.values_of(prompt, language), language)
        prepared = prepare(*self._voice(filled.text, language), long=shipped.longest_wanted(prompt))
        return prompt, language, filled, prepared, self._voice_name()

    def _save(
        self,
        history: History,
        signature: Signature,
        prompt: str,
        language: str,
        filled: Filled,
        prepared: Prepared,
        voice: str,
        *,
        original: bytes | None = None,
    ) -> Version:
        wav = as_wav(prepared.samples)
        sha256 = hashlib.sha256(wav).hexdigest()
        name = version_of(prompt, language, filled.text, sha256, filled.key)
        if name in history.versions:
            return history.versions[name]
        self._keep(name, {SOUND: wav, TEXT: filled.text.encode()} | ({ORIGINAL: original} if original else {}))
        facts = {
            "version": name,
            "prompt": prompt,
            "language": language,
            "text": filled.text,
            "sha256": sha256,
            "key": filled.key,
            "source": str(Source.UPLOADED if original else Source.SPOKEN),
            "engine": voice,
            "duration_ms": prepared.duration_ms,
            "loudness": prepared.loudness,
            "true_peak": prepared.true_peak,
            "warnings": list(prepared.warnings),
        }
        self._write(history, Deed.SAVED, signature, {"saved": facts})
        return history.versions[name]

    def _keep(self, name: str, files: Mapping[str, bytes]) -> None:
        """The version's folder, whole or not at all."""
        new = self._history / f".{name}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=_FOLDER_MODE)
        for file, data in files.items():
            durable.append(new / file, 0, data, _MODE)
        shutil.rmtree(self._history / name, ignore_errors=True)  # one that no line of the journal names
        new.rename(self._history / name)
        durable.sync_folder(self._history)
