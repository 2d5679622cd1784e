"""Texts of announcements and what is filled into them: `[Tu {controller}. ]Rozmowa będzie nagrywana[. Cel: {purpose}].`

May not know files or sounds. A part in square brackets is left out, or gives way to what stands behind its bar, as
long as a placeholder in it has no value. So one text serves the house that gave its name and the one that did not.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skryba.errors import ConfigError

LANGUAGES = ("pl", "en", "uk", "de")
PLACEHOLDERS = ("controller", "purpose", "address", "key")
LONGEST_TEXT = 2000  # characters; 60 s of speech are about 900
LONGEST_VALUE = 200
DEFAULT_KEY = "1"  # where a text cannot do without one

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"\[([^\[\]|]*)(?:\|([^\[\]|]*))?\]")
_KEY = re.compile(r"[0-9*#]{1,4}")
# What stands after "press" in each language.
_SPOKEN_KEYS = {
    "pl": {"*": "gwiazdkę", "#": "krzyżyk"},
    "en": {"*": "star", "#": "hash"},
    "uk": {"*": "зірочку", "#": "решітку"},
    "de": {"*": "Stern", "#": "Raute"},
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A text as it is said. `key` is the one it names, None when it names none."""

    text: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Wording:
    """One text that was read without fault."""

    template: str

    @classmethod
    def parse(cls, template: str) -> "Wording":
        """ConfigError (for people) when it cannot be used."""
        text = " ".join(template.split())
        rest = _PART.sub("", text)
        faults = [
            (not text, "the text is empty"),
            (len(text) > LONGEST_TEXT, f"{len(text)} characters; more than {LONGEST_TEXT} nobody listens to"),
            (not text.isprintable(), "there is a character in it that cannot be printed"),
            (bool(re.search(r"[\[\]|]", rest)), "square brackets come in pairs, not within each other, one | in each"),
            (bool(re.search(r"[{}]", _PLACEHOLDER.sub("", text))), "braces come in pairs"),
        ]
        faults += [
            (name not in PLACEHOLDERS, f"{{{name}}} is none of {', '.join(PLACEHOLDERS)}")
            for name in _PLACEHOLDER.findall(text)
        ]
        for part in _PART.finditer(text):
            faults += [
                (not _names(part[1]), f"{part[0]} has no placeholder, so it would always be said"),
                (bool(_names(part[2] or "")), f"what stands behind | in {part[0]} may have no placeholder"),
            ]
        for wrong, problem in faults:
            if wrong:
                raise ConfigError(f"text {text[:60]!r}: {problem}")
        return cls(text)

    @property
    def needs(self) -> frozenset[str]:
        """Placeholders without which it cannot be said."""
        return _names(_PART.sub("", self.template))

    @property
    def uses(self) -> frozenset[str]:
        """All its placeholders."""
        return _names(self.template)

    def fill(self, values: Mapping[str, str], language: str) -> Filled:
        """ConfigError when a value is missing that it needs."""
        given = {name: value for name, value in values.items() if value}
        if "key" in self.needs:
            given.setdefault("key", DEFAULT_KEY)
        if missing := sorted(self.needs - given.keys()):
            raise ConfigError(f"text {self.template[:60]!r}: give a value for {', '.join(missing)}")

        def part(found: re.Match[str]) -> str:
            return found[1] if _names(found[1]) <= given.keys() else found[2] or ""

        chosen = _PART.sub(part, self.template)
        spoken = given | {"key": _spoken(given.get("key", ""), language)}
        text = _PLACEHOLDER.sub(lambda found: spoken[found[1]], chosen)
        return Filled(" ".join(text.split()), given["key"] if "key" in _names(chosen) else None)


def check_value(name: str, value: str) -> str:
    """The value without blanks around it; "" takes it back. ConfigError when it cannot be said."""
    value = " ".join(value.split())
    if name not in PLACEHOLDERS:
        raise ConfigError(f"{name!r} is no placeholder; there are {', '.join(PLACEHOLDERS)}")
    if name == "key" and value and not _KEY.fullmatch(value):
        raise ConfigError(f"key {value!r}: one to four of 0-9 * #")
    if len(value) > LONGEST_VALUE or not value.isprintable() or re.search(r"[\[\]{}|]", value):
        raise ConfigError(f"{name}: at most {LONGEST_VALUE} printable characters without brackets, braces and bars")
    return value


def check_name(prompt: str, language: str) -> None:
    """ConfigError when it is no id or no language that we speak."""
    if not _ID.fullmatch(prompt):
        raise ConfigError(f"{prompt!r} is no id of a prompt: small letters, digits, - and _, as opt-out")
    if language not in LANGUAGES:
        raise ConfigError(f"{language!r} is no language of ours: {', '.join(LANGUAGES)}")


def read_texts(toml: str) -> dict[str, Wording]:
    """By id, from one language's file. ConfigError names what is wrong."""
    try:
        table = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"texts: {error}") from error
    return {prompt: Wording.parse(str(template)) for prompt, template in table.items()}


def _names(text: str) -> frozenset[str]:
    return frozenset(_PLACEHOLDER.findall(text))


def _spoken(key: str, language: str) -> str:
    return " ".join(_words(key, language))


def _words(key: str, language: str) -> Iterator[str]:
    for sign in key:
        yield _SPOKEN_KEYS[language].get(sign, sign)
