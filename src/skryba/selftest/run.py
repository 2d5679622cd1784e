"""⚡ The self-test: one call through a running proxy, or through one of its own, from dialling to the sealed file.

Knows the proxy from outside: its house line (`housecall`), its sockets, its folder of recordings. Judges nothing.
"""

import asyncio
import contextlib
import io
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import numpy as np

import skryba
from skryba import clock
from skryba.config.load import load
from skryba.errors import SkrybaError
from skryba.housecall import NAME, NUMBER, HouseLine
from skryba.locksmith import keyring_of
from skryba.prompts import PromptLibrary
from skryba.recorder.verify import verify
from skryba.selftest.line import first_of
from skryba.selftest.phone import Phone
from skryba.selftest.phone_call import PhoneCall, PhoneError
from skryba.selftest.report import Evidence, Observation, Recording, SelftestReport, judge
from skryba.selftest.voice import Voice
from skryba.terms import SocketAddress
from skryba.vault.container import SUFFIX, Opener

TALK = 4.0  # seconds of conversation
_START = 60.0  # seconds a proxy of our own is given to start: the first one compiles the media engine
_SEAL = 20.0  # seconds the recorder is given to seal
_GRACE = 3.0  # seconds beyond the notice's length until both must hear each other
_BEAT = 0.05
_PORTS = 200  # RTP ports of a proxy of our own


class SelftestError(SkrybaError):
    """The test could not be made at all; the message says why."""


def selftest(config_path: Path | None = None, *, talk: float = TALK, codec: str = "PCMA") -> SelftestReport:
    """Place the call and judge it. Uses the proxy that runs with `config_path`; starts one of its own when none does.

    Never raises for what a proxy does wrong: that is in the report.
    """
    return asyncio.run(run(config_path, talk=talk, codec=codec))


async def run(config_path: Path | None = None, *, talk: float = TALK, codec: str = "PCMA") -> SelftestReport:
    """`selftest` within a loop that runs already."""
    try:
        if config_path is not None and (line := await running(config_path)) is not None:
            config = load(config_path, os.environ)
            keyring = keyring_of(config)
            key_of = keyring.get if keyring is not None else None
            return await place(line, prompts=config.notice.prompts, talk=talk, codec=codec, key_of=key_of)
        async with own_proxy() as line:
            return await place(line, talk=talk, codec=codec)
    except (SkrybaError, OSError) as error:
        return SelftestReport(problems=(str(error),))


async def running(config_path: Path) -> HouseLine | None:
    """The house line of the proxy that runs with this configuration, if one answers."""
    line = HouseLine.read(load(config_path, os.environ).operations.control.parent)
    return line if line is not None and await _answers(line.sip) else None


async def place(
    line: HouseLine,
    *,
    prompts: Path | None = None,
    talk: float = TALK,
    codec: str = "PCMA",
    key_of: Callable[[str], bytes] | None = None,
) -> SelftestReport:
    """One call from the house's station to the house's trunk through the proxy that owns `line`.

    `key_of` finds the key of an encrypted recording.
    """
    prompt = PromptLibrary(prompts).get("standard", line.language)
    if prompt is None:
        raise SelftestError(f"there is no standard notice in {line.language!r} to listen for")
    sound = prompt.audio[codec].payload
    notice = [sound[at : at + 160] for at in range(0, len(sound), 160)]
    station = Phone(
        user=NAME, password=line.password, domain=line.domain, proxy=line.sip, token=_token, voice=Voice("station"),
        host=_local(line.sip.host),
        codecs=(codec,),
    )  # fmt: skip
    trunk = Phone(
        user=NAME, domain=line.trunk.host, proxy=line.sip, token=_token, voice=Voice("trunk"), host=line.trunk.host,
        port=line.trunk.port, codecs=(codec,),
    )  # fmt: skip
    before = set(_seals(line))
    async with trunk, station:
        await station.register()
        call = await station.call(NUMBER)
        if trunk.incoming.empty():
            raise SelftestError("the call was answered, but not by the simulated trunk: nobody called it")
        far = trunk.incoming.get_nowait()
        await _bridged(call, far, prompt.duration_ms / 1000 + _GRACE)
        await asyncio.sleep(talk)
        await call.hang_up()
        with contextlib.suppress(PhoneError):
            await station.unregister()
    assert call.invited_at is not None
    assert call.answered_at is not None
    assert call.ended_at is not None
    path, against = await _sealed(line, before, call.call_id)
    evidence = Evidence(
        station=_observed(call),
        trunk=_observed(far),
        notice=notice,
        setup=call.answered_at - call.invited_at,
        hung_up=call.ended_at,
        recording=read_recording(path, key_of),
        late_ms=max(call.line.late_ms, far.line.late_ms),
    )
    return judge(evidence).with_problems(against)


@contextlib.asynccontextmanager
async def own_proxy() -> AsyncIterator[HouseLine]:
    """`skryba run` in a temporary folder, as a process, until the block ends. Its recordings stay."""
    folder = Path(tempfile.mkdtemp(prefix="skryba-selftest-"))
    config = write_config(folder)
    with (folder / "skryba.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "skryba", "run", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("SKRYBA_")}
            | {"PYTHONPATH": str(Path(skryba.__file__).parents[1])},
            start_new_session=True,  # a Ctrl-C at the terminal is ours to deal with
        )
    try:
        yield await _ready(process, folder, load(config, os.environ).operations.control.parent)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()
        _tidy(folder)


