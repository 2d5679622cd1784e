"""The name that people see on a recording: a template over safe fields, filled without trusting any of them.

Knows no folder and no file. The id alone identifies a recording (R-F9); a name is decoration that may change.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from string import Formatter
from typing import Any, Self

LONGEST = 120  # characters of a whole name: leaves room for extensions in any file system
LONGEST_FIELD = 40
LONGEST_ID = 64
SHOWN_DIGITS = 3  # of a masked number
UNKNOWN = "unknown"  # stands for a field that has nothing safe to show

_LITERAL = re.compile(r"[A-Za-z0-9._+-]*")
_ID = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9_-]{{0,{LONGEST_ID - 2}}}[A-Za-z0-9])?")
_UNSAFE = re.compile(r"[^A-Za-z0-9+.]+")
_DOTS = re.compile(r"\.{2,}")
_WITHOUT_PARTS = str.maketrans("łŁđĐøØ", "lLdDoO")  # letters that Unicode does not take apart


@dataclass(frozen=True, slots=True)
class NameFields:
    """What a name may say. All but `id` and `begin` is text from elsewhere, as hostile as it likes."""

    id: str
    begin: datetime  # shown in its own zone
    station: str = ""
    direction: str = ""
    trunk: str = ""
    caller: str = ""
    callee: str = ""
    rule: str = ""
    purpose: str = ""

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> Self:
        call, decision = manifest["call"], manifest["decision"]
        return cls(
            id=manifest["id"],
            begin=datetime.fromisoformat(manifest["time"]["begin"]),
            **{name: str(call.get(name) or "") for name in ("station", "direction", "trunk", "caller", "callee")},
            **{name: str(decision.get(name) or "") for name in ("rule", "purpose")},
        )


NAMES = frozenset(
    {each.name for each in fields(NameFields)} - {"begin"} | {"date", "time", "caller_masked", "callee_masked"}
)


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """`NameTemplate.parse("{date}_{time}_{station}_{id}").fill(fields)`: `2026-11-24_10-15-30_101_4f…`.

    A name consists of `[A-Za-z0-9._+-]`, at most `LONGEST` of them, begins and ends with a letter, a digit or `+`,
    and holds the whole id at an end, so that two recordings never share one.
    """

    text: str
    parts: tuple[tuple[str, str | None], ...]  # literal text, then the field behind it

    @classmethod
    def parse(cls, text: str) -> Self:
        """ValueError says, for the person who wrote the template, what is wrong and what there is."""
        try:
            pieces = list(Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"name template {text!r}: {error}") from None
        named = [name for _, name, _, _ in pieces if name is not None]
        if unknown := sorted({name for name in named if name not in NAMES}):
            raise ValueError(f"name template: unknown fields {', '.join(map(repr, unknown))}; {_there_are()}")
        if any(spec or conversion for _, _, spec, conversion in pieces):
            raise ValueError(f"name template {text!r}: a field is written as its name alone; {_there_are()}")
        if not all(_LITERAL.fullmatch(literal) for literal, _, _, _ in pieces):
            raise ValueError(f"name template {text!r}: between fields only letters, digits and . _ + -")
        if sum(len(literal) for literal, _, _, _ in pieces) > LONGEST - LONGEST_ID:
            raise ValueError(f"name template {text!r}: more than {LONGEST - LONGEST_ID} characters between fields")
        # at an end, an id of fixed length cannot be imitated by the field beside it
        if named.count("id") != 1 or not (text.startswith("{id}") or text.endswith("{id}")):
            raise ValueError(f"name template {text!r} must begin or end with {{id}}, and name it once")
        return cls(text, tuple((literal, name) for literal, name, _, _ in pieces))

    def fill(self, about: NameFields) -> str:
        """ValueError if the id is not one of ours: letters, digits, `_` and `-`, at most `LONGEST_ID`."""
        if not _ID.fullmatch(about.id):
            raise ValueError(f"not the id of a recording: {about.id!r}")
        before, _, after = "".join(_piece(literal, name, about) for literal, name in self.parts).partition("\0")
        room = LONGEST - len(about.id)
        before, after = _DOTS.sub(".", before.lstrip("._-"))[:room], _DOTS.sub(".", after)[:room].rstrip("._-")
        return f"{before}{about.id}{after}"


def _piece(literal: str, name: str | None, about: NameFields) -> str:
    match name:
        case None:
            return literal
        case "id":
            return f"{literal}\0"  # no safe text holds this: the id keeps its place while the rest is cut
        case "date":
            return f"{literal}{about.begin:%Y-%m-%d}"
        case "time":
            return f"{literal}{about.begin:%H-%M-%S}"
        case "caller_masked":
            return literal + safe(_masked(about.caller))
        case "callee_masked":
            return literal + safe(_masked(about.callee))
        case _:
            return literal + safe(getattr(about, name))


def safe(text: str) -> str:
    """`text` in letters, digits, `+`, `.` and single `-`: accents fall off, all else becomes `-`; never empty."""
    plain = unicodedata.normalize("NFKD", text[:LONGEST].translate(_WITHOUT_PARTS))
    kept = _UNSAFE.sub("-", "".join(mark for mark in plain if not unicodedata.combining(mark)))
    return _DOTS.sub(".", kept).strip(".-")[:LONGEST_FIELD].rstrip(".-") or UNKNOWN


def _masked(number: str) -> str:
    """All digits but the last three become `x`; who writes letters instead of digits is masked as well."""
    marks = [mark for mark in unicodedata.normalize("NFKC", number[:LONGEST]) if mark.isalnum() or mark == "+"]
    return "".join("x" if mark != "+" and at < len(marks) - SHOWN_DIGITS else mark for at, mark in enumerate(marks))


def _there_are() -> str:
    return f"there are {', '.join(sorted(NAMES))}"
