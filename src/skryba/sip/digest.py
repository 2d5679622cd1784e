"""Digest authentication: challenges, credentials, a client's answer, a server's check (RFC 7616, RFC 8760).

May not know who the users are, nor which request is challenged with 401 and which with 407.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from skryba.errors import ParseError
from skryba.sip import grammar

_PARAM = re.compile(
    rf'[ \t\r\n]*({grammar.TOKEN})[ \t\r\n]*=[ \t\r\n]*("(?:[^"\\]|\\.)*"|[^\s,"]*)[ \t\r\n]*(?:,|$)', re.DOTALL
)
_HEX8 = re.compile(r"[0-9A-Fa-f]{8}")
_NONCE = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{32})")
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_WINDOW = 64  # nonce counts that may arrive out of order over UDP
_MEMORY = 16384  # nonces in use at a time


@dataclass(frozen=True, slots=True)
class Challenge:
    """Value of WWW-Authenticate or Proxy-Authenticate."""

    realm: str
    nonce: str
    algorithm: str = "MD5"  # RFC 7616 §3.3: the meaning of its absence
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> "Challenge":
        """Raises `ParseError` for other schemes than Digest as well."""
        found = _read(text)
        return cls(
            realm=_need(found, "realm"),
            nonce=_need(found, "nonce"),
            algorithm=_token(found, "algorithm") or "MD5",
            qop=tuple(part for part in (p.strip(" \t") for p in found.get("qop", "").lower().split(",")) if part),
            opaque=found.get("opaque"),
            stale=found.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        parts = [f"realm={grammar.quote(self.realm)}", f"nonce={grammar.quote(self.nonce)}"]
        parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f"qop={grammar.quote(','.join(self.qop))}")
        if self.opaque is not None:
            parts.append(f"opaque={grammar.quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Value of Authorization or Proxy-Authorization. Without `qop` (RFC 2069) there is no `cnonce` and no `nc`."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    cnonce: str | None = None
    nc: int | None = None
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """Raises `ParseError` for other schemes than Digest as well; its status 401 says: challenge as if there were
        no credentials (RFC 4475 §3.3.7)."""
        found = _read(text)
        qop = _token(found, "qop")
        nc: int | None = None
        cnonce: str | None = None
        if qop is not None:
            cnonce = _need(found, "cnonce")
            count = _need(found, "nc")
            if _HEX8.fullmatch(count) is None:
                raise ParseError(f"nc is not eight hexadecimal digits: {count[:20]!r}")
            nc = int(count, 16)
        return cls(
            username=_need(found, "username"),
            realm=_need(found, "realm"),
            nonce=_need(found, "nonce"),
            uri=_need(found, "uri"),
            response=_need(found, "response").lower(),
            algorithm=_token(found, "algorithm") or "MD5",
            qop=None if qop is None else qop.lower(),
            cnonce=cnonce,
            nc=nc,
            opaque=found.get("opaque"),
        )

    def __str__(self) -> str:
        quoted = {
            "username": self.username,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": self.uri,
            "response": self.response,
        }
        parts = [f"{name}={grammar.quote(value)}" for name, value in quoted.items()]
        parts.append(f"algorithm={self.algorithm}")
        if self.qop is not None:
            parts.append(f"qop={self.qop}, nc={self.nc or 0:08x}, cnonce={grammar.quote(self.cnonce or '')}")
        if self.opaque is not None:
            parts.append(f"opaque={grammar.quote(self.opaque)}")
        return "Digest " + ", ".join(parts)


class Verdict(StrEnum):
    """What `Authenticator.check` found. STALE and REPLAYED mean the password was right: challenge with stale=true."""

    OK = "ok"
    STALE = "stale"
    WRONG = "wrong"
    REPLAYED = "replayed"
    UNKNOWN_USER = "unknown_user"


def supported(algorithm: str) -> bool:
    """-sess variants are not: they bind a session to one cnonce, and no SIP peer needs them."""
    return _HASHES.get(algorithm.upper(), "") in hashlib.algorithms_available


def ha1(username: str, realm: str, password: str, algorithm: str) -> str:
    """What may be stored instead of a password. Raises `ParseError` when `algorithm` is not supported."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """The first one we can answer: the server has put them in its order of preference (RFC 8760 §2.4)."""
    for challenge in challenges:
        if supported(challenge.algorithm) and (not challenge.qop or _preferred_qop(challenge.qop)):
            return challenge
    return None


def answer(
    challenge: Challenge,
    *,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    nc: int,
    body: bytes = b"",
) -> Credentials:
    """The caller counts `nc` up from 1 for every use of one nonce. Raises `ParseError` on what `choose` passes over."""
    qop = _preferred_qop(challenge.qop)
    if challenge.qop and qop is None:
        raise ParseError(f"no qop we know among {challenge.qop!r}")
    credentials = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        qop=qop,
        cnonce=cnonce if qop else None,
        nc=nc if qop else None,
        opaque=challenge.opaque,
    )
    secret = ha1(username, challenge.realm, password, challenge.algorithm)
    response = _response(credentials, method, secret, body)
    return replace(credentials, response=response)


class Authenticator:
    """The server's side. Nonces carry their own proof, so a challenge costs no memory; a nonce in use costs one entry.

    `secret` must be fresh for every process, or credentials could be replayed to the next one. `lifetime` in seconds.
    """

    def __init__(
        self, realm: str, secret: bytes, *, algorithms: Sequence[str] = ("SHA-256", "MD5"), lifetime: float = 300.0
    ) -> None:
        if not all(supported(algorithm) for algorithm in algorithms):
            raise ValueError(f"unsupported digest algorithm in {algorithms!r}")
        self._realm = realm
        self._secret = secret
        self._algorithms = {algorithm.upper(): algorithm for algorithm in algorithms}
        self._lifetime = lifetime
        self._serial = 0
        self._used: dict[int, tuple[int, int]] = {}  # serial → highest nonce count, bits of the counts below it
        self._forgotten = 0  # nonces up to this serial are stale, for their counts may have been dropped

    def challenges(self, now: float, *, stale: bool = False) -> list[Challenge]:
        """One per algorithm, most preferred first (RFC 8760 §2.3)."""
        self._serial += 1
        issued = f"{int(now * 1000):x}-{self._serial:x}"
        nonce = f"{issued}-{self._proof(issued)}"
        return [Challenge(self._realm, nonce, name, ("auth",), None, stale) for name in self._algorithms.values()]

    def check(
        self, credentials: Credentials, *, method: str, ha1_of: Callable[[str, str], str | None], now: float
    ) -> Verdict:
        """`ha1_of(username, algorithm)` returns what `ha1` makes, or None for nobody. Counts the nonce as used when
        everything is right."""
        algorithm = self._algorithms.get(credentials.algorithm.upper())
        if algorithm is None or credentials.realm != self._realm or credentials.qop not in (None, "auth"):
            return Verdict.WRONG
        secret = ha1_of(credentials.username, algorithm)
        expected = _response(credentials, method, secret or "", b"")  # as long for nobody as for somebody
        same = hmac.compare_digest(expected.encode(), credentials.response.encode("utf-8", "surrogateescape"))
        if secret is None:
            return Verdict.UNKNOWN_USER
        return self._spend(credentials, now) if same else Verdict.WRONG

    def _spend(self, credentials: Credentials, now: float) -> Verdict:
        found = _NONCE.fullmatch(credentials.nonce)
        if found is None or not hmac.compare_digest(self._proof(f"{found[1]}-{found[2]}"), found[3]):
            return Verdict.STALE
        serial = int(found[2], 16)
        age = now - int(found[1], 16) / 1000
        if age > self._lifetime or age < -0.001 or serial <= self._forgotten:
            return Verdict.STALE
        # A client without qop sends no count; its nonce serves once.
        count = 1 if credentials.nc is None else credentials.nc
        highest, seen = self._used.get(serial, (0, 1))
        if count > highest:
            ahead = count - highest
            seen = (1 if ahead >= _WINDOW else seen << ahead | 1) & (1 << _WINDOW) - 1
            highest = count
        else:
            behind = highest - count
            if behind >= _WINDOW or seen >> behind & 1:
                return Verdict.REPLAYED
            seen |= 1 << behind
        self._used[serial] = (highest, seen)
        if len(self._used) > _MEMORY:
            oldest = next(iter(self._used))
            del self._used[oldest]
            self._forgotten = max(self._forgotten, oldest)
        return Verdict.OK

    def _proof(self, issued: str) -> str:
        return hmac.new(self._secret, f"{self._realm}:{issued}".encode(), hashlib.sha256).hexdigest()[:32]


def _preferred_qop(offered: tuple[str, ...]) -> str | None:
    return next((qop for qop in ("auth", "auth-int") if qop in offered), None)


def _response(credentials: Credentials, method: str, secret: str, body: bytes) -> str:
    """RFC 7616 §3.4.1."""
    algorithm = credentials.algorithm
    request = f"{method}:{credentials.uri}"
    if credentials.qop == "auth-int":
        request = f"{request}:{_hash(algorithm, body)}"
    middle = credentials.nonce
    if credentials.qop is not None:
        middle = f"{middle}:{credentials.nc or 0:08x}:{credentials.cnonce}:{credentials.qop}"
    return _hash(algorithm, f"{secret}:{middle}:{_hash(algorithm, request)}")


def _hash(algorithm: str, data: str | bytes) -> str:
    if not supported(algorithm):
        raise ParseError(f"digest algorithm {algorithm[:40]!r}")
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")
    return hashlib.new(_HASHES[algorithm.upper()], raw, usedforsecurity=False).hexdigest()


def _read(text: str) -> dict[str, str]:
    """Parameters of a Digest value, names in lower case, values unquoted."""
    scheme, _, rest = text.strip(grammar.WHITESPACE).partition(" ")
    if scheme.lower() != "digest":
        raise ParseError(f"authentication scheme {scheme[:40]!r}", status=401)
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PARAM.match(rest, position)
        if match is None:
            raise ParseError(f"no parameter at {rest[position : position + 40]!r}", offset=position)
        name = match[1].lower()
        if name in found:
            raise ParseError(f"{name[:40]} stands twice")
        found[name] = grammar.unquote(match[2])
        position = match.end()
    return found


def _need(found: dict[str, str], name: str) -> str:
    value = found.get(name)
    if value is None:
        raise ParseError(f"{name} is missing")
    return value


def _token(found: dict[str, str], name: str) -> str | None:
    value = found.get(name)
    if value is not None and not grammar.is_token(value):
        raise ParseError(f"{name} is no token: {value[:40]!r}")
    return value
