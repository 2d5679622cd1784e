import pytest

from skryba.b2bua.commands import PromptEvidence
from skryba.b2bua.notices import (
    CallAnswered,
    CallBridged,
    CallEnded,
    CallFaulted,
    CallRinging,
    CallStarted,
    NoticeFailed,
    NoticePlayed,
    RecordingFailed,
    RegistrationChanged,
    RequestRefused,
    TrunkChanged,
)
from skryba.b2bua.snapshot import ContactSnapshot, Timings
from skryba.metrics import catalogue
from skryba.metrics.catalogue import Metric
from skryba.metrics.observer import Histogram, MetricsObserver
from skryba.recorder.manifest import State
from skryba.terms import Direction, Result, Side, SocketAddress, Termination
from tests.support.calls import call, decision

SOURCE = SocketAddress("192.0.2.9", 5060)
DONE = Termination(Result.COMPLETED, "BYE", Side.CALLER)


def counted(observer: MetricsObserver, metric: Metric) -> dict[tuple[str, ...], int]:
    return {labels: count for labels, count in observer.counters[metric].items() if count}


def observed(observer: MetricsObserver, metric: Metric) -> dict[tuple[str, ...], tuple[int, float]]:
    return {labels: (sum(found.counts), found.sum) for labels, found in observer.histograms[metric].items()}


def test_a_recorded_call_from_start_to_end() -> None:
    observer = MetricsObserver()
    for notice in (
        CallStarted(call()),
        CallRinging(call()),
        CallAnswered(call()),
        CallBridged(call()),
        CallBridged(call()),
    ):
        observer.receive(notice)
    observer.receive(CallEnded(call(), DONE))
    route = ("outbound", "carrier")
    assert counted(observer, catalogue.CALL_ATTEMPTS) == {route: 1}
    assert counted(observer, catalogue.CALLS_ANSWERED) == {route: 1}
    assert counted(observer, catalogue.CALLS_ENDED) == {(*route, "completed", "200"): 1}
    assert counted(observer, catalogue.RECORDING_DECISIONS) == {("record-all", "automatic"): 1}
    assert counted(observer, catalogue.RECORDINGS_STARTED) == {("outbound",): 1}
    assert observed(observer, catalogue.POST_DIAL_DELAY) == {("outbound",): (1, 0.5)}
    assert observed(observer, catalogue.CALL_SETUP) == {("outbound",): (1, 1.5)}
    assert observed(observer, catalogue.CALL_DURATION) == {("outbound",): (1, 3.5)}


def test_a_refused_internal_call_has_neither_trunk_nor_status_nor_duration() -> None:
    observer = MetricsObserver()
    quiet = call(direction=Direction.INTERNAL, trunk=None, recording=None, timings=Timings(started=1.0, ended=2.0))
    observer.receive(CallBridged(quiet))
    observer.receive(CallEnded(quiet, Termination(Result.REFUSED, "busy")))
    assert counted(observer, catalogue.CALLS_ENDED) == {("internal", "", "refused", ""): 1}
    assert counted(observer, catalogue.RECORDINGS_STARTED) == {}
    assert observed(observer, catalogue.CALL_DURATION) == {}


def test_decisions_are_counted_by_rule() -> None:
    observer = MetricsObserver()
    observer.receive(CallStarted(call(decision=decision(rule="never-list", mode=type(decision().mode).NEVER))))
    assert counted(observer, catalogue.RECORDING_DECISIONS) == {("never-list", "never"): 1}


def test_notices_are_counted_by_how_they_went() -> None:
    observer = MetricsObserver()
    for completed in (True, False, True):
        evidence = PromptEvidence("standard", "1", "pl", "00", 0, 1, completed=completed)
        observer.receive(NoticePlayed("c", Side.CALLER, evidence))
    observer.receive(NoticeFailed("c", "standard", "en", "no file"))
    assert counted(observer, catalogue.RECORDINGS_REFUSED) == {}
    observer.receive(RecordingFailed("c", "r", "disk full"))
    assert counted(observer, catalogue.RECORDINGS_REFUSED) == {(): 1}
    assert counted(observer, catalogue.ANNOUNCEMENTS) == {
        ("pl", "completed"): 2,
        ("pl", "interrupted"): 1,
        ("en", "failed"): 1,
    }


def test_contacts_follow_the_registrations() -> None:
    observer = MetricsObserver()
    contact = ContactSnapshot("sip:101@x", "udp", SOURCE, 1.0, "phone")
    observer.receive(RegistrationChanged("101", (contact, contact)))
    observer.receive(RegistrationChanged("102", (contact,)))
    observer.receive(RegistrationChanged("102", ()))
    assert observer.contacts == {"101": 2, "102": 0}


@pytest.mark.parametrize(("status", "failures"), [(401, 1), (403, 1), (407, 1), (404, 0), (503, 0)])
def test_refusals_for_who_asked_are_auth_failures(status: int, failures: int) -> None:
    observer = MetricsObserver()
    observer.receive(RequestRefused("REGISTER", status, "wrong password", SOURCE))
    assert counted(observer, catalogue.SIP_REFUSED) == {("REGISTER", str(status)): 1}
    assert sum(observer.counters[catalogue.SIP_AUTH_FAILURES].values()) == failures


def test_methods_made_up_by_strangers_share_one_label() -> None:
    observer = MetricsObserver()
    for method in ("X1", "X2"):
        observer.receive(RequestRefused(method, 405, "unknown", SOURCE))
    assert counted(observer, catalogue.SIP_REFUSED) == {("other", "405"): 2}


def test_faults_are_counted_and_trunks_left_to_the_snapshot() -> None:
    observer = MetricsObserver()
    observer.receive(CallFaulted("c", "KeyError"))
    observer.receive(TrunkChanged("carrier", up=False, detail="503"))
    assert {metric: counts for metric in observer.counters if (counts := counted(observer, metric))} == {
        catalogue.FAULTS: {(): 1}
    }


def test_recordings_are_counted_when_the_recorder_says_they_are_sealed() -> None:
    observer = MetricsObserver()
    assert observer.counters[catalogue.RECORDINGS_FINISHED] == {(state,): 0 for state in State}
    observer.recorder_message({"op": "started", "slot": 1})
    observer.recorder_message({"op": "sealed", "slot": 1, "state": "ok", "duration_ms": 1500})
    observer.recorder_message({"op": "sealed", "slot": 2, "state": "degraded", "duration_ms": 250})
    assert counted(observer, catalogue.RECORDINGS_FINISHED) == {("ok",): 1, ("degraded",): 1}
    assert observer.audio_ms == 1750


def test_streams_give_jitter_and_loss_at_their_end() -> None:
    observer = MetricsObserver()
    observer.stream_ended(received=90, lost=10, jitter=0.004)
    observer.stream_ended(received=0, lost=0, jitter=0.0)
    assert observed(observer, catalogue.RTP_LOSS) == {(): (1, 0.1)}
    assert observed(observer, catalogue.RTP_JITTER) == {(): (1, 0.004)}


def test_loop_lag_is_observed() -> None:
    observer = MetricsObserver()
    observer.loop_lag(0.003)
    assert observed(observer, catalogue.EVENT_LOOP_LAG) == {(): (1, 0.003)}


def test_histogram_bounds_are_inclusive_and_the_last_bucket_takes_the_rest() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 99.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.sum == 104.0
