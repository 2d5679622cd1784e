"""Trunk: is it up? Registration with refresh and back-off (RFC 3261 §10.2), probing by OPTIONS (§11).

May not know calls. A trunk is up when its registration (if it needs one) and its last probe (if any) succeeded.
"""

import zlib
from collections.abc import Callable
from enum import StrEnum

from skryba.b2bua.credentials import Account, Authorisation
from skryba.b2bua.notices import TrunkChanged
from skryba.b2bua.refusal import ALLOW
from skryba.b2bua.settings import Settings, TrunkSettings
from skryba.b2bua.snapshot import TrunkSnapshot
from skryba.b2bua.switchboard import Switchboard
from skryba.errors import ParseError
from skryba.sip.events import ClientKey, Flow
from skryba.sip.headers import Headers
from skryba.sip.message import Request, Response

_BACK_OFF_FIRST = 5.0  # seconds; doubled at each failure (RFC 5626 §4.5 gives the form)
_BACK_OFF_LAST = 300.0
_REFRESH_AT = 0.8  # of the granted time, less up to 0.2 of jitter
_REFRESH_EARLIEST = 5.0


class Registration(StrEnum):
    """Ours at the trunk."""

    NOT_NEEDED = "not needed"
    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"


class Trunk:
    """One trunk. Call `start` once; from then on it lives by its alarms."""

    def __init__(
        self,
        settings: Settings,
        trunk: TrunkSettings,
        board: Switchboard,
        token: Callable[[], str],
        tell: Callable[[TrunkChanged], None],
    ) -> None:
        self.trunk = trunk
        self.registration = Registration.TRYING if trunk.register else Registration.NOT_NEEDED
        self._settings = settings
        self._token = token
        self._tell = tell
        self._line = board.line(self)
        self._authorisation = Authorisation(self.account, token)
        self._call_id = token()
        self._tag = token()
        self._cseq = 0
        self._expires = trunk.expires
        self._failures = 0
        self._answers_probes = True  # until it does not
        self._pending: dict[ClientKey, Request] = {}
        self._was_up = self.up
        self._detail = ""

    @property
    def account(self) -> Account | None:
        return Account(self.trunk.username, self.trunk.password) if self.trunk.username else None

    @property
    def flow(self) -> Flow | None:
        """The way to it, None when no binding of ours speaks its transport and family."""
        return self._settings.flow(self.trunk.transport, self.trunk.address)

    @property
    def contact_user(self) -> str:
        """The user part of our Contact there; a registering trunk calls us by it."""
        return self.trunk.username if self.trunk.register and self.trunk.username else "skryba"

    @property
    def up(self) -> bool:
        registered = self.registration in (Registration.NOT_NEEDED, Registration.REGISTERED)
        return registered and self._answers_probes and self.flow is not None

    def snapshot(self) -> TrunkSnapshot:
        """A view for people."""
        registered = None if not self.trunk.register else self.registration is Registration.REGISTERED
        return TrunkSnapshot(self.trunk.id, self.up, registered, self._detail)

    def start(self, now: float) -> None:
        """Register and probe from now on."""
        if self.flow is None:
            self._detail = f"no {self.trunk.transport} binding reaches {self.trunk.address}"
            return
        if self.trunk.register:
            self._register(now)
        if self.trunk.options_interval:
            self._probe(now)

    def alarm(self, name: str, now: float) -> None:
        """Time to register or to probe."""
        if name == "register":
            self._register(now)
        else:
            self._probe(now)

    def receive_response(self, key: ClientKey, response: Response, flow: Flow, now: float) -> None:
        """An answer to a REGISTER or OPTIONS of ours."""
        request = self._pending.get(key)
        if request is None or response.status < 200:
            return
        del self._pending[key]
        self._line.forget(key)
        if response.status in (401, 407) and (header := self._authorisation.answer(request, response)):
            request.headers.set(*header)
            self._send(request, now)
        elif request.method == "REGISTER":
            self._registered(response, now)
        else:
            # Any answer shows that it lives, but for those that say it cannot serve (RFC 3261 §11.1)
            self._probed(response.status not in (408, 500, 502, 503, 504), f"OPTIONS {response.status}", now)
        self._report()

    def transaction_failed(self, key: ClientKey, kind: str, now: float) -> None:
        """No answer at all."""
        request = self._pending.pop(key, None)
        self._line.forget(key)
        if request is None:
            return
        if request.method == "REGISTER":
            self._register_failed(f"REGISTER {kind}", None, now)
        else:
            self._probed(False, f"OPTIONS {kind}", now)
        self._report()

    # registration

    def _register(self, now: float) -> None:
        flow = self.flow
        if flow is None:
            return
        address = f"<sip:{self.trunk.username}@{self.trunk.uri_host}>"
        request = self._request("REGISTER", f"sip:{self.trunk.uri_host}", address, self._call_id, self._tag)
        request.headers.add("Contact", self._settings.contact(flow, self.contact_user))
        request.headers.add("Expires", str(self._expires))
        self._send(request, now)

    def _registered(self, response: Response, now: float) -> None:
        if response.status == 423:  # RFC 3261 §10.2.8
            least = response.headers.get("Min-Expires") or ""
            if least.isdigit() and self._expires < int(least) <= 86400:
                self._expires = int(least)
                self._register(now)
                return
        if response.status >= 300:
            wait = response.headers.get("Retry-After") or ""
            digits = wait[:6].split(";")[0].split("(")[0].strip()
            self._register_failed(
                f"REGISTER {response.status} {response.reason}", float(digits) if digits.isdigit() else None, now
            )
            return
        self.registration = Registration.REGISTERED
        self._failures = 0
        self._detail = "registered"
        wait_for = max(_REFRESH_EARLIEST, self._granted(response) * (_REFRESH_AT - 0.2 * self._dice()))
        self._line.set_alarm("register", now + wait_for)

    def _granted(self, response: Response) -> float:
        """Seconds the trunk gave our contact."""
        try:
            for contact in response.contacts:
                stated = contact.param("expires") or ""
                if contact.uri.user == self.contact_user and stated.isdigit():
                    return float(stated)
            return float(response.expires if response.expires is not None else self._expires)
        except ParseError:
            return float(self._expires)

    def _register_failed(self, detail: str, retry_after: float | None, now: float) -> None:
        self.registration = Registration.FAILED
        self._detail = detail
        self._failures += 1
        back_off = min(_BACK_OFF_LAST, _BACK_OFF_FIRST * 2 ** min(self._failures - 1, 10))
        wait = max(back_off * (0.5 + 0.5 * self._dice()), retry_after or 0.0)
        self._line.set_alarm("register", now + wait)

    # probing

    def _probe(self, now: float) -> None:
        self._line.set_alarm("probe", now + self.trunk.options_interval * (0.9 + 0.2 * self._dice()))
        if any(request.method == "OPTIONS" for request in self._pending.values()):
            return  # the last one is still under way and will tell
        ours = f"<sip:skryba@{self._settings.domain}>"
        request = self._request("OPTIONS", self.trunk.uri(), ours, self._token(), self._token())
        request.headers.set("To", f"<{self.trunk.uri()}>")
        request.headers.add("Accept", "application/sdp")
        self._send(request, now)

    def _probed(self, alive: bool, detail: str, now: float) -> None:
        recovered = alive and not self._answers_probes
        self._answers_probes = alive
        if not alive or self.registration is Registration.NOT_NEEDED:
            self._detail = detail
        if recovered and self.registration is Registration.FAILED:
            self._register(now)  # it is back: do not wait for the back-off

    def _report(self) -> None:
        if self.up != self._was_up:
            self._was_up = self.up
            self._tell(TrunkChanged(self.trunk.id, self.up, self._detail))

    # sending

    def _request(self, method: str, uri: str, address: str, call_id: str, tag: str) -> Request:
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"{address};tag={tag}"),
            ("To", address),
            ("Call-ID", call_id),
            ("CSeq", f"0 {method}"),
            ("Allow", ALLOW),
        ]
        return Request(method, uri, Headers(fields))

    def _send(self, request: Request, now: float) -> None:
        flow = self.flow
        if flow is None:
            return
        self._cseq += 1
        request.headers.set("CSeq", f"{self._cseq} {request.method}")
        self._pending[self._line.request(request, flow, now)] = request

    def _dice(self) -> float:
        """0…1, from the injected source of randomness."""
        return zlib.crc32(self._token().encode()) / 2**32
