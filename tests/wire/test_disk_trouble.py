"""Calls through a whole Skryba while its disk is full, read-only, gone, hung, slow or standing still.

One proxy, three rules: a call is recorded if that can be, refused if it cannot, or ended with a farewell; 112 always.
"""

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from skryba import clock
from skryba.prompts import PromptLibrary
from skryba.recorder.verify import verify
from skryba.selftest.line import FRAME, find
from skryba.selftest.phone import Phone
from skryba.selftest.phone_call import PhoneCall, PhoneError
from skryba.selftest.verifier import StereoVerdict, verify_stereo
from skryba.terms import SocketAddress
from tests.support.baresip import until
from tests.support.proxy import RECORD_ALL_SILENTLY, STATION_PASSWORDS, Proxy, read_stereo
from tests.support.troubled_disk import TroubledDisk

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

DISK = 16 << 20
LATE = 20.0  # ms: this process sends late at times; a packet that waited for the disk would be later by far
RECORDER = """ring_megabytes = 2
min_free_megabytes = 1
"""
CONTINUE, REFUSE, END, EMERGENCY = "601234560", "601234561", "601234562", "112"
RULES = "".join(
    RECORD_ALL_SILENTLY.format(moment="answer").replace(
        'id = "record-all"', f'id = "{choice}"\nnumber = ["{number}"]\nif_unrecordable = "{choice}"'
    )
    for number, choice in ((CONTINUE, "continue"), (REFUSE, "refuse"), (END, "end"))
)


@dataclass(frozen=True)
class Talk:
    """A call and its other end."""

    near: PhoneCall
    far: PhoneCall

    @property
    def ended(self) -> bool:
        return self.near.ended.is_set() and self.far.ended.is_set()

    def delays(self, begin: float, end: float) -> list[float]:
        """Milliseconds each packet sent in that time needed. AssertionError if one is missing, doubled or changed."""
        needed: list[float] = []
        for ear, mouth in ((self.near.line, self.far.line), (self.far.line, self.near.line)):
            began = mouth.sent.began
            first, last = int((begin - began) / FRAME) + 1, int((end - began) / FRAME)
            heard = [
                (number, packet.at)
                for packet in ear.heard
                if first <= (number := mouth.frames.get(packet.payload, -1)) < last
            ]
            assert [number for number, _ in heard] == list(range(first, last))
            needed += [(at - began - number * FRAME) * 1000 for number, at in heard]
        return needed


