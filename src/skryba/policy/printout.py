"""Printout: the rules of one version as a page that a data-protection officer reads, files and signs. HTML, no script.

May not know files, clocks or how rules decide. It shows the text as it was written, beside it each rule in words; a key
that has no words here is shown by its name, so that nothing is left out.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any, Literal
from zoneinfo import ZoneInfo

from skryba.policy.versions import History, Version

Language = Literal["pl", "en"]
_TIME = "%Y-%m-%d %H:%M:%S %z"
_STYLE = """
@page { size: A4; margin: 18mm }
body { font: 10.5pt/1.4 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: 1em auto; padding: 0 1em }
h1 { font-size: 16pt } h2 { font-size: 12pt; margin: 1.4em 0 .4em } h2, h3 { break-after: avoid }
h3 { font-size: 10.5pt; margin: 1em 0 .2em } table { border-collapse: collapse; width: 100%; break-inside: avoid }
th, td { border: .5pt solid #777; padding: .2em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { width: 38%; font-weight: normal; background: #f2f2f2 }
pre { font: 8.5pt/1.35 monospace; white-space: pre-wrap; overflow-wrap: anywhere; padding: .6em;
  border: .5pt solid #777 }
.sign td { height: 3.2em; vertical-align: bottom }
"""

# What the page says, in both languages.
_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Reguły nagrywania rozmów", "Rules of call recording"),
    "asked": ("Stan na", "As of"),
    "number": ("Wersja", "Version"),
    "sha256": ("Skrót SHA-256 tekstu reguł", "SHA-256 of the rules' text"),
    "named": ("Oznaczenie w decyzjach i manifestach", "Name in decisions and manifests"),
    "author": ("Autor zmiany", "Changed by"),
    "at": ("Zapisano", "Saved"),
    "reason": ("Powód zmiany", "Reason of the change"),
    "restores": ("Przywraca wersję", "Restores version"),
    "spans": ("Obowiązuje / obowiązywała", "In force"),
    "still": ("nadal", "still"),
    "never_loaded": ("nigdy nie weszła w życie", "never came into force"),
    "nobody": (
        "W tej chwili nie obowiązywały żadne reguły: nic nie było nagrywane.",
        "No rules were in force at that moment: nothing was recorded.",
    ),
    "order": ("Kolejność rozstrzygania", "Order of decision"),
    "first": (
        "Numery alarmowe i połączenia priorytetowe: nigdy nie nagrywane, bez komunikatu i bez opóźnienia.",
        "Emergency numbers and priority calls: never recorded, no notice, no delay.",
    ),
    "second": (
        "Lista „nigdy”: nie nagrywać, cokolwiek mówią reguły.",
        "Never-list: not recorded, whatever the rules say.",
    ),
    "third": (
        "Lista „zawsze”: nagrywać na warunkach wskazanej reguły.",
        "Always-list: recorded on the named rule's terms.",
    ),
    "fourth": (
        "Reguły w podanej kolejności; rozstrzyga pierwsza, która pasuje.",
        "The rules in the order shown; the first that matches decides.",
    ),
    "fifth": ("Żadna nie pasuje: nie nagrywać.", "None matches: not recorded."),
    "sixth": (
        "Zanim cokolwiek zostanie nagrane: prawo kraju drugiej strony, życzenie rozmowy prywatnej, losowanie próby.",
        "Before anything is recorded: law of the other party's country, wish for a private call, draw of the sample.",
    ),
    "lists": ("Listy i ustawienia ogólne", "Lists and general settings"),
    "rules": ("Reguły", "Rules"),
    "no_rules": ("Nie ma żadnych reguł.", "There are no rules."),
    "text": ("Pełny tekst", "The whole text"),
    "empty": ("(pusta)", "(empty)"),
    "yes": ("tak", "yes"),
    "no": ("nie", "no"),
    "law": (
        "Cele, podstawy prawne i okresy podał administrator. Wydruk nie jest poradą prawną.",
        "Purposes, legal bases and periods were stated by the controller. Nothing here is legal advice.",
    ),
    "officer": ("Inspektor ochrony danych: data, podpis", "Data-protection officer: date, signature"),
    "controller": ("W imieniu administratora: data, podpis", "For the controller: date, signature"),
}

# Keys of the rules' text.
_KEYS: dict[str, tuple[str, str]] = {
    "never": ("Lista „nigdy”", "Never-list"),
    "protected": (
        "Lista chroniona: nigdy, zmiana tylko przez dwie osoby",
        "Protected list: never, changed by two people",
    ),
    "approved_by": ("Zmianę listy chronionej zatwierdził(a)", "Change of the protected list approved by"),
    "always": ("Lista „zawsze”", "Always-list"),
    "always_like": ("Lista „zawsze”: na warunkach reguły", "Always-list: on the terms of rule"),
    "lists": ("Listy numerów", "Lists of numbers"),
    "country": ("Reguły krajów", "Country rules"),
    "code": ("kraj", "country"),
    "force": ("wymóg", "demand"),
    "station": ("Stanowisko lub grupa", "Station or group"),
    "direction": ("Kierunek", "Direction"),
    "call_type": ("Rodzaj połączenia", "Kind of call"),
    "scope": ("Zasięg", "Scope"),
    "via": ("Przez kolejkę lub zapowiedź IVR", "By way of queue or IVR"),
    "number": ("Numer drugiej strony", "Number of the other party"),
    "did": ("Wybrany numer własny", "Called number of ours"),
    "trunk": ("Łącze", "Trunk"),
    "hours": ("Godziny", "Hours"),
    "zone": ("Strefa czasowa", "Time zone"),
    "holidays": ("Święta w Polsce", "Public holidays of Poland"),
    "mode": ("Co robić", "What to do"),
    "sample": ("Próba, procent połączeń", "Sample, per cent of calls"),
    "private": ("Rozmowa prywatna na życzenie", "Private call on request"),
    "purpose": ("Cel", "Purpose"),
    "legal_basis": ("Podstawa prawna", "Legal basis"),
    "retention": ("Okres przechowywania", "Retention"),
    "notice": ("Komunikat", "Notice"),
    "notice_reason": ("Powód braku komunikatu", "Why there is no notice"),
    "language": ("Język komunikatu", "Language of the notice"),
    "notice_moment": ("Kiedy dzwoniący słyszy komunikat", "When the caller hears the notice"),
    "if_unrecordable": ("Gdy nie można nagrać", "When it cannot be recorded"),
    "renditions": ("Dodatkowe pliki", "Further files"),
}

# Values that are words of ours, by key.
_VALUES: dict[tuple[str, str], tuple[str, str]] = {
    ("mode", "never"): ("nie nagrywać", "do not record"),
    ("mode", "automatic"): ("nagrywać", "record"),
    ("mode", "on_demand"): ("nagrywać na polecenie", "record on command"),
    ("direction", "inbound_direct"): ("przychodzące bezpośrednio", "inbound, direct"),
    ("direction", "inbound_via"): ("przychodzące przez kolejkę lub IVR", "inbound by queue or IVR"),
    ("call_type", "outgoing"): ("wychodzące", "outgoing"),
    ("call_type", "incoming"): ("przychodzące bezpośrednio", "incoming, direct"),
    ("call_type", "queue"): ("przez kolejkę", "by a queue"),
    ("call_type", "ivr"): ("przez IVR", "by an IVR"),
    ("call_type", "internal"): ("wewnętrzne", "internal"),
    ("scope", "internal"): ("wewnętrzne", "internal"),
    ("scope", "external"): ("zewnętrzne", "external"),
    ("holidays", "any"): ("jak inne dni", "like other days"),
    ("holidays", "except"): ("z wyjątkiem świąt", "except on holidays"),
    ("holidays", "only"): ("tylko w święta", "on holidays only"),
    ("force", "never"): ("nie nagrywać", "do not record"),
    ("force", "notice"): ("własny komunikat", "a notice of its own"),
    ("force", "opt_in"): ("zgoda drugiej strony", "the other party's agreement"),
    ("direction", "outbound"): ("wychodzące", "outbound"),
    ("direction", "inbound"): ("przychodzące", "inbound"),
    ("direction", "internal"): ("wewnętrzne", "internal"),
    ("notice", "none"): ("brak", "none"),
    ("language", "pl"): ("polski", "Polish"),
    ("language", "en"): ("angielski", "English"),
    ("language", "uk"): ("ukraiński", "Ukrainian"),
    ("language", "de"): ("niemiecki", "German"),
    ("notice_moment", "answer"): ("po odebraniu", "after the answer"),
    ("notice_moment", "early_media"): ("przed odebraniem", "before the answer"),
    ("if_unrecordable", "continue"): ("rozmowa bez nagrania", "the call goes on unrecorded"),
    ("if_unrecordable", "refuse"): ("połączenie odrzucane", "the call is refused"),
    ("if_unrecordable", "end"): ("wyjaśnienie i koniec rozmowy", "the caller is told why and the call ends"),
}
_PERIODS = {"d": ("dni", "day(s)"), "w": ("tyg.", "week(s)"), "m": ("mies.", "month(s)"), "y": ("rok/lata", "year(s)")}
_ANY = ("dowolne", "any")


def page(
    history: History, version: Version | None, text: str, *, at: datetime, language: Language, zone: ZoneInfo
) -> str:
    """One whole HTML document about the version that was in force `at`; None: there was none."""
    return _Page(language, zone).made(history, version, text, at)


class _Page:
    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self._index = 0 if language == "pl" else 1
        self._language = language
        self._zone = zone

    def made(self, history: History, version: Version | None, text: str, at: datetime) -> str:
        say = self._say
        parts = [f"<h1>{say('title')}</h1>"]
        if version is None:
            parts.append(self._table([(say("asked"), self._time(at))]))
            parts.append(f"<p>{say('nobody')}</p>")
        else:
            parts += [self._table(self._about(history, version, at)), self._order(), *self._rules(text)]
            parts.append(f"<h2>{say('text')}</h2><pre>{escape(text)}</pre>")
        parts.append(f"<p>{say('law')}</p>")
        parts.append(f'<table class="sign"><tr><td>{say("officer")}</td><td>{say("controller")}</td></tr></table>')
        head = f'<meta charset="utf-8"><title>{say("title")}, {escape(self._time(at))}</title><style>{_STYLE}</style>'
        body = "\n".join(parts)
        return f'<!doctype html>\n<html lang="{self._language}"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'

    def _about(self, history: History, version: Version, at: datetime) -> Iterable[tuple[str, str]]:
        say = self._say
        spans = history.spans(version.number)
        yield say("asked"), self._time(at)
        yield say("number"), str(version.number)
        yield (
            say("spans"),
            "; ".join(
                f"{self._time(since)} – {say('still') if until is None else self._time(until)}"
                for since, until in spans
            )
            or say("never_loaded"),
        )
        yield say("at"), self._time(version.at)
        yield say("author"), version.author
        yield say("reason"), version.reason
        if version.restores is not None:
            yield say("restores"), str(version.restores)
        yield say("named"), version.version
        yield say("sha256"), version.sha256

    def _order(self) -> str:
        steps = "".join(
            f"<li>{self._say(step)}</li>" for step in ("first", "second", "third", "fourth", "fifth", "sixth")
        )
        return f"<h2>{self._say('order')}</h2><ol>{steps}</ol>"

    def _rules(self, text: str) -> Iterable[str]:
        document = tomllib.loads(text)
        rules = document.pop("rule", [])
        if document:
            yield f"<h2>{self._say('lists')}</h2>{self._table(self._shown(document))}"
        yield f"<h2>{self._say('rules')}</h2>"
        if not rules:
            yield f"<p>{self._say('no_rules')}</p>"
        for number, rule in enumerate(rules, start=1):
            name = escape(str(rule.pop("id", "")))
            yield f"<h3>{number}. {name}</h3>{self._table(self._shown(rule))}"

    def _shown(self, table: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        for key, value in table.items():
            yield self._pick(_KEYS[key]) if key in _KEYS else key, self._value(key, value)

    def _value(self, key: str, value: Any) -> str:
        match value:
            case bool():
                return self._say("yes" if value else "no")
            case list():
                return ", ".join(self._value(key, each) for each in value) or self._say("empty")
            case dict():
                return "; ".join(f"{name}: {each}" for name, each in self._shown(value))
            case "*":
                return self._pick(_ANY)
            case str() if key == "retention" and value[-1:] in _PERIODS:
                return f"{value[:-1]} {self._pick(_PERIODS[value[-1]])}"
            case str() if (key, value) in _VALUES:
                return self._pick(_VALUES[key, value])
        return str(value)

    def _table(self, rows: Iterable[tuple[str, str]]) -> str:
        made = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        return f"<table>{made}</table>"

    def _time(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime(_TIME)

    def _say(self, word: str) -> str:
        return self._pick(_WORDS[word])

    def _pick(self, words: tuple[str, str]) -> str:
        return words[self._index]
