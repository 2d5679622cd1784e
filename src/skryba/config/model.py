"""The options: names, types, defaults, bounds and what they mean. The reference is written from here.

Knows no file and no environment: values come in, a frozen `Config` or pydantic's list of errors comes out. What
becomes of recordings stands in `keeping`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from skryba.config.keeping import Encryption, Evidence, Hook, Recorder, Storage
from skryba.config.words import (
    Binding,
    Identifier,
    NonEmptyText,
    Seconds,
    Section,
    Text,
    address_text,
    binding_text,
    empty_is_none,
    even_range,
    numeric,
    numeric_or_empty,
    parse_address,
    parse_binding,
)
from skryba.terms import SocketAddress

ENVIRONMENT_PREFIX = "SKRYBA_"
ENVIRONMENT_DELIMITER = "__"


class Sip(Section):
    """Where Skryba listens for SIP and what it calls itself."""

    listen: Annotated[tuple[Annotated[str, AfterValidator(binding_text)], ...], Field(min_length=1)] = Field(
        default=("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"),
        description="Places to listen: `udp:` or `tcp:`, a numeric address, a port. IPv6 in brackets.",
    )
    domain: NonEmptyText = Field(default="skryba.local", description="Domain and digest realm of the stations.")
    advertise: Annotated[str, AfterValidator(numeric_or_empty)] = Field(
        default="",
        description="Address that phones and trunks are told to use for SIP. Empty: the address listened on. "
        "Needed when listening on 0.0.0.0 or [::], or behind a static NAT.",
    )

    digest: Annotated[tuple[Literal["MD5", "SHA-256", "SHA-512-256"], ...], Field(min_length=1)] = Field(
        default=("MD5",),
        description="Digest algorithms that stations are offered, best first (RFC 8760). Many phones give up when "
        'they are offered one they do not know; write `["SHA-256", "MD5"]` when yours are known to choose.',
    )

    @property
    def bindings(self) -> tuple[Binding, ...]:
        return tuple(parse_binding(text) for text in self.listen)


class Media(Section):
    """Where voice passes through."""

    host: Annotated[str, AfterValidator(numeric)] = Field(
        default="127.0.0.1",
        description="Address to bind RTP ports to.",
    )
    advertise: Annotated[str, AfterValidator(numeric_or_empty)] = Field(
        default="", description="Address written into SDP. Empty: the same as `host`."
    )
    ports: Annotated[tuple[int, int], AfterValidator(even_range)] = Field(
        default=(20000, 29999),
        description="First and last UDP port for RTP and RTCP. A call takes four. "
        "Keep it apart from the kernel's own range (`net.ipv4.ip_local_port_range`).",
    )
    threads: int = Field(default=1, ge=1, le=64, description="Media engine threads, at most one per core.")
    latch_window: Seconds = Field(
        default=5.0,
        description="Seconds after an offer or answer in which the real source address of a party's voice is learnt. "
        "Later strangers are counted and dropped.",
    )
    quarantine: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds a port rests after a call before it is used again.",
    )
    silence_limit: int = Field(
        default=300,
        ge=1,
        description="Seconds without any voice packet from either side, hold excepted, after which a call is ended.",
    )


class Policy(Section):
    """What decides whether a call is recorded."""

    rules_file: Path = Field(default=Path("rules.toml"), description="File of the recording rules.")
    country: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")] = Field(
        default="48", description="Country calling code that national numbers belong to, without +."
    )
    emergency: tuple[Annotated[str, Field(pattern=r"^[0-9+*#]+$")], ...] = Field(
        default=("112", "997", "998", "999"),
        description="Emergency numbers: never announced over, delayed or recorded.",
    )


class Notice(Section):
    """What the parties are told."""

    language: Literal["pl", "en", "uk", "de"] = Field(
        default="pl", description="Language of notices for rules that name none."
    )
    prompts: Annotated[Path | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        description="Folder of your own prompts: texts and sounds kept by `skryba prompts`, or loose "
        "`<id>.<language>.wav` files. Empty: those that come with Skryba.",
    )


class Limits(Section):
    """Bounds that keep one bad day from becoming a worse one."""

    calls: int = Field(default=1000, ge=1, le=100_000, description="Calls at one time; further ones get 503.")
    max_duration: int = Field(default=14400, ge=1, description="Seconds after which a call is ended.")
    answer_timeout: int = Field(default=180, ge=1, description="Seconds a call may ring.")


class Operations(Section):
    """How Skryba is run and watched."""

    metrics: Annotated[str, AfterValidator(address_text)] = Field(
        default="127.0.0.1:9464",
        description="Address of /metrics, /healthz and /readyz. Keep it on loopback or a management network.",
    )
    keeper_metrics: Annotated[str, AfterValidator(address_text)] = Field(
        default="127.0.0.1:9465",
        description="The same of the keeper process: uploads, hooks, reconciliation, disk.",
    )
    control: Path = Field(default=Path("run/control.sock"), description="Unix socket between signalling and recorder.")
    drain_timeout: int = Field(default=300, ge=0, description="Seconds that running calls are given after SIGTERM.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Least severe log line to write.",
    )
    log_format: Literal["json", "console"] = Field(
        default="json",
        description="One JSON object per line, or text for people.",
    )
    database: NonEmptyText = Field(
        default="sqlite:///skryba.db",
        description="Ledger of all calls and catalogue of all recordings: `sqlite:///FILE`, or "
        "`postgresql://USER:PASSWORD@HOST/NAME`.",
    )

    @property
    def metrics_address(self) -> SocketAddress:
        return parse_address(self.metrics)

    @property
    def keeper_address(self) -> SocketAddress:
        return parse_address(self.keeper_metrics)


class Station(Section):
    """A phone that registers with Skryba. One `[[station]]` table each."""

    id: Identifier = Field(description="User part of the station's SIP address, and its user name.")
    password: Text = Field(
        description="At least 12 characters, not guessable; `openssl rand -base64 18` makes one.",
        repr=False,
    )
    name: Text = Field(default="", description="Name shown to the other party.")
    groups: tuple[Identifier, ...] = Field(default=(), description='Groups that rules can name as `"group:NAME"`.')
    number: Annotated[str, Field(pattern=r"^(\+?[0-9*#]+)?$")] = Field(
        default="", description="Number presented to trunks. Empty: the station's id."
    )


class Trunk(Section):
    """A provider or PBX that calls are routed to. One `[[trunk]]` table each."""

    id: Identifier = Field(description="Name of the trunk in rules, metrics and logs.")
    host: NonEmptyText = Field(description="Address or name of the other side.")
    port: int = Field(default=5060, ge=1, le=65535, description="SIP port of the other side.")
    transport: Literal["udp", "tcp"] = Field(default="udp", description="How to reach it.")
    register_: bool = Field(
        default=False,
        alias="register",
        description="Register there with `username` and `password`.",
    )
    username: Text = Field(default="", description="User name for digest authentication.")
    password: Text = Field(default="", description="Password for digest authentication.", repr=False)
    accept: tuple[Annotated[str, AfterValidator(numeric)], ...] = Field(
        default=(),
        description="Source addresses that calls from this trunk come from. Empty: `host`, when it is numeric.",
    )
    prefix: tuple[Annotated[str, Field(pattern=r"^\+?[0-9#]*\*?$")], ...] = Field(
        default=("*",),
        description='Called numbers that go to this trunk: exact, by prefix (`"+48*"`), or all (`"*"`). First '
        "trunk that fits and is up.",
    )
    options_interval: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="Seconds between OPTIONS probes. 0: no probing, always up.",
    )
    expires: int = Field(default=300, ge=60, le=86400, description="Seconds a registration is asked for.")


class Config(BaseSettings):
    """All options. Paths are absolute after `load`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter=ENVIRONMENT_DELIMITER,
    )

    sip: Sip = Sip()
    media: Media = Media()
    recorder: Recorder = Recorder()
    encryption: Encryption = Encryption()
    evidence: Evidence = Evidence()
    storage: Storage = Storage()
    policy: Policy = Policy()
    notice: Notice = Notice()
    limits: Limits = Limits()
    operations: Operations = Operations()
    numbers: dict[Annotated[str, Field(pattern=r"^\+?[0-9*#]+$")], Identifier] = Field(
        default={}, description='Called number = station, such as `"+48221234567" = "101"`.'
    )
    station: tuple[Station, ...] = ()
    trunk: tuple[Trunk, ...] = ()
    hook: tuple[Hook, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: it merges file and environment itself, to know whose fault a fault is."""
        return (init_settings,)
