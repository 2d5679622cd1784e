"""Requests: what we send within one leg's dialog — addressed, authorised, acknowledged (RFC 3261 §12.2.1, §13.2.2.4).

May not know what the answers mean to the leg.
"""

from dataclasses import dataclass
from ipaddress import ip_address

from skryba.b2bua import bodies, passthrough
from skryba.b2bua.credentials import NAMES, Authorisation
from skryba.b2bua.refusal import ALLOW
from skryba.b2bua.signals import Extras
from skryba.b2bua.switchboard import Line
from skryba.sip.dialog import Dialog
from skryba.sip.events import ClientKey, Flow
from skryba.sip.message import Request, Response
from skryba.terms import SocketAddress


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of ours that waits for its final response."""

    request: Request
    extras: Extras

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def credentials(self) -> Extras:
        """What its ACK has to repeat (RFC 3261 §22.1)."""
        return tuple(field for field in self.extras if field[0] in NAMES)


@dataclass(slots=True)
class _Thanks:
    """The ACK of the last 2xx to an INVITE of ours; `ack` None = it waits for our answer to the 2xx's offer."""

    key: ClientKey
    cseq: int
    credentials: Extras
    ack: Request | None = None


class Requests:
    """`roams`: the party is reached where it last came from, whatever its Contact says (stations behind NAT)."""

    __slots__ = ("_authorisation", "_contact", "_line", "_open", "_roams", "_thanks", "dialog", "flow")

    def __init__(self, line: Line, flow: Flow, contact: str, authorisation: Authorisation, *, roams: bool) -> None:
        self.flow = flow
        self.dialog: Dialog | None = None
        self._line = line
        self._contact = contact
        self._authorisation = authorisation
        self._roams = roams
        self._open: dict[ClientKey, Sent] = {}
        self._thanks: _Thanks | None = None

    @property
    def late(self) -> bool:
        """Does the party wait for the ACK with our answer to its offer?"""
        return self._thanks is not None and self._thanks.ack is None

    @property
    def inviting(self) -> bool:
        """Is an INVITE of ours open, its ACK included?"""
        return self.late or any(sent.method == "INVITE" for sent in self._open.values())

    def owns(self, key: ClientKey) -> bool:
        """Did we send that request here?"""
        return key in self._open or (self._thanks is not None and self._thanks.key == key)

    def seen(self, flow: Flow) -> None:
        """A request of the party came by this flow."""
        if self._roams:
            self.flow = flow

    def send(self, method: str, body: bytes, content_type: str | None, extras: Extras, now: float) -> None:
        """The next request of the dialog."""
        if method == "INVITE" and self._thanks is not None:
            self._line.forget(self._thanks.key)
            self._thanks = None
        dialog = self._dialog
        request = dialog.request(method, contact=self._contact if method == "INVITE" else None)
        if method == "INVITE":
            request.headers.add("Allow", ALLOW)
        if content_type is not None:
            request.headers.add("Content-Type", content_type)
            request.body = body
        passthrough.add(request.headers, extras)
        self._open[self._line.request(request, self._way(), now)] = Sent(request, extras)

    def answered(self, key: ClientKey, response: Response, now: float) -> Sent | None:
        """A response: what was asked, when this answers it for good; None when there is nothing to decide."""
        thanks = self._thanks
        if thanks is not None and thanks.key == key:
            if 200 <= response.status < 300 and thanks.ack is not None:
                self._line.acknowledge(thanks.ack, self._way())  # ours was lost
            return None
        sent = self._open.get(key)
        if sent is None or response.status < 200:
            return None
        del self._open[key]
        if response.status in (401, 407):
            header = self._authorisation.answer(sent.request, response)
            if header is not None:
                self._line.forget(key)
                others = tuple(field for field in sent.extras if field[0] != header[0])
                kind = sent.request.headers.get("Content-Type")
                self.send(sent.method, sent.request.body, kind, (*others, header), now)
                return None
        if sent.method != "INVITE" or response.status >= 300:
            self._line.forget(key)
        return sent

    def call_off(self, now: float) -> None:
        """An INVITE of ours that is still open shall end: no answer would be of use any more."""
        for key, sent in self._open.items():
            if sent.method == "INVITE":
                self._line.cancel(key, now)

    def failed(self, key: ClientKey) -> Sent | None:
        """No final response will come: what was asked."""
        self._line.forget(key)
        return self._open.pop(key, None)

    def take(self, key: ClientKey, cseq: int, credentials: Extras) -> None:
        """A 2xx to an INVITE of ours has come: `acknowledge` is due."""
        self._thanks = _Thanks(key, cseq, credentials)

    def acknowledge(self, answer: bytes | None) -> None:
        """The ACK, with our answer when the 2xx carried an offer."""
        thanks = self._thanks
        if thanks is None:
            return
        thanks.ack = self._dialog.ack(thanks.cseq, contact=self._contact, credentials=thanks.credentials)
        bodies.write(thanks.ack, answer)
        self._line.acknowledge(thanks.ack, self._way())

    @property
    def _dialog(self) -> Dialog:
        assert self.dialog is not None  # only legs with a dialog send within it
        return self.dialog

    def _way(self) -> Flow:
        """A station is reached where it came from; a trunk where its dialog says (RFC 3261 §12.2.1.1)."""
        if self._roams or self.flow.transport != "udp":
            return self.flow
        hop = self._dialog.next_hop()
        address = SocketAddress(hop.host, hop.port or 5060)
        if address == self.flow.remote or (hop.param("transport") or "udp").lower() != "udp":
            return self.flow
        try:
            target, known = ip_address(hop.host), ip_address(self.flow.remote.host)
        except ValueError:
            return self.flow  # a name: what it resolves to is where we talk already
        if target.version != known.version or (target.is_private and not known.is_private):
            return self.flow
        return Flow(self.flow.transport, self.flow.local, address)
