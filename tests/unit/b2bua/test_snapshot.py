"""Snapshots: frozen, and as far as known."""

import dataclasses

import pytest

from skryba.b2bua.snapshot import CallState, ContactSnapshot, Timings, TrunkSnapshot
from skryba.terms import SocketAddress


def test_what_was_never_reached_is_none() -> None:
    timings = Timings(1.0)
    assert (timings.ringing, timings.answered, timings.bridged, timings.ended) == (None, None, None, None)
    assert dataclasses.replace(timings, answered=2.0).answered == 2.0


def test_views_cannot_be_changed() -> None:
    for view in (TrunkSnapshot("t", True, None, ""), ContactSnapshot("sip:a", "udp", SocketAddress("h", 1), 1.0, "")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            view.__setattr__(dataclasses.fields(view)[0].name, "x")


def test_states_read_as_words() -> None:
    assert str(CallState.ANNOUNCING) == "announcing"
