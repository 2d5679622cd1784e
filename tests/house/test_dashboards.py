"""Alerts and dashboard name only metrics that exist, with labels that they have."""

import json
import re
from pathlib import Path

from skryba.metrics.catalogue import CATALOGUE
from tests.support.promql import alert_expressions, dashboard_expressions

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = {series: set(metric.labels) for metric in CATALOGUE for series in metric.series}
ADDED = {"instance", "job", "le"}


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """(series, names of the labels it is selected by)"""
    found = re.findall(r"(skryba_\w+)(?:\{([^}]*)\})?", expression)
    return [(series, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))) for series, inside in found]


def unknown(expressions: list[str]) -> list[str]:
    faults = []
    for expression in expressions:
        for series, labels in selectors(expression):
            if series not in LABELS:
                faults.append(f"{series} does not exist: {expression}")
            elif not labels <= LABELS[series] | ADDED:
                faults.append(f"{series} has no {labels - LABELS[series] - ADDED}: {expression}")
        grouped = {
            label for inside in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", inside)
        }
        known = set.union(ADDED, *(LABELS.get(series, set()) for series, _ in selectors(expression)))
        if not grouped <= known:
            faults.append(f"grouped by {grouped - known}, which nothing has: {expression}")
    return faults


def test_the_check_sees_faults() -> None:
    assert unknown(["skryba_no_such_total"]) == ["skryba_no_such_total does not exist: skryba_no_such_total"]
    assert len(unknown(['skryba_trunk_up{station="101"}', "sum by (station) (skryba_trunk_up)"])) == 2
    assert unknown(['sum by (trunk, instance) (skryba_trunk_up{trunk=~"a.*"})']) == []


def test_alerts_name_what_exists() -> None:
    expressions = alert_expressions(EXAMPLES / "alerts.yaml")
    assert len(expressions) >= 20
    assert unknown(expressions) == []


def test_dashboard_names_what_exists() -> None:
    expressions = dashboard_expressions(EXAMPLES / "grafana.json")
    assert len(expressions) >= 40
    assert unknown(expressions) == []


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    shown = {
        series for expression in dashboard_expressions(EXAMPLES / "grafana.json") for series, _ in selectors(expression)
    }
    assert {metric.name for metric in CATALOGUE if not shown & set(metric.series)} == set()


def test_panels_do_not_overlap_and_fill_the_width() -> None:
    panels = json.loads((EXAMPLES / "grafana.json").read_text(encoding="utf-8"))["panels"]
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
    assert {x for x, _ in taken} == set(range(24))
    assert len({panel["id"] for panel in panels}) == len(panels)
