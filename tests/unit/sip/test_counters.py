"""Counting by method stays bounded whatever strangers send."""

from skryba.sip.counters import Counters, method_label


def test_known_methods_are_counted_by_name_and_all_others_together() -> None:
    assert method_label("INVITE") == "INVITE"
    assert method_label("invite") == "other"
    assert method_label("X" * 900) == "other"


def test_counters_do_not_share() -> None:
    one, two = Counters(), Counters()
    one.requests_received["INVITE"] += 1
    one.malformed += 1
    assert (two.requests_received["INVITE"], two.malformed) == (0, 0)
