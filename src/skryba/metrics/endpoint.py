"""/metrics, /healthz and /readyz over HTTP, from a thread of its own: rendering never holds up the loop.

Knows where numbers and a report come from, no metric. Not for the open network: no TLS and no sign-in, loopback by
default.
"""

import json
import socket
from collections.abc import Iterable, Mapping
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import skryba
from skryba.terms import SocketAddress

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PATIENCE = 5.0  # seconds a client may take to say what it wants


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: SocketAddress) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        super().__init__((address.host, address.port), _Request)

    def server_bind(self) -> None:
        """Without the base class's look-up of the host's name, which may wait for a name server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away or said nothing is its own affair."""


class _Request(WSGIRequestHandler):
    timeout = _PATIENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Scrapes are not worth a line."""


class Source(Protocol):
    """Families at a scrape, and for /healthz a report with `problems` (texts) and `draining`."""

    def report(self) -> Mapping[str, Any]: ...
    def collect(self) -> Iterable[Metric]: ...


class Endpoint:
    """Bound when made (OSError if the address is taken), served from `start` to `stop`."""

    def __init__(self, address: SocketAddress, source: Source) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(cast(Collector, source))
        ProcessCollector(registry=registry)
        self._source = source
        self._metrics = make_wsgi_app(registry)
        self._server = _Server(address)
        self._server.set_app(self._answer)
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)

    @property
    def address(self) -> SocketAddress:
        """Where it really listens; the port is chosen by the kernel when 0 was asked for."""
        host, port = self._server.server_address[:2]
        return SocketAddress(str(host), int(port))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _json(start_response, "405 Method Not Allowed", {"error": "only GET"})
        match environ["PATH_INFO"]:
            case "/metrics":
                page: Iterable[bytes] = self._metrics(environ, start_response)
                return page
            case "/healthz":
                return self._health(start_response)
            case "/readyz":
                return self._readiness(start_response)
            case _:
                return _json(start_response, "404 Not Found", {"see": ["/metrics", "/healthz", "/readyz"]})

    def _health(self, start_response: "StartResponse") -> Iterable[bytes]:
        found = self._source.report()
        healthy = not found["problems"]
        body = {"healthy": healthy, **found, "version": skryba.__version__}
        return _json(start_response, "200 OK" if healthy else "503 Service Unavailable", body)

    def _readiness(self, start_response: "StartResponse") -> Iterable[bytes]:
        ready = not self._source.report()["draining"]
        return _json(start_response, "200 OK" if ready else "503 Service Unavailable", {"ready": ready})


def _json(start_response: "StartResponse", status: str, body: dict[str, object]) -> Iterable[bytes]:
    text = json.dumps(body).encode() + b"\n"
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]
