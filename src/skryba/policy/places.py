"""Where in the rules' text a key stands, so that a fault can name its line. Reads what `tomllib` has accepted.

May not know what the keys mean.
"""

import re

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_\-]+)")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_\-]+))\s*[=.]""")
_LONG_STRING = re.compile(r'"""|' + "'''")


class Places:
    """Lines count from 1. A rule is told by its index, counted from 0; None is the part above the first rule."""

    __slots__ = ("_keys", "_rules")

    def __init__(self, text: str) -> None:
        self._keys: dict[tuple[int | None, str], int] = {}
        self._rules: list[int] = []
        rule: int | None = None
        quoted = False
        for number, line in enumerate(text.split("\n"), start=1):
            if not quoted:
                if (header := _HEADER.match(line)) is not None:
                    if header[1] == "rule":
                        self._rules.append(number)
                        rule = len(self._rules) - 1
                    else:
                        rule = None
                        self._keys.setdefault((None, header[1]), number)
                elif (key := _KEY.match(line)) is not None:
                    self._keys.setdefault((rule, key[1] or key[2] or key[3] or ""), number)
            quoted ^= len(_LONG_STRING.findall(line)) % 2 == 1

    def of(self, rule: int | None, key: str | None = None) -> int:
        """The key's line, else its rule's, else 1."""
        if key is not None and (rule, key) in self._keys:
            return self._keys[rule, key]
        return self._rules[rule] if rule is not None and rule < len(self._rules) else 1
