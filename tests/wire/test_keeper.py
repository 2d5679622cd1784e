"""A whole Skryba, encrypting, with a real object store and somebody who wants to be told: a call from the mouth to its
erasure, while its processes are killed. Nowhere on the disk does anybody hear it without the key.
"""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, select

from skryba.archive.objects import Account, Objects
from skryba.archive.tables import CALLS, DELIVERIES, RECORDINGS
from skryba.codecs.g711 import PcmaDecoder
from skryba.config.load import load
from skryba.errors import KeyDestroyed
from skryba.locksmith import keyring_of
from skryba.recorder.spool import read_spool, reading_with
from skryba.selftest.phone import Phone
from skryba.selftest.phone_call import PhoneCall
from skryba.terms import SocketAddress
from skryba.vault.master import FileMaster
from tests.support.baresip import until
from tests.support.deliveries import Message, Receiver, receiver
from tests.support.proxy import RECORD_ALL_SILENTLY, SOURCE, STATION_PASSWORDS, Proxy
from tests.support.radosgw import Radosgw

pytestmark = pytest.mark.wire

BUCKET, PREFIX = "calls", "office"
SECRET = "sixteen characters at least"
OPTIONS = """
[encryption]
mode = "master"
[storage]
kind = "s3"
endpoint = "{endpoint}"
bucket = "{bucket}"
prefix = "{prefix}"
access_key = "{access_key}"
secret_key = "{secret_key}"
[[hook]]
id = "crm"
url = "{url}"
secret = "{secret}"
"""
RULES = RECORD_ALL_SILENTLY.format(moment="answer") + 'renditions = ["flac"]\n'
MARK = 32  # octets that nobody finds by chance

Words = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Radosgw]:
    with Radosgw() as started:
        started.make_bucket(BUCKET)
        yield started


class Busy:
    """A receiver that says "later" until it is told to take what comes."""

    def __init__(self) -> None:
        self.open = False
        self.taken: list[Message] = []

    def answer(self, message: Message) -> tuple[int, Mapping[str, str]]:
        if not self.open:
            return 503, {}
        self.taken.append(message)
        return 204, {}


