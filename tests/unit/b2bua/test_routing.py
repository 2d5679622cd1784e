"""Routing: from a called number to a party and its targets."""

from dataclasses import replace

import pytest

from skryba.b2bua.refusal import Refusal
from skryba.b2bua.registrar import Registrar
from skryba.b2bua.routing import Route, Routing
from skryba.b2bua.settings import Settings, Station, TrunkSettings
from skryba.b2bua.switchboard import Switchboard
from skryba.b2bua.trunk import Trunk
from skryba.sip.message import Request
from skryba.sip.stack import Stack
from skryba.terms import Direction
from tests.support.room import TO_STATION, message, tokens
from tests.support.stage import settings

CARRIER = settings().trunks[0]
ALICE = settings().stations["101"]


def routing(configured: Settings | None = None) -> tuple[Routing, Registrar]:
    configured = configured or settings()
    token = tokens()
    board = Switchboard(Stack(token=token), configured)
    trunks = {trunk.id: Trunk(configured, trunk, board, token, lambda notice: None) for trunk in configured.trunks}
    registrar = Registrar(configured, lambda notice: None)
    return Routing(configured, registrar, trunks), registrar


def dialled(uri: str, **headers: str) -> Request:
    request = message("INVITE", uri)
    for name, value in headers.items():
        request.headers.set(name.replace("_", "-"), value)
    return request


def route(
    uri: str, origin: Station | TrunkSettings = ALICE, configured: Settings | None = None, **headers: str
) -> Route:
    found = routing(configured)[0].route(dialled(uri, **headers), origin)
    assert isinstance(found, Route), found
    return found


def refused(uri: str, origin: Station | TrunkSettings = ALICE, configured: Settings | None = None) -> int:
    found = routing(configured)[0].route(dialled(uri), origin)
    assert isinstance(found, Refusal)
    return found.status


def test_directions() -> None:
    assert route("sip:+48600@skryba.test").direction is Direction.OUTBOUND
    assert route("sip:102@skryba.test").direction is Direction.INTERNAL
    assert route("sip:+48221110101@skryba.test", CARRIER).direction is Direction.INBOUND


@pytest.mark.parametrize("uri", ["tel:+48-600-123-456", "sip:+48600123456;phone-context=x@skryba.test"])
def test_a_number_is_read_from_any_uri(uri: str) -> None:
    assert routing()[0]._number(route(uri).dialled) == "+48600123456"


def test_an_inbound_route_names_the_number_that_was_called() -> None:
    found = route("sip:+48221110101@x", CARRIER)
    assert (found.did, found.station, found.trunk, found.caller) == ("+48221110101", "101", "carrier", "+48600123456")
    assert route("sip:+48600@x").did is None


def test_what_leads_nowhere() -> None:
    assert refused("sip:skryba.test") == 484
    assert refused("sip:+4899@x", CARRIER) == 404
    assert refused("sip:+4899@x", ALICE, settings(trunks=())) == 404


@pytest.mark.parametrize("privacy", ["id", "user;critical", "header"])
def test_privacy_hides(privacy: str) -> None:
    assert route("sip:+48600@x", Privacy=privacy).hidden
    assert route("sip:+48221110101@x", CARRIER, Privacy=privacy).caller == ""
    assert not route("sip:+48600@x", Privacy="none").hidden


@pytest.mark.parametrize(
    ("number", "emergency"), [("112", True), ("1-1-2", True), ("1120", False), ("999", True), ("+48112", False)]
)
def test_emergency_numbers(number: str, emergency: bool) -> None:
    assert route(f"sip:{number}@x").emergency is emergency


def test_the_emergency_urn_is_dialled_as_it_is() -> None:
    found = route("urn:service:sos.fire")
    assert found.emergency
    (((target,),),) = [routing()[0].targets(found, 0.0)]
    assert (target.uri, target.to) == ("urn:service:sos.fire", "<urn:service:sos.fire>")


def test_targets_of_a_station_are_its_contacts_and_of_nobody_none() -> None:
    router, registrar = routing()
    found = router.route(dialled("sip:101@x"), settings().stations["102"])
    assert isinstance(found, Route)
    assert router.targets(found, 0.0) == []
    extra = "Contact: <sip:101@10.0.0.1:7000>\r\nExpires: 60\r\nPath: <sip:edge;lr>\r\nSupported: path"
    registrar.register("101", message("REGISTER", "sip:skryba.test", extra=extra), TO_STATION, 0.0, "t")
    ((target,),) = router.targets(found, 0.0)
    assert (target.uri, target.flow, target.routes) == ("sip:101@10.0.0.1:7000", TO_STATION, ("<sip:edge;lr>",))
    assert (target.from_, target.to) == ('"Bob" <sip:102@skryba.test>', "<sip:101@skryba.test>")
    assert target.roams


def test_a_trunk_target_shows_the_stations_number_and_our_account() -> None:
    registering = replace(CARRIER, register=True, username="acct", password="pw")
    router, _ = routing(settings(trunks=(registering,)))
    found = router.route(dialled("sip:+48600@x"), ALICE)
    assert isinstance(found, Route)
    ((target,),) = router.targets(found, 0.0)
    assert target.from_ == "<sip:+48221110101@carrier.example>"
    assert target.contact == "<sip:acct@192.0.2.1:5060>"
    assert target.account is not None
    assert target.extras == (("P-Asserted-Identity", "<sip:+48221110101@carrier.example>"),)
    assert not target.roams


def test_an_untrusted_trunk_is_not_told_who_hides() -> None:
    router, _ = routing(settings(trunks=(replace(CARRIER, trusted=False),)))
    found = router.route(dialled("sip:+48600@x", Privacy="id"), ALICE)
    assert isinstance(found, Route)
    ((target,),) = router.targets(found, 0.0)
    assert "22111" not in f"{target.from_}{target.extras}"
    assert target.extras == (("Privacy", "id"),)


def test_a_number_is_escaped_into_its_uri() -> None:
    router, _ = routing()
    found = router.route(dialled("sip:%2331%23600@x"), ALICE)
    assert isinstance(found, Route)
    assert found.dialled == "#31#600"
    ((target,),) = router.targets(found, 0.0)
    assert target.uri == "sip:%2331%23600@carrier.example"
