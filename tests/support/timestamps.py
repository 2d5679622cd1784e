"""A time-stamp authority of our own: `openssl ts` behind a small HTTP server on loopback.

Knows nothing of Skryba.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

_CONFIGURATION = """
[ tsa ]
default_tsa = ours
[ ours ]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ordering = no
tsa_name = no
ess_cert_id_alg = sha256
[ extensions ]
extendedKeyUsage = critical,timeStamping
"""


class Authority:
    """A root certificate and a signer below it, made in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "tsa.cnf").write_text(_CONFIGURATION)
        (folder / "serial").write_text("01\n")
        new = ("-nodes", "-newkey", "ed25519")
        self._openssl("req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Test root")
        request = ("-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test authority")
        self._openssl("req", "-nodes", "-newkey", "rsa:2048", *request)
        signing = ("-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-out", "tsa.pem")
        self._openssl("x509", "-req", *signing, "-extfile", "tsa.cnf", "-extensions", "extensions")

    @property
    def root(self) -> bytes:
        """The root certificate, PEM."""
        return (self._folder / "root.pem").read_bytes()

    def answer(self, question: bytes) -> bytes:
        """The stamp for a time-stamp query."""
        (self._folder / "question").write_bytes(question)
        files = ("-queryfile", "question", "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "answer")
        self._openssl("ts", "-reply", "-config", "tsa.cnf", *files)
        return (self._folder / "answer").read_bytes()

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)


@contextmanager
def http_authority(answer: Callable[[bytes], bytes], *, status: int = 200) -> Iterator[str]:
    """Serve `answer` until the block ends; the address."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            good = self.headers["Content-Type"] == "application/timestamp-query"
            body = answer(asked) if good else b"?"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
