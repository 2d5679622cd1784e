import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from skryba.metrics.collector import Collector
from skryba.metrics.endpoint import Endpoint
from skryba.metrics.observer import MetricsObserver
from skryba.metrics.snapshot import Snapshot
from skryba.terms import SocketAddress


class World:
    """What the endpoint is told; tests change it."""

    now = Snapshot()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["127.0.0.1", "::1"])
def endpoint(request: pytest.FixtureRequest, world: World) -> Iterator[Endpoint]:
    made = Endpoint(SocketAddress(request.param, 0), Collector(MetricsObserver(), lambda: world.now))
    made.start()
    yield made
    made.stop()


def get(endpoint: Endpoint, path: str, method: str = "GET") -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://{endpoint.address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_metrics_page_has_ours_and_the_process(endpoint: Endpoint) -> None:
    status, kind, page = get(endpoint, "/metrics")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    assert "skryba_build_info{" in page
    assert "process_resident_memory_bytes " in page
    assert "_created" not in page


def test_health_tells_problems_with_503(endpoint: Endpoint, world: World) -> None:
    status, kind, text = get(endpoint, "/healthz")
    assert (status, kind, json.loads(text)["healthy"]) == (200, "application/json", True)
    world.now = Snapshot(problems=("the recorder is not connected",), recorder_up=True)
    status, _, text = get(endpoint, "/healthz")
    report = json.loads(text)
    assert status == 503
    assert (report["healthy"], report["problems"]) == (False, ["the recorder is not connected"])
    assert (report["recorder"], report["calls"], report["draining"]) == (True, 0, False)


def test_draining_is_healthy_but_not_ready(endpoint: Endpoint, world: World) -> None:
    assert (get(endpoint, "/readyz")[0], get(endpoint, "/readyz")[2]) == (200, '{"ready": true}\n')
    world.now = Snapshot(draining=True)
    assert get(endpoint, "/readyz")[0] == 503
    assert get(endpoint, "/healthz")[0] == 200


def test_other_paths_and_methods_are_refused(endpoint: Endpoint) -> None:
    assert get(endpoint, "/")[0] == 404
    assert get(endpoint, "/metrics", "POST")[0] == 405
    assert get(endpoint, "/healthz", "HEAD")[0] == 200


def test_a_silent_client_does_not_hold_up_others(endpoint: Endpoint) -> None:
    address = endpoint.address
    with socket.create_connection((address.host, address.port), timeout=5):
        assert get(endpoint, "/readyz")[0] == 200


def test_a_taken_address_is_told_at_once(endpoint: Endpoint) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        Endpoint(endpoint.address, Collector(MetricsObserver(), Snapshot))


def test_stop_frees_the_port(world: World) -> None:
    first = Endpoint(SocketAddress("127.0.0.1", 0), Collector(MetricsObserver(), lambda: world.now))
    first.start()
    first.stop()
    second = Endpoint(first.address, Collector(MetricsObserver(), lambda: world.now))
    second.stop()
    assert second.address == first.address
