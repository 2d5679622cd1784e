import socket
import threading
from collections.abc import Iterator

import pytest

from skryba.health import ask
from skryba.metrics.collector import Collector
from skryba.metrics.endpoint import Endpoint
from skryba.metrics.observer import MetricsObserver
from skryba.metrics.snapshot import Snapshot
from skryba.terms import SocketAddress


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def endpoint(problems: list[str]) -> Iterator[Endpoint]:
    made = Endpoint(
        SocketAddress("127.0.0.1", 0), Collector(MetricsObserver(), lambda: Snapshot(problems=tuple(problems)))
    )
    made.start()
    yield made
    made.stop()


def test_a_well_proxy_says_so(endpoint: Endpoint) -> None:
    report = ask(endpoint.address)
    assert (report["healthy"], report["problems"], report["calls"]) == (True, [], 0)


def test_an_ill_proxy_names_its_problems(endpoint: Endpoint, problems: list[str]) -> None:
    problems.append("the recorder is not connected")
    report = ask(endpoint.address)
    assert (report["healthy"], report["problems"]) == (False, ["the recorder is not connected"])


def test_wildcard_addresses_are_asked_on_loopback(endpoint: Endpoint) -> None:
    assert ask(SocketAddress("0.0.0.0", endpoint.address.port))["healthy"] is True


def test_silence_is_ill(endpoint: Endpoint) -> None:
    endpoint.stop()
    report = ask(endpoint.address)
    assert report["healthy"] is False
    assert report["problems"][0].startswith(f"no answer from {endpoint.address}: ")


@pytest.mark.parametrize(
    "answer", [b"SIP/2.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n[]", b"HTTP/1.0 200 OK\r\n\r\nno", b""]
)
def test_another_program_on_that_port_is_ill(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        report = ask(SocketAddress(*server.getsockname()))
        thread.join()
    assert report["healthy"] is False
    assert len(report["problems"]) == 1
