"""Routing: from a called number to the party it means, and to the targets that are dialled for it.

May not know how dialling is done, nor what policy thinks of the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from skryba.b2bua.outbound import Target
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.registrar import Contact, Registrar
from skryba.b2bua.settings import Settings, Station, TrunkSettings
from skryba.b2bua.signals import Extras
from skryba.b2bua.trunk import Trunk
from skryba.errors import ParseError
from skryba.policy.e164 import matches, normalise
from skryba.sip.message import Request
from skryba.sip.name_addr import NameAddr
from skryba.sip.uri import Uri
from skryba.terms import Direction

_WITHHELD = frozenset({"", "anonymous", "unavailable", "restricted", "unknown"})
_HIDING = frozenset({"id", "user", "header", "full"})  # RFC 3323 §4.2, RFC 3325 §9.3
_SERVICE = "urn:service:sos"  # RFC 5031 §4.2
_ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


@dataclass(frozen=True, slots=True)
class Route:
    """What a call is: who calls whom. `dialled` is the called user part as it came."""

    direction: Direction
    station: str | None
    trunk: str | None
    callee_station: str | None
    caller: str  # as policy and people see it; "" = withheld
    dialled: str
    display: str | None
    hidden: bool
    groups: frozenset[str]
    emergency: bool
    priority: bool

    @property
    def did(self) -> str | None:
        """The number of ours that was called from outside."""
        return self.dialled if self.direction is Direction.INBOUND else None


class Routing:
    """`trunks` in the order of preference."""

    def __init__(self, settings: Settings, registrar: Registrar, trunks: Mapping[str, Trunk]) -> None:
        self._settings = settings
        self._registrar = registrar
        self._trunks = trunks

    def route(self, request: Request, origin: Station | TrunkSettings) -> Route | Refusal:
        """Where an admitted INVITE leads."""
        dialled = self._dialled(request, origin)
        if not dialled:
            return Refusal(484)
        hidden = _hidden(request)
        priority = "Resource-Priority" in request.headers
        callee = self._settings.station_of(dialled)
        if isinstance(origin, TrunkSettings):
            if callee is None:
                return Refusal(404)
            caller = request.from_.uri.user_text or request.from_.uri.opaque
            if caller.lower() in _WITHHELD:
                hidden = True
            groups = self._settings.stations[callee].groups
            return Route(
                Direction.INBOUND, callee, origin.id, callee, "" if hidden else caller, dialled,
                None if hidden else request.from_.display, hidden, groups, False, priority,
            )  # fmt: skip
        name = origin.name or None
        emergency = self._is_emergency(dialled)
        if callee is not None and not emergency:
            return Route(
                Direction.INTERNAL,
                origin.id,
                None,
                callee,
                origin.id,
                dialled,
                name,
                hidden,
                origin.groups,
                False,
                priority,
            )
        trunk = next(iter(self._candidates(dialled, emergency)), None)
        if trunk is None:
            return Refusal(404)
        return Route(
            Direction.OUTBOUND, origin.id, trunk.trunk.id, None, origin.number or origin.id, dialled,
            name, hidden, origin.groups, emergency, priority,
        )  # fmt: skip

    def targets(self, route: Route, now: float) -> list[list[Target]]:
        """Whom to dial, in rounds: all of a round at once, the next when it failed. Empty = nobody can be reached."""
        if route.callee_station is not None:
            contacts = self._registrar.lookup(route.callee_station, now)
            return [[self._station_target(route, contact) for contact in contacts]] if contacts else []
        rounds = []
        for trunk in self._candidates(route.dialled, route.emergency):
            target = self._trunk_target(route, trunk)
            if target is not None:
                rounds.append([target])
        return rounds

    def _candidates(self, dialled: str, emergency: bool) -> list[Trunk]:
        """Trunks that are up, first of the list first. An emergency call also tries those that seem down, last."""
        wanted = self._number(dialled)
        trunks = self._trunks.values()
        if not emergency and (
            exclusive := [each for each in trunks if each.trunk.exclusive and wanted in each.trunk.prefixes]
        ):
            return exclusive
        fitting = [
            trunk
            for trunk in trunks
            if not trunk.trunk.exclusive
            and (emergency or any(prefix == "*" or matches(prefix, wanted) for prefix in trunk.trunk.prefixes))
        ]
        up = [trunk for trunk in fitting if trunk.up]
        down = [trunk for trunk in fitting if not trunk.up]
        return up + down if emergency else up or down[:1]

    def _dialled(self, request: Request, origin: Station | TrunkSettings) -> str:
        uri = Uri.parse(request.uri)
        if uri.scheme == "urn":
            return str(uri)
        user = uri.user_text or uri.opaque
        if isinstance(origin, TrunkSettings) and (not user or user == self._trunks[origin.id].contact_user):
            user = request.to.uri.user_text or request.to.uri.opaque  # called by the name we registered with
        return user.partition(";")[0]

    def _number(self, dialled: str) -> str:
        return normalise(dialled, country=self._settings.country)

    def _is_emergency(self, dialled: str) -> bool:
        if dialled.startswith(_SERVICE):
            return True
        return "".join(char for char in dialled if char.isdigit()) in self._settings.emergency

    def _station_target(self, route: Route, contact: Contact) -> Target:
        domain = self._settings.domain
        if route.hidden:
            from_ = _ANONYMOUS
        else:
            caller = Uri("sip", _escaped(route.caller), None, domain)
            from_ = str(NameAddr(caller, route.display))
        return Target(
            uri=str(contact.uri),
            flow=contact.flow,
            to=f"<sip:{_escaped(route.callee_station or '')}@{domain}>",
            from_=from_,
            contact=self._settings.contact(contact.flow),
            routes=contact.paths,
            roams=True,
        )

    def _trunk_target(self, route: Route, trunk: Trunk) -> Target | None:
        flow = trunk.flow
        if flow is None:
            return None
        settings = trunk.trunk
        station = self._settings.stations[route.station or ""]
        host = settings.uri_host if settings.register else self._settings.domain
        user = station.number or (settings.username if settings.register else station.id)
        ours = f"<sip:{_escaped(user)}@{host}>"
        extras: Extras = ()
        if route.hidden:
            extras = (("Privacy", "id"),)
        if settings.trusted:
            extras = (*extras, ("P-Asserted-Identity", ours))  # RFC 3325 §9.1: our own word, never the phone's
        uri = route.dialled if route.dialled.startswith(_SERVICE) else settings.uri(_escaped(route.dialled))
        return Target(
            uri=uri,
            flow=flow,
            to=f"<{uri}>",
            from_=_ANONYMOUS if route.hidden else ours,
            contact=self._settings.contact(flow, trunk.contact_user),
            extras=extras,
            account=trunk.account,
            trunk=settings.id,
            roams=False,
        )


def _hidden(request: Request) -> bool:
    """Does the caller ask not to be named?"""
    wishes = {part.strip().lower() for value in request.headers.get_all("Privacy") for part in value.split(";")}
    if wishes & _HIDING:
        return True
    try:
        host = request.from_.uri.host.lower()
    except ParseError:
        return True
    return host == "anonymous.invalid"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,")


def _escaped(user: str) -> str:
    """A user part for a URI (RFC 3261 §25.1)."""
    return "".join(c if c in _PLAIN else "".join(f"%{byte:02X}" for byte in c.encode()) for c in user)
