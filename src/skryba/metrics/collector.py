"""Turns counts into metric families, at scrape time and only then.

Knows the catalogue, the observer's counts and a snapshot; no HTTP and no clock.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector as PrometheusCollector

import skryba
from skryba.metrics import catalogue
from skryba.metrics.catalogue import CATALOGUE, Kind, Metric
from skryba.metrics.observer import Histogram, Labels, MetricsObserver, known_method
from skryba.metrics.snapshot import Snapshot
from skryba.sip.counters import Counters

Values = Mapping[Labels, float]

_Key = TypeVar("_Key", str, int)
_Simple = TypeVar("_Simple", CounterMetricFamily, GaugeMetricFamily)

_ATTEMPTS = 3


class Collector(PrometheusCollector):
    """`snapshot` is called from the thread that serves the scrape, while the loop goes on."""

    def __init__(self, observer: MetricsObserver, snapshot: Callable[[], Snapshot]) -> None:
        self._observer = observer
        self._take_snapshot = snapshot

    def snapshot(self) -> Snapshot:
        """A table that grows while it is read raises RuntimeError: read again, the loop holds it for microseconds."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._take_snapshot()
            except RuntimeError:
                continue
        return self._take_snapshot()

    def report(self) -> dict[str, object]:
        """For /healthz: `problems` are what a person should look at."""
        now = self.snapshot()
        return {
            "problems": list(now.problems),
            "draining": now.draining,
            "calls": len(now.calls),
            "recorder": now.recorder_up,
        }

    def collect(self) -> Iterator[Family]:
        values = self._values(self.snapshot())
        for metric in CATALOGUE:
            if metric.keeper:
                continue
            match metric.kind:
                case Kind.COUNTER:
                    yield _family(CounterMetricFamily(metric.name, metric.help, labels=metric.labels), values[metric])
                case Kind.GAUGE:
                    yield _family(GaugeMetricFamily(metric.name, metric.help, labels=metric.labels), values[metric])
                case Kind.HISTOGRAM:
                    yield _histogram_family(metric, list(self._observer.histograms[metric].items()))

    def _values(self, now: Snapshot) -> dict[Metric, Values]:
        """Counters and gauges; what the snapshot tells is laid over what the observer counted."""
        values: dict[Metric, Values] = {metric: dict(counts) for metric, counts in self._observer.counters.items()}
        contacts = [count for count in list(self._observer.contacts.values()) if count]
        values |= {
            catalogue.BUILD_INFO: {(skryba.__version__, platform.python_version()): 1},
            catalogue.NODE_DRAINING: {(): now.draining},
            catalogue.LEDGER_DROPPED: {(): now.ledger_dropped},
            catalogue.SIP_BINDINGS: {(): sum(contacts)},
            catalogue.STATIONS_REGISTERED: {(): len(contacts)},
            catalogue.TRUNK_UP: {(trunk.id,): trunk.up for trunk in now.trunks},
            catalogue.TRUNK_REGISTERED: {
                (trunk.id,): trunk.registered for trunk in now.trunks if trunk.registered is not None
            },
            catalogue.CALLS_ACTIVE: Counter((call.state, call.direction, call.trunk or "") for call in now.calls),
            catalogue.CALLS_LIMIT: {(): now.calls_limit},
            catalogue.RECORDINGS_ACTIVE: {(): sum(call.recorded_now for call in now.calls)},
            catalogue.RECORDING_AUDIO: {(): self._observer.audio_ms / 1000},
            catalogue.RECORDER_UP: {(): now.recorder_up},
            catalogue.RECORDER_READY: {(): now.recorder_ready},
            catalogue.RECORDER_STALL: {(): self._observer.stall} if now.recorder_up else {},
            catalogue.SPOOLS: {(): self._observer.spools} if now.recorder_up else {},
            catalogue.SPOOL_AGE: {(): self._observer.spool_age} if now.recorder_up else {},
            catalogue.DISK_DROPPED: {(): self._observer.disk_dropped},
            catalogue.DISK_LEFT: {(): left * 86_400} if (left := self._observer.disk_days_left) is not None else {},
            catalogue.STORAGE_FREE: {(volume.name,): volume.free_bytes for volume in now.volumes},
            catalogue.STORAGE_SIZE: {(volume.name,): volume.size_bytes for volume in now.volumes},
        }
        return values | _sip(now.sip) | _media(now)


def _sip(sip: Counters) -> dict[Metric, Values]:
    return {
        catalogue.SIP_REQUESTS: {
            **_by("received", Counter(), sip.requests_received, known_method),
            **_by("sent", Counter(), sip.requests_sent, known_method),
        },
        catalogue.SIP_RESPONSES: {
            **_by("received", Counter(), sip.responses_received, _code_class),
            **_by("sent", Counter(), sip.responses_sent, _code_class),
        },
        catalogue.SIP_RETRANSMISSIONS: {
            ("received",): sip.retransmissions_received,
            ("sent",): sip.retransmissions_sent,
        },
        catalogue.SIP_PARSE_ERRORS: {(): sip.malformed},
        catalogue.SIP_TIMEOUTS: {(): sip.timeouts},
        catalogue.SIP_TRANSACTIONS: {
            ("invite_client",): sip.invite_clients,
            ("other_client",): sip.other_clients,
            ("invite_server",): sip.invite_servers,
            ("other_server",): sip.other_servers,
        },
    }


def _by(
    direction: str, found: Counter[Labels], counts: Mapping[_Key, int], word: Callable[[_Key], str]
) -> Counter[Labels]:
    for key, count in dict(counts).items():
        found[word(key), direction] += count
    return found


def _code_class(status: int) -> str:
    return f"{status // 100}xx"


def _media(now: Snapshot) -> dict[Metric, Values]:
    media = now.media
    return {
        catalogue.RTP_PACKETS: {("received",): media.packets_received, ("sent",): media.packets_sent},
        catalogue.RTP_BYTES: {("received",): media.bytes_received, ("sent",): media.bytes_sent},
        catalogue.RTP_LOST: {(): media.lost},
        catalogue.RTP_LATE: {(): media.late},
        catalogue.RTP_DROPPED: {("foreign",): media.foreign, ("send_error",): media.send_errors},
        catalogue.RTP_PORTS: {(): media.ports_in_use},
        catalogue.RTP_PORTS_LIMIT: {(): media.ports_limit},
        catalogue.RING_OVERFLOW: {(): media.ring_overflow},
    }


def _family(family: _Simple, values: Values) -> _Simple:
    for labels, value in sorted(values.items()):
        family.add_metric(labels, float(value))
    return family


def _histogram_family(metric: Metric, histograms: Iterable[tuple[Labels, Histogram]]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, histogram in sorted(histograms, key=lambda pair: pair[0]):
        buckets, total = [], 0
        for bound, count in zip((*histogram.bounds, float("inf")), list(histogram.counts), strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
        family.add_metric(labels, buckets, histogram.sum)
    return family
