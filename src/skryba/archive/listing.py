"""What a person opens first in an export: index.html and index.csv, in Polish and English.

Knows rows of text, no file and no archive. Whatever a caller put into a name is shown as text, never obeyed: not by a
browser, not by a spreadsheet.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_COLUMNS = (  # Polish, English
    ("Początek (UTC)", "Begin (UTC)"),
    ("Czas trwania", "Duration"),
    ("Kierunek", "Direction"),
    ("Stacja", "Station"),
    ("Dzwoniący", "Caller"),
    ("Odbierający", "Callee"),
    ("Stan", "State"),
    ("Uwagi", "Remarks"),
    ("Reguła", "Rule"),
    ("Cel", "Purpose"),
    ("Podstawa prawna", "Legal basis"),
    ("Identyfikator", "Id"),
)
_POLISH = {
    "inbound": "przychodzące", "outbound": "wychodzące", "internal": "wewnętrzne",
    "ok": "pełne", "degraded": "z brakami", "incomplete": "niedokończone", "failed": "nieudane",
}  # fmt: skip
_OBEYED = ("=", "+", "-", "@", "\t", "\r", "\n")  # what spreadsheets take for a formula or a new cell

_PAGE = """<!doctype html>
<html lang="pl">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; media-src 'self'">
<title>Nagrania / Recordings</title>
<style>
body {{ font: 16px/1.4 sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #999; padding: .3em .6em; text-align: left; vertical-align: top; }}
th span, td span {{ color: #555; }}
</style>
</head>
<body>
<h1>Nagrania <span lang="en">/ Recordings</span></h1>
<p>Liczba nagrań <span lang="en">/ Recordings</span>: {count}.
Wykonano <span lang="en">/ Made</span>: {made}. {reason}</p>
<p>Lewy kanał: nasza stacja, prawy kanał: druga strona.
<span lang="en">Left channel: our station, right channel: the other party.</span></p>
<p>Jak sprawdzić autentyczność: <a href="VERIFY.txt">VERIFY.txt</a>.
<span lang="en">How to check that nothing was altered: the same file.</span></p>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One exported recording: its manifest, and the names of its files in the export, of safe characters only."""

    manifest: Mapping[str, Any]
    files: tuple[str, ...]


def page(items: Sequence[Item], *, made: str, reason: str) -> bytes:
    """index.html."""
    columns = (*_COLUMNS, ("Pliki", "Files"))
    head = "".join(f'<th>{escape(pl)} <span lang="en">/ {escape(en)}</span></th>' for pl, en in columns)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(item)) + f"<td>{_links(item)}</td></tr>"
        for item in items
    )
    why = f"Powód / Reason: {escape(reason)}." if reason else ""
    return _octets(_PAGE.format(count=len(items), made=escape(made), reason=why, head=head, rows=rows))


def table(items: Sequence[Item]) -> bytes:
    """index.csv as Polish spreadsheets open it: UTF-8 with a byte order mark, semicolons, CR LF (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([f"{pl} / {en}" for pl, en in (*_COLUMNS, ("Pliki", "Files"))])
    for item in items:
        writer.writerow([_tame(cell) for cell in (*_cells(item), " ".join(item.files))])
    return b"\xef\xbb\xbf" + _octets(text.getvalue())


def _cells(item: Item) -> list[str]:
    manifest = item.manifest
    call, decision = manifest.get("call") or {}, manifest.get("decision") or {}
    told = (
        manifest["time"]["begin"],
        _duration(int(manifest["time"]["duration_ms"])),
        _both(call.get("direction")),
        call.get("station"),
        call.get("caller"),
        call.get("callee"),
        _both(manifest.get("state")),
        "; ".join(map(str, manifest.get("reasons") or ())),
        decision.get("rule"),
        decision.get("purpose"),
        decision.get("legal_basis"),
        manifest["id"],
    )
    return ["" if cell is None else str(cell) for cell in told]


def _both(word: str | None) -> str | None:
    return f"{_POLISH[word]} / {word}" if word in _POLISH else word


def _duration(milliseconds: int) -> str:
    seconds = round(milliseconds / 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _links(item: Item) -> str:
    return "<br>".join(f'<a href="{escape(name)}">{escape(name.rpartition("/")[2])}</a>' for name in item.files)


def _tame(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_OBEYED) else cell


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
