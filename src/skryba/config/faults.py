"""What is wrong with a configuration: each fault with its place and its remedy.

Knows the options' model, neither files nor the environment.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from skryba.config.model import Config
from skryba.errors import ConfigError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend. `source` is a file's path or `environment`; `line` counts from 1, None where there is none."""

    source: str
    line: int | None
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return (
            f"{place}: {self.key}: {self.problem}. {self.remedy}"
            if self.key
            else f"{place}: {self.problem}. {self.remedy}"
        )

    def as_dict(self) -> dict[str, str | int | None]:
        return asdict(self)


class FaultyConfigError(ConfigError):
    """All faults of one configuration, in `faults`; `str()` lists them, one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def key_of(path: Path) -> str:
    """`station[2].password`: elements are counted from 1, as people do."""
    words = ""
    for part in path:
        if part == "[key]":
            continue
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if words else str(part)
    return words


def problem_and_remedy(error: dict[str, Any]) -> tuple[str, str]:
    """pydantic's error in words. Never repeats the value: it may be a password."""
    path: Path = tuple(error["loc"])
    context = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return "there is no such option", _suggestion(path)
        case "missing":
            return "this option must be given", f"Add {path[-1]} = … to this table"
        case "value_error":
            remedy = str(context["error"])
            return "the value cannot be read", remedy[:1].upper() + remedy[1:]
        case "model_type":
            return "this must be a table", f"Write [{path[-1]}] on a line of its own, its options below"
        case "literal_error":
            return "the value is not one of the choices", f"Choose {context['expected']}"
        case "string_pattern_mismatch":
            return "the value has characters that do not belong here", f"It must match {context['pattern']}"
        case _:
            return "the value does not fit", error["msg"]


def _suggestion(path: Path) -> str:
    names = _names_at(path[:-1])
    close = get_close_matches(str(path[-1]), names, n=1)
    return f"Did you mean {close[0]}?" if close else f"Options here: {', '.join(names)}"


def _names_at(path: Path) -> list[str]:
    model: type[BaseModel] = Config
    for part in path:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            found = annotation if isinstance(annotation, type) and not get_args(annotation) else get_args(annotation)[0]
            assert isinstance(found, type)
            assert issubclass(found, BaseModel)
            model = found
    return [field.alias or name for name, field in model.model_fields.items()]
