"""A lean crowd of callers and called parties: prebuilt byte templates, two UDP sockets, one loop, no SIP library.

Callers are the trunk (identified by its address), or with `digest` a station that answers a challenge for each call.
The called party is the other of the two; it answers 180 and 200 in the same breath. Every call hangs up as soon as it
is answered, unless `hold` is set.
"""

import hashlib
import re
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

Address = tuple[str, int]

DOMAIN = "bench.skryba"
PASSWORD = "Bench-Only-Password-1"
STATION_HOST, TRUNK_HOST = "127.0.0.1", "127.0.0.2"
NUMBER = "+48221234567"  # of station 102
_BUFFER = 8 << 20
_LOST = 5.0  # seconds after which a call that nobody speaks of any more has failed

_HEADER = {
    name: re.compile(rb"\r\n" + short + rb"[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
    for name, short in {
        "via": rb"(?:via|v)",
        "from": rb"(?:from|f)",
        "to": rb"(?:to|t)",
        "call-id": rb"(?:call-id|i)",
        "cseq": rb"cseq",
        "contact": rb"(?:contact|m)",
        "challenge": rb"(?:www|proxy)-authenticate",
    }.items()
}
_SERIAL = re.compile(rb"\+48[56]0(\d{7})")
_URI = re.compile(rb"<([^>]*)>")
_PARAMETER = re.compile(rb'(\w+)="?([^",]*)"?')


def _sdp(host: str, port: int) -> bytes:
    return (
        f"v=0\r\no=load 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
    ).encode()


@dataclass(slots=True)
class _Call:
    serial: int
    invited: float
    cseq: int = 1
    to: bytes = b""
    target: bytes = b""


class Load:
    """Both sides of all calls. `run` places calls, `finish` lets them end; counters are plain attributes."""

    def __init__(self, proxy: Address, *, digest: bool) -> None:
        self.proxy, self.digest = proxy, digest
        caller_host, called_host = (STATION_HOST, TRUNK_HOST) if digest else (TRUNK_HOST, STATION_HOST)
        self._caller, self._called = _socket(caller_host), _socket(called_host)
        self._caller_at: Address = self._caller.getsockname()
        self._called_at: Address = self._called.getsockname()
        self.trunk = self._called_at if digest else self._caller_at
        self._poll = select.epoll()
        self._poll.register(self._caller.fileno(), select.EPOLLIN)
        self._poll.register(self._called.fileno(), select.EPOLLIN)
        self._calls: dict[bytes, _Call] = {}
        self._took: dict[int, float] = {}  # serial → seconds the called side took itself
        self._serial = 0
        self._window = 0  # calls to keep in progress; 0 = do not replace a call that ended
        self.hold = False
        self.completed = self.answered = self.failed = 0
        self.refusals: dict[int, int] = {}
        self.added: list[float] = []  # seconds of set-up, less the called side's own
        self._caller_sdp, self._called_sdp = _sdp(caller_host, 40000), _sdp(called_host, 40002)

    # ---- what a measurement does ----

    def reset(self) -> None:
        """Counters to zero; running calls go on."""
        self.completed = self.answered = self.failed = 0
        self.added.clear()
        self.refusals.clear()

    def run(self, seconds: float, *, window: int = 0, rate: float = 0.0, limit: int | None = None) -> None:
        """For so long: keep `window` calls in progress, or begin `rate` calls per second, `limit` in all."""
        began = time.monotonic()
        self._window = window
        for _ in range(window - len(self._calls)):
            self._begin()
        begun = 0
        next_sweep = began + 1.0
        while (now := time.monotonic()) < began + seconds:
            while rate and begun < (now - began) * rate and (limit is None or begun < limit):
                self._begin()
                begun += 1
            if limit is not None and begun >= limit:
                break
            wait = max(0.0, began + (begun + 1) / rate - time.monotonic()) if rate else 0.1
            self._turn(min(wait, 0.1))
            if now > next_sweep:
                next_sweep = now + 1.0
                self._sweep(now)
        self._window = 0

    def wait(self, done: Callable[[], bool], seconds: float) -> None:
        """Serve until `done()` or for so long."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            self._turn(0.05)

    def finish(self, seconds: float) -> None:
        """Let running calls end; what is left has failed."""
        self.wait(lambda: not self._calls, seconds)
        self.failed += len(self._calls)
        self._calls.clear()

    def release(self) -> None:
        """Hang up all held calls."""
        self.hold = False
        for call_id, call in self._calls.items():
            if call.target:
                self._bye(call_id, call)

    def is_answered(self) -> bool:
        """Does the proxy answer OPTIONS by now? Waits a moment if not."""
        via = f"SIP/2.0/UDP {STATION_HOST}:{self._station_port};branch=z9hG4bKup{time.monotonic_ns()};rport"
        self._station.sendto(
            (
                f"OPTIONS sip:{self.proxy[0]}:{self.proxy[1]} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:load@{DOMAIN}>;tag=up\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: up{time.monotonic_ns()}\r\n"
                "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            self.proxy,
        )
        return self._reply(0.2) is not None

    def register(self) -> None:
        """Register the called station (102), or the calling one (101), with digest."""
        user = "101" if self.digest else "102"
        credentials = ""
        for cseq in (1, 2):
            uri = f"sip:{DOMAIN}"
            self._station.sendto(
                (
                    f"REGISTER {uri} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {STATION_HOST}:{self._station_port};branch=z9hG4bKreg{cseq};rport\r\n"
                    f"Max-Forwards: 70\r\nFrom: <sip:{user}@{DOMAIN}>;tag=reg\r\nTo: <sip:{user}@{DOMAIN}>\r\n"
                    f"Call-ID: reg-{user}\r\nCSeq: {cseq} REGISTER\r\nExpires: 3600\r\n"
                    f"Contact: <sip:{user}@{STATION_HOST}:{self._station_port}>\r\n"
                    f"{credentials}Content-Length: 0\r\n\r\n"
                ).encode(),
                self.proxy,
            )
            answer = self._reply(5.0)
            while answer is not None and b"REGISTER" not in _field("cseq", answer):
                answer = self._reply(5.0)
            if answer is not None and answer[8:11] == b"200":
                return
            if answer is None or answer[8:11] != b"401":
                break
            credentials = "Authorization: " + _answer(answer, user, "REGISTER", uri) + "\r\n"
        raise SystemExit(f"station {user} could not register: {answer[:40] if answer else 'no answer'!r}")

    def close(self) -> None:
        self._poll.close()
        self._caller.close()
        self._called.close()

    # ---- the caller ----

    def _begin(self) -> None:
        self._serial += 1
        call_id = b"load%d" % self._serial
        call = self._calls[call_id] = _Call(self._serial, time.monotonic())
        self._caller.sendto(self._invite(call_id, call, b""), self.proxy)

    def _invite(self, call_id: bytes, call: _Call, credentials: bytes) -> bytes:
        host, port = self._caller_at
        caller, callee = (
            (b"101", b"+4850%07d" % call.serial) if self.digest else (b"+4860%07d" % call.serial, NUMBER.encode())
        )
        return (
            b"INVITE sip:%b@%b SIP/2.0\r\nVia: SIP/2.0/UDP %b:%d;branch=z9hG4bK%b.%d;rport\r\nMax-Forwards: 70\r\n"
            b"From: <sip:%b@%b>;tag=t%d\r\nTo: <sip:%b@%b>\r\nCall-ID: %b\r\nCSeq: %d INVITE\r\n"
            b"Contact: <sip:%b@%b:%d>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nUser-Agent: load\r\n%b"
            b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b"
        ) % (
            *(callee, DOMAIN.encode(), host.encode(), port, call_id, call.cseq),
            *(caller, DOMAIN.encode(), call.serial, callee, DOMAIN.encode(), call_id, call.cseq),
            *(caller, host.encode(), port, credentials, len(self._caller_sdp), self._caller_sdp),
        )

    def _in_dialog(self, method: bytes, call_id: bytes, call: _Call, cseq: int, branch: bytes, target: bytes) -> bytes:
        host, port = self._caller_at
        caller = b"101" if self.digest else b"+4860%07d" % call.serial
        return (
            b"%b %b SIP/2.0\r\nVia: SIP/2.0/UDP %b:%d;branch=z9hG4bK%b;rport\r\nMax-Forwards: 70\r\n"
            b"From: <sip:%b@%b>;tag=t%d\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: %d %b\r\nContent-Length: 0\r\n\r\n"
        ) % (
            *(method, target, host.encode(), port, branch, caller, DOMAIN.encode(), call.serial),
            *(call.to, call_id, cseq, method),
        )

    def _bye(self, call_id: bytes, call: _Call) -> None:
        self._caller.sendto(
            self._in_dialog(b"BYE", call_id, call, call.cseq + 1, b"%b.bye" % call_id, call.target), self.proxy
        )

    def _caller_hears(self, data: bytes) -> None:
        now = time.monotonic()
        status = data[8:11]
        call_id = _field("call-id", data)
        call = self._calls.get(call_id)
        if call is None or status < b"200":
            return
        if b"BYE" in _field("cseq", data):
            del self._calls[call_id]
            self.completed += 1
            self._replace()
        elif status[:1] == b"2":
            first = not call.target
            call.to = _field("to", data)
            contact = _URI.search(_field("contact", data))
            call.target = contact[1] if contact else b""
            self._caller.sendto(
                self._in_dialog(b"ACK", call_id, call, call.cseq, b"%b.ack" % call_id, call.target), self.proxy
            )
            if first:
                self.answered += 1
                self.added.append(now - call.invited - self._took.pop(call.serial, 0.0))
                if not self.hold:
                    self._bye(call_id, call)
        else:
            call.to = _field("to", data)
            callee = b"+4850%07d" % call.serial if self.digest else NUMBER.encode()
            target = b"sip:%b@%b" % (callee, DOMAIN.encode())
            branch = b"%b.%d" % (call_id, call.cseq)
            self._caller.sendto(self._in_dialog(b"ACK", call_id, call, call.cseq, branch, target), self.proxy)
            if status in (b"401", b"407") and self.digest and call.cseq == 1:
                call.cseq = 2
                name = b"Authorization: " if status == b"401" else b"Proxy-Authorization: "
                value = _answer(data, "101", "INVITE", target.decode()).encode()
                self._caller.sendto(self._invite(call_id, call, name + value + b"\r\n"), self.proxy)
            else:
                self.refusals[int(status)] = self.refusals.get(int(status), 0) + 1
                self.failed += 1
                del self._calls[call_id]
                self._replace()

    def _replace(self) -> None:
        while len(self._calls) < self._window:
            self._begin()

    def _sweep(self, now: float) -> None:
        if self.hold:
            return
        lost = [call_id for call_id, call in self._calls.items() if now - call.invited > _LOST]
        for call_id in lost:
            del self._calls[call_id]
            self.failed += 1
        self._replace()

    # ---- the called party ----

    def _called_hears(self, data: bytes, source: Address) -> None:
        method = data[: data.find(b" ")]
        if method == b"INVITE":
            began = time.monotonic()
            self._called.sendto(self._response(b"180 Ringing", data, b""), source)
            self._called.sendto(self._response(b"200 OK", data, self._called_sdp), source)
            serial = _SERIAL.search(data)
            if serial is not None:
                self._took[int(serial[1])] = time.monotonic() - began
        elif method in (b"BYE", b"OPTIONS"):
            self._called.sendto(self._response(b"200 OK", data, b""), source)

    def _response(self, status: bytes, data: bytes, body: bytes) -> bytes:
        host, port = self._called_at
        to = _field("to", data)
        if b";tag=" not in to:
            to += b";tag=called"
        vias = b"".join(b"Via: %b\r\n" % via for via in _HEADER["via"].findall(data))
        kind = b"Content-Type: application/sdp\r\n" if body else b""
        return (
            b"SIP/2.0 %b\r\n%bFrom: %b\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: %b\r\nContact: <sip:called@%b:%d>\r\n"
            b"%bContent-Length: %d\r\n\r\n%b"
        ) % (
            *(
                status,
                vias,
                _field("from", data),
                to,
                _field("call-id", data),
                _field("cseq", data),
                host.encode(),
                port,
            ),
            *(kind, len(body), body),
        )

    # ---- the loop ----

    @property
    def _station(self) -> socket.socket:
        return self._caller if self.digest else self._called

    @property
    def _station_port(self) -> int:
        return self._caller_at[1] if self.digest else self._called_at[1]

    def _turn(self, seconds: float) -> None:
        for descriptor, _ in self._poll.poll(seconds):
            if descriptor == self._caller.fileno():
                for data, _ in _drain(self._caller):
                    self._caller_hears(data)
            else:
                for data, source in _drain(self._called):
                    self._called_hears(data, source)

    def _reply(self, seconds: float) -> bytes | None:
        """The next response on the station's socket."""
        ready, _, _ = select.select([self._station], [], [], seconds)
        return self._station.recv(65536) if ready else None


def free_port(host: str) -> int:
    """A UDP port nobody uses just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _socket(host: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    bound.bind((host, 0))
    bound.setblocking(False)
    return bound


def _drain(bound: socket.socket) -> list[tuple[bytes, Address]]:
    received: list[tuple[bytes, Address]] = []
    for _ in range(64):
        try:
            received.append(bound.recvfrom(65536))
        except BlockingIOError:
            break
    return received


def _field(name: str, data: bytes) -> bytes:
    found = _HEADER[name].search(data)
    return found[1] if found else b""


def _answer(data: bytes, user: str, method: str, uri: str) -> str:
    """The credentials for the first challenge in a 401 or 407 that we can answer (RFC 7616 §3.4, qop=auth)."""
    for challenge in _HEADER["challenge"].findall(data):
        asked = {name.decode().lower(): value.decode() for name, value in _PARAMETER.findall(challenge)}
        algorithm = asked.get("algorithm", "MD5")
        if algorithm.upper() not in ("MD5", "SHA-256"):
            continue

        def digest(text: str, algorithm: str = algorithm) -> str:
            return hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest()

        first = digest(f"{user}:{asked['realm']}:{PASSWORD}")
        second = digest(f"{method}:{uri}")
        response = digest(f"{first}:{asked['nonce']}:00000001:load:auth:{second}")
        opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
        return (
            f'Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}, cnonce="load", qop=auth, nc=00000001{opaque}'
        )
    raise SystemExit("the proxy asks for a digest that the load cannot make")
