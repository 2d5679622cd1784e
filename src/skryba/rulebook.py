"""The rules that a configuration names, read from their file.

Knows configuration and policy; touches the disk.
"""

from skryba.config.model import Config
from skryba.errors import ConfigError
from skryba.policy.rules import RuleBook, parse_rules


def read_rules(config: Config, *, replacing: RuleBook | None = None) -> RuleBook:
    """ConfigError, naming the file, when it cannot be read or holds faults. `replacing`: the book in force."""
    path = config.policy.rules_file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: the rules cannot be read ({error}). Set policy.rules_file, or make the file"
        ) from error
    country, language = config.policy.country, config.notice.language
    return parse_rules(text, source=str(path), country=country, language=language, replacing=replacing)
