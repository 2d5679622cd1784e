import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from skryba import __version__
from skryba.metrics.catalogue import CATALOGUE
from skryba.metrics.collector import Collector
from skryba.metrics.observer import MetricsObserver
from skryba.metrics.snapshot import Snapshot
from tests.support.scrape import busy_collector

SERVED = [metric for metric in CATALOGUE if not metric.keeper]


def scrape(collector: Collector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def test_every_metric_of_the_catalogue_and_no_other_is_on_the_page() -> None:
    families = {family.name: family for family in text_string_to_metric_families(scrape(busy_collector()))}
    assert set(families) == {metric.name.removesuffix("_total") for metric in SERVED}
    for metric in SERVED:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert family.samples, f"{metric.name} has no sample"
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(metric.labels)}


def test_a_fresh_process_shows_zeros_where_alerts_need_them() -> None:
    page = scrape(Collector(MetricsObserver(), Snapshot))
    for line in (
        'skryba_recordings_finished_total{result="failed"} 0.0',
        "skryba_call_faults_total 0.0",
        "skryba_recording_ring_overflow_packets_total 0.0",
        "skryba_recorder_up 0.0",
    ):
        assert line in page.splitlines()
    assert "\nskryba_recording_spool_age_seconds " not in page


@pytest.mark.parametrize(
    "line",
    [
        'skryba_calls_active{direction="outbound",state="active",trunk="carrier"} 2.0',
        'skryba_calls_active{direction="outbound",state="active",trunk=""} 1.0',
        "skryba_recordings_active 2.0",
        'skryba_trunk_up{trunk="pbx"} 0.0',
        'skryba_trunk_registered{trunk="carrier"} 1.0',
        'skryba_sip_requests_total{direction="received",method="other"} 2.0',
        'skryba_sip_requests_total{direction="sent",method="INVITE"} 5.0',
        'skryba_sip_responses_total{code_class="1xx",direction="received"} 5.0',
        'skryba_sip_responses_total{code_class="4xx",direction="sent"} 2.0',
        'skryba_sip_retransmissions_total{direction="received"} 3.0',
        'skryba_sip_transactions{kind="other_server"} 6.0',
        "skryba_sip_bindings 1.0",
        "skryba_stations_registered 1.0",
        'skryba_rtp_packets_total{direction="sent"} 990.0',
        'skryba_rtp_packets_dropped_total{reason="foreign"} 2.0',
        "skryba_recording_ring_overflow_packets_total 8.0",
        "skryba_recording_audio_seconds_total 3.5",
        "skryba_recording_spools 4.0",
        "skryba_recording_spool_age_seconds 1.5",
        'skryba_storage_free_bytes{volume="recordings"} 600.0',
        "skryba_ledger_rows_dropped_total 5.0",
        "skryba_node_draining 1.0",
        'skryba_call_duration_seconds_bucket{direction="outbound",le="5.0"} 1.0',
        'skryba_call_setup_seconds_bucket{direction="outbound",le="1.0"} 0.0',
        'skryba_call_setup_seconds_bucket{direction="outbound",le="+Inf"} 1.0',
        'skryba_call_setup_seconds_sum{direction="outbound"} 1.5',
    ],
)
def test_values_stand_where_they_belong(line: str) -> None:
    assert line in scrape(busy_collector()).splitlines()


def test_buckets_are_cumulative() -> None:
    observer = MetricsObserver()
    for lag in (0.0005, 0.004, 0.004, 9.0):
        observer.loop_lag(lag)
    lines = scrape(Collector(observer, Snapshot)).splitlines()
    counts = [float(line.split()[-1]) for line in lines if line.startswith("skryba_event_loop_lag_seconds_bucket")]
    assert counts == [1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]


def test_build_info_tells_the_version() -> None:
    assert f'version="{__version__}"' in scrape(busy_collector())


def test_a_table_that_changes_under_the_scrape_is_read_again() -> None:
    answers: list[Snapshot | RuntimeError] = [
        RuntimeError("dictionary changed size during iteration"),
        RuntimeError("dictionary changed size during iteration"),
        Snapshot(calls_limit=7),
    ]

    def take() -> Snapshot:
        answer = answers.pop(0)
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    assert Collector(MetricsObserver(), take).snapshot().calls_limit == 7


def test_a_bug_in_the_snapshot_is_not_hidden() -> None:
    def take() -> Snapshot:
        raise RuntimeError("always")

    with pytest.raises(RuntimeError, match="always"):
        Collector(MetricsObserver(), take).snapshot()
