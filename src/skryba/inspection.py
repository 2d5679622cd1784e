"""Is this configuration fit for use? Options, rules and prompts looked at together, before anything starts.

Knows no running proxy. Touches the disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skryba.config.checks import ephemeral_ports, exposed, warnings
from skryba.config.faults import FaultyConfigError
from skryba.config.load import load
from skryba.errors import ConfigError
from skryba.policy.overlaps import overlaps
from skryba.prompts import PromptLibrary
from skryba.rulebook import read_rules


@dataclass(frozen=True, slots=True)
class Inspection:
    """`faults` must be mended before Skryba does what the files say; `warnings` should be looked at."""

    path: Path | None
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "file": str(self.path) if self.path else None,
            "faults": list(self.faults),
            "warnings": list(self.warnings),
        }


def inspect(path: Path | None, environ: Mapping[str, str]) -> Inspection:
    """Never raises for what is wrong with the files."""
    try:
        config = load(path, environ)
    except FaultyConfigError as error:
        return Inspection(path, tuple(map(str, error.faults)))
    found = warnings(config, ephemeral=ephemeral_ports())
    if path is not None and (warning := exposed(path)):
        found.append(warning)
    try:
        book = read_rules(config)
    except ConfigError as error:
        return Inspection(path, tuple(str(error).splitlines()), tuple(found))
    library = PromptLibrary(config.notice.prompts)
    missing = [
        f"{config.policy.rules_file}: rule {name}: no prompt {notice.prompt} in {notice.language}, "
        "its calls would go unrecorded. Put the WAV into the folder of notice.prompts, or choose another notice"
        for name, notice in book.notices()
        if (notice.prompt, notice.language) not in library.known
    ]
    found += [f"{config.policy.rules_file}: {overlap}" for overlap in overlaps(book)]
    if not book.rules and not book.always:
        found.append(f"{config.policy.rules_file}: no rule: nothing is recorded")
    return Inspection(path, (*library.problems, *missing), tuple(found))
