from skryba.metrics import catalogue
from skryba.metrics.keeping import KeeperCounts


def samples(counts: KeeperCounts) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in counts.collect()
        for sample in family.samples
    }


def test_counters_and_gauges_appear_with_their_labels() -> None:
    counts = KeeperCounts()
    counts.count(catalogue.UPLOADS, "done")
    counts.count(catalogue.UPLOADS, "done")
    counts.count(catalogue.UPLOADED_BYTES, by=1000)
    counts.show(catalogue.UPLOAD_WAITING, 3)
    assert samples(counts) == {
        ("skryba_uploads_total", ("done",)): 2,
        ("skryba_upload_bytes_total", ()): 1000,
        ("skryba_uploads_waiting", ()): 3,
    }


def test_a_difference_that_was_mended_disappears() -> None:
    counts = KeeperCounts()
    counts.replace(catalogue.LEDGER_DIFFERENCE, {("missing",): 2.0})
    counts.replace(catalogue.LEDGER_DIFFERENCE, {("orphan",): 1.0})
    assert samples(counts) == {("skryba_ledger_difference", ("orphan",)): 1}


def test_problems_are_told_by_job() -> None:
    counts = KeeperCounts()
    assert counts.report() == {"problems": [], "draining": False}
    counts.problems["uploads"] = "the store does not answer"
    assert counts.report()["problems"] == ["uploads: the store does not answer"]


def test_two_keepers_do_not_share_numbers() -> None:
    first, second = KeeperCounts(), KeeperCounts()
    first.count(catalogue.UPLOADS, "done")
    assert samples(second) == {}