class House:
    """The proxy, its disk, a station and a carrier."""

    def __init__(self, proxy: Proxy, disk: TroubledDisk, station: Phone, carrier: Phone) -> None:
        self.proxy, self.disk, self.station, self.carrier = proxy, disk, station, carrier
        prompt = PromptLibrary().get("unrecorded", "en")
        assert prompt is not None
        sound = prompt.audio["PCMA"].payload
        self._farewell = [sound[at : at + 160] for at in range(0, len(sound), 160)]

    async def talk(self, number: str) -> Talk:
        near = await self.station.call(number, patience=5.0)
        return Talk(near, self.carrier.incoming.get_nowait())

    def health(self) -> tuple[int, str]:
        """Status and all problems."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.proxy.metrics_port}/healthz", timeout=3) as answer:
                return answer.status, " ".join(json.load(answer)["problems"])
        except urllib.error.HTTPError as error:
            return error.code, " ".join(json.load(error)["problems"])

    async def told(self, status: int, words: str = "", *, timeout: float = 10.0) -> None:
        """/healthz comes to say so."""
        said: tuple[int, str] = (0, "")
        for _ in range(round(timeout / 0.1)):
            said = await asyncio.to_thread(self.health)
            if said[0] == status and words in said[1]:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"/healthz says {said} instead of {status} {words!r}\n{self.proxy.log()[-3000:]}")

    def heard_farewell(self, call: PhoneCall) -> bool:
        passage = find(call.line.heard, self._farewell)
        return passage is not None and passage.complete

    async def refused(self, number: str) -> None:
        with pytest.raises(PhoneError) as refused:
            await self.station.call(number, patience=5.0)
        assert refused.value.status == 503
        assert self.carrier.incoming.empty()

    async def told_why(self, number: str) -> None:
        call = await self.station.call(number, patience=5.0)
        await asyncio.wait_for(call.ended.wait(), 15)
        assert self.heard_farewell(call)
        assert self.carrier.incoming.empty()

    def manifest_of(self, talk: Talk) -> dict[str, Any] | None:
        for manifest in self.proxy.manifests():
            if talk.near.call_id in manifest["call"]["sip_call_ids"]:
                return manifest
        return None

    async def sealed(self, talk: Talk, *, timeout: float = 40.0) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = await until(lambda: self.manifest_of(talk), timeout=timeout)
        except TimeoutError:
            raise AssertionError(f"not sealed\n{self.proxy.log()[-4000:]}") from None
        assert verify(Path(manifest["path"])) == []
        return manifest

    def check_whole(self, manifest: dict[str, Any], talk: Talk) -> None:
        """The file holds both voices from end to end."""
        assert (manifest["state"], manifest["reasons"]) == ("ok", [])
        assert self._verdict(manifest, talk).problems == ()

    def check_gaps(self, manifest: dict[str, Any], talk: Talk) -> None:
        """What is missing is the disk's fault, so says the manifest; all else is in its place."""
        assert all("not writable" in reason for reason in manifest["reasons"])
        [[_, length, cause]] = manifest["channels"]["left"]["gaps"]
        assert (cause, length > 2000) == ("disk", True)
        verdict = self._verdict(manifest, talk)
        for channel in (verdict.left, verdict.right):
            assert [*channel.steps, *channel.clicks, *channel.strays] == []
            [missing] = channel.missing
            assert missing.milliseconds == pytest.approx(length, abs=100)
        assert abs(verdict.duration_error_ms) < 100

    def _verdict(self, manifest: dict[str, Any], talk: Talk) -> StereoVerdict:
        rate, left, right = read_stereo(manifest["path"])
        zero = manifest["clock"]["zero_ns"] / 1e9
        return verify_stereo(
            np.column_stack([left, right]).astype(np.int16),
            rate,
            left=talk.near.line.sent,
            right=talk.far.line.sent,
            begin=zero,
            end=zero + manifest["time"]["duration_ms"] / 1000,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    work = tmp_path_factory.mktemp("trouble")
    folder = work / "skryba"
    proxy = Proxy(folder, rules=RULES)
    with TroubledDisk(work, [folder / "recordings", folder / "spool"], DISK) as disk:
        proxy.modules = disk.seam
        proxy.write()
        proxy.config.write_text(proxy.config.read_text().replace("ring_megabytes = 16\n", RECORDER))
        await proxy.start()
        try:
            address = SocketAddress("127.0.0.1", proxy.sip_port)
            carrier = Phone(user="carrier", domain="127.0.0.1", proxy=address, token=_token, port=proxy.trunk_port)
            station = Phone(
                user="101", password=STATION_PASSWORDS["101"], domain="skryba.test", proxy=address, token=_token
            )
            async with carrier, station:
                await station.register()
                yield House(proxy, disk, station, carrier)
        finally:
            await proxy.stop()


def _token() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Trouble:
    """What befalls the disk, what /healthz says of it, and what becomes of the call that goes on."""

    befall: Callable[[TroubledDisk], AbstractContextManager[None]]
    said: str
    crowd: int = 0  # further calls, so that the ring is too small to wait for the disk
    state: str = "ok"
    new: bool = False  # is a call recorded that begins meanwhile?


TROUBLES = {
    "full": Trouble(TroubledDisk.full, "disk full", crowd=10, state="degraded"),
    "read-only": Trouble(TroubledDisk.read_only, "Read-only"),
    "gone": Trouble(TroubledDisk.gone, "disk failed"),
    "stalled": Trouble(TroubledDisk.stalled, "has not answered", new=True),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_calls_go_on_clean_and_each_rule_is_kept(house: House, name: str) -> None:
    trouble = TROUBLES[name]
    going, strict, ending, emergency = [await house.talk(number) for number in (CONTINUE, REFUSE, END, EMERGENCY)]
    crowd = [await house.talk(CONTINUE) for _ in range(trouble.crowd)]
    began = clock.now()
    await asyncio.sleep(1.5)
    with trouble.befall(house.disk):
        struck = clock.now()
        await house.told(503, trouble.said)
        await house.refused(REFUSE)
        fresh = [await house.talk(number) for number in (CONTINUE, EMERGENCY)]
        since = clock.now()
        await asyncio.gather(house.told_why(END), strict.near.ended.wait(), ending.far.ended.wait())
        for party in (strict.near, strict.far, ending.near, ending.far):
            assert party.ended.is_set()
            assert house.heard_farewell(party)
        for talk in fresh:
            assert len(talk.delays(since + 0.2, clock.now() - 0.2)) > 150
            await talk.near.hang_up()
    await house.told(200)
    later = await house.talk(REFUSE)
    await asyncio.sleep(1.5)
    calm = np.percentile(going.delays(began + 0.2, struck), 95)
    for talk in (going, emergency):
        assert np.percentile(talk.delays(struck, clock.now() - 0.2), 95) <= 2 * calm + LATE
    for talk in (going, emergency, later, *crowd):
        await talk.near.hang_up()
    house.check_whole(await house.sealed(later), talk=later)
    manifest = await house.sealed(going)
    assert manifest["state"] == trouble.state
    if trouble.state == "ok":
        house.check_whole(manifest, talk=going)
    else:
        house.check_gaps(manifest, talk=going)
    for talk in (strict, ending):
        manifest = await house.sealed(talk)
        assert "recording failed" in [mark["kind"] for mark in manifest["marks"]]
        assert manifest["termination"]["reason"].startswith("recording required: ")
    for talk in crowd:
        await house.sealed(talk)
    if trouble.new:
        begun = fresh.pop(0)
        house.check_whole(await house.sealed(begun), talk=begun)
    for talk in (emergency, *fresh):
        assert house.manifest_of(talk) is None


async def test_a_slow_disk_delays_no_packet_and_costs_nothing(house: House) -> None:
    talks = [await house.talk(number) for number in (CONTINUE, REFUSE, EMERGENCY)]
    await asyncio.sleep(1.5)
    calm = np.percentile([delay for talk in talks for delay in talk.delays(clock.now() - 1.0, clock.now() - 0.2)], 95)
    with house.disk.slow():
        since = clock.now()
        talks.append(await house.talk(END))
        await asyncio.sleep(6.0)
        assert (await asyncio.to_thread(house.health))[0] == 200
        for talk in talks:
            begun = max(since, talk.near.answered_at or since) + 0.2
            assert np.percentile(talk.delays(begun, clock.now() - 0.2), 95) <= 2 * calm + LATE
    for talk in talks:
        assert not talk.ended
        await talk.near.hang_up()
    for talk in talks:
        if talk is not talks[2]:
            house.check_whole(await house.sealed(talk), talk=talk)
