"""Admission: who is who, on one host and on many."""

from dataclasses import replace

import pytest

from skryba.b2bua.admission import Admission
from skryba.b2bua.refusal import Refusal
from skryba.b2bua.settings import Station, TrunkSettings
from skryba.sip.digest import Authenticator, Challenge, answer
from skryba.sip.events import Flow
from skryba.sip.message import Request
from skryba.terms import SocketAddress
from tests.support.room import OURS, message
from tests.support.stage import CARRIER, settings

TRUNK = settings().trunks[0]
LOOP = replace(TRUNK, address=SocketAddress("127.0.0.1", 5070), accept=frozenset({"127.0.0.1"}))


def admission(trunk: TrunkSettings = TRUNK) -> tuple[Admission, Authenticator]:
    authenticator = Authenticator("skryba.test", b"key")
    return Admission(settings(trunks=(trunk,)), authenticator), authenticator


def invite(from_: str = "<sip:+48600123456@carrier.example>", authorization: str | None = None) -> Request:
    request = message("INVITE", "sip:1@x")
    request.headers.set("From", f"{from_};tag=f")
    if authorization:
        request.headers.set("Authorization", authorization)
    return request


def flow(host: str, port: int = 5060) -> Flow:
    return Flow("udp", OURS, SocketAddress(host, port))


@pytest.mark.parametrize("source", [CARRIER, CARRIER._replace(port=9999)])
def test_a_trunk_is_known_by_its_host(source: SocketAddress) -> None:
    assert admission()[0].admit(invite(), Flow("udp", OURS, source), 0.0) == TRUNK


def test_on_one_host_the_name_tells_a_station_from_a_trunk() -> None:
    gate, _ = admission(LOOP)
    station = "<sip:101@skryba.test>"
    assert gate.admit(invite(station), flow("127.0.0.1", 5070), 0.0) == LOOP
    assert gate.admit(invite("<sip:+48600@carrier.example>"), flow("127.0.0.1", 6000), 0.0) == LOOP
    challenged = gate.admit(invite(station), flow("127.0.0.1", 6000), 0.0)
    assert isinstance(challenged, Refusal)
    assert challenged.status == 401
    assert [name for name, _ in challenged.extras] == ["WWW-Authenticate", "WWW-Authenticate"]


def test_a_stranger_is_challenged_and_learns_nothing() -> None:
    refusal = admission()[0].admit(invite("<sip:x@y>"), flow("198.51.100.200"), 0.0)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401


@pytest.mark.parametrize(
    ("user", "password", "status"), [("101", "secret101", None), ("101", "wrong", 403), ("nobody", "secret101", 403)]
)
def test_digest(user: str, password: str, status: int | None) -> None:
    gate, authenticator = admission()
    challenge = authenticator.challenges(0.0)[0]
    credentials = answer(challenge, method="INVITE", uri="sip:1@x", username=user, password=password, cnonce="c", nc=1)
    who = gate.admit(invite(authorization=str(credentials)), flow("198.51.100.11"), 0.0)
    if status is None:
        assert isinstance(who, Station)
        assert who.id == user
    else:
        assert isinstance(who, Refusal)
        assert who.status == status


def test_an_old_nonce_is_stale_not_wrong() -> None:
    gate, authenticator = admission()
    challenge = authenticator.challenges(0.0)[0]
    credentials = answer(
        challenge, method="INVITE", uri="sip:1@x", username="101", password="secret101", cnonce="c", nc=1
    )
    refusal = gate.admit(invite(authorization=str(credentials)), flow("198.51.100.11"), 10_000.0)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    assert Challenge.parse(refusal.extras[0][1]).stale


@pytest.mark.parametrize(
    "value", ["Digest", "Bearer x", 'Digest username="101", realm="other", nonce="n", uri="u", response="r"']
)
def test_credentials_that_are_not_for_us_are_challenged(value: str) -> None:
    refusal = admission()[0].authenticate(invite(authorization=value), 0.0)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
