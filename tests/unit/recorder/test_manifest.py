"""Verdicts, channels described, digits gone."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from skryba.recorder.clock import Epoch
from skryba.recorder.formats import FormatMap
from skryba.recorder.manifest import Evidence, State, describe_channel, describe_marks, iso, judge, to_text, wall_clock
from skryba.recorder.timeline import ChannelTimeline, Counts
from tests.support.evidence import MS, SECOND


def timeline(packets: int = 100, **changes: Any) -> ChannelTimeline:
    start = np.arange(packets, dtype=np.int64)
    zero = np.zeros(packets, np.int64)
    plain = ChannelTimeline(
        start_ns=start * 20 * MS,
        end_ns=(start + 1) * 20 * MS,
        start=start * 160,
        samples=zero + 160,
        format=zero,
        offset=zero,
        length=zero + 160,
        epoch=zero,
        cause=zero,
        formats=FormatMap([(0, {"0": "PCMU/8000"})]),
        epochs=(Epoch(7, 8000, 0, packets, None),),
        counts=Counts(packets=packets, sound=packets),
        unknown=(),
    )
    return replace(plain, **changes)


UNKNOWN = timeline(unknown=("18 G729/8000",))
DRIFTING = timeline(50 * 3600, epochs=(Epoch(7, 8000, 0, 1, 50.0),))
GOOD = Evidence(
    length=2 * SECOND,
    rendered=2 * SECOND,
    peaks=(5000, 6000),
    channels=(timeline(), timeline()),
    overflow=0,
    dropped=0,
    torn=False,
    lost=None,
)


def test_a_good_recording_is_ok() -> None:
    assert judge(GOOD) == (State.OK, [])
    assert judge(replace(GOOD, rendered=2 * SECOND + 40 * MS)) == (State.OK, [])


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"peaks": (5000, 8)}, State.DEGRADED, "one channel silent: right"),
        ({"peaks": (0, 5000)}, State.DEGRADED, "one channel silent: left"),
        ({"channels": (timeline(), timeline(0))}, State.DEGRADED, "one channel silent: right"),
        ({"peaks": (8, 8)}, State.DEGRADED, "both channels silent"),
        ({"channels": (timeline(0), timeline(0))}, State.FAILED, "both channels silent"),
        ({"overflow": 12}, State.DEGRADED, "ring overflow: 12 packets"),
        ({"dropped": 3}, State.DEGRADED, "spool not writable: 3 packets"),
        ({"rendered": 2 * SECOND - 41 * MS}, State.DEGRADED, "duration differs: -41 ms"),
        ({"lost": "signalling lost"}, State.INCOMPLETE, "signalling lost"),
        ({"lost": "recorder restarted", "torn": True}, State.INCOMPLETE, "spool torn at its end"),
        ({"channels": (UNKNOWN, timeline())}, State.DEGRADED, "not recordable: codec 18 G729/8000"),
        ({"channels": (timeline(), DRIFTING)}, State.DEGRADED, "clock drift 180 ms: right"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], state: State, reason: str) -> None:
    verdict, reasons = judge(replace(GOOD, **changes))
    assert verdict is state
    assert reason in reasons


def test_a_channel_described() -> None:
    counts = Counts(packets=3, sound=2, lost=1)
    words = describe_channel(timeline(counts=counts, unknown=("99 unknown",)), 16384, 2300 * MS)
    assert words["peak_dbfs"] == -6.0
    assert words["packets"]["lost"] == 1
    assert words["gaps"] == [[2000, 300, "end"]]
    assert words["not_recordable"] == ["99 unknown"]
    [passage] = words["passages"]
    assert (passage["ssrc"], passage["format"], passage["end_ms"]) == ("00000007", "PCMU/8000", 2000)
    assert describe_channel(timeline(0), 0, 0)["peak_dbfs"] is None


def test_marks_are_sorted_told_once_and_without_digits() -> None:
    hold = {"kind": "hold", "channel": "left", "at_ns": 2_000 * MS, "note": {"by": "re-INVITE"}}
    digit = {"kind": "dtmf", "channel": "right", "at_ns": 1_000 * MS, "note": {"digit": "5"}}
    found = describe_marks([hold, digit, dict(hold), {"kind": "odd"}], 500 * MS)
    assert [(mark["at_ms"], mark["kind"], mark["note"]) for mark in found] == [
        (0, "odd", {}),
        (500, "dtmf", {}),
        (1500, "hold", {"by": "re-INVITE"}),
    ]


def test_wall_clock_and_its_text() -> None:
    at = wall_clock(5 * SECOND, 1_790_000_000 * SECOND)
    assert at == datetime.fromtimestamp(1_790_000_005, UTC)
    assert iso(at) == "2026-09-21T14:13:25.000Z"


def test_text_is_json_whatever_the_network_sent() -> None:
    assert json.loads(to_text({"caller": "Zażółć\x00\udcff"}))["caller"].startswith("Zażółć\x00")
