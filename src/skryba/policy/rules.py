"""Rules: the text of a rules file read into a RuleBook, or refused with all its faults at once.

May not know calls. Numbers and time zones are prepared here, so that nothing can go wrong when a call is waiting.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from skryba.errors import ConfigError
from skryba.policy.e164 import normalise
from skryba.policy.hours import Hours
from skryba.policy.model import IfUnrecordable, Mode, Notice, NoticeMoment
from skryba.policy.places import Places
from skryba.terms import Direction

GROUP = "group:"
ALL = ("*",)
RESERVED = frozenset({"emergency", "never-list", "always-list", "default", "fallback", "selftest"})
_NO_NOTICE = "none"
_LANGUAGES = ("pl", "en")
_TOP = ("never", "always", "always_like", "rule")
_KEYS = (
    "id", "station", "direction", "number", "did", "trunk", "hours", "zone", "mode", "purpose", "legal_basis",
    "retention", "notice", "notice_reason", "language", "notice_moment", "if_unrecordable", "renditions",
)  # fmt: skip
_OWED = ("purpose", "legal_basis", "retention", "notice")  # product rule A11
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}\Z")
_RETENTION = re.compile(r"[1-9][0-9]{0,4}[dwmy]\Z")
_PREFIX = re.compile(r"\+[0-9]{1,15}\Z")
_RENDITIONS = ("flac", "opus", "mp3")
Choice = TypeVar("Choice", Mode, NoticeMoment, IfUnrecordable)
_TOML_LINE = re.compile(r"at line ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One [[rule]]. Patterns are normalised; `stations` holds ids, `group:NAME` and `*`."""

    id: str
    mode: Mode
    stations: tuple[str, ...] = ALL
    directions: frozenset[Direction] = frozenset(Direction)
    numbers: tuple[str, ...] = ALL
    dids: tuple[str, ...] = ALL
    trunks: tuple[str, ...] = ALL
    hours: Hours | None = None
    notice: Notice | None = None
    notice_reason: str | None = None  # why there is no notice
    purpose: str | None = None
    legal_basis: str | None = None
    retention: str | None = None
    if_unrecordable: IfUnrecordable = IfUnrecordable.CONTINUE
    renditions: tuple[str, ...] | None = None  # None: as configured


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All that stands in one rules file. `like` gives purpose, basis, retention and notice to calls of the always-list.

    `never` and `always` hold station ids, `group:NAME`, and normalised number patterns side by side.
    """

    rules: tuple[Rule, ...] = ()
    never: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()
    like: Rule | None = None
    country: str = "48"
    version: str = ""
    source: str = field(default="", compare=False)


def parse_rules(text: str, *, source: str, country: str = "48", language: str = "pl") -> RuleBook:
    """`language` is that of notices whose rule names none. ConfigError lists every fault with line and remedy."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = _TOML_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise ConfigError(f"{source}:{line}: this is no TOML: {error}. Mend the line; texts stand in quotes") from error
    reader = _Reader(document, Places(text), country, language)
    book = reader.book(version=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16], source=source)
    if reader.faults:
        faults = sorted(reader.faults)
        raise ConfigError("\n".join(f"{source}:{line}: {problem}. {remedy}" for line, problem, remedy in faults))
    return book


