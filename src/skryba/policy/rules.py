"""Rules: the text of a rules file read into a RuleBook, or refused with all its faults at once.

May not know calls. Numbers and time zones are prepared here, so that nothing can go wrong when a call is waiting.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence

from skryba.policy.book import ALL, EVERY_TYPE, GROUP, LIST, CountryRule, Force, Rule, RuleBook
from skryba.policy.e164 import normalise
from skryba.policy.faults import Fault, FaultyRulesError, told
from skryba.policy.hours import Holidays, Hours, HoursError
from skryba.policy.model import CallType, IfUnrecordable, Mode, Notice, NoticeMoment
from skryba.policy.places import TOP, Places
from skryba.policy.table import Table

__all__ = ["GROUP", "Rule", "RuleBook", "parse_rules"]
RESERVED = frozenset(
    {"emergency", "never-list", "always-list", "default", "fallback", "selftest", "private", "sample", "country"}
)
_NO_NOTICE = "none"
_LANGUAGES = ("pl", "en", "uk", "de")
_TOP = ("never", "protected", "approved_by", "always", "always_like", "lists", "country", "rule")
_KEYS = (
    "id", "station", "direction", "call_type", "scope", "via", "number", "did", "trunk", "hours", "zone", "holidays",
    "mode", "sample", "private", "purpose", "legal_basis", "retention", "notice", "notice_reason", "language",
    "notice_moment", "if_unrecordable", "renditions",
)  # fmt: skip
_COUNTRY_KEYS = ("code", "force", "notice", "language", "reason")
_OWED = {  # product rule A11
    "purpose": ("purpose", "celu (purpose)"),
    "legal_basis": ("legal basis", "podstawy prawnej (legal_basis)"),
    "retention": ("retention", "czasu przechowywania (retention)"),
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}\Z")
_RETENTION = re.compile(r"[1-9][0-9]{0,4}[dwmy]\Z")
_PREFIX = re.compile(r"\+[0-9]{1,15}\Z")
_COUNTRY = re.compile(r"\+[1-9][0-9]{0,6}\Z")
_VIA = re.compile(r"(queue|ivr)(:.+|\*)?\Z")
_RENDITIONS = ("flac", "opus", "mp3")
_TOML_LINE = re.compile(r"at line ([0-9]+)")
_INBOUND = frozenset({CallType.INCOMING, CallType.QUEUE, CallType.IVR})
_DIRECTIONS = {
    "outbound": frozenset({CallType.OUTGOING}),
    "inbound": _INBOUND,
    "inbound_direct": frozenset({CallType.INCOMING}),
    "inbound_via": frozenset({CallType.QUEUE, CallType.IVR}),
    "internal": frozenset({CallType.INTERNAL}),
    "*": EVERY_TYPE,
}
_TYPES = {str(kind): frozenset({kind}) for kind in CallType} | {"*": EVERY_TYPE}
_SCOPES = {"internal": frozenset({CallType.INTERNAL}), "external": EVERY_TYPE - {CallType.INTERNAL}, "*": EVERY_TYPE}


def parse_rules(
    text: str, *, source: str, country: str = "48", language: str = "pl", replacing: RuleBook | None = None
) -> RuleBook:
    """`language` is that of notices whose rule names none. FaultyRulesError lists every fault with line and remedy.

    `replacing` is the book in force: what it protects stays protected, unless a second person has signed (A14).
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = _TOML_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise FaultyRulesError(source, [told(line, "toml", error=error)]) from error
    faults: list[Fault] = []
    version = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    book = _Reader(Table(document, TOP, Places(text), faults), country, language).book(version, source, replacing)
    if faults:
        raise FaultyRulesError(source, faults)
    return book


