"""A dialog: Call-ID, two tags, two sequence numbers, a route set (RFC 3261 §12).

Knows messages; knows no transaction, no call, no clock, and nothing of bodies.
"""

from collections.abc import Iterable

from skryba.sip.headers import Headers
from skryba.sip.message import Message, Request, Response
from skryba.sip.name_addr import NameAddr
from skryba.sip.uri import Uri

MAX_FORWARDS = 70

DialogKey = tuple[str, str, str]  # Call-ID, local tag, remote tag


class Dialog:
    """One peer-to-peer relation, early or confirmed. It numbers and addresses requests; it does not send them."""

    __slots__ = (
        "_local_text",
        "_remote_text",
        "call_id",
        "confirmed",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "route_set",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local: NameAddr,
        remote: NameAddr,
        remote_target: Uri,
        route_set: tuple[NameAddr, ...],
        local_cseq: int,
        remote_cseq: int | None,
        confirmed: bool,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.remote = remote
        # A missing tag is the null tag of an RFC 2543 peer, §12.1.1 and §12.1.2
        self.local_tag = local.tag or ""
        self.remote_tag = remote.tag or ""
        self.remote_target = remote_target
        self.route_set = route_set
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.confirmed = confirmed
        self._local_text = str(local)
        self._remote_text = str(remote)

    @classmethod
    def as_uac(cls, request: Request, response: Response) -> "Dialog":
        """From our request and a 2xx, or a 1xx with a To tag (§12.1.2). ParseError when their headers are broken."""
        contacts = response.contacts
        return cls(
            call_id=request.call_id,
            local=request.from_,
            remote=response.to,
            # Contact may be missing in a 1xx; until it comes the target is what we dialled
            remote_target=contacts[0].uri if contacts else Uri.parse(request.uri),
            route_set=tuple(reversed(response.record_routes)),
            local_cseq=request.cseq.number,
            remote_cseq=None,
            confirmed=response.status >= 200,
        )

    @classmethod
    def as_uas(cls, request: Request, response: Response) -> "Dialog":
        """From their request and our 1xx or 2xx that carries our To tag (§12.1.1). Raises ParseError as `as_uac`."""
        contacts = request.contacts
        return cls(
            call_id=request.call_id,
            local=response.to,
            remote=request.from_,
            remote_target=contacts[0].uri if contacts else request.from_.uri,
            route_set=tuple(request.record_routes),
            local_cseq=0,
            remote_cseq=request.cseq.number,
            confirmed=response.status >= 200,
        )

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local_tag, self.remote_tag)

    @staticmethod
    def key_of(message: Message, *, from_is_remote: bool) -> DialogKey:
        """The dialog a message belongs to; `from_is_remote` for their requests, False for responses to ours."""
        from_tag, to_tag = message.from_.tag or "", message.to.tag or ""
        return (message.call_id, to_tag, from_tag) if from_is_remote else (message.call_id, from_tag, to_tag)

    def confirm(self, response: Response) -> None:
        """The 2xx of the INVITE that made this early dialog of ours: route set and target anew (§13.2.2.4)."""
        if not self.confirmed:
            self.route_set = tuple(reversed(response.record_routes))
            self.confirmed = True
        self.refresh_target(response)

    def request(self, method: str, *, contact: str | None = None) -> Request:
        """The next request within the dialog, without Via; its CSeq is one more than the last (§12.2.1.1)."""
        self.local_cseq += 1
        return self._addressed(method, self.local_cseq, contact)

    def ack(self, cseq: int, *, contact: str | None = None, credentials: Iterable[tuple[str, str]] = ()) -> Request:
        """The ACK of a 2xx of our INVITE `cseq`; `credentials` are that INVITE's Authorization fields (§13.2.2.4)."""
        ack = self._addressed("ACK", cseq, contact)
        for name, value in credentials:
            ack.headers.add(name, value)
        return ack

    def accept(self, request: Request) -> bool:
        """Notes the CSeq of their request; False when it is out of order and 500 is due (§12.2.2)."""
        number = request.cseq.number
        if request.method in ("ACK", "CANCEL"):  # carry the number of the INVITE they belong to
            return True
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Message) -> None:
        """After an INVITE or UPDATE of theirs, or a 2xx to ours: they may have moved (§12.2)."""
        contacts = message.contacts
        if contacts:
            self.remote_target = contacts[0].uri

    def next_hop(self) -> Uri:
        """Where requests are sent first: the first route, loose or strict, or else the remote target (§8.1.2)."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def _addressed(self, method: str, cseq: int, contact: str | None) -> Request:
        target = str(self.remote_target)
        routes = [str(route) for route in self.route_set]
        if routes and not self.route_set[0].uri.has_param("lr"):
            # §12.2.1.1: a strict router wants itself as Request-URI and the target as last route
            first = self.route_set[0].uri
            allowed = tuple((name, value) for name, value in first.params if name.lower() != "method")
            routes = [*routes[1:], f"<{target}>"]
            target = str(first.with_(params=allowed, headers=None))
        fields = [("Route", route) for route in routes]
        fields += [
            ("Max-Forwards", str(MAX_FORWARDS)),
            ("From", self._local_text),
            ("To", self._remote_text),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if contact is not None:
            fields.append(("Contact", contact))
        return Request(method, target, Headers(fields))
