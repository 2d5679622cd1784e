"""Registrar: the contacts of our stations (RFC 3261 §10.3, Path: RFC 3327), each with the flow it came by.

May not know calls, nor who checks passwords: a request that arrives here is the station's.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from skryba.b2bua.notices import RegistrationChanged
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.settings import Settings
from skryba.b2bua.snapshot import ContactSnapshot
from skryba.errors import ParseError
from skryba.sip.events import Flow
from skryba.sip.message import Request, Response, response_to
from skryba.sip.name_addr import NameAddr
from skryba.sip.uri import Uri

_DEFAULT_EXPIRES = 3600


@dataclass(slots=True)
class Contact:
    """One binding. Requests go by `flow`, whatever the URI says: there the station can be reached (RFC 5626)."""

    uri: Uri
    flow: Flow
    paths: tuple[str, ...]
    expires: float
    call_id: str
    cseq: int
    since: float
    user_agent: str = ""
    q: float = 1.0

    def snapshot(self) -> ContactSnapshot:
        """A view for people."""
        return ContactSnapshot(str(self.uri), self.flow.transport, self.flow.remote, self.expires, self.user_agent)


class Registrar:
    """`tell` takes notices."""

    def __init__(self, settings: Settings, tell: Callable[[RegistrationChanged], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._contacts: dict[str, list[Contact]] = {}
        self._due: list[tuple[float, str]] = []

    def lookup(self, station: str, now: float) -> list[Contact]:
        """Living contacts, best q first, then the most recent."""
        living = [contact for contact in self._contacts.get(station, ()) if contact.expires > now]
        return sorted(living, key=lambda contact: (-contact.q, -contact.since))

    def stations(self, now: float) -> dict[str, tuple[ContactSnapshot, ...]]:
        """All registered stations."""
        found = {station: tuple(c.snapshot() for c in self.lookup(station, now)) for station in self._contacts}
        return {station: contacts for station, contacts in found.items() if contacts}

    def __len__(self) -> int:
        return len(self._contacts)

    def register(self, station: str, request: Request, flow: Flow, now: float, tag: str) -> Response:
        """Answer an authenticated REGISTER."""
        try:
            refusal = self._update(station, request, flow, now)
        except ParseError as error:
            refusal = Refusal(error.status)
        if refusal is not None:
            return refusal.respond(request, tag)
        response = response_to(request, 200, to_tag=tag)
        for contact in self.lookup(station, now):
            left = max(1, round(contact.expires - now))
            response.headers.add("Contact", f"<{contact.uri}>;expires={left}")
        for path in request.headers.get_all("Path"):
            response.headers.add("Path", path)
        if "path" in [option.lower() for option in request.supported] and "Path" in request.headers:
            response.headers.add("Supported", "path")
        return response

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection is gone: nobody can be reached by it (RFC 5626 §4.4)."""
        if flow.transport != "tcp":
            return
        for station, contacts in list(self._contacts.items()):
            kept = [contact for contact in contacts if contact.flow != flow]
            if len(kept) != len(contacts):
                self._store(station, kept, now)

    def next_timeout(self) -> float | None:
        """When the next contact may expire."""
        return self._due[0][0] if self._due else None

    def handle_timeout(self, now: float) -> None:
        """Forget what has expired."""
        while self._due and self._due[0][0] <= now:
            station = heapq.heappop(self._due)[1]
            contacts = self._contacts.get(station, [])
            living = [contact for contact in contacts if contact.expires > now]
            if len(living) != len(contacts):
                self._store(station, living, now)

    def _update(self, station: str, request: Request, flow: Flow, now: float) -> Refusal | None:
        contacts = {str(contact.uri): contact for contact in self.lookup(station, now)}
        call_id, cseq = request.call_id, request.cseq.number
        if request.contact_star:  # RFC 3261 §10.3 step 6
            if request.expires != 0:
                return Refusal(400, "Contact * Needs Expires 0")
            if any(contact.call_id == call_id and cseq <= contact.cseq for contact in contacts.values()):
                return Refusal(500, "CSeq Out of Order")
            self._store(station, [], now)
            return None
        if not request.contacts:
            return None  # a question only
        return self._bind(station, contacts, request, flow, now)

    def _bind(
        self, station: str, contacts: dict[str, Contact], request: Request, flow: Flow, now: float
    ) -> Refusal | None:
        """RFC 3261 §10.3 step 7: all of the request or nothing."""
        call_id, cseq = request.call_id, request.cseq.number
        paths = tuple(request.headers.get_all("Path"))
        if paths and "path" not in [option.lower() for option in request.supported]:
            return Refusal(421, None, (("Require", "path"),))  # RFC 3327 §5.3
        agent = (request.headers.get("User-Agent") or "")[:80]
        for address in request.contacts:
            expires = self._expires(address, request)
            if isinstance(expires, Refusal):
                return expires
            if address.uri.scheme not in ("sip", "sips"):
                return Refusal(400, "Contact Must Be a SIP URI")
            old = next((text for text, known in contacts.items() if known.uri.matches(address.uri)), None)
            if old is not None:
                known = contacts.pop(old)
                if known.call_id == call_id and cseq <= known.cseq:
                    return Refusal(500, "CSeq Out of Order")
            if expires:
                contacts[str(address.uri)] = Contact(
                    address.uri, flow, paths, now + expires, call_id, cseq, now, agent, _q(address)
                )
        if len(contacts) > self._settings.limits.contacts:
            return Refusal(403, "Too Many Contacts")
        self._store(station, list(contacts.values()), now)
        return None

    def _expires(self, address: NameAddr, request: Request) -> int | Refusal:
        """Seconds: asked for, cut to our longest; 423 when too short (RFC 3261 §10.3 step 7)."""
        limits = self._settings.limits
        stated = address.param("expires")
        if stated is not None and stated.isascii() and stated.isdigit() and len(stated) < 11:
            asked = int(stated)
        elif request.expires is not None:
            asked = request.expires
        else:
            asked = _DEFAULT_EXPIRES
        if 0 < asked < limits.register_min:
            return Refusal(423, None, (("Min-Expires", str(limits.register_min)),))
        return min(asked, limits.register_max)

    def _store(self, station: str, contacts: list[Contact], now: float) -> None:
        before = [(str(c.uri), c.flow) for c in self._contacts.get(station, ())]
        if contacts:
            self._contacts[station] = contacts
            heapq.heappush(self._due, (min(contact.expires for contact in contacts), station))
            if len(self._due) > 4 * len(self._contacts) + 64:
                self._due = [(min(c.expires for c in found), name) for name, found in self._contacts.items()]
                heapq.heapify(self._due)
        else:
            self._contacts.pop(station, None)
        if [(str(c.uri), c.flow) for c in contacts] != before:
            self._tell(RegistrationChanged(station, tuple(c.snapshot() for c in self.lookup(station, now))))


def _q(address: NameAddr) -> float:
    try:
        return min(1.0, max(0.0, float(address.param("q") or "1")))
    except ValueError:
        return 1.0
