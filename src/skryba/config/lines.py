"""On which line of a TOML file a key stands, for messages to the person who has to mend it.

Knows no option. Reads only files that `tomllib` has accepted.
"""

from collections.abc import Iterator

Path = tuple[str | int, ...]


class Lines:
    """`of(path)` answers with the line of the key, or of the nearest table or value around it, or None."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}
        table: Path = ()
        for number, statement in _statements(text):
            if statement.startswith("[["):
                table = self._element(_keys(statement[2:]))
                self._note(table, number)
            elif statement.startswith("["):
                table = self._through_arrays(_keys(statement[1:]))
                self._note(table, number)
            else:
                self._note((*table, *_keys(statement)), number)

    def of(self, path: Path) -> int | None:
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return None

    def _note(self, path: Path, number: int) -> None:
        """`a.b = 1` begins the table a, too, if nothing did before."""
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)

    def _element(self, names: tuple[str, ...]) -> Path:
        array = (*self._through_arrays(names[:-1]), names[-1])
        index = self._arrays.get(array, -1) + 1
        self._arrays[array] = index
        return (*array, index)

    def _through_arrays(self, names: tuple[str, ...]) -> Path:
        """[a.b] below [[a]] belongs to the last element of a."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """(line number, first line) of each header and key, without the further lines of long arrays and strings."""
    depth, quote = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not depth and not quote:
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            yield number, stripped
            if stripped.startswith("["):
                continue
        depth, quote = _open_after(line, depth, quote)


def _open_after(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Brackets and the long string still open at the end of this line."""
    at = 0
    while at < len(line):
        if quote:
            if line[at] == "\\" and quote[0] == '"':
                at += 2
            elif line.startswith(quote, at):
                at += len(quote)
                quote = ""
            else:
                at += 1
            continue
        character = line[at]
        if character == "#":
            break
        if character in "\"'":
            quote = character * 3 if line.startswith(character * 3, at) else character
            at += len(quote)
            continue
        depth += (character in "[{") - (character in "]}")
        at += 1
    return depth, quote if len(quote) == 3 else ""


def _keys(text: str) -> tuple[str, ...]:
    """The dotted key at the start of `text`: bare and quoted parts, up to `=` or `]`."""
    parts: list[str] = []
    part, quote, at = "", "", 0
    while at < len(text):
        character = text[at]
        if quote:
            if character == quote:
                quote = ""
            else:
                if character == "\\" and quote == '"':
                    at += 1
                    character = text[at]
                part += character
        elif character in "\"'":
            quote = character
        elif character in "=]":
            break
        elif character == ".":
            parts.append(part)
            part = ""
        elif not character.isspace():
            part += character
        at += 1
    return (*parts, part)
