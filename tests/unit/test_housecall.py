"""The house's own line: its file, and the policy that always records it."""

import stat
from datetime import UTC, datetime
from pathlib import Path

from skryba.housecall import NAME, HouseLine, with_house_line
from skryba.policy.engine import Engine
from skryba.policy.model import CallFacts, Mode
from skryba.terms import Direction, SocketAddress

LINE = HouseLine(SocketAddress("127.0.0.1", 5060), "d", "secret", SocketAddress("127.0.0.1", 4000), "pl", "/r")


def facts(station: str) -> CallFacts:
    return CallFacts(
        direction=Direction.OUTBOUND,
        station=station,
        caller=station,
        callee="601234567",
        trunk="carrier",
        at=datetime(2026, 11, 24, tzinfo=UTC),
    )


def test_what_is_written_is_read_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = LINE.write(tmp_path)
    assert HouseLine.read(tmp_path) == LINE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_proxy_no_line(tmp_path: Path) -> None:
    assert HouseLine.read(tmp_path) is None
    (tmp_path / "selftest.json").write_text("{")
    assert HouseLine.read(tmp_path) is None


def test_only_the_house_is_recorded_against_the_rules() -> None:
    decide = with_house_line(Engine(None, emergency=()).decide, "en")
    assert decide(facts(NAME)).mode is Mode.AUTOMATIC
    assert decide(facts(NAME)).notice is not None
    assert decide(facts("101")).mode is Mode.NEVER
