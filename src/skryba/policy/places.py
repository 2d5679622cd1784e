"""Where in the rules' text a key stands, so that a fault can name its line. Reads what `tomllib` has accepted.

May not know what the keys mean.
"""

import re
from collections import Counter
from typing import NamedTuple

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_\-]+)")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_\-]+))\s*[=.]""")
_LONG_STRING = re.compile(r'"""|' + "'''")


class Section(NamedTuple):
    """A table: [name], or the nth [[name]], counted from 0. TOP is what stands above the first of them."""

    name: str = ""
    nth: int = 0


TOP = Section()


class Places:
    """Lines count from 1."""

    __slots__ = ("_keys", "_sections")

    def __init__(self, text: str) -> None:
        self._keys: dict[tuple[Section, str], int] = {}
        self._sections: dict[Section, int] = {}
        seen: Counter[str] = Counter()
        section, quoted = TOP, False
        for number, line in enumerate(text.split("\n"), start=1):
            if not quoted:
                if (header := _HEADER.match(line)) is not None:
                    section = Section(header[1], seen[header[1]])
                    seen[section.name] += 1
                    self._sections[section] = number
                elif (key := _KEY.match(line)) is not None:
                    self._keys.setdefault((section, key[1] or key[2] or key[3] or ""), number)
            quoted ^= len(_LONG_STRING.findall(line)) % 2 == 1

    def of(self, section: Section, key: str = "") -> int:
        """The key's line, else its table's, else 1; a table that is named as a key of the top has its header's."""
        if (section, key) in self._keys:
            return self._keys[section, key]
        if section == TOP:
            return self._sections.get(Section(key), 1)
        return self._sections.get(section, 1)
