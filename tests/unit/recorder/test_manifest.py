"""Verdicts, channels described, digits gone."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from skryba.recorder.clock import Epoch
from skryba.recorder.formats import FormatMap
from skryba.recorder.levels import Level
from skryba.recorder.manifest import (
    Evidence,
    State,
    describe_channel,
    describe_clock,
    describe_marks,
    describe_parties,
    describe_time,
    iso,
    judge,
    to_text,
    wall_clock,
)
from skryba.recorder.quality import Quality
from skryba.recorder.selfcheck import Verdict
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
GOOD = Evidence(channels=(timeline(), timeline()))
LEVEL = Level(speech_dbfs=-21.0, activity=0.6, clipped=2, peak_dbfs=-6.0, dc_dbfs=None)
QUALITY = Quality(loss=0.01, jitter_ms=2.0, r_factor=90.0, mos=4.3)


def test_a_good_recording_is_ok() -> None:
    assert judge(GOOD) == (State.OK, [])


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"check": Verdict(reasons=["one channel silent: right"])}, State.DEGRADED, "one channel silent: right"),
        ({"check": Verdict(reasons=["duration differs: -41 ms"])}, State.DEGRADED, "duration differs: -41 ms"),
        ({"channels": (timeline(0), timeline(0)), "check": Verdict(["no packets"])}, State.FAILED, "no packets"),
        ({"overflow": 12}, State.DEGRADED, "ring overflow: 12 packets"),
        ({"dropped": 3}, State.DEGRADED, "spool not writable: 3 packets"),
        ({"altered": True}, State.DEGRADED, "spool altered: what follows the altered block is missing"),
        ({"lost": "signalling lost"}, State.INCOMPLETE, "signalling lost"),
        ({"lost": "recorder restarted", "torn": True}, State.INCOMPLETE, "spool torn at its end"),
        ({"channels": (UNKNOWN, timeline())}, State.DEGRADED, "not recordable: codec 18 G729/8000"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], state: State, reason: str) -> None:
    verdict, reasons = judge(replace(GOOD, **changes))
    assert verdict is state
    assert reason in reasons


def test_an_alarm_alone_does_not_degrade() -> None:
    assert judge(replace(GOOD, check=Verdict(alarms=["one-way sound: left"]))) == (State.OK, [])


def test_a_channel_described() -> None:
    counts = Counts(packets=3, sound=2, lost=1)
    channel = timeline(counts=counts, unknown=("99 unknown",))
    words = describe_channel(channel, LEVEL, QUALITY, 2300 * MS, [(100 * MS, 20 * MS), (300 * MS, 1)])
    assert (words["peak_dbfs"], words["speech_dbfs"], words["clipped"]) == (-6.0, -21.0, 2)
    assert words["quality"] == {"loss": 0.01, "jitter_ms": 2.0, "r_factor": 90.0, "mos": 4.3}
    assert words["packets"]["lost"] == 1
    assert words["gaps"] == [[2000, 300, "end"]]
    assert words["concealed"] == [[100, 20], [300, 1]]
    assert words["not_recordable"] == ["99 unknown"]
    [passage] = words["passages"]
    assert (passage["ssrc"], passage["format"], passage["end_ms"]) == ("00000007", "PCMU/8000", 2000)


@pytest.mark.parametrize(("disagreement", "flagged"), [(None, False), (60, False), (61, True)])
def test_reports_and_arrivals_that_disagree_are_flagged(
    disagreement: int | None, flagged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"source": "sender reports", "disagreement_ms": disagreement}
    monkeypatch.setattr(ChannelTimeline, "clock", lambda _: told)
    assert describe_clock(timeline())["flagged"] is flagged


@pytest.mark.parametrize(
    ("direction", "left", "right"),
    [
        ("outbound", ("station", "101", "1001"), ("other party", None, "+48600123456")),
        ("inbound", ("station", "101", "+48600123456"), ("other party", None, "1001")),
        ("internal", ("station", "101", "1001"), ("station", None, "+48600123456")),
    ],
)
def test_left_is_our_station_whoever_called(direction: str, left: tuple[Any, ...], right: tuple[Any, ...]) -> None:
    call = {"direction": direction, "station": "101", "caller": "1001", "callee": "+48600123456"}
    found = [(party["role"], party["station"], party["number"]) for party in describe_parties(call, 5000)]
    assert found == [left, right]
    assert {(party["from_ms"], party["to_ms"]) for party in describe_parties(call, 5000)} == {(0, 5000)}


def test_the_recordings_place_in_its_conversation_counts_from_the_answer() -> None:
    begin = datetime(2026, 11, 24, 10, 0, 9, 500_000, tzinfo=UTC)
    call = {"answered_at": "2026-11-24T11:00:00+01:00"}
    words = describe_time(begin, begin + timedelta(seconds=60), call, "2026-11-24T10:01:09.500Z")
    assert words["after_answer_ms"] == 9500
    assert words["answered"] == "2026-11-24T10:00:00.000Z"
    assert words["duration_ms"] == 60_000


@pytest.mark.parametrize("answered", [None, "", "yesterday", "2026-11-24T10:00:00"])
def test_an_answer_that_nobody_told_has_no_place(answered: str | None) -> None:
    begin = datetime(2026, 11, 24, tzinfo=UTC)
    words = describe_time(begin, begin, {"answered_at": answered}, None)
    assert (words["answered"], words["after_answer_ms"]) == (None, None)


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
