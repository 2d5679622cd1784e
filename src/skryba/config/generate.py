"""The first configuration of a new folder: two stations with strong passwords and one visible rule.

Touches the disk; never overwrites. Rolls no dice of its own.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from skryba.errors import ConfigError

CONFIG_FILE = "skryba.toml"
RULES_FILE = "rules.toml"
STATIONS = ("101", "102")
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that people mistake for another

_CONFIG = """\
# Skryba, made by `skryba init`. All options: docs/reference/configuration.md; a full example: examples/skryba.toml.
# After a change: skryba check-config --config {path}

[sip]
# To reach Skryba from phones on your network, write this machine's address instead of 127.0.0.1, here and below.
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
domain = "skryba.local"

[media]
host = "127.0.0.1"
ports = [20000, 29999]

[recorder]
folder = "recordings"
spool = "spool"

[policy]
rules_file = "{rules}"

[notice]
language = "pl"              # or "en"

[operations]
metrics = "127.0.0.1:9464"   # /metrics and /healthz
log_format = "console"       # "json" for machines

# Calls from a trunk to this number ring at station 101:
[numbers]
# "+48221234567" = "101"
{stations}
# To reach the world, fill in what your provider gave you and remove the marks in front:
# [[trunk]]
# id = "carrier"
# host = "sip.example.net"
# port = 5060
# transport = "udp"
# register = true               # false: the provider knows us by our address
# username = "48221234567"
# password = "the provider's password"
# accept = ["192.0.2.10"]       # addresses that calls from the provider come from
# prefix = ["*"]                # numbers that go out here
"""

_STATION = """
[[station]]
id = "{id}"
password = "{password}"
name = "Station {id}"
"""

_RULES = """\
# Which calls are recorded. Without a rule that fits, a call is NOT recorded.
# Order: emergency numbers (never) → never → always → the rules below, first fit wins → default: do not record.
# Ask before you call: skryba explain --from 101 --to 102

# Numbers or stations that are never recorded, whatever the rules say:
never = []

# Numbers or stations that are always recorded; recording needs a rule below that says how:
always = []

# THIS RULE RECORDS EVERY CALL of every station, in every direction. It is here so that the first call shows something.
# Before you use Skryba with real people, decide what you may record, for what purpose and for how long, and change it.
[[rule]]
id = "record-all"
station = ["*"]
direction = ["outbound", "inbound", "internal"]
number = ["*"]
trunk = ["*"]
mode = "automatic"
purpose = "trying out Skryba"
legal_basis = "art. 6(1)(f) GDPR"
retention = "30d"
notice = "standard"
language = "pl"
notice_moment = "answer"
"""


class Chooser(Protocol):
    """`secrets.SystemRandom()`, or a seeded `random.Random` in tests."""

    def choice(self, seq: str, /) -> str: ...


@dataclass(frozen=True, slots=True)
class GeneratedConfig:
    """What was written. The passwords stand in the file, too; show them once."""

    path: Path
    rules_path: Path
    passwords: dict[str, str]


def generate(folder: Path, random: Chooser) -> GeneratedConfig:
    """Write both files into `folder`, which is made if need be. Raises ConfigError if one of them exists."""
    path, rules_path = folder / CONFIG_FILE, folder / RULES_FILE
    folder.mkdir(parents=True, exist_ok=True)
    for existing in (path, rules_path):
        if existing.exists():
            raise ConfigError(
                f"{existing}: this file exists and is not overwritten. Choose another folder, or move it away."
            )
    passwords = {station: strong_password(random) for station in STATIONS}
    stations = "".join(_STATION.format(id=station, password=password) for station, password in passwords.items())
    _write(path, _CONFIG.format(path=path, rules=RULES_FILE, stations=stations), 0o600)
    _write(rules_path, _RULES, 0o640)
    return GeneratedConfig(path, rules_path, passwords)


def strong_password(random: Chooser) -> str:
    """Four groups of five characters, about 115 bits."""
    return "-".join("".join(random.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
