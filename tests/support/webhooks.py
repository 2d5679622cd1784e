"""Policy services of all kinds on the loopback: well, slow, dead, lying. Each connection is served by a thread.

Knows HTTP as octets, so that it can be spoken wrongly.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Service:
    """`act` is given each connection after a request was read; False ends the connection."""

    act: "Act"
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)  # set at the end of the test


Act = Callable[[Service, socket.socket], bool]


def reply(words: object, *, status: str = "200 OK", headers: str = "") -> Act:
    body = words if isinstance(words, bytes) else json.dumps(words).encode()

    def act(_service: Service, connection: socket.socket) -> bool:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)
        return True

    return act


def octets(data: bytes) -> Act:
    def act(_service: Service, connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return act


def silence(service: Service, _connection: socket.socket) -> bool:
    service.over.wait(30)
    return False


def trickle(start: bytes, piece: bytes) -> Act:
    """Something every few milliseconds: no pause is ever long."""

    def act(service: Service, connection: socket.socket) -> bool:
        connection.sendall(start)
        while not service.over.wait(0.01):
            connection.sendall(piece)
        return False

    return act


@contextmanager
def service(act: Act) -> Iterator[Service]:
    """Listens on a port of its own; gone at the end."""
    made = Service(act)
    listener = socket.create_server(("127.0.0.1", 0))
    made.url = f"http://127.0.0.1:{listener.getsockname()[1]}/decide"
    threads = [threading.Thread(target=_accept, args=(made, listener), daemon=True)]
    threads[0].start()
    try:
        yield made
    finally:
        made.over.set()
        listener.shutdown(socket.SHUT_RDWR)
        threads[0].join(5)
        listener.close()


@contextmanager
def unreachable() -> Iterator[str]:
    """An address that takes no connection and refuses none: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/decide"
        finally:
            for each in waiting:
                each.close()


def _accept(service: Service, listener: socket.socket) -> None:
    threads = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            break
        service.connections += 1
        threads.append(threading.Thread(target=_serve, args=(service, connection), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join(5)


def _serve(service: Service, connection: socket.socket) -> None:
    with connection, suppress(OSError):
        connection.settimeout(0.1)
        while (request := _read(service, connection)) is not None:
            service.requests.append(request)
            connection.settimeout(5)
            if not service.act(service, connection):
                return
            connection.settimeout(0.1)


def _read(service: Service, connection: socket.socket) -> bytes | None:
    """One request with its body."""
    data = b""
    while not service.over.is_set():
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            continue
        if not piece:
            return None
        data += piece
        head, end, body = data.partition(b"\r\n\r\n")
        if end:
            lengths = [
                line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
            ]
            if len(body) >= int(lengths[0]):
                return data
    return None
