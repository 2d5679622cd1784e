"""What no single option can tell: duplicates, references, weak passwords, addresses and ports that do not go together.

Knows no file and no environment. `faults` stop the start, `warnings` do not.
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

from skryba.archive.naming import NameTemplate
from skryba.config.model import Config
from skryba.media.ports import ephemeral_overlap
from skryba.policy.e164 import normalise

Found = tuple[tuple[str | int, ...], str, str]  # where, problem, remedy

PORTS_PER_CALL = 4  # RTP and RTCP toward each party
_LEAST_LENGTH = 12
_LEAST_DIFFERENT = 6
_LEAST_OWN = 8  # characters left when the station's id and common words are taken out
_COMMON = (
    "password",
    "passw0rd",
    "haslo",
    "hasło",
    "qwerty",
    "skryba",
    "secret",
    "welcome",
    "admin",
    "telefon",
    "phone",
)
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def faults(config: Config) -> list[Found]:
    """All of them."""
    return [*_addresses(config), *_stations(config), *_trunks(config), *_numbers(config), *_keeping(config)]


def weakness(password: str, station: str) -> str | None:
    """Why a guesser would find this password soon, or None (product rule L9)."""
    if len(password) < _LEAST_LENGTH:
        return f"it is shorter than {_LEAST_LENGTH} characters"
    if len(set(password)) < _LEAST_DIFFERENT:
        return f"it has fewer than {_LEAST_DIFFERENT} different characters"
    steps = [abs(ord(a) - ord(b)) for a, b in pairwise(password)]
    if sum(step <= 1 for step in steps) * 2 > len(steps):
        return "it is mostly a sequence such as 12345"
    own = password.lower().replace(station.lower(), "")
    for word in _COMMON:
        own = own.replace(word, "")
    if len(own) < _LEAST_OWN:
        return "it is little more than the station's id and common words"
    return None


def _addresses(config: Config) -> Iterator[Found]:
    seen: set[str] = set()
    for index, (text, binding) in enumerate(zip(config.sip.listen, config.sip.bindings, strict=True)):
        place = f"{binding.transport}:{binding.address}"
        if place in seen:
            yield ("sip", "listen", index), f"{text} stands here twice", "Remove one of them"
        seen.add(place)
        if _is_wildcard(binding.address.host) and not config.sip.advertise:
            remedy = "Listen on one address, or set sip.advertise to the address that phones reach"
            yield ("sip", "listen", index), "phones cannot be told an address when Skryba listens on all", remedy
        first, last = config.media.ports
        if binding.transport == "udp" and first <= binding.address.port <= last:
            yield ("media", "ports"), f"the SIP port {binding.address.port} lies within", "Move one of the two"
    if _is_wildcard(config.media.host) and not config.media.advertise:
        remedy = "Set media.host to one address, or media.advertise to the address that phones reach"
        yield ("media", "host"), "SDP needs an address when RTP is bound to all", remedy
    if not config.operations.database.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        remedy = 'Write "sqlite:///skryba.db" or "postgresql://user:password@host/name"'
        yield ("operations", "database"), "only SQLite and PostgreSQL are known", remedy


def _keeping(config: Config) -> Iterator[Found]:
    encryption, storage = config.encryption, config.storage
    if encryption.mode == "public" and encryption.public_key is None:
        yield ("encryption", "public_key"), "mode public needs a public key", "`skryba keys init --public` makes a pair"
    if encryption.passphrase and encryption.command:
        yield ("encryption", "command"), "there can be one master key only", "Remove passphrase or command"
    if storage.kind == "s3":
        for name in ("endpoint", "bucket", "access_key", "secret_key"):
            if not getattr(storage, name):
                yield ("storage", name), "storage of kind s3 needs it", 'Set it, or storage.kind = "local"'
    for index in _repeated([hook.id for hook in config.hook]):
        yield (
            ("hook", index, "id"),
            f"there is already a hook {config.hook[index].id}",
            "Give each hook an id of its own",
        )
    try:
        NameTemplate.parse(config.recorder.name)
    except ValueError as error:
        yield ("recorder", "name"), str(error), "The fields stand in docs/reference/configuration.md"


def _stations(config: Config) -> Iterator[Found]:
    for index in _repeated([station.id for station in config.station]):
        problem = f"there is already a station {config.station[index].id}"
        yield ("station", index, "id"), problem, "Give each station an id of its own"
    for index, station in enumerate(config.station):
        if why := weakness(station.password, station.id):
            yield (
                ("station", index, "password"),
                f"the password is weak: {why}",
                "`openssl rand -base64 18` makes a strong one",
            )


def _trunks(config: Config) -> Iterator[Found]:
    for index in _repeated([trunk.id for trunk in config.trunk]):
        yield (
            ("trunk", index, "id"),
            f"there is already a trunk {config.trunk[index].id}",
            "Give each trunk an id of its own",
        )
    for index, trunk in enumerate(config.trunk):
        if trunk.register_ and not (trunk.username and trunk.password):
            yield (
                ("trunk", index, "register"),
                "registering needs a user name and a password",
                "Set username and password",
            )
        if not trunk.accept and not _is_numeric(trunk.host):
            remedy = 'Set accept = ["192.0.2.1", …] as the provider tells you'
            yield ("trunk", index, "host"), "a name does not tell which source addresses to accept calls from", remedy


def _numbers(config: Config) -> Iterator[Found]:
    known = {station.id for station in config.station}
    for number, station in config.numbers.items():
        if station not in known:
            yield (
                ("numbers", number),
                f"there is no station {station}",
                f"Stations are {', '.join(sorted(known)) or 'none yet'}",
            )
    written = list(config.numbers)
    for index in _repeated([normalise(number, country=config.policy.country) for number in written]):
        yield (
            ("numbers", written[index]),
            "this is a number that stands here already, written otherwise",
            "Remove one of them",
        )


def warnings(config: Config, *, ephemeral: tuple[int, int] | None) -> list[str]:
    """What will hurt some day. `ephemeral` is the kernel's port range, None where unknown; see `ephemeral_ports`."""
    found: list[str] = []
    first, last = config.media.ports
    if ephemeral is not None and (overlap := ephemeral_overlap(config.media.ports, ephemeral)):
        found.append(f"{overlap}. Move media.ports, or net.ipv4.ip_local_port_range")
    room = (last - first + 1) // PORTS_PER_CALL
    if room < config.limits.calls:
        found.append(
            f"media.ports has room for {room} calls, limits.calls allows {config.limits.calls}. "
            "Widen media.ports or lower limits.calls"
        )
    if not _is_loopback(config.operations.metrics_address.host):
        found.append(f"operations.metrics listens on {config.operations.metrics}: whoever reaches it may read /metrics")
    if not config.station:
        found.append("no station is configured: nobody can register")
    return found


def ephemeral_ports() -> tuple[int, int] | None:
    """The kernel's range for ports it chooses itself, None where it does not say."""
    try:
        first, last = _EPHEMERAL.read_text().split()
        return int(first), int(last)
    except (OSError, ValueError):
        return None


def exposed(path: Path) -> str | None:
    """A warning when others may read the file with the passwords."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return f"{path} holds passwords and other users may read it: chmod 600 {path}" if mode & 0o044 else None


def _repeated(names: Sequence[str]) -> list[int]:
    """Places of those that stood before."""
    return [index for index, name in enumerate(names) if name in names[:index]]


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return ip_address(host).is_unspecified


def _is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback
