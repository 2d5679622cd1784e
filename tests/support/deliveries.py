"""A book of deliveries in memory, and receivers of hooks on the loopback."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from skryba.archive.books import DeadLetter, Delivery


@dataclass
class Row:
    delivery: Delivery
    next_at: datetime
    error: str = ""
    state: str = "due"  # delivered, dead


class Book:
    """A DeliveryBook as the catalogue keeps it; `broken` makes every method fail."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.broken = False

    def enqueue(self, hook: str, recording: str, call: str, kind: str, seq: int, body: str, at: datetime) -> bool:
        told = {(row.delivery.hook, row.delivery.recording, row.delivery.kind) for row in self.rows.values()}
        if (hook, recording, kind) in told:
            return False
        number = len(self.rows) + 1
        self.rows[number] = Row(Delivery(number, hook, recording, call, kind, seq, body, 0), at)
        return True

    def due(self, at: datetime, limit: int) -> list[Delivery]:
        self._check()
        found: list[Delivery] = []
        waiting: set[tuple[str, str]] = set()
        for row in sorted(self.rows.values(), key=lambda row: row.delivery.seq):
            turn = (row.delivery.hook, row.delivery.call)
            if row.state == "due" and turn not in waiting:
                waiting.add(turn)
                if row.next_at <= at:
                    found.append(row.delivery)
        return found[:limit]

    def delivered(self, delivery: int, at: datetime) -> None:
        self._check()
        self.rows[delivery].state = "delivered"

    def failed(self, delivery: int, error: str, next_at: datetime) -> None:
        self._check()
        row = self.rows[delivery]
        row.delivery = replace(row.delivery, attempts=row.delivery.attempts + 1)
        row.error, row.next_at = error, next_at

    def dead(self, delivery: int, error: str, at: datetime) -> None:
        self._check()
        row = self.rows[delivery]
        row.state, row.error, row.next_at = "dead", error, at

    def dead_letters(self) -> list[DeadLetter]:
        return [DeadLetter(row.delivery, row.error, row.next_at) for row in self.rows.values() if row.state == "dead"]

    def revive(self, delivery: int, at: datetime) -> bool:
        row = self.rows.get(delivery)
        if row is None or row.state != "dead":
            return False
        row.delivery, row.state, row.next_at = replace(row.delivery, attempts=0), "due", at
        return True

    def states(self) -> list[str]:
        return [row.state for row in self.rows.values()]

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("the database is away")


@dataclass(frozen=True)
class Message:
    """What a receiver got."""

    path: str
    headers: Mapping[str, str]
    body: str


Answer = Callable[[Message], tuple[int, Mapping[str, str]]]


def accept(_message: Message) -> tuple[int, Mapping[str, str]]:
    return 204, {}


@dataclass
class Receiver:
    """Somebody's web server. `answer` gives status and headers, and may take its time."""

    url: str
    answer: Answer = accept
    messages: list[Message] = field(default_factory=list)


@contextmanager
def receiver(answer: Answer = accept, *, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """A server of its own thread, gone at the end."""

    class Desk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            message = Message(self.path, dict(self.headers.items()), self.rfile.read(length).decode())
            made.messages.append(message)
            status, headers = made.answer(message)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", port), Desk)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made = Receiver(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/hook?token=abc", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's context, that of a client who trusts it) for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + made.public_bytes(encoding))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return server, ssl.create_default_context(cadata=made.public_bytes(encoding).decode())
