"""The whole path on IPv6: signalling, voice and the sealed file of a self-test call."""

from pathlib import Path

import pytest

from skryba.selftest.run import run
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]


async def test_a_call_on_ipv6_is_announced_bridged_and_recorded(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path)
    proxy.write()
    text = proxy.config.read_text().replace('host = "127.0.0.1"\nports', 'host = "::1"\nports')
    proxy.config.write_text(text.replace(f"udp:127.0.0.1:{proxy.sip_port}", f"udp:[::1]:{proxy.sip_port}"))
    await proxy.start()
    try:
        report = await run(proxy.config)
    finally:
        await proxy.stop()
    assert report.ok, report.problems
    assert str(report.as_json()["file"]).startswith(str(tmp_path))
