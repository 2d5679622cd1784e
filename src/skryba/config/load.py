"""From a TOML file and the environment to a `Config`, or to all faults at once. Touches the disk.

Order of precedence: environment, file, defaults. Knows no room that uses the options.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from skryba.config import checks
from skryba.config.faults import Fault, FaultyConfigError, key_of, problem_and_remedy
from skryba.config.lines import Lines
from skryba.config.model import ENVIRONMENT_DELIMITER, ENVIRONMENT_PREFIX, Config
from skryba.config.words import Section
from skryba.policy.e164 import normalise

PATH_VARIABLE = "SKRYBA_CONFIG"  # names the file itself, for containers; see `locate`
PLACES = ("skryba.toml", "var/skryba.toml", "/etc/skryba/skryba.toml")
ENVIRONMENT = "environment"
_SQLITE = "sqlite:///"


def locate(environ: Mapping[str, str], folder: Path) -> Path | None:
    """The file to use when none is named: `SKRYBA_CONFIG`, else the first of `PLACES` that exists."""
    if named := environ.get(PATH_VARIABLE):
        return Path(named)
    return next((path for path in (folder / place for place in PLACES) if path.is_file()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the file (None: defaults only) and `environ`. Raises FaultyConfigError, a ConfigError, naming every fault.

    Paths in the result are absolute: relative ones count from the file's folder (None: the working folder). Called
    numbers are in E.164 form.
    """
    document, text = _read(path)
    source = str(path) if path else "built-in defaults"
    lines = Lines(text)
    faults: list[Fault] = []
    from_environment: dict[tuple[str | int, ...], str] = {}
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT_PREFIX) and name != PATH_VARIABLE:
            _take_variable(name, environ[name], document, from_environment, faults)

    def fault_at(where: tuple[str | int, ...], problem: str, remedy: str) -> Fault:
        for length in range(len(where), 0, -1):
            if (variable := from_environment.get(where[:length])) is not None:
                return Fault(ENVIRONMENT, None, variable, problem, remedy)
        return Fault(source, lines.of(where), key_of(where), problem, remedy)

    config: Config | None = None
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        faults += [fault_at(tuple(each["loc"]), *problem_and_remedy(dict(each))) for each in error.errors()]
    if config is not None:
        faults += [fault_at(*each) for each in checks.faults(config)]
    if faults or config is None:
        raise FaultyConfigError(sorted(faults, key=lambda fault: (fault.source, fault.line or 0, fault.key)))
    return _with_absolute_paths(_with_normal_numbers(config), (path.parent if path else Path()).absolute())


def _read(path: Path | None) -> tuple[dict[str, Any], str]:
    if path is None:
        return {}, ""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FaultyConfigError(
            [Fault(str(path), None, "", "there is no such file", f"`skryba init {path.parent}` makes one")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FaultyConfigError(
            [Fault(str(path), None, "", f"the file cannot be read ({error})", "It must be UTF-8 text")]
        ) from None
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        line = int(found[1]) if found and found[1] else len(text.splitlines()) if found else None
        problem = f"this is not TOML: {str(error)[: found.start()] if found else error}"
        raise FaultyConfigError(
            [Fault(str(path), line, "", problem, "Text values stand in quotes, each key stands once")]
        ) from None


class _OneVariable(EnvSettingsSource):
    """pydantic-settings' own reading of variables, but of the one that it is given."""

    def __init__(self, name: str, value: str) -> None:
        self._variable = {name.lower(): value}
        super().__init__(Config)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._variable


def _take_variable(
    name: str, value: str, document: dict[str, Any], taken: dict[tuple[str | int, ...], str], faults: list[Fault]
) -> None:
    """Lay one variable over the document."""
    path = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split(ENVIRONMENT_DELIMITER))
    if path[0] not in Config.model_fields or not all(path):
        sections = ", ".join(ENVIRONMENT_PREFIX + each.upper() for each in Config.model_fields)
        remedy = f"Unset it or mend its name: section, two underscores, option; sections are {sections}"
        faults.append(Fault(ENVIRONMENT, None, name, "no option belongs to this variable", remedy))
        return
    try:
        found = _OneVariable(name, value)()
    except SettingsError:
        remedy = f"Lists and tables are written as JSON, such as {json.dumps(['udp:127.0.0.1:5060'])}"
        faults.append(Fault(ENVIRONMENT, None, name, "the value cannot be read", remedy))
        return
    taken[path] = name
    _lay_over(document, found)


def _lay_over(document: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        below = document.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            _lay_over(below, value)
        else:
            document[key] = value


def _with_absolute_paths(config: Config, base: Path) -> Config:
    changed: dict[str, Section] = {}
    for name in type(config).model_fields:
        section = getattr(config, name)
        if isinstance(section, Section):
            paths = {key: base / value for key, value in section if isinstance(value, Path)}
            changed[name] = section.model_copy(update=paths)
    operations = config.operations
    database = operations.database
    if database.startswith(_SQLITE) and len(database) > len(_SQLITE):
        absolute = f"{_SQLITE}{base / database.removeprefix(_SQLITE)}"
        changed["operations"] = changed["operations"].model_copy(update={"database": absolute})
    return config.model_copy(update=changed)


def _with_normal_numbers(config: Config) -> Config:
    """Called numbers in the one form that routing compares (product rule A4)."""
    country = config.policy.country
    numbers = {normalise(number, country=country): station for number, station in config.numbers.items()}
    return config.model_copy(update={"numbers": numbers})
