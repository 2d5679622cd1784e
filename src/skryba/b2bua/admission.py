"""Admission: who sends this request — a station that proves it by digest, a trunk known by its address, or nobody.

May not know what the request is for.
"""

from collections.abc import Callable

from skryba.b2bua.refusal import Refusal
from skryba.b2bua.settings import Settings, Station, TrunkSettings
from skryba.errors import ParseError
from skryba.sip.digest import Authenticator, Credentials, Verdict, ha1
from skryba.sip.events import Flow
from skryba.sip.message import Request


class Admission:
    """`authenticator` makes the challenges and checks the answers."""

    def __init__(self, settings: Settings, authenticator: Authenticator) -> None:
        self._settings = settings
        self._authenticator = authenticator

    def admit(self, request: Request, flow: Flow, now: float) -> Station | TrunkSettings | Refusal:
        """Trunk by its exact address; station by its name and our domain; trunk by an accepted host; else nobody."""
        trunks = [trunk for trunk in self._settings.trunks if not trunk.exclusive]
        for trunk in trunks:
            if flow.remote == trunk.address:
                return trunk
        if not self._claims_station(request):
            for trunk in trunks:
                if flow.remote.host == trunk.address.host or flow.remote.host in trunk.accept:
                    return trunk
        return self.authenticate(request, now)

    def authenticate(self, request: Request, now: float) -> Station | Refusal:
        """Digest of a station (RFC 3261 §22.2); unknown users and wrong passwords look the same from outside."""
        stale = False
        for value in request.headers.get_all("Authorization"):
            try:
                credentials = Credentials.parse(value)
            except ParseError:
                continue
            if credentials.realm != self._settings.domain:
                continue
            verdict = self._authenticator.check(
                credentials, method=request.method, ha1_of=self._ha1_of(credentials.realm), now=now
            )
            match verdict:
                case Verdict.OK:
                    return self._settings.stations[credentials.username]
                case Verdict.STALE | Verdict.REPLAYED:
                    stale = True  # the password may be right: ask once more with a fresh nonce
                case _:
                    return Refusal(403)
        challenges = self._authenticator.challenges(now, stale=stale)
        return Refusal(401, None, tuple(("WWW-Authenticate", str(challenge)) for challenge in challenges))

    def _claims_station(self, request: Request) -> bool:
        """Would this be a station? A trunk on the same host (as in a test network) has other names in From."""
        if "Authorization" in request.headers:
            return True
        uri = request.from_.uri
        return bool(uri.user_text in self._settings.stations and self._settings.is_ours(uri.host))

    def _ha1_of(self, realm: str) -> Callable[[str, str], str | None]:
        def find(username: str, algorithm: str) -> str | None:
            station = self._settings.stations.get(username)
            return ha1(username, realm, station.password, algorithm) if station else None

        return find
