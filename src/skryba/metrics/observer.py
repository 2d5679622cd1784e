"""Counts what the calls and the recorder report, in plain integers.

Hears notices; asks nobody. Written by the signalling loop only, read by the collector from another thread.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, assert_never

from skryba.b2bua.notices import (
    CallAnswered,
    CallBridged,
    CallEnded,
    CallFaulted,
    CallNotice,
    CallRinging,
    CallStarted,
    Notice,
    NoticeFailed,
    NoticePlayed,
    RecordingFailed,
    RegistrationChanged,
    RequestRefused,
    TrunkChanged,
)
from skryba.b2bua.snapshot import CallSnapshot
from skryba.metrics import catalogue
from skryba.metrics.catalogue import CATALOGUE, Kind, Metric
from skryba.recorder.manifest import State
from skryba.terms import Termination

Labels = tuple[str, ...]

KNOWN_METHODS = frozenset(
    {
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    }
)
_WHO_STATUSES = (401, 403, 407)


def known_method(method: str) -> str:
    """Strangers may send any word; labels are bounded."""
    return method if method in KNOWN_METHODS else "other"


class Histogram:
    """Observations by bucket; the last bucket is the infinite one."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class MetricsObserver:
    """`counters` and `histograms` hold, per metric, the values by label values in the catalogue's order."""

    def __init__(self) -> None:
        self.counters: dict[Metric, Counter[Labels]] = {
            metric: Counter() for metric in CATALOGUE if metric.kind is Kind.COUNTER and not metric.keeper
        }
        self.histograms: dict[Metric, defaultdict[Labels, Histogram]] = {
            metric: defaultdict(lambda bounds=metric.buckets: Histogram(bounds))  # type: ignore[misc]
            for metric in CATALOGUE
            if metric.kind is Kind.HISTOGRAM and not metric.keeper
        }
        self.contacts: dict[str, int] = {}  # by station
        self.audio_ms = 0  # of sealed recordings
        self.spools = 0  # not sealed yet
        self.spool_age = 0.0  # seconds
        self.stall = 0.0  # seconds
        self.postponed = 0  # spools that wait for disk or key to be sealed
        self.disk_dropped = 0  # packets
        self.disk_days_left: float | None = None
        self._recorded: set[str] = set()
        for metric in (catalogue.FAULTS, catalogue.RECORDINGS_REFUSED):
            self.counters[metric][()] = 0
        for state in State:  # alerts compare with zero: the series must exist before the first one
            self.counters[catalogue.RECORDINGS_FINISHED][(state,)] = 0

    def receive(self, notice: Notice) -> None:
        match notice:
            case CallFaulted():
                self.counters[catalogue.FAULTS][()] += 1
            case NoticePlayed(_, _, evidence):
                result = "completed" if evidence.completed else "interrupted"
                self.counters[catalogue.ANNOUNCEMENTS][evidence.language, result] += 1
            case NoticeFailed(_, _, language, _):
                self.counters[catalogue.ANNOUNCEMENTS][language, "failed"] += 1
            case RecordingFailed():
                self.counters[catalogue.RECORDINGS_REFUSED][()] += 1
            case RegistrationChanged(station, contacts):
                self.contacts[station] = len(contacts)
            case RequestRefused(method, status, _, _):
                self.counters[catalogue.SIP_REFUSED][known_method(method), str(status)] += 1
                if status in _WHO_STATUSES:
                    self.counters[catalogue.SIP_AUTH_FAILURES][(known_method(method),)] += 1
            case TrunkChanged():
                pass  # the snapshot tells the state of all trunks, also of those that never changed
            case _:
                self._receive_call(notice)

    def _receive_call(self, notice: CallNotice) -> None:
        match notice:
            case CallStarted(call):
                self.counters[catalogue.CALL_ATTEMPTS][_route(call)] += 1
                self.counters[catalogue.RECORDING_DECISIONS][call.decision.rule, call.decision.mode] += 1
            case CallRinging(call):
                self._since_start(catalogue.POST_DIAL_DELAY, call, call.timings.ringing)
            case CallAnswered(call):
                self.counters[catalogue.CALLS_ANSWERED][_route(call)] += 1
                self._since_start(catalogue.CALL_SETUP, call, call.timings.answered)
            case CallBridged(call):
                if call.recording is not None and call.id not in self._recorded:
                    self._recorded.add(call.id)
                    self.counters[catalogue.RECORDINGS_STARTED][(call.direction,)] += 1
            case CallEnded(call, termination):
                self._ended(call, termination)
            case _:
                assert_never(notice)

    def recorder_message(self, message: Mapping[str, Any]) -> None:
        """What the recorder says over its link: each end of a recording, and once a second how things stand."""
        match message.get("op"):
            case "sealed":
                self.counters[catalogue.RECORDINGS_FINISHED][(str(message["state"]),)] += 1
                self.audio_ms += message["duration_ms"]
                for alarm in message.get("alarms", ()):
                    self.counters[catalogue.RECORDING_ALARMS][(str(alarm).partition(":")[0].partition(",")[0],)] += 1
            case "stats":
                self.spools = message["recordings"] + message["sealing"] + message["orphans"]
                self.spool_age = message["spool_age_s"]
                self.postponed = message.get("postponed", 0)
                self.stall = message.get("stalled_s", 0.0)
                self.disk_dropped = message.get("dropped", 0)
                self.disk_days_left = message.get("disk", {}).get("days_left")
            case _:
                pass  # started, refused: nothing to count

    def stream_ended(self, *, received: int, lost: int, jitter: float) -> None:
        """One party's stream is over: packets that came, packets that did not, jitter in seconds."""
        if received:
            self.histograms[catalogue.RTP_JITTER][()].observe(jitter)
            self.histograms[catalogue.RTP_LOSS][()].observe(lost / (received + lost))

    def loop_lag(self, seconds: float) -> None:
        """The loop woke so late."""
        self.histograms[catalogue.EVENT_LOOP_LAG][()].observe(seconds)

    def _since_start(self, metric: Metric, call: CallSnapshot, moment: float | None) -> None:
        if moment is not None:
            self.histograms[metric][(call.direction,)].observe(moment - call.timings.started)

    def _ended(self, call: CallSnapshot, termination: Termination) -> None:
        self._recorded.discard(call.id)
        status = termination.status
        if status is None and call.timings.answered is not None:
            status = 200  # the final answer to its INVITE
        code = "" if status is None else str(status)
        self.counters[catalogue.CALLS_ENDED][(*_route(call), termination.result, code)] += 1
        if call.timings.bridged is not None and call.timings.ended is not None:
            duration = call.timings.ended - call.timings.bridged
            self.histograms[catalogue.CALL_DURATION][(call.direction,)].observe(duration)


def _route(call: CallSnapshot) -> Labels:
    return call.direction, call.trunk or ""
