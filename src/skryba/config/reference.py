"""The reference page of all options, written from their models: `python -m skryba.config.reference FILE`.

Knows the models only, so the page cannot say what the code does not.
"""

import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from skryba.config.keeping import Hook
from skryba.config.model import ENVIRONMENT_DELIMITER, ENVIRONMENT_PREFIX, Config, Station, Trunk
from skryba.config.words import Section

_INTRODUCTION = """\
# Configuration

<!-- Written by `make docs` from src/skryba/config/. Do not edit. -->

One TOML file: `skryba.toml` in the working folder, else `var/skryba.toml`, else `/etc/skryba/skryba.toml`;
`--config` or the variable `SKRYBA_CONFIG` names another. Relative paths count from the file's folder. Every
option has a default but those marked *required*. `skryba check-config` names every fault with its line and the
remedy; unknown keys are faults.

Each option can be set by an environment variable, which wins over the file: `SKRYBA_`, the section, two
underscores, the option. Lists and tables are written as JSON there:
`SKRYBA_SIP__LISTEN='["udp:192.0.2.1:5060"]'`. Unknown `SKRYBA_` variables are faults.

A full file with comments: [examples/skryba.toml](../../examples/skryba.toml). Rules of recording stand in a
file of their own, see [examples/rules.toml](../../examples/rules.toml).
"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION]
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            parts.append(_table(f"`[{name}]`", section, ENVIRONMENT_PREFIX + name.upper() + ENVIRONMENT_DELIMITER))
    numbers = Config.model_fields["numbers"].description
    parts.append(f"## `[numbers]`\n\n{numbers} Environment: `{ENVIRONMENT_PREFIX}NUMBERS`, a JSON table.\n")
    for name, model in (("station", Station), ("trunk", Trunk), ("hook", Hook)):
        parts.append(_table(f"`[[{name}]]`", model, None))
    return "\n".join(parts)


def _table(title: str, model: type[BaseModel], prefix: str | None) -> str:
    described = (model.__doc__ or "").strip()
    if prefix is None:
        described += f" Environment: `{ENVIRONMENT_PREFIX}{model.__name__.upper()}`, a JSON list of tables."
    rows = ["| option | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        meaning = (field.description or "").replace("|", "\\|")
        variable = f"<br>`{prefix}{key.upper()}`" if prefix else ""
        rows.append(
            f"| `{key}`{variable} | {_type(field.annotation)} | {_default(field)} | {meaning}{_bounds(field)} |"
        )
    return f"## {title}\n\n{described}\n\n" + "\n".join(rows) + "\n"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{_toml(choice)}`" for choice in arguments)
    if origin is tuple:
        return (
            f"list of {_type(arguments[0])}"
            if Ellipsis in arguments
            else f"list of {len(arguments)} {_type(arguments[0])}s"
        )
    if origin in (UnionType, Union):
        return _type(next(argument for argument in arguments if argument is not NoneType))
    return {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}[annotation]


def _bounds(field: FieldInfo) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    bounds = [
        f"{word} {getattr(constraint, name)}"
        for constraint in field.metadata
        for name, word in words.items()
        if getattr(constraint, name, None) is not None
    ]
    return f" *({', '.join(bounds)})*" if bounds else ""


def _default(field: FieldInfo) -> str:
    return "*required*" if field.default is PydanticUndefined else f"`{_toml(field.default)}`"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return '""'
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case str() | Path():
            return f'"{value}"'
        case _:
            return str(value)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
