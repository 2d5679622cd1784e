"""A real S3 server for wire tests: Ceph's object gateway from Debian with one monitor and one disk, on loopback.

Knows nothing of Skryba. Everything lies in one temporary folder; the daemons are gone when the `with` block ends.
"""

import shutil
import subprocess
import tempfile
import time
import urllib.request
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import obstore
from obstore.store import S3Store

from tests.support.baresip import free_port

ACCESS_KEY = "SKRYBATEST"
SECRET_KEY = "not-a-secret-of-anybody"
START = 45.0  # seconds a daemon may take; all together need about ten

# cephx stays on: without it the gateway never connects. The proposal interval is what a pool's creation waits for.
CONF = """\
[global]
fsid = {fsid}
mon initial members = a
mon host = [v2:127.0.0.1:{mon_port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
mon allow pool size one = true
mon tick interval = 1
paxos propose interval = 0.05
paxos min wait = 0.01
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = bluestore
bluestore block size = 4294967296
osd memory target = 939524096
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw data = {folder}/gateway
keyring = {folder}/keyring
mon data = {folder}/mon
osd data = {folder}/osd
run dir = {folder}
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
"""

KEYS = (  # whose key, and what it may
    ("mon.", "mon", "allow *"),
    ("client.admin", "mon", "allow *", "osd", "allow *", "mgr", "allow *"),
    ("osd.0", "mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *"),
    ("client.gateway", "mon", "allow rw", "osd", "allow rwx"),
)


class Radosgw:
    """`with Radosgw() as server: server.make_bucket("calls"); …server.endpoint…`."""

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="skryba-s3-"))  # short: names of admin sockets are bounded
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port, mon_port = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        try:
            self._start(str(uuid.uuid4()), mon_port)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def make_bucket(self, name: str) -> None:
        store = S3Store(
            name,
            endpoint=self.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        # the library makes no buckets; a signed PUT of the bucket's own address does
        url = obstore.sign(store, "PUT", "", timedelta(minutes=1))
        with urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=30) as answer:
            assert answer.status == 200

    def stop_gateway(self) -> None:
        """The server goes away, at once; what it stored stays."""
        self._kill("gateway")

    def start_gateway(self) -> None:
        self._daemon("gateway", "radosgw", "-n", "client.gateway")
        self._wait_for_gateway()

    def _start(self, fsid: str, mon_port: int) -> None:
        folder = self.folder
        for name in ("mon", "osd", "gateway"):
            (folder / name).mkdir()
        conf = CONF.format(fsid=fsid, mon_port=mon_port, port=self.port, folder=folder)
        (folder / "ceph.conf").write_text(conf, encoding="utf-8")
        self._run("ceph-authtool", "--create-keyring", f"{folder}/keyring")
        for name, *caps in KEYS:
            flags = [word for kind, what in zip(caps[::2], caps[1::2], strict=True) for word in ("--cap", kind, what)]
            self._run("ceph-authtool", f"{folder}/keyring", "--gen-key", "-n", name, *flags)
        mon_map = f"{folder}/monmap"
        self._run("monmaptool", "--create", "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", "--fsid", fsid, mon_map)
        self._ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", mon_map, "--keyring", f"{folder}/keyring")
        shutil.copy(folder / "keyring", folder / "mon" / "keyring")
        self._daemon("mon", "ceph-mon", "-i", "a")
        osd = str(uuid.uuid4())
        self._ceph("ceph", "osd", "new", osd)
        self._ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemon("osd", "ceph-osd", "-i", "0")
        self.start_gateway()
        user = ("--uid", "skryba", "--display-name", "Skryba")
        self._ceph("radosgw-admin", "user", "create", *user, "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)

    def _ceph(self, program: str, *words: str) -> None:
        self._run(program, "-c", f"{self.folder}/ceph.conf", *words)

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START, check=False, cwd=self.folder
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"

    def _daemon(self, name: str, *words: str) -> None:
        """In the foreground of a process that also dies with the tests."""
        with (self.folder / f"{name}.out").open("ab") as out:
            self._processes[name] = subprocess.Popen(
                ("setpriv", "--pdeathsig", "KILL", *words, "-c", f"{self.folder}/ceph.conf", "-f"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.folder,
            )

    def _wait_for_gateway(self) -> None:
        end = time.monotonic() + START
        while time.monotonic() < end:
            assert self._processes["gateway"].poll() is None, (self.folder / "gateway.out").read_text(errors="replace")
            with suppress(OSError), urllib.request.urlopen(self.endpoint, timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the gateway did not answer")

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def _end(self) -> None:
        for name in reversed(list(self._processes)):
            self._kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)
