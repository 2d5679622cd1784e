"""Scripted peers (SIPp) on the trunk side, a real softphone or a script on the other; the files are listened to."""

import asyncio
from pathlib import Path

import pytest

from tests.support.proxy import (
    RECORD_ALL,
    RECORD_ALL_SILENTLY,
    Proxy,
    level_at,
    notice_heard,
    onset,
    read_stereo,
)
from tests.support.softphones import STATION_TONE, TRUNK_TONE, carrier, dialled, softphone

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

SILENT = RECORD_ALL_SILENTLY.format(moment="answer")
NOTICE_SECONDS = 12.0  # no notice in the package is longer


def heard_apart(path: str, seconds: float) -> None:
    """Left is the station, right is the trunk, both at level, neither on the other's channel."""
    rate, left, right = read_stereo(path)
    assert len(left) / rate == pytest.approx(seconds, abs=1.2)
    middle = slice(int(rate * seconds * 0.3), int(rate * seconds * 0.8))
    assert level_at(left[middle], rate, STATION_TONE) == pytest.approx(8000, rel=0.15)
    assert level_at(right[middle], rate, TRUNK_TONE) == pytest.approx(8000, rel=0.15)
    assert level_at(left[middle], rate, TRUNK_TONE) < 80
    assert level_at(right[middle], rate, STATION_TONE) < 80


async def test_a_station_calls_out_and_hangs_up(tmp_path: Path) -> None:
    async with (
        Proxy(tmp_path, rules=SILENT) as proxy,
        carrier(proxy, "uas-answers.xml") as far,
        softphone(proxy) as caller,
    ):
        await dialled(proxy, caller)
        await asyncio.sleep(4.0)
        await caller.hang_up()
        messages = await far.finished()
        (manifest,) = await proxy.sealed()
    heard_apart(manifest["path"], 4.0)
    assert "phone-101" not in messages
    assert str(caller.sip_port) not in messages, "the phone's own address stays hidden from the trunk"
    assert manifest["call"]["direction"] == "outbound"


async def test_the_called_party_hears_the_notice_before_the_bridge(tmp_path: Path) -> None:
    async with Proxy(tmp_path) as proxy, carrier(proxy, "uas-answers.xml") as far, softphone(proxy) as caller:
        await dialled(proxy, caller)
        await asyncio.sleep(NOTICE_SECONDS + 3)
        await caller.hang_up()
        await far.finished()
        (manifest,) = await proxy.sealed()
    assert notice_heard(manifest)
    rate, left, right = read_stereo(manifest["path"])
    assert onset(left, rate, STATION_TONE) == pytest.approx(0.0, abs=0.3)
    assert onset(right, rate, TRUNK_TONE) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("moment", ["answer", "early_media"])
async def test_a_caller_from_outside_hears_the_notice_before_the_station_rings(tmp_path: Path, moment: str) -> None:
    async with Proxy(tmp_path, rules=RECORD_ALL.format(moment=moment)) as proxy, softphone(proxy) as callee:
        await callee.registered()
        async with carrier(proxy, "uac-trunk-calls.xml", talk_ms="17000") as far:
            await callee.wait("CALL_ESTABLISHED", timeout=25)
            messages = await far.finished()
        (manifest,) = await proxy.sealed()
    assert manifest["call"]["direction"] == "inbound"
    assert notice_heard(manifest)
    first = messages.index("SIP/2.0 183" if moment == "early_media" else "SIP/2.0 200")
    assert first > 0
    rate, left, right = read_stereo(manifest["path"])
    assert level_at(left[rate : 2 * rate], rate, STATION_TONE) > 6000
    assert onset(right, rate, TRUNK_TONE) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize(
    ("status", "phrase", "shown"),
    [
        ("486", "Busy Here", "486"),
        ("404", "Not Found", "404"),
        ("503", "Service Unavailable", "500"),  # RFC 3261 §16.7: 503 would tell the phone that *we* are overloaded
    ],
)
async def test_a_refusal_reaches_the_caller_with_its_status(
    tmp_path: Path, status: str, phrase: str, shown: str
) -> None:
    async with (
        Proxy(tmp_path, rules=SILENT) as proxy,
        carrier(proxy, "uas-refuses.xml", status=status, phrase=phrase) as far,
        softphone(proxy) as caller,
    ):
        await caller.registered()
        await caller.dial(f"sip:601234567@{proxy.address}")
        closed = await caller.wait("CALL_CLOSED")
        await far.finished()
        assert shown in closed["param"]
        assert proxy.manifests() == [], "no answer, no recording"


async def test_a_cancelled_call_is_cancelled_on_the_trunk(tmp_path: Path) -> None:
    async with (
        Proxy(tmp_path, rules=SILENT) as proxy,
        carrier(proxy, "uas-cancelled.xml") as far,
        softphone(proxy) as caller,
    ):
        await caller.registered()
        await caller.dial(f"sip:601234567@{proxy.address}")
        await caller.wait("CALL_RINGING")
        await caller.hang_up()
        await far.finished()
        assert proxy.manifests() == []


async def test_early_media_is_heard_and_not_recorded(tmp_path: Path) -> None:
    async with (
        Proxy(tmp_path, rules=SILENT) as proxy,
        carrier(proxy, "uas-early-media.xml") as far,
        softphone(proxy) as caller,
    ):
        await caller.registered()
        await caller.dial(f"sip:601234567@{proxy.address}")
        await caller.wait("CALL_PROGRESS")
        await caller.wait("CALL_ESTABLISHED")
        await asyncio.sleep(3.0)
        await caller.hang_up()
        await far.finished()
        (manifest,) = await proxy.sealed()
    rate, left, _ = read_stereo(manifest["path"])
    assert len(left) / rate == pytest.approx(3.2, abs=0.8), "from the answer on, not from the 183"
    assert caller.heard()[-1].stat().st_size > 8000 * 2 * 4, "two seconds of early media and three of talk"
