import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from skryba.config.load import load
from skryba.config.model import Config
from skryba.errors import ConfigError
from skryba.explanation import Explanation, explain
from skryba.policy.model import CallFacts, Mode
from skryba.terms import Direction

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
CONFIG = """
[numbers]
"+48221234567" = "101"
[[station]]
id = "101"
password = "Correct-Horse-101-Battery"
groups = ["sales"]
number = "+48221234567"
[[station]]
id = "102"
password = "Correct-Horse-102-Battery"
[[trunk]]
id = "abroad"
host = "192.0.2.1"
prefix = ["+49*"]
[[trunk]]
id = "home"
host = "192.0.2.2"
prefix = ["+48*"]
"""
RULES = """
never = ["601000000"]
[[rule]]
id = "sales"
station = ["group:sales"]
direction = ["outbound"]
trunk = ["home"]
mode = "automatic"
purpose = "quality"
legal_basis = "art. 6"
retention = "90d"
notice = "standard"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "skryba.toml").write_text(CONFIG)
    (tmp_path / "rules.toml").write_text(RULES)
    return load(tmp_path / "skryba.toml", {})


def asked(config: Config, caller: str, callee: str, **more: Any) -> Explanation:
    return explain(config, caller=caller, callee=callee, at=AT, **more)


def test_an_outbound_call_takes_the_trunk_that_fits_and_shows_the_stations_number(config: Config) -> None:
    assert asked(config, "101", "601 234 567").facts == CallFacts(
        direction=Direction.OUTBOUND,
        station="101",
        caller="+48221234567",
        callee="601 234 567",
        trunk="home",
        at=AT,
        groups=frozenset({"sales"}),
    )
    assert asked(config, "101", "0049301234567").facts.trunk == "abroad"


def test_an_inbound_call_is_for_the_station_of_the_number(config: Config) -> None:
    facts = asked(config, "601234567", "22 123 45 67", trunk="home").facts
    assert (facts.direction, facts.station, facts.trunk, facts.did) == (
        Direction.INBOUND,
        "101",
        "home",
        "22 123 45 67",
    )
    assert asked(config, "601234567", "221234567").facts.trunk is None  # two trunks: nothing tells which


def test_an_internal_call_belongs_to_the_caller(config: Config) -> None:
    for callee in ("101", "221234567"):
        facts = asked(config, "102", callee).facts
        assert (facts.direction, facts.station, facts.trunk) == (Direction.INTERNAL, "102", None)


def test_what_is_said_wins_over_what_is_told_from_the_numbers(config: Config) -> None:
    facts = asked(config, "101", "102", direction=Direction.OUTBOUND, station="102", trunk="abroad").facts
    assert (facts.direction, facts.station, facts.trunk) == (Direction.OUTBOUND, "102", "abroad")


def test_the_rule_the_reason_and_the_path_are_told(config: Config) -> None:
    answer = asked(config, "101", "601234567")
    assert answer.recorded
    lines = answer.lines()
    assert lines[0].startswith("recorded: ")
    assert any(line.startswith("rule: sales (rules ") for line in lines)
    assert "notice: standard, pl, by answer" in lines
    assert "purpose: quality; basis: art. 6; retention: 90d" in lines
    assert any(line.startswith("  ✓ sales: ") for line in lines)
    assert any(line.startswith("  · never-list: ") for line in lines)


def test_json_has_the_whole_decision(config: Config) -> None:
    told = asked(config, "101", "601000000").as_json()
    assert told["recorded"] is False
    assert told["decision"]["rule"] == "never-list"
    assert told["facts"]["at"] == "2026-11-24T10:00:00+00:00"
    assert told["facts"]["groups"] == ["sales"]
    assert [step["rule"] for step in told["decision"]["path"]] == ["emergency", "never-list"]
    assert json.loads(json.dumps(told))["decision"]["path"][1]["matched"] is True


MORE_RULES = """
[[country]]
code = ["+49"]
force = "opt_in"
notice = "opt-in"
language = "de"
[[rule]]
id = "queue"
call_type = ["queue"]
mode = "automatic"
sample = 10
purpose = "quality"
legal_basis = "art. 6"
retention = "90d"
notice = "standard"
[[rule]]
id = "wish"
direction = ["outbound"]
mode = "on_demand"
private = true
purpose = "quality"
legal_basis = "art. 6"
retention = "90d"
notice = "standard"
"""


@pytest.fixture
def more(config: Config) -> Config:
    config.policy.rules_file.write_text(MORE_RULES, encoding="utf-8")
    return config


def test_a2_what_is_recorded_on_demand_is_not_called_recorded(more: Config) -> None:
    answer = asked(more, "101", "601234567")
    assert (answer.decision.mode, answer.recorded) == (Mode.ON_DEMAND, False)
    assert answer.lines()[0] == "recorded on demand only: not recorded until commanded, by rule wish (quality)"
    assert answer.as_json()["decision"]["mode"] == "on_demand"


def test_a8_way_in_draw_and_private_calls_can_be_asked_for(more: Config) -> None:
    answer = asked(more, "601234567", "221234567", via="queue:sales", draw=0.05)
    assert (answer.facts.via, answer.facts.draw, answer.recorded) == ("queue:sales", 0.05, True)
    assert "to 221234567 via queue:sales at" in answer.lines()[2]
    assert not asked(more, "601234567", "221234567", via="queue:sales", draw=0.5).recorded
    assert asked(more, "601234567", "221234567").decision.rule == "default"
    private = asked(more, "101", "601234567", via="queue:sales", private=True)
    assert (private.facts.via, private.as_json()["decision"]["limit"]) == (None, "private")
    assert "a private call, which rule wish allows" in private.lines()[0]


def test_a15_the_other_partys_agreement_is_told(more: Config) -> None:
    assert "consent: only if the other party agrees" in asked(more, "101", "0049301234567").lines()
    assert not [line for line in asked(more, "101", "601234567").lines() if line.startswith("consent")]


def test_an_emergency_call_is_never_recorded_and_never_internal(config: Config) -> None:
    answer = asked(config, "101", "112")
    assert (answer.decision.rule, answer.facts.direction, answer.recorded) == ("emergency", Direction.OUTBOUND, False)


def test_a_call_that_no_trunk_takes_is_said_to_be_refused(config: Config) -> None:
    assert "but no trunk takes this number: the call would be refused with 404" in asked(config, "101", "+331").lines()
    assert not [line for line in asked(config, "101", "102").lines() if "no trunk" in line]


@pytest.mark.parametrize(("name", "value"), [("station", "9"), ("trunk", "moon")])
def test_unknown_names_are_refused(config: Config, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no {name} {value}"):
        asked(config, "101", "102", **{name: value})


def test_broken_rules_are_not_explained_away(config: Config) -> None:
    config.policy.rules_file.unlink()
    with pytest.raises(ConfigError, match="the rules cannot be read"):
        asked(config, "101", "102")
