"""Two real softphones (baresip) through a whole Skryba: registration, calls, hold, digits; the file is listened to."""

import asyncio
from pathlib import Path

import pytest

from tests.support.baresip import Baresip, until
from tests.support.proxy import (
    RECORD_ALL_SILENTLY,
    Proxy,
    level_at,
    notice_heard,
    onset,
    read_stereo,
)
from tests.support.softphones import softphone

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

CALLER_TONE, CALLEE_TONE = 440.0, 880.0
SILENT = RECORD_ALL_SILENTLY.format(moment="answer")


async def talk(proxy: Proxy, caller: Baresip, callee: Baresip, seconds: float) -> None:
    await caller.registered()
    await callee.registered()
    await caller.dial(f"sip:{callee.user}@{proxy.address}")
    await callee.wait("CALL_ESTABLISHED")
    await asyncio.sleep(seconds)


@pytest.mark.parametrize(
    ("transport", "codecs", "encoding"),
    [
        ("udp", "PCMA/8000/1", "PCMA"),
        ("udp", "PCMU/8000/1", "PCMU"),
        ("udp", "G722/16000/1", "G722"),
        ("tcp", "PCMA/8000/1", "PCMA"),
    ],
)
async def test_two_stations_talk_and_the_file_has_each_on_its_channel(
    tmp_path: Path, transport: str, codecs: str, encoding: str
) -> None:
    async with Proxy(tmp_path, rules=SILENT) as proxy:
        options = {"codecs": codecs, "transport": transport}
        async with (
            softphone(proxy, "101", CALLER_TONE, **options) as caller,
            softphone(proxy, "102", CALLEE_TONE, **options) as callee,
        ):
            await talk(proxy, caller, callee, 4.0)
            await caller.hang_up()
            await callee.wait("CALL_CLOSED")
        (manifest,) = await proxy.sealed()
    rate, left, right = read_stereo(manifest["path"])
    assert rate == (16000 if encoding == "G722" else 8000)
    assert manifest["state"] == "ok", manifest["reasons"]
    middle = slice(rate, 3 * rate)
    for channel, own, other in ((left, CALLER_TONE, CALLEE_TONE), (right, CALLEE_TONE, CALLER_TONE)):
        assert level_at(channel[middle], rate, own) == pytest.approx(8000, rel=0.15)
        assert level_at(channel[middle], rate, other) < 80
    assert 3.5 < len(left) / rate < 5.5


async def test_both_hear_the_notice_before_they_are_recorded(tmp_path: Path) -> None:
    async with Proxy(tmp_path) as proxy:
        async with softphone(proxy, "101", CALLER_TONE) as caller, softphone(proxy, "102", CALLEE_TONE) as callee:
            await talk(proxy, caller, callee, 14.0)
            await callee.hang_up()
            await caller.wait("CALL_CLOSED")
            heard = [caller.heard()[-1], callee.heard()[-1]]
        (manifest,) = await proxy.sealed()
    assert notice_heard(manifest)
    rate, left, right = read_stereo(manifest["path"])
    assert onset(left, rate, CALLER_TONE) == pytest.approx(0.0, abs=0.3), "bridged within 300 ms of the notice's end"
    assert onset(right, rate, CALLEE_TONE) == pytest.approx(0.0, abs=0.3)
    for path in heard:
        assert path.stat().st_size > 8000 * 2 * 8, "what the phone heard: notice and talk"


async def test_hold_keeps_its_true_length_in_the_file(tmp_path: Path) -> None:
    async with Proxy(tmp_path, rules=SILENT) as proxy:
        async with softphone(proxy, "101", CALLER_TONE) as caller, softphone(proxy, "102", CALLEE_TONE) as callee:
            await talk(proxy, caller, callee, 2.0)
            await caller.hold()
            await asyncio.sleep(3.0)
            await caller.resume()
            await asyncio.sleep(2.0)
            await caller.hang_up()
            await callee.wait("CALL_CLOSED")
        (manifest,) = await proxy.sealed()
    rate, left, _ = read_stereo(manifest["path"])
    seconds = len(left) / rate
    assert 6.7 < seconds < 8.5
    assert level_at(left[int(rate * 0.5) : int(rate * 1.5)], rate, CALLER_TONE) > 6000
    assert level_at(left[int(rate * 3.0) : int(rate * 4.0)], rate, CALLER_TONE) < 200, "on hold the caller is not heard"
    assert level_at(left[len(left) - int(rate * 1.3) : len(left) - int(rate * 0.3)], rate, CALLER_TONE) > 6000
    assert [mark["kind"] for mark in manifest["marks"] if mark["kind"] in ("hold", "resume")] == ["hold", "resume"]


async def test_digits_reach_the_other_side_and_are_masked_in_the_manifest(tmp_path: Path) -> None:
    async with Proxy(tmp_path, rules=SILENT) as proxy:
        async with softphone(proxy, "101", CALLER_TONE) as caller, softphone(proxy, "102", CALLEE_TONE) as callee:
            await talk(proxy, caller, callee, 1.0)
            await caller.digits("159#")
            digits = [(await callee.wait("CALL_DTMF_START"))["param"] for _ in range(4)]
            await asyncio.sleep(0.5)  # the last key is still held down
            await caller.hang_up()
            await callee.wait("CALL_CLOSED")
        (manifest,) = await proxy.sealed()
    assert digits == ["1", "5", "9", "#"]
    marks = [mark for mark in manifest["marks"] if mark["kind"] == "dtmf"]
    assert len(marks) == 4
    assert not any(digit in str(mark.get("note", "")) for mark in marks for digit in "159#")


async def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    async with Proxy(tmp_path, rules=SILENT) as proxy:
        bad = softphone(proxy, "101", CALLER_TONE)
        bad.password = "Wrong-Password-1"
        async with bad:
            assert await until(lambda: "403" in bad.log() or "401" in bad.log())
        assert "skryba_sip_auth_failures_total" in proxy.metrics()
