"""What the keeper process counts and shows, as metric families and as a report.

Knows the catalogue of metrics and plain numbers; no job, no database.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skryba.metrics.catalogue import CATALOGUE, Kind, Metric

Labels = tuple[str, ...]
_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)


@dataclass(slots=True, eq=False)
class KeeperCounts(Collector):
    """Set and counted by the keeper's tasks; `problems` holds, by task, what a person should look at."""

    counters: dict[Metric, Counter[Labels]] = field(
        default_factory=lambda: {each: Counter() for each in CATALOGUE if each.keeper and each.kind is Kind.COUNTER}
    )
    gauges: dict[Metric, dict[Labels, float]] = field(
        default_factory=lambda: {each: {} for each in CATALOGUE if each.keeper and each.kind is Kind.GAUGE}
    )
    problems: dict[str, str] = field(default_factory=dict)
    draining: bool = False

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """A counter moves on."""
        self.counters[metric][labels] += by  # type: ignore[assignment]

    def show(self, metric: Metric, value: float, *labels: str) -> None:
        """A gauge stands at this."""
        self.gauges[metric][labels] = value

    def replace(self, metric: Metric, values: dict[Labels, float]) -> None:
        """All series of a gauge at once: what is not named is gone."""
        self.gauges[metric] = values

    def report(self) -> dict[str, object]:
        """For /healthz."""
        problems = [f"{task}: {problem}" for task, problem in sorted(self.problems.items())]
        return {"problems": problems, "draining": self.draining}

    def collect(self) -> Iterator[Family]:
        for metric, counts in list(self.counters.items()):
            yield _filled(CounterMetricFamily(metric.name, metric.help, labels=metric.labels), dict(counts))
        for metric, values in list(self.gauges.items()):
            yield _filled(GaugeMetricFamily(metric.name, metric.help, labels=metric.labels), dict(values))


def _filled(family: _Family, values: dict[Labels, float]) -> _Family:
    for labels, value in sorted(values.items()):
        family.add_metric(labels, float(value))
    return family
