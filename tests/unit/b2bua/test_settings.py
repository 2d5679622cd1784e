"""Settings: our addresses as peers see them, and numbers that mean a station."""

import pytest

from skryba.b2bua.settings import Binding, Settings, Station, TrunkSettings
from skryba.sip.events import Flow
from skryba.terms import SocketAddress

INNER, OUTER = SocketAddress("10.0.0.1", 5060), SocketAddress("192.0.2.1", 5070)
SIX = SocketAddress("2001:db8::1", 5060)
PEER = SocketAddress("198.51.100.9", 5060)
SETTINGS = Settings(
    "Skryba.test",
    (Binding("udp", INNER, OUTER), Binding("tcp", INNER, INNER), Binding("udp", SIX, SIX)),
    stations={"101": Station("101", "x")},
    numbers={"+48221110101": "101"},
)


def test_what_we_are_called_depends_on_the_binding() -> None:
    assert SETTINGS.advertised(Flow("udp", INNER, PEER)) == OUTER
    assert SETTINGS.advertised(Flow("tcp", INNER, PEER)) == INNER
    assert SETTINGS.advertised(Flow("udp", SocketAddress("0.0.0.0", 1), PEER)) == OUTER
    assert Settings("d", ()).advertised(Flow("udp", INNER, PEER)) == INNER


def test_contacts_name_the_transport_only_when_it_is_not_udp() -> None:
    assert SETTINGS.contact(Flow("udp", INNER, PEER)) == "<sip:skryba@192.0.2.1:5070>"
    assert SETTINGS.contact(Flow("tcp", INNER, PEER), "acct") == "<sip:acct@10.0.0.1:5060;transport=tcp>"
    assert SETTINGS.contact(Flow("udp", SIX, SIX)) == "<sip:skryba@[2001:db8::1]:5060>"


def test_flows_need_a_binding_of_the_family() -> None:
    assert SETTINGS.flow("udp", PEER) == Flow("udp", INNER, PEER)
    assert SETTINGS.flow("udp", SocketAddress("2001:db8::9", 1)) == Flow("udp", SIX, SocketAddress("2001:db8::9", 1))
    assert SETTINGS.flow("tcp", SocketAddress("2001:db8::9", 1)) is None


@pytest.mark.parametrize(
    ("number", "station"),
    [("101", "101"), ("+48221110101", "101"), ("221110101", "101"), ("0048221110101", "101"), ("999", None)],
)
def test_numbers_in_any_writing(number: str, station: str | None) -> None:
    assert SETTINGS.station_of(number) == station


def test_hosts_that_mean_us() -> None:
    assert [SETTINGS.is_ours(host) for host in ("SKRYBA.TEST", "192.0.2.1", "[2001:db8::1]", "other")] == [
        True,
        True,
        True,
        False,
    ]


def test_trunk_uris() -> None:
    assert TrunkSettings("t", "carrier.example", PEER).uri("+48") == "sip:+48@carrier.example"
    six = TrunkSettings("t", "2001:db8::5", SocketAddress("2001:db8::5", 5080), "tcp")
    assert six.uri() == "sip:[2001:db8::5]:5080;transport=tcp"