class _Reader:
    """Goes through a document once; the tables keep the faults."""

    def __init__(self, top: Table, country: str, language: str) -> None:
        self._top = top
        self._country = country
        self._language = language
        self._lists: dict[str, tuple[str, ...]] = {}

    def book(self, version: str, source: str, replacing: RuleBook | None) -> RuleBook:
        top = self._top
        top.only(_TOP)
        listed = top.table("lists")
        self._lists = {name: tuple(listed.texts(name, self._reading(listed, name))) for name in listed}
        never, protected, always = (frozenset(self._subjects(name)) for name in ("never", "protected", "always"))
        approved_by = top.text("approved_by")
        if replacing is not None:
            self._guard(replacing, protected, approved_by)
        wanted = top.text("always_like")
        rules: list[Rule] = []
        for table in top.tables("rule"):
            rules.append(self._rule(table, [rule.id for rule in rules]))
        return RuleBook(
            rules=tuple(rules),
            never=never | protected,
            always=always,
            like=self._like(rules, wanted) if always or wanted is not None else None,
            country=self._country,
            version=version,
            source=source,
            protected=protected,
            approved_by=approved_by,
            lists=tuple(self._lists.items()),
            countries=tuple(self._countries()),
        )

    def _guard(self, replacing: RuleBook, protected: frozenset[str], approved_by: str | None) -> None:
        lost = ", ".join(sorted(replacing.protected - protected))
        if lost and approved_by is None:
            self._top.fault("protected", "unprotected", found=lost)
        elif lost and approved_by == replacing.approved_by:
            self._top.fault("approved_by", "stale_approval", found=lost)

    def _like(self, rules: Sequence[Rule], wanted: str | None) -> Rule | None:
        recording = [rule for rule in rules if rule.mode is Mode.AUTOMATIC]
        if wanted is not None:
            named = next((rule for rule in recording if rule.id == wanted), None)
            if named is None:
                self._top.fault("always_like", "no_like", found=wanted)
            return named
        if len(recording) != 1:
            self._top.fault("always", "like_owed")
        return recording[0] if recording else None

    def _countries(self) -> Iterator[CountryRule]:
        seen: set[str] = set()
        for table in self._top.tables("country"):
            table.only(_COUNTRY_KEYS)
            codes = tuple(code for entry in table.texts("code") if (code := self._code(table, entry, seen)))
            if "code" not in table:
                table.fault("code", "country_owes", choices='["+49"]')
            force, notice = table.choice("force", Force), self._notice(table, "")
            if "force" not in table:
                table.fault("force", "country_owes", choices=", ".join(Force))
            if force is Force.NEVER:
                for key in ("notice", "language"):
                    if key in table:
                        table.fault(key, "country_silent")
            elif force is not None and notice is None:
                table.fault("notice", "country_owes", choices='"…"')
            yield CountryRule(codes, force or Force.NEVER, notice, table.text("reason"))

    def _rule(self, table: Table, taken: Sequence[str]) -> Rule:
        table.only(_KEYS)
        name = self._id(table, taken)
        mode = table.choice("mode", Mode)
        if "mode" not in table:
            table.fault("mode", "no_mode", choices=", ".join(Mode))
        if mode in (Mode.AUTOMATIC, Mode.ON_DEMAND):
            for key, (what, what_pl) in _OWED.items():
                if key not in table:
                    table.fault(key, "owed", rule=name, what=what, what_pl=what_pl)
            if "notice" not in table:
                table.fault("notice", "owed_notice", rule=name)
        sample, private = table.percent("sample"), table.flag("private")
        if sample is not None and mode not in (None, Mode.AUTOMATIC):
            table.fault("sample", "sample_mode")
        if private and mode is Mode.NEVER:
            table.fault("private", "private_mode", rule=name)
        notice = self._notice(table, name)
        return Rule(
            id=name,
            mode=mode or Mode.NEVER,
            stations=tuple(table.texts("station", lambda entry: self._station(table, entry), all_of=ALL)),
            types=self._types(table),
            via=tuple(table.texts("via", lambda entry: self._via(table, entry), all_of=ALL)),
            numbers=tuple(table.texts("number", lambda entry: self._number(table, "number", entry), all_of=ALL)),
            dids=tuple(table.texts("did", lambda entry: self._number(table, "did", entry), all_of=ALL)),
            trunks=tuple(table.texts("trunk", all_of=ALL)),
            hours=self._hours(table),
            sample=sample,
            private=private,
            notice=notice,
            notice_reason=table.text("notice_reason"),
            purpose=table.text("purpose"),
            legal_basis=table.text("legal_basis"),
            retention=self._retention(table),
            if_unrecordable=table.choice("if_unrecordable", IfUnrecordable) or IfUnrecordable.CONTINUE,
            renditions=tuple(table.texts("renditions", lambda entry: self._rendition(table, entry)))
            if "renditions" in table
            else None,
            line=table.line,
        )

    def _id(self, table: Table, taken: Sequence[str]) -> str:
        name = table.text("id")
        if name is None:
            if "id" not in table:
                table.fault("id", "no_id")
            return f"#{len(taken) + 1}"
        if not _ID.match(name):
            table.fault("id", "bad_id", found=name)
        elif name in RESERVED:
            table.fault("id", "reserved_id", found=name)
        elif name in taken:
            table.fault("id", "taken_id", found=name)
        return name

    def _types(self, table: Table) -> frozenset[CallType]:
        found = EVERY_TYPE
        for key, known in (("direction", _DIRECTIONS), ("call_type", _TYPES), ("scope", _SCOPES)):
            entries = list(table.texts(key, all_of=ALL))
            for entry in entries:
                if entry not in known:
                    what = key.replace("_", " ")
                    table.fault(key, "choice", found=entry, what=what, choices=", ".join(known))
                    return EVERY_TYPE
            found &= frozenset().union(*(known[entry] for entry in entries))
        ways = list(table.texts("via", lambda entry: self._via(table, entry), all_of=ALL))
        if ways and "*" not in ways:
            found &= {CallType.IVR if entry.startswith("ivr") else CallType.QUEUE for entry in ways}
        if not found:
            odd = next((key for key in ("via", "scope", "call_type", "direction") if key in table), "direction")
            table.fault(odd, "no_call")
        return found

    def _via(self, table: Table, entry: str) -> str | None:
        if entry != "*" and not _VIA.match(entry):
            table.fault("via", "via", found=entry)
            return None
        return entry

    def _notice(self, table: Table, rule: str) -> Notice | None:
        """`rule` is empty for a country's, which cannot do without."""
        prompt, language = table.text("notice"), table.text("language")
        moment = table.choice("notice_moment", NoticeMoment)
        if language is not None and language not in _LANGUAGES:
            table.fault("language", "no_language", found=language, choices=", ".join(_LANGUAGES))
        if prompt == _NO_NOTICE:
            if rule and not table.text("notice_reason"):
                table.fault("notice", "no_notice_reason", rule=rule)
            return None
        return Notice(prompt, language or self._language, moment or NoticeMoment.ANSWER) if prompt else None

    def _hours(self, table: Table) -> Hours | None:
        text, zone, holidays = table.text("hours"), table.text("zone"), table.choice("holidays", Holidays)
        if text is None and holidays in (None, Holidays.ANY):
            if zone is not None:
                table.fault("zone", "lonely_zone")
            return None
        try:
            return Hours.parse(text or "00:00-24:00", zone or "Europe/Warsaw", holidays or Holidays.ANY)
        except HoursError as error:
            table.fault("hours" if text else "zone", "hours", english=error, polish=error.polish)
            return None

    def _retention(self, table: Table) -> str | None:
        text = table.text("retention")
        if text is not None and not _RETENTION.match(text):
            table.fault("retention", "retention", found=text)
        return text

    def _subjects(self, key: str) -> Iterator[str]:
        """Stations, groups and numbers in one list: each entry as written and, when it is a number, normalised."""
        for entry in self._top.texts(key):
            if entry.startswith(GROUP) or entry == "*":
                yield entry
            elif entry.startswith(LIST):
                if self._number(self._top, key, entry) is not None:
                    yield from self._lists[entry.removeprefix(LIST)]
            else:
                if not entry.endswith("*"):
                    yield entry
                if (number := self._number(self._top, key, entry)) is not None:
                    yield number

    def _reading(self, table: Table, name: str) -> Callable[[str], str | None]:
        def read(entry: str) -> str | None:
            if entry.startswith(LIST):
                table.fault(name, "nested_list")
                return None
            return self._number(table, name, entry)

        return read

    def _rendition(self, table: Table, entry: str) -> str | None:
        if entry not in _RENDITIONS:
            table.fault("renditions", "rendition", found=entry, choices=", ".join(_RENDITIONS))
            return None
        return entry

    def _station(self, table: Table, entry: str) -> str | None:
        if entry != "*" and entry.endswith("*"):
            table.fault("station", "pattern_station", found=entry)
            return None
        return entry

    def _code(self, table: Table, entry: str, seen: set[str]) -> str | None:
        code = f"+{entry[2:]}" if entry.startswith("00") else entry
        if not _COUNTRY.match(code):
            table.fault("code", "country_code", found=entry)
            return None
        if code in seen:
            table.fault("code", "country_twice", found=code)
        seen.add(code)
        return code

    def _number(self, table: Table, key: str, entry: str) -> str | None:
        if entry.startswith(LIST):
            name = entry.removeprefix(LIST)
            if name not in self._lists:
                table.fault(key, "unknown_list", found=name)
                return None
            return entry
        if entry == "*" or not entry.endswith("*"):
            return entry if entry == "*" else normalise(entry, country=self._country)
        body = re.sub(r"[ \-.()]", "", entry[:-1])
        prefix = f"+{body[2:]}" if body.startswith("00") else body
        if not _PREFIX.match(prefix):
            table.fault(key, "vague_prefix", found=entry, better=f"+{self._country}{body}*")
            return None
        return f"{prefix}*"
