"""What can be wrong with a rules file: each fault with its line, the reason and the remedy, in English and in Polish.

May not know how a file is read.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from skryba.errors import ConfigError


class Words(NamedTuple):
    """Of one kind of fault, with places for what was found."""

    problem: str
    remedy: str
    problem_pl: str
    remedy_pl: str


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing to mend."""

    line: int
    problem: str
    remedy: str
    problem_pl: str
    remedy_pl: str

    def __str__(self) -> str:
        """Both languages on one line: whoever reads it, wherever it is shown."""
        return f"{self.problem}. {self.remedy} | {self.problem_pl}. {self.remedy_pl}"

    def as_json(self) -> dict[str, str | int]:
        return asdict(self)


class FaultyRulesError(ConfigError):
    """All faults of one file, in the order of its lines; `str()` lists them, one a line."""

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        self.source = source
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(f"{source}:{fault.line}: {fault}" for fault in self.faults))


# By name; what stands in braces is given by whoever finds the fault.
WORDS: dict[str, Words] = {
    "toml": Words(
        "this is no TOML: {error}", "Mend the line; texts stand in quotes",
        "to nie jest TOML: {error}", "Popraw wiersz; teksty stoją w cudzysłowie",
    ),
    "unknown": Words(
        "there is no option {found!r} here", "Known are {known}",
        "nie ma tu opcji „{found}”", "Znane są {known}",
    ),
    "misspelt": Words(
        "there is no option {found!r} here", "Did you mean {close}?",
        "nie ma tu opcji „{found}”", "Czy chodziło o {close}?",
    ),
    "tables": Words(
        "{key} is a table, or several", "Begin each with [[{key}]]",
        "{key} to tabela albo kilka", "Każdą zacznij od [[{key}]]",
    ),
    "named_table": Words(
        "{key} is one table", "Begin it with [{key}]",
        "{key} to jedna tabela", "Zacznij ją od [{key}]",
    ),
    "text": Words(
        "{key} is a text", 'Write {key} = "…"',
        "{key} to tekst", 'Napisz {key} = "…"',
    ),
    "flag": Words(
        "{key} is true or false", "Write {key} = true, or remove the line",
        "{key} to true albo false", "Napisz {key} = true albo usuń wiersz",
    ),
    "texts": Words(
        "{key} is a list of texts", 'Write {key} = ["…", "…"]',
        "{key} to lista tekstów", 'Napisz {key} = ["…", "…"]',
    ),
    "empty": Words(
        "an empty list of {key} fits no call", 'Write {key} = ["*"], or remove the line',
        "pusta lista {key} nie pasuje do żadnego połączenia", 'Napisz {key} = ["*"] albo usuń wiersz',
    ),
    "choice": Words(
        "{found!r} is no {what}", "Choose {choices}",
        "„{found}” to nie jest {what}", "Wybierz {choices}",
    ),
    "no_mode": Words(
        "a rule has no mode", "Add mode = one of {choices}",
        "reguła nie ma trybu (mode)", "Dodaj mode = jeden z {choices}",
    ),
    "no_id": Words(
        "a rule has no id", 'Add id = "…": decisions are stored with it',
        "reguła nie ma id", 'Dodaj id = "…": z nim zapisuje się decyzje',
    ),
    "bad_id": Words(
        "{found!r} is no id", "Use letters, digits, hyphens, dots and underscores, at most 64",
        "„{found}” to nie jest id", "Użyj liter a–z, cyfr, łączników, kropek i podkreśleń, najwyżej 64 znaków",
    ),
    "reserved_id": Words(
        "the id {found!r} belongs to Skryba", "Choose another",
        "id „{found}” należy do Skryby", "Wybierz inne",
    ),
    "taken_id": Words(
        "there is already a rule {found!r}", "Give each rule an id of its own",
        "jest już reguła „{found}”", "Nadaj każdej regule własne id",
    ),
    "owed": Words(
        "rule {rule!r} records, but names no {what}", 'Add {key} = "…"',
        "reguła „{rule}” nagrywa, ale nie podaje {what_pl}", 'Dodaj {key} = "…"',
    ),
    "owed_notice": Words(
        "rule {rule!r} records, but names no notice", 'Add notice = "…", or notice = "none" with notice_reason',
        "reguła „{rule}” nagrywa, ale nie podaje komunikatu (notice)",
        'Dodaj notice = "…" albo notice = "none" i notice_reason',
    ),
    "no_notice_reason": Words(
        "rule {rule!r} has no notice and does not say why", 'Add notice_reason = "…", or name a notice',
        "reguła „{rule}” jest bez komunikatu i nie mówi dlaczego", 'Dodaj notice_reason = "…" albo podaj komunikat',
    ),
    "no_language": Words(
        "there are no notices in {found!r}", "Choose {choices}",
        "nie ma komunikatów w języku „{found}”", "Wybierz {choices}",
    ),
    "hours": Words(
        "{english}", 'Write hours such as "mon-fri 08:00-16:00; sat 09:00-13:00"',
        "{polish}", 'Napisz godziny tak: "mon-fri 08:00-16:00; sat 09:00-13:00"',
    ),
    "lonely_zone": Words(
        "a time zone without hours says nothing", "Add hours or holidays, or remove zone",
        "strefa czasowa bez godzin nic nie znaczy", "Dodaj hours albo holidays, albo usuń zone",
    ),
    "retention": Words(
        "{found!r} is no length of time", 'Write days, weeks, months or years: "90d", "5y"',
        "„{found}” to nie jest długość czasu", 'Napisz dni, tygodnie, miesiące albo lata: "90d", "5y"',
    ),
    "no_like": Words(
        "there is no recording rule {found!r}", "Name the id of an automatic rule",
        "nie ma reguły nagrywającej „{found}”", "Podaj id reguły automatic",
    ),
    "like_owed": Words(
        "the always-list does not say for what purpose, how long and with which notice it records",
        'Add always_like = "ID" with the id of the automatic rule whose terms it takes',
        "lista always nie mówi, w jakim celu, jak długo i z jakim komunikatem nagrywa",
        'Dodaj always_like = "ID" z id reguły automatic, której warunki przejmuje',
    ),
    "pattern_station": Words(
        "{found!r} is no station", 'Name stations one by one, "group:NAME", or "*"',
        "„{found}” to nie jest stanowisko", 'Wymień stanowiska po kolei, "group:NAZWA" albo "*"',
    ),
    "vague_prefix": Words(
        "{found!r} could mean numbers of a country or of the house",
        'Write "{better}" for numbers outside; name those of the house one by one',
        "„{found}” może znaczyć numery kraju albo wewnętrzne",
        'Dla numerów zewnętrznych napisz "{better}"; wewnętrzne wymień po kolei',
    ),
    "unknown_list": Words(
        "there is no list {found!r}", 'Add {found} = ["…"] under [lists]',
        "nie ma listy „{found}”", 'Dodaj {found} = ["…"] pod [lists]',
    ),
    "nested_list": Words(
        "a list holds numbers, no other list", "Name the numbers themselves",
        "lista zawiera numery, nie inne listy", "Podaj same numery",
    ),
    "rendition": Words(
        "{found!r} is no rendition", "Choose among {choices}",
        "„{found}” to nie jest postać nagrania", "Wybierz spośród {choices}",
    ),
    "no_call": Words(
        "no call is all that direction, call_type, scope and via ask for", "Remove one of them",
        "żadne połączenie nie spełnia naraz direction, call_type, scope i via", "Usuń jeden z tych warunków",
    ),
    "sample": Words(
        "sample is the share of calls to record, in percent", "Write a number above 0 and up to 100: sample = 10",
        "sample to odsetek nagrywanych połączeń w procentach", "Napisz liczbę większą od 0, najwyżej 100: sample = 10",
    ),
    "sample_mode": Words(
        "only a rule of mode automatic records a share of its calls", "Remove sample, or choose automatic",
        "tylko reguła trybu automatic nagrywa część połączeń", "Usuń sample albo wybierz automatic",
    ),
    "private_mode": Words(
        "rule {rule!r} records nothing: there is nothing to take a private call out of", "Remove private",
        "reguła „{rule}” niczego nie nagrywa: nie ma z czego wyłączać rozmów prywatnych", "Usuń private",
    ),
    "via": Words(
        "{found!r} is no way in", 'Write "queue", "queue:NAME", "ivr" or "ivr:NAME"',
        "„{found}” to nie jest droga wejścia", 'Napisz "queue", "queue:NAZWA", "ivr" albo "ivr:NAZWA"',
    ),
    "country_code": Words(
        "{found!r} is no country code", 'Write it as "+49"',
        "„{found}” to nie jest kod kraju", 'Napisz go tak: "+49"',
    ),
    "country_twice": Words(
        "the country {found} has two rules", "Keep one of them",
        "kraj {found} ma dwie reguły", "Zostaw jedną z nich",
    ),
    "country_owes": Words(
        "a country rule has no {key}", "Add {key} = {choices}",
        "reguła kraju nie ma {key}", "Dodaj {key} = {choices}",
    ),
    "country_silent": Words(
        "calls that are never recorded need no notice", "Remove {key}, or choose another force",
        "połączenia nigdy nienagrywane nie potrzebują komunikatu", "Usuń {key} albo wybierz inne force",
    ),
    "unprotected": Words(
        "{found} would no longer be protected", 'Put the entry back, or let a second person sign: approved_by = "…"',
        "{found} straciłoby ochronę", 'Przywróć wpis albo niech podpisze się druga osoba: approved_by = "…"',
    ),
    "stale_approval": Words(
        "{found} would no longer be protected, and approved_by is the signature of an earlier change",
        "Put the entry back, or let a second person sign anew, with the date",
        "{found} straciłoby ochronę, a approved_by to podpis pod wcześniejszą zmianą",
        "Przywróć wpis albo niech druga osoba podpisze się na nowo, z datą",
    ),
}  # fmt: skip


def told(line: int, name: str, **found: object) -> Fault:
    """The fault of this name, its places filled."""
    return Fault(line, *(words.format(**found) for words in WORDS[name]))