class _Reader:
    """Goes through a document once and keeps every fault."""

    def __init__(self, document: dict[str, Any], places: Places, country: str, language: str) -> None:
        self.faults: list[tuple[int, str, str]] = []
        self._document = document
        self._places = places
        self._country = country
        self._language = language
        self._index: int | None = None
        self._table: dict[str, Any] = document

    def book(self, *, version: str, source: str) -> RuleBook:
        self._unknown(_TOP)
        never, always = (frozenset(self._subjects(name)) for name in ("never", "always"))
        wanted = self._text("always_like")
        tables = self._document.get("rule", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._fault("rule", "rules are tables of their own", "Begin each with [[rule]]")
            tables = []
        rules: list[Rule] = []
        for self._index, self._table in enumerate(tables):
            rules.append(self._rule({rule.id for rule in rules}))
        self._index, self._table = None, self._document
        like = self._like(rules, wanted) if always or wanted is not None else None
        return RuleBook(tuple(rules), never, always, like, self._country, version, source)

    def _like(self, rules: Sequence[Rule], wanted: str | None) -> Rule | None:
        recording = [rule for rule in rules if rule.mode is Mode.AUTOMATIC]
        if wanted is not None:
            named = next((rule for rule in recording if rule.id == wanted), None)
            if named is None:
                self._fault("always_like", f"there is no recording rule {wanted!r}", "Name the id of an automatic rule")
            return named
        if len(recording) != 1:
            problem = "the always-list does not say for what purpose, how long and with which notice it records"
            self._fault(
                "always", problem, 'Add always_like = "ID" with the id of the automatic rule whose terms it takes'
            )
        return recording[0] if recording else None

    def _rule(self, taken: set[str]) -> Rule:
        self._unknown(_KEYS)
        name = self._id(taken)
        mode = self._choice("mode", Mode, None)
        if mode is Mode.AUTOMATIC:
            for key in _OWED:
                if key not in self._table:
                    remedy = f'Add {key} = "…"' + (', or notice = "none" with notice_reason' if key == "notice" else "")
                    self._fault(key, f"rule {name!r} records, but names no {key.replace('_', ' ')}", remedy)
        directions = self._choices("direction", Direction)
        return Rule(
            id=name,
            mode=mode or Mode.NEVER,
            stations=tuple(self._list("station", ALL, self._station)),
            directions=directions,
            numbers=tuple(self._list("number", ALL, self._number)),
            dids=tuple(self._list("did", ALL, self._number)),
            trunks=tuple(self._list("trunk", ALL, lambda text: text)),
            hours=self._hours(),
            notice=self._notice(name),
            notice_reason=self._text("notice_reason"),
            purpose=self._text("purpose"),
            legal_basis=self._text("legal_basis"),
            retention=self._retention(),
            if_unrecordable=self._choice("if_unrecordable", IfUnrecordable, IfUnrecordable.CONTINUE)
            or IfUnrecordable.CONTINUE,
            renditions=tuple(self._list("renditions", (), self._rendition)) if "renditions" in self._table else None,
        )

    def _id(self, taken: set[str]) -> str:
        name = self._text("id")
        if name is None:
            if "id" not in self._table:
                self._fault("id", "a rule has no id", 'Add id = "…": decisions are stored with it')
            return f"#{(self._index or 0) + 1}"
        if not _ID.match(name):
            self._fault("id", f"{name!r} is no id", "Use letters, digits, hyphens, dots and underscores, at most 64")
        elif name in RESERVED:
            self._fault("id", f"the id {name!r} belongs to Skryba", "Choose another")
        elif name in taken:
            self._fault("id", f"there is already a rule {name!r}", "Give each rule an id of its own")
        return name

    def _notice(self, rule: str) -> Notice | None:
        prompt = self._text("notice")
        language = self._text("language")
        moment = self._choice("notice_moment", NoticeMoment, NoticeMoment.ANSWER)
        if language is not None and language not in _LANGUAGES:
            self._fault("language", f"there are no notices in {language!r}", "Choose pl or en")
        if prompt == _NO_NOTICE:
            if not self._text("notice_reason"):
                remedy = 'Add notice_reason = "…", or name a notice'
                self._fault("notice", f"rule {rule!r} has no notice and does not say why", remedy)
            return None
        return Notice(prompt, language or self._language, moment or NoticeMoment.ANSWER) if prompt else None

    def _hours(self) -> Hours | None:
        text, zone = self._text("hours"), self._text("zone")
        if text is None:
            if zone is not None:
                self._fault("zone", "a time zone without hours says nothing", "Add hours, or remove zone")
            return None
        try:
            return Hours.parse(text, zone or "Europe/Warsaw")
        except ValueError as error:
            self._fault("hours", str(error), 'Write hours such as "mon-fri 08:00-16:00; sat 09:00-13:00"')
            return None

    def _retention(self) -> str | None:
        text = self._text("retention")
        if text is not None and not _RETENTION.match(text):
            self._fault(
                "retention", f"{text!r} is no length of time", 'Write days, weeks, months or years: "90d", "5y"'
            )
        return text

    def _subjects(self, key: str) -> Iterator[str]:
        """Stations, groups and numbers in one list: each entry as written and, when it is a number, normalised."""
        for entry in self._list(key, (), lambda text: text):
            if entry.startswith(GROUP) or entry == "*":
                yield entry
                continue
            if not entry.endswith("*"):
                yield entry
            if (number := self._number(entry, key)) is not None:
                yield number

    def _rendition(self, entry: str) -> str | None:
        if entry not in _RENDITIONS:
            self._fault("renditions", f"{entry!r} is no rendition", f"Choose among {', '.join(_RENDITIONS)}")
            return None
        return entry

    def _station(self, entry: str) -> str | None:
        if entry != "*" and entry.endswith("*"):
            self._fault("station", f"{entry!r} is no station", 'Name stations one by one, "group:NAME", or "*"')
            return None
        return entry

    def _number(self, entry: str, key: str = "number") -> str | None:
        if entry == "*" or not entry.endswith("*"):
            return entry if entry == "*" else normalise(entry, country=self._country)
        body = re.sub(r"[ \-.()]", "", entry[:-1])
        prefix = f"+{body[2:]}" if body.startswith("00") else body
        if not _PREFIX.match(prefix):
            problem = f"{entry!r} could mean numbers of a country or of the house"
            self._fault(
                key, problem, f'Write "+{self._country}{body}*" for numbers outside; name those of the house one by one'
            )
            return None
        return f"{prefix}*"

    def _list(self, key: str, default: tuple[str, ...], read: Callable[[str], str | None]) -> Iterator[str]:
        entries = self._table.get(key, list(default))
        if not isinstance(entries, list) or not all(isinstance(entry, str) and entry.strip() for entry in entries):
            self._fault(key, f"{key} is a list of texts", f'Write {key} = ["…", "…"]')
            return
        if not entries and default:
            self._fault(key, f"an empty list of {key} fits no call", f'Write {key} = ["*"], or remove the line')
        for entry in entries:
            if (value := read(entry.strip())) is not None:
                yield value

    def _choices(self, key: str, kind: type[Direction]) -> frozenset[Direction]:
        found = set()
        for entry in self._list(key, ALL, lambda text: text):
            if entry == "*":
                found |= set(kind)
            elif entry in set(map(str, kind)):
                found.add(kind(entry))
            else:
                self._fault(key, f"{entry!r} is no {key}", f"Choose {', '.join(kind)}, or *")
        return frozenset(found)

    def _choice(self, key: str, kind: type[Choice], default: Choice | None) -> Choice | None:
        text = self._text(key)
        if text is None:
            if default is None and key not in self._table:
                self._fault(key, f"a rule has no {key}", f"Add {key} = one of {', '.join(kind)}")
            return default
        if text not in set(map(str, kind)):
            self._fault(key, f"{text!r} is no {key.replace('_', ' ')}", f"Choose {' or '.join(kind)}")
            return default
        return kind(text)

    def _text(self, key: str) -> str | None:
        value = self._table.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self._fault(key, f"{key} is a text", f'Write {key} = "…"')
            return None
        return value.strip()

    def _unknown(self, known: Sequence[str]) -> None:
        for key in self._table:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                remedy = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}"
                self._fault(key, f"there is no option {key!r} here", remedy)

    def _fault(self, key: str, problem: str, remedy: str) -> None:
        fault = (self._places.of(self._index, key), problem, remedy)
        if fault not in self.faults:
            self.faults.append(fault)
