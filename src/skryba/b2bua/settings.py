"""Settings: what the calls are told about the world they serve, all of it frozen.

May not know the configuration file these values come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from skryba.policy.e164 import normalise
from skryba.sip.events import Flow
from skryba.sip.timers import Timers
from skryba.terms import SocketAddress

Transport = Literal["udp", "tcp"]

EMERGENCY = frozenset({"112", "997", "998", "999"})
PLAYABLE = ("PCMA/8000", "PCMU/8000", "G722/8000")  # what prompts exist in


@dataclass(frozen=True, slots=True)
class Binding:
    """One bound SIP address and how peers see it."""

    transport: Transport
    local: SocketAddress
    advertised: SocketAddress


@dataclass(frozen=True, slots=True)
class Station:
    """Who may register and call. `number` is what trunks are shown as the caller."""

    id: str
    password: str
    name: str = ""
    groups: frozenset[str] = frozenset()
    number: str | None = None


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """What we route to. `host` stands in URIs; `address` is numeric; `accept` lists numeric source hosts."""

    id: str
    host: str
    address: SocketAddress
    transport: Transport = "udp"
    register: bool = False
    username: str = ""
    password: str = ""
    accept: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ("*",)
    options_interval: float = 60.0  # 0 = no probe
    expires: int = 300
    exclusive: bool = False  # for the numbers it names only, never for emergencies; nobody calls from it
    trusted: bool = True  # may be shown P-Asserted-Identity (RFC 3325)

    @property
    def uri_host(self) -> str:
        """`host` as it stands in a URI."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def uri(self, user: str | None = None) -> str:
        """A URI there; the port is named when it is not the usual one."""
        at = f"{user}@" if user else ""
        port = "" if self.address.port == 5060 else f":{self.address.port}"
        transport = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{at}{self.uri_host}{port}{transport}"


@dataclass(frozen=True, slots=True)
class Limits:
    """All times in seconds."""

    calls: int = 1000
    max_duration: float = 14400.0
    answer_timeout: float = 180.0
    prompt_timeout: float = 60.0
    register_min: int = 60
    register_max: int = 3600
    contacts: int = 10  # per station


@dataclass(frozen=True, slots=True)
class Settings:
    """`numbers` maps called numbers (E.164) to station ids; `bindings` must hold one per transport and family used."""

    domain: str
    bindings: tuple[Binding, ...]
    stations: Mapping[str, Station] = field(default_factory=dict)
    trunks: tuple[TrunkSettings, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    timers: Timers = field(default_factory=Timers)
    emergency: frozenset[str] = EMERGENCY  # recognised even when the policy engine fails
    country: str = "48"
    pass_headers: frozenset[str] = frozenset()  # lower case, in addition to the built-in list
    recordable: tuple[str, ...] = (*PLAYABLE, "L16/8000", "L16/16000")
    retry_after: int = 30  # seconds, told with 503
    language: str = "pl"  # of what is said where no rule names a language

    def binding(self, transport: str, host: str) -> Binding | None:
        """The binding that can reach a peer at this numeric host."""
        six = ":" in host
        for binding in self.bindings:
            if binding.transport == transport and (":" in binding.local.host) == six:
                return binding
        return None

    def advertised(self, flow: Flow) -> SocketAddress:
        """Our address as the peer at the end of this flow sees it."""
        for binding in self.bindings:
            if binding.transport == flow.transport and binding.local == flow.local:
                return binding.advertised
        similar = self.binding(flow.transport, flow.remote.host)
        return similar.advertised if similar else flow.local

    def flow(self, transport: Transport, remote: SocketAddress) -> Flow | None:
        """A way to that peer, or None when no binding speaks its transport and family."""
        binding = self.binding(transport, remote.host)
        return Flow(transport, binding.local, remote) if binding else None

    def contact(self, flow: Flow, user: str = "skryba") -> str:
        """Our Contact header toward the peer at the end of this flow (RFC 3261 §8.1.1.8)."""
        transport = "" if flow.transport == "udp" else f";transport={flow.transport}"
        return f"<sip:{user}@{self.advertised(flow)}{transport}>"

    def station_of(self, number: str) -> str | None:
        """The station that a called user part means: its id, or a number of the `numbers` map."""
        if number in self.stations:
            return number
        return self.numbers.get(number) or self.numbers.get(normalise(number, country=self.country))

    def is_ours(self, host: str) -> bool:
        """Does this host of a URI mean us?"""
        host = host.strip("[]").lower()
        return host == self.domain.lower() or any(host in (b.local.host, b.advertised.host) for b in self.bindings)
