import pytest
from pydantic import ValidationError

from skryba.config.model import Config, Media, Station, Trunk
from skryba.terms import SocketAddress


def test_defaults_are_a_working_configuration_on_loopback() -> None:
    config = Config()
    assert [(b.transport, b.address) for b in config.sip.bindings] == [
        ("udp", SocketAddress("127.0.0.1", 5060)),
        ("tcp", SocketAddress("127.0.0.1", 5060)),
    ]
    assert config.operations.metrics_address == SocketAddress("127.0.0.1", 9464)
    assert config.media.ports == (20000, 29999)
    assert config.station == ()


def test_environment_of_the_process_is_not_read_behind_our_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKRYBA_SIP__DOMAIN", "elsewhere.example")
    assert Config().sip.domain == "skryba.local"


@pytest.mark.parametrize("ports", [(20001, 29999), (29998, 20000), (80, 2000), (20000, 70000), (20000, 20000)])
def test_port_range_is_checked(ports: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="write two ports"):
        Media(ports=ports)


def test_passwords_do_not_appear_when_printed() -> None:
    station = Station(id="101", password="Correct-Horse-101")
    trunk = Trunk(id="carrier", host="192.0.2.1", password="Battery-Staple-9")
    assert "Horse" not in repr(station)
    assert "Staple" not in repr(trunk)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Config().sip.domain = "other"


def test_names_that_travel_in_headers_have_no_control_characters() -> None:
    with pytest.raises(ValidationError):
        Station(id="101", password="Correct-Horse-101", name="Reception\r\nContact: <sip:mallory@example>")