class House:
    """The proxy, its store and its receiver, as the test looks at them."""

    def __init__(self, proxy: Proxy, server: Radosgw, inbox: Receiver) -> None:
        self.proxy, self.inbox = proxy, inbox
        self.config = load(proxy.config, {})
        self.objects = Objects.connect(Account(server.endpoint, BUCKET, server.access_key, server.secret_key))
        self._engine = create_engine(self.config.operations.database)

    def rows(self, table: Any) -> list[Words]:
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table))]

    def close(self) -> None:
        self._engine.dispose()

    def say(self, *words: str) -> Words:
        """A command of Skryba with `--json`; it must leave with 0."""
        done = subprocess.run(
            [sys.executable, "-m", "skryba", *words, "--config", str(self.proxy.config), "--json"],
            capture_output=True, text=True, timeout=30, check=False, env=os.environ | {"PYTHONPATH": str(SOURCE)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found: Words = json.loads(done.stdout.splitlines()[-1])
        return found

    def kill(self, role: str) -> None:
        os.kill(self.proxy.children()[role], signal.SIGKILL)

    async def back(self, role: str, dead: int) -> None:
        """Somebody else plays this role now."""
        await until(lambda: self.proxy.children().get(role, dead) != dead, timeout=10)

    def stored(self) -> dict[str, bytes]:
        found = {}
        for each in self.objects.listing(PREFIX):
            file = self.objects.open_remote(each.key)
            assert file is not None
            found[each.key.rpartition("/")[2]] = file.read_at(0, file.octets)
        return found


def found_in(folder: Path, marks: Iterable[bytes]) -> set[str]:
    """Names of the files below that hold any of these."""
    wanted = re.compile(b"|".join(map(re.escape, marks)))
    return {path.name for path in folder.rglob("*") if path.is_file() and wanted.search(path.read_bytes())}


def spoken(call: PhoneCall) -> list[bytes]:
    """Pieces of what a phone said so far: as it was sent, and as one channel of samples."""
    payloads = sorted(call.line.frames, key=call.line.frames.__getitem__)[5::5]
    return [
        piece
        for payload in payloads
        for piece in (payload[40 : 40 + MARK], PcmaDecoder().decode(payload)[40 : 40 + MARK].tobytes())
    ]


async def test_a_call_is_kept_told_proven_and_erased_and_never_lies_readable(
    server: Radosgw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Busy()
    home = tmp_path / "home"
    monkeypatch.setenv("TMPDIR", str(home / "tmp"))
    (home / "tmp").mkdir(parents=True)
    (home / "keys").mkdir()
    FileMaster.create(home / "keys/master.key")
    with receiver(busy.answer) as inbox:
        options = OPTIONS.format(
            endpoint=server.endpoint, bucket=BUCKET, prefix=PREFIX, access_key=server.access_key,
            secret_key=server.secret_key, url=inbox.url, secret=SECRET,
        )  # fmt: skip
        async with Proxy(home, rules=RULES, extra=options) as proxy:
            house = House(proxy, server, inbox)
            try:
                marks = await one_call(house)
                manifest = await sealed_and_told(house, busy)
                marks += heard_again(house, manifest, tmp_path / "rendered")
                assert found_in(home, marks) == set()
                proven(house, tmp_path)
                await erased(house, manifest)
                assert found_in(home, marks) == set()
            finally:
                house.close()
        assert "task failed" not in proxy.log()


async def one_call(house: House) -> list[bytes]:
    """Both talk; the recorder is killed in the middle. Returns pieces of what was said."""
    proxy = house.proxy
    sip = SocketAddress("127.0.0.1", proxy.sip_port)
    station = Phone(
        user="101", domain="skryba.test", proxy=sip, token=lambda: token_hex(8), password=STATION_PASSWORDS["101"]
    )
    trunk = Phone(user="trunk", domain="127.0.0.1", proxy=sip, token=lambda: token_hex(8), port=proxy.trunk_port)
    async with trunk, station:
        await station.register()
        call = await station.call("601234567")
        far = trunk.incoming.get_nowait()
        await until(lambda: min(len(call.line.heard), len(far.line.heard)) > 60, timeout=10)
        dead = proxy.children()["recorder"]
        house.kill("recorder")
        marks = spoken(call) + spoken(far)
        assert len(marks) > 20
        [spool] = (proxy.folder / "spool").glob("*.spool")
        assert spool.stat().st_size > 10_000, "there is something to be found"
        assert found_in(proxy.folder, marks) == set()
        await house.back("recorder", dead)
        before = len(far.line.heard)
        await until(lambda: len(far.line.heard) > before + 75, timeout=10)
        await call.hang_up()
        return spoken(call) + spoken(far)


async def sealed_and_told(house: House, busy: Busy) -> Words:
    """The keeper is killed twice on the way, and all happens once."""
    [manifest] = await house.proxy.sealed()
    dead = house.proxy.children()["keeper"]
    house.kill("keeper")
    await house.back("keeper", dead)
    await until(lambda: house.inbox.messages, timeout=15)
    dead = house.proxy.children()["keeper"]
    house.kill("keeper")
    busy.open = True
    await house.back("keeper", dead)
    await until(lambda: [row["state"] for row in house.rows(DELIVERIES)] == ["delivered"], timeout=15)
    await until(lambda: [row["location"] for row in house.rows(RECORDINGS)] == ["both"], timeout=15)
    await until(lambda: [row["terminal"] for row in house.rows(CALLS)] == ["recorded"], timeout=10)

    assert (manifest["state"], manifest["reasons"], manifest["restarts"]) == ("ok", [], 1)
    assert manifest["encryption"]["scheme"] == "AES-256-GCM"
    [call] = house.rows(CALLS)
    assert (call["recording"], call["recording_state"]) == (manifest["id"], "ok")
    [message] = busy.taken
    told = json.loads(message.body)
    unix, signature = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", message.headers["Skryba-Signature"]).groups()  # type: ignore[union-attr]
    right = hmac.new(SECRET.encode(), f"{unix}.{message.body}".encode(), hashlib.sha256).hexdigest()
    assert signature == right
    assert (told["event"], told["recording"]["id"]) == ("recording.sealed", manifest["id"])
    assert {each.body for each in house.inbox.messages} == {message.body}

    here = {path.name: path.read_bytes() for path in Path(manifest["path"]).parent.iterdir()}
    assert house.stored() == here
    stated = {file["file"]: file["sha256"] for file in manifest["files"]}
    assert {name: hashlib.sha256(here[name]).hexdigest() for name in stated} == stated
    assert sorted(name.partition(".")[2] for name in here) == ["flac.skv", "json", "peaks.skv", "seal", "wav.skv"]
    return manifest


def heard_again(house: House, manifest: Words, folder: Path) -> list[bytes]:
    """With the key the packets give the same files again; pieces of these."""
    identifier = manifest["id"]
    made = house.say("render", identifier, "-o", str(folder))
    assert (made["identical"], made["sha256_pcm"]) == (True, manifest["audio"]["sha256_pcm"])
    marks = []
    for suffix in ("wav", "flac"):
        octets = (folder / f"{identifier}.{suffix}").read_bytes()
        marks += [octets[at : at + MARK] for at in range(len(octets) // 3, len(octets) - MARK, len(octets) // 9)]
    samples = np.frombuffer((folder / f"{identifier}.wav").read_bytes()[-32000:], "<i2").reshape(-1, 2)
    marks += [samples[1000 : 1000 + MARK, side].tobytes() for side in (0, 1)]
    assert all(len(set(mark)) > 8 for mark in marks), "this is sound"
    assert found_in(folder, marks) == {f"{identifier}.wav", f"{identifier}.flac"}
    keyring = keyring_of(house.config)
    assert keyring is not None
    spool = bytearray((house.config.recorder.spool / "kept" / f"{identifier}.spool").read_bytes())
    sealed = bytes(spool)
    opened = read_spool(spool, reading_with(keyring.get(manifest["encryption"]["key"])))
    assert (opened.altered, opened.torn, opened.stop is not None) == (False, False, True)
    assert bytes(spool) != sealed
    return marks


def proven(house: House, folder: Path) -> None:
    found = house.say("verify", str(house.config.recorder.folder))
    assert (found["ok"], found["checked"], found["findings"], found["keys"]) == (True, 1, [], "given")
    assert house.say("reconcile")["findings"] == []
    done = house.say("export", "-o", str(folder / "x.zip"), "--decrypt", "--reason", "test")
    assert (done["recordings"], done["absent"]) == (1, [])
    key = f"{house.config.evidence.signing_key}.pub"
    assert house.say("verify", str(folder / "x.zip"), "--public-key", key)["findings"] == []
    with zipfile.ZipFile(folder / "x.zip") as archive:
        (folder / "verify.py").write_bytes(archive.read("verify.py"))
    alone = [sys.executable, "-I", "verify.py", "x.zip", "--public-key", key]
    done_alone = subprocess.run(alone, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert (done_alone.returncode, done_alone.stdout) == (0, "1 recordings: everything is what was sealed\n")


async def erased(house: House, manifest: Words) -> None:
    identifier = manifest["id"]
    done = house.say("erase", identifier, "--reason", "art. 17", "--yes")
    assert done["id"] == identifier
    assert house.stored() == {}
    assert list(Path(manifest["path"]).parent.iterdir()) == []
    assert list((house.config.recorder.spool / "kept").iterdir()) == []
    keyring = keyring_of(house.config)
    assert keyring is not None
    with pytest.raises(KeyDestroyed):
        keyring.get(manifest["encryption"]["key"])
    [row] = house.rows(RECORDINGS)
    assert (row["location"], row["caller"], row["callee"]) == ("gone", None, None)
    assert house.say("verify", str(house.config.recorder.folder))["findings"] == []
    address = f"http://127.0.0.1:{house.proxy.keeper_port}"

    def followed() -> bool:
        with urllib.request.urlopen(f"{address}/metrics", timeout=5) as answer:
            return f"skryba_chain_entries {float(done['entry'])}\n" in answer.read().decode()

    await until(followed, timeout=10)
    with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
        assert json.loads(answer.read())["problems"] == []
