import re

from skryba.metrics.catalogue import CATALOGUE, Kind, reference

UNITS = ("_seconds", "_bytes", "_ratio")


def test_names_follow_the_conventions() -> None:
    for metric in CATALOGUE:
        assert re.fullmatch(r"skryba_[a-z][a-z0-9_]*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith(UNITS), f"{metric.name} has no unit"
        assert metric.help.endswith("."), f"{metric.name} needs a sentence"
        assert not {"caller", "callee", "number", "call_id", "station", "user"} & set(metric.labels)


def test_no_gauge_collides_with_a_counter() -> None:
    names = [metric.name.removesuffix("_total") for metric in CATALOGUE]
    assert len(names) == len(set(names))


def test_only_histograms_have_buckets_and_they_rise() -> None:
    for metric in CATALOGUE:
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_series_are_what_queries_may_name() -> None:
    series = {metric.name: metric.series for metric in CATALOGUE}
    assert series["skryba_trunk_up"] == ("skryba_trunk_up",)
    assert series["skryba_call_setup_seconds"] == (
        "skryba_call_setup_seconds_bucket",
        "skryba_call_setup_seconds_count",
        "skryba_call_setup_seconds_sum",
    )


def test_page_has_a_row_for_each_metric() -> None:
    page = reference()
    for metric in CATALOGUE:
        assert f"| `{metric.name}` | {metric.kind} |" in page
    assert page.count("\n## ") == len({metric.group for metric in CATALOGUE})
    assert "| `skryba_calls_active` | gauge | `state`, `direction`, `trunk` | Calls in progress. |" in page