def _tidy(folder: Path) -> None:
    """Nothing stays but recordings; without any, nothing."""
    for item in folder.iterdir():
        if item.is_dir() and item.name != "recordings":
            shutil.rmtree(item)
        elif item.is_file():
            item.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def write_config(folder: Path) -> Path:
    """A configuration for a proxy that nobody but the self-test uses."""
    base = 20000 + 2 * secrets.randbelow(6000)
    sip, metrics, keeper = _free_port(), _free_port(), _free_port()
    (folder / "rules.toml").write_text("never = []\nalways = []\n")
    path = folder / "skryba.toml"
    path.write_text(
        f"""[sip]
listen = ["udp:127.0.0.1:{sip}"]
domain = "selftest.skryba"
[media]
host = "127.0.0.1"
ports = [{base}, {base + _PORTS - 1}]
[recorder]
ring_megabytes = 4
[operations]
metrics = "127.0.0.1:{metrics}"
keeper_metrics = "127.0.0.1:{keeper}"
drain_timeout = 5
"""
    )
    return path


def read_recording(path: Path, key_of: Callable[[str], bytes] | None = None) -> Recording:
    """A stereo WAV as sealed by the recorder, encrypted or not."""
    data = path.read_bytes()
    if path.suffix == SUFFIX:
        if key_of is None:
            raise SelftestError(f"{path} is encrypted, and there is no key to listen with")
        manifest = path.with_name(path.name.partition(".")[0] + ".json")
        key = key_of(json.loads(manifest.read_bytes())["encryption"]["key"])
        opener = Opener(key, path.name.encode(), lambda offset, size: data[offset : offset + size], len(data))
        data = opener.read(0, opener.size)
    with wave.open(io.BytesIO(data), "rb") as file:
        width = file.getsampwidth()
        if width != 2:
            raise SelftestError(f"{path}: {8 * width} bit samples instead of 16")
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
        return Recording(str(path), samples, file.getframerate())


def doubts(manifest: Path) -> list[str]:
    """What the recorder itself says against its recording."""
    words = json.loads(manifest.read_bytes())
    state, reasons = words.get("state"), words.get("reasons") or ["no reason given"]
    return [] if state == "ok" else [f"the recorder calls the recording {state}: {', '.join(map(str, reasons))}"]


async def _ready(process: asyncio.subprocess.Process, folder: Path, run_folder: Path) -> HouseLine:
    deadline = clock.now() + _START
    while clock.now() < deadline:
        if process.returncode is not None:
            break
        line = HouseLine.read(run_folder)
        if line is not None and await _answers(line.sip):
            return line
        await asyncio.sleep(_BEAT)
    said = (folder / "skryba.log").read_text(errors="replace")[-2000:]
    state = f"ended with {process.returncode}" if process.returncode is not None else "did not become ready"
    raise SelftestError(f"the proxy {state}: {said}")


async def _answers(sip: SocketAddress) -> bool:
    """Does anybody answer OPTIONS there?"""
    async with Phone(user=NAME, domain=sip.host, proxy=sip, token=_token, host=_local(sip.host)) as phone:
        request = phone.new_request("OPTIONS", f"sip:{sip}", to=f"<sip:{sip}>", call_id=_token(), cseq=1, tag=_token())
        try:
            await phone.transact(request, patience=1.0)
        except PhoneError:
            return False
        return True


async def _bridged(call: PhoneCall, far: PhoneCall, patience: float) -> None:
    """Until both hear each other, the notice being over; or until they should have."""
    deadline = clock.now() + patience
    while clock.now() < deadline and not call.ended.is_set():
        if first_of(call.line.heard, far.line.frames) and first_of(far.line.heard, call.line.frames):
            return
        await asyncio.sleep(_BEAT)


async def _sealed(line: HouseLine, before: set[Path], call_id: str) -> tuple[Path, Sequence[str]]:
    """The sealed file of this call, and what its own manifest makes doubtful."""
    deadline = clock.now() + _SEAL
    while clock.now() < deadline:
        for seal in set(_seals(line)) - before:
            manifest = seal.with_suffix(".json")
            if call_id in (text := manifest.read_text(errors="replace")):
                path = manifest.with_name(json.loads(text)["files"][0]["file"])
                return path, [*doubts(manifest), *(f"{found.path}: {found.problem}" for found in verify(path))]
        await asyncio.sleep(_BEAT)
    raise SelftestError(f"no recording of the call was sealed within {_SEAL:.0f} s under {line.recordings}")


def _seals(line: HouseLine) -> list[Path]:
    return list(Path(line.recordings).rglob("*.seal"))


def _observed(call: PhoneCall) -> Observation:
    return Observation(call.line.sent, call.line.frames, tuple(call.line.heard))


def _local(host: str) -> str:
    """The address of ours from which `host` is reached."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _token() -> str:
    return secrets.token_hex(8)
