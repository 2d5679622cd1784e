import pytest

from skryba.config.words import http_address, parse_address, parse_binding
from skryba.terms import SocketAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5060", SocketAddress("127.0.0.1", 5060)),
        ("[2001:db8::1]:5061", SocketAddress("2001:db8::1", 5061)),
        ("0.0.0.0:0", SocketAddress("0.0.0.0", 0)),
    ],
)
def test_address_is_read(text: str, address: SocketAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "5060", "127.0.0.1", "localhost:5060", "127.0.0.1:99999", "127.0.0.1:", "127.0.0.1:+5"]
)
def test_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a"):
        parse_address(text)


@pytest.mark.parametrize("text", ["127.0.0.1:5060", "tls:127.0.0.1:5061", "UDP:127.0.0.1:5060"])
def test_binding_without_a_known_transport_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a place to listen"):
        parse_binding(text)


def test_binding_knows_ipv6() -> None:
    assert parse_binding("tcp:[::1]:5060") == ("tcp", SocketAddress("::1", 5060))


def test_web_address_may_be_empty_but_not_something_else() -> None:
    assert http_address("") == ""
    assert http_address("https://hooks.example.net:8443/skryba?x=1") == "https://hooks.example.net:8443/skryba?x=1"
    for text in ("ftp://example.net/", "example.net", "http://", "https://a b/", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="write a URL"):
            http_address(text)
