from skryba.metrics.snapshot import Snapshot


def test_an_idle_proxy_is_healthy_and_each_snapshot_has_counts_of_its_own() -> None:
    first, second = Snapshot(), Snapshot()
    first.sip.malformed += 1
    assert (second.sip.malformed, second.problems, second.recorder_up) == (0, (), False)
