from itertools import pairwise

import pytest

from skryba.selftest.scenarios import BEGIN, STATION, TRUNK, Scenario, combinations, long, short
from skryba.selftest.sender import Reports
from skryba.selftest.spans import joined, outside

EVERYTHING = [*short(), *long()]


def named(scenario: Scenario) -> str:
    return scenario.name


def test_each_has_its_own_name() -> None:
    names = [scenario.name for scenario in EVERYTHING]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("scenario", EVERYTHING, ids=named)
def test_each_can_be_told_and_judged(scenario: Scenario) -> None:
    for side in scenario.sides:
        spells = side.sender.spells
        assert all(spell.begin < spell.end for spell in spells)
        assert all(one.end <= other.begin for one, other in pairwise(spells))
        assert all(":" not in text and "/" in text for text in side.sender.formats.values())
    assert scenario.left.sender.says(STATION)
    assert scenario.left.sender.ssrc != scenario.right.sender.ssrc
    assert all(BEGIN < begin < end < scenario.end for begin, end in scenario.held)
    assert 0.0 <= scenario.edge_ms < 1000.0


def test_all_troubles_of_the_requirement_occur() -> None:
    phones = [side.sender for scenario in EVERYTHING for side in scenario.sides]
    routes = [side.route for scenario in EVERYTHING for side in scenario.sides]
    spells = [spell for phone in phones for spell in phone.spells]
    assert {phone.reports for phone in phones} == set(Reports)
    assert {-200.0, -100.0, 0.0, 100.0, 200.0} <= {phone.ppm for phone in phones}
    assert max(route.delay for route in routes) - min(route.delay for route in routes) == pytest.approx(0.3)
    assert any(route.jitter >= 0.08 and route.loss >= 0.05 for route in routes)
    for trouble in ("queued", "bursts", "reorder", "duplicate", "blackouts", "detours", "last"):
        assert any(getattr(route, trouble) for route in routes), trouble
    for trouble in ("ssrc", "renumbered", "retimed", "still", "stale", "comfort"):
        assert any(getattr(spell, trouble) for spell in spells), trouble
    assert {spell.ptime for spell in spells} >= {10, 20, 40, 60}
    assert {spell.encoding for spell in spells} >= {"PCMU", "PCMA", "G722", "L16"}
    assert any(len({spell.voice for spell in phone.spells if spell.voice}) == 2 for phone in phones)


def test_every_combination_of_silences_occurs_once() -> None:
    found = combinations()
    assert len(found) == 16
    assert sum(not one.right.sender.spells for one in found) == 8
    assert sum(bool(one.held) for one in found) == 8
    assert sum(any(spell.voice is None for spell in one.left.sender.spells) for one in found) == 8
    paused = [one for one in found if outside(joined(_sends(one)), BEGIN + 9.1, BEGIN + 9.6)]
    assert len(paused) == 8


def _sends(scenario: Scenario) -> list[tuple[float, float]]:
    return [(spell.begin, spell.end) for spell in scenario.left.sender.spells]


def test_who_tells_the_time_is_held_to_more() -> None:
    kinds = {scenario.name: (scenario.with_reports, scenario.right_clocks) for scenario in EVERYTHING}
    assert kinds["right clocks"] == (True, True)
    assert kinds["foreign clocks"] == (True, False)
    for name in ("wall clocks off with the sound", "runaway wall clocks", "hold", "two hours without reports"):
        assert kinds[name] == (False, False)


def test_the_long_ones_take_two_hours_or_as_long_as_is_asked() -> None:
    assert {scenario.seconds for scenario in long()} == {7200.0}
    for seconds in (100.0, 1300.0):
        for scenario in long(seconds):
            assert scenario.seconds == seconds
            spoken = [*scenario.left.sender.says(STATION), *scenario.right.sender.says(TRUNK)]
            assert min(begin for begin, _ in spoken) < BEGIN + 1
            assert max(end for _, end in spoken) > BEGIN + seconds - 20
            assert all(end < BEGIN + seconds for _, end in scenario.held)
