"""Credentials: our half of digest authentication, when a trunk challenges us (RFC 3261 §22, RFC 8760).

May not know which request it is or what it is for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from skryba.errors import ParseError
from skryba.sip.digest import Challenge, answer, choose
from skryba.sip.message import Request, Response

NAMES = ("Authorization", "Proxy-Authorization")  # what we answer with
_STALE_LIMIT = 3  # a server that calls each of its own fresh nonces stale is broken


@dataclass(frozen=True, slots=True)
class Account:
    """User name and password of ours at a trunk."""

    username: str
    password: str


class Authorisation:
    """Answers challenges for one account, within one leg or one registration."""

    __slots__ = ("_account", "_count", "_nonce", "_stale", "_token")

    def __init__(self, account: Account | None, token: Callable[[], str]) -> None:
        self._account = account
        self._token = token
        self._nonce = ""
        self._count = 0
        self._stale = 0

    def answer(self, request: Request, response: Response) -> tuple[str, str] | None:
        """The header field to repeat the request with, or None when there is no use in trying again."""
        if self._account is None:
            return None
        proxy = response.status == 407
        name = "Proxy-Authorization" if proxy else "Authorization"
        challenge = choose(_challenges(response, "Proxy-Authenticate" if proxy else "WWW-Authenticate"))
        if challenge is None or not self._worth_trying(challenge, again=name in request.headers):
            return None
        self._count = self._count + 1 if challenge.nonce == self._nonce else 1
        self._nonce = challenge.nonce
        credentials = answer(
            challenge,
            method=request.method,
            uri=request.uri,
            username=self._account.username,
            password=self._account.password,
            cnonce=self._token(),
            nc=self._count,
            body=request.body,
        )
        return name, str(credentials)

    def _worth_trying(self, challenge: Challenge, *, again: bool) -> bool:
        """A second challenge means a wrong password, unless it says that only the nonce was stale (RFC 7616 §3.3)."""
        if not again:
            self._stale = 0
            return True
        self._stale += 1
        return bool(challenge.stale) and self._stale <= _STALE_LIMIT


def _challenges(response: Response, name: str) -> list[Challenge]:
    found = []
    for value in response.headers.get_all(name):
        try:
            found.append(Challenge.parse(value))
        except ParseError:
            continue  # a scheme we do not know beside one we do (RFC 3261 §22.3)
    return found
