"""A station and a carrier with voices of their own, ready to call through a running proxy."""

import contextlib
from collections.abc import AsyncIterator

from tests.support.baresip import Baresip
from tests.support.proxy import STATION_PASSWORDS, Proxy, tone, write_alaw, write_wav
from tests.support.sipp import Sipp

STATION_TONE, TRUNK_TONE = 500.0, 1100.0


def softphone(proxy: Proxy, user: str = "101", frequency: float = STATION_TONE, **options: str) -> Baresip:
    """baresip with that station's account, saying one steady tone."""
    folder = proxy.folder / f"phone-{user}"
    folder.mkdir(parents=True, exist_ok=True)
    rate = 16000 if options.get("codecs", "").startswith("G722") else 8000  # baresip does not resample what it says
    speech = write_wav(folder / "speech.wav", tone(frequency, 60.0, rate=rate), rate)
    return Baresip(folder, user, STATION_PASSWORDS[user], proxy.address, speech, **options)  # type: ignore[arg-type]


def carrier(proxy: Proxy, scenario: str, **keys: str) -> Sipp:
    """SIPp at the trunk's address, saying one steady tone; calling, it dials the number of station 101."""
    proxy.folder.mkdir(parents=True, exist_ok=True)
    speech = write_alaw(proxy.folder / "trunk.alaw", tone(TRUNK_TONE, 30.0))
    return Sipp(
        scenario,
        proxy.folder / "trunk",
        proxy.address,
        user="+48221234567",
        port=proxy.trunk_port,
        keys={"speech": str(speech)} | keys,
    )


@contextlib.asynccontextmanager
async def call_out(proxy: Proxy, scenario: str = "uas-answers.xml") -> AsyncIterator[tuple[Sipp, Baresip]]:
    """A carrier that answers and station 101."""
    async with carrier(proxy, scenario) as far, softphone(proxy) as caller:
        yield far, caller


async def dialled(proxy: Proxy, caller: Baresip) -> None:
    """The station has called the carrier and is connected."""
    await caller.registered()
    await caller.dial(f"sip:601234567@{proxy.address}")
    await caller.wait("CALL_ESTABLISHED")
